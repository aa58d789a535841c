/**
 * A Linux host with a kernel of its own (user-mode-linux, from install.sh), because this machine's may know no VLAN-aware bridges: the real systemd as
 * process 1, sshd, iproute2 and ifupdown2 of Debian. `uplink` is a cable to this machine, the ports `p1` … `p3` lead to the namespaces `h1` … `h3`
 * inside. It is reached through its own bridge. What is kept when the power goes: /etc/network, /etc/systemd/system and /var/lib/soll-bridge.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeHostKey } from '#testkit/ssh-server';
import { masked, type CommandResult } from './device.ts';

const store = '/var/lib/soll-systems';
const linux = `${store}/usr/bin/linux.uml`;

export interface UmlDevice {
  readonly host: string;
  readonly hostKeyPin: string;
  /** As root, over SSH. */
  exec(script: string): Promise<CommandResult>;
  /** A file below what is kept when the power goes, as it is on the disk. */
  readFile(path: string): string;
  /** Whether sshd greets within a second. */
  answers(): Promise<boolean>;
  awaitSsh(): Promise<void>;
  /** Cuts the power and boots again. */
  reboot(): Promise<void>;
  stop(): Promise<void>;
}

/** Why no such device can run here, in one line; `undefined` where one can. */
export function umlRequirements(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a second kernel needs Linux and root (a tap device)';
  if (!existsSync(join(store, 'complete'))) return 'there is no user-mode-linux and no ifupdown2: run test/systems/install.sh';
  const missing = ['cc', 'ip', 'ssh', 'taskset', '/usr/sbin/sshd', '/lib/systemd/systemd', '/usr/bin/python3'].filter((program) => { try { execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }); return false; } catch { return true; } });
  if (missing.length > 0) return `a second kernel needs ${missing.join(', ')}: run test/systems/install.sh`;
  try {
    execFileSync('sh', ['-c', 'ip tuntap add soll-probe mode tap && ip link del soll-probe'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'this machine does not allow tap devices';
  }
}

function run(program: string, argv: readonly string[], input = ''): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(program, argv, { timeout: 60_000, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => { resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 124, stdout, stderr }); });
    child.stdin?.on('error', () => undefined).end(input);
  });
}

/** What such a guest does at boot for nobody. */
const idle = ['systemd-sysusers', 'systemd-update-utmp', 'systemd-update-utmp-runlevel', 'systemd-journal-flush', 'systemd-tmpfiles-setup-dev', 'systemd-user-sessions', 'systemd-random-seed', 'modprobe@configfs', 'modprobe@dm_mod', 'modprobe@drm', 'modprobe@efi_pstore', 'modprobe@fuse', 'modprobe@loop', 'kmod-static-nodes'].map((name) => `${name}.service`);
const modules = ['fs/overlayfs/overlay', 'lib/crc-ccitt', 'net/ipv6/ipv6', 'net/llc/llc', 'net/802/stp', 'net/bridge/bridge', 'net/802/garp', 'net/802/mrp', 'net/8021q/8021q', 'drivers/net/veth'];

/** Process 1 of the guest until systemd is. The file system is this machine's, read only, under one in memory. */
function bootScript(state: string): string {
  return `#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t tmpfs tmpfs /mnt; mkdir -p /mnt/u/root /mnt/w /mnt/r /mnt/s
for each in ${modules.join(' ')}; do (exec -a insmod ${store}/bin/kmod ${store}/usr/lib/uml/modules/$(uname -r)/kernel/$each.ko); done
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r
mount -t hostfs none /mnt/s -o ${state}
cd /mnt/r
mount -t proc proc proc; mount -t sysfs sys sys; mount -t devtmpfs dev dev; mkdir -p dev/pts; mount -t devpts devpts dev/pts
mount -t tmpfs -o mode=755 run run; mount -t tmpfs -o mode=1777 tmp tmp; mount -t cgroup2 cgroup2 sys/fs/cgroup
cp -a ${store}/usr/share/ifupdown2 usr/share/; cp -a ${store}/etc/default/networking etc/default/; cp ${store}/lib/systemd/system/networking.service lib/systemd/system/
chmod +x usr/share/ifupdown2/__main__.py; for each in ifup ifdown ifquery ifreload; do ln -sf /usr/share/ifupdown2/ifupdown2 usr/sbin/$each; done
mkdir -p etc/network var/lib/soll-bridge
for each in etc/network etc/systemd/system var/lib/soll-bridge; do mount --bind /mnt/s/$each $each; done
cp -a ${store}/etc/network/ifupdown2 etc/network/
rm -f root/.bashrc; mkdir -p root/.ssh; cp /mnt/s/authorized_keys root/.ssh/; cp /mnt/s/hostkey etc/ssh/soll_test_key; chmod 600 etc/ssh/soll_test_key root/.ssh/authorized_keys
: > etc/fstab; : > etc/machine-id; echo bridge > etc/hostname; hostname bridge
ip link set lo up; ip link set vec0 name uplink
for each in 1 2 3; do
  printf 'netns add h%s\nlink add p%s type veth peer name eth0 netns h%s\n' $each $each $each
done | chroot . ip -b -
for each in 1 2 3; do
  { echo link set eth0 up; for id in 10 20; do printf 'link add link eth0 name eth0.%s type vlan id %s\naddr add 203.0.113.%s/24 dev eth0.%s\n' $id $id $each $id; done; } | chroot . ip -n h$each -b -
done
exec env -i container=soll PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd --system --log-target=console --log-level=info --show-status=no
`;
}

export async function startUmlDevice(options: { readonly authorizedKeys: readonly string[]; readonly privateKey: string; interfaces(address: string): string }): Promise<UmlDevice> {
  const folder = mkdtempSync(join(tmpdir(), 'soll-uml-'));
  const state = join(folder, 'state');
  const units = join(state, 'etc/systemd/system');
  for (const path of ['etc/network/interfaces.d', 'etc/systemd/system/multi-user.target.wants', 'etc/systemd/system/basic.target.wants', 'var/lib/soll-bridge']) mkdirSync(join(state, path), { recursive: true });
  // Of the range for carriers (RFC 6598): a sandbox may live in a documentation network itself. Other runs may be under way on this machine.
  const taken = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address.replace(/\.\d+$/, '')));
  const net = Array.from({ length: 256 }, (_, index) => `100.127.${String((process.pid + index) % 256)}`).find((each) => !taken.includes(each)) ?? '100.127.0';
  const [wan, host] = [`${net}.1`, `${net}.2`];
  const tap = `solluml${String(process.pid % 10_000_000)}`;
  const key = makeHostKey();
  for (const unit of [...masked, ...idle]) symlinkSync('/dev/null', join(units, unit));
  symlinkSync('/lib/systemd/system/multi-user.target', join(units, 'default.target'));
  symlinkSync('/lib/systemd/system/networking.service', join(units, 'basic.target.wants/networking.service'));
  writeFileSync(join(units, 'soll-test-sshd.service'), '[Unit]\nAfter=networking.service\n[Service]\nRuntimeDirectory=sshd\nExecStart=/usr/sbin/sshd -D -e -h /etc/ssh/soll_test_key -o PasswordAuthentication=no -o UsePAM=no -o UseDNS=no -o StrictModes=no -o MaxStartups=100\n');
  symlinkSync('../soll-test-sshd.service', join(units, 'multi-user.target.wants/soll-test-sshd.service'));
  writeFileSync(join(state, 'hostkey'), key.privateKey, { mode: 0o600 });
  writeFileSync(join(folder, 'userkey'), options.privateKey, { mode: 0o600 });
  writeFileSync(join(state, 'authorized_keys'), `${options.authorizedKeys.join('\n')}\n`);
  writeFileSync(join(state, 'etc/network/interfaces'), options.interfaces(host), { encoding: 'latin1' });
  writeFileSync(join(folder, 'boot.sh'), bootScript(state), { mode: 0o755 });
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', join(folder, 'xstate.so'), join(import.meta.dirname, 'uml-xstate.c')]);
  execFileSync('sh', ['-ec', `ip tuntap add ${tap} mode tap; ip addr add ${wan}/30 dev ${tap}; ip link set ${tap} up`]);
  const console = join(folder, 'console');
  const boot = (): ChildProcess => {
    rmSync(join(folder, 'uml'), { recursive: true, force: true });
    // A group of its own: the guest's processes are some of this machine's.
    return spawn('sh', ['-c', `exec taskset -c ${cpu()} ${linux} mem=256M rootfstype=hostfs ro init=${folder}/boot.sh con0=null,fd:1 con=null ssl=null quiet umid=uml uml_dir=${folder}/ vec0:transport=tap,ifname=${tap},depth=64 > ${console} 2>&1 < /dev/null`],
      { stdio: 'ignore', detached: true, env: { ...process.env, LD_PRELOAD: join(folder, 'xstate.so') } });
  };
  let running = boot();
  const kill = async (): Promise<void> => {
    const gone = new Promise<void>((resolve) => { if (running.exitCode !== null || running.signalCode !== null) resolve(); else running.once('exit', () => { resolve(); }); });
    for (const pid of processesOf(`${folder}/boot.sh`, running.pid)) try { process.kill(pid, 'SIGKILL'); } catch { /* It has gone. */ }
    await gone;
  };
  const awaitSsh = async (): Promise<void> => {
    for (let attempt = 0; attempt < 600; attempt += 1) {
      if (running.exitCode !== null || running.signalCode !== null) break;
      if (await greets(host)) return;
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
    throw new Error(`sshd of the device does not answer:\n${existsSync(console) ? readFileSync(console, 'utf8').slice(-3000) : ''}`);
  };
  const device: UmlDevice = {
    host, hostKeyPin: key.pin, awaitSsh, answers: () => greets(host), readFile: (path) => readFileSync(join(state, path), 'utf8'),
    exec: (script) => run('ssh', ['-F', 'none', '-i', join(folder, 'userkey'), '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=20', `root@${host}`, 'sh -s'], script),
    async reboot() {
      await kill();
      running = boot();
      await awaitSsh();
    },
    async stop() {
      await kill();
      await run('ip', ['link', 'del', tap]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await awaitSsh().catch(async (error: unknown) => {
    await device.stop();
    throw error;
  });
  return device;
}

/** The kernel and all that runs in it: every process of the group that was started for it. */
function processesOf(mark: string, leader: number | undefined): readonly number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    if (pid === leader) return true;
    try {
      return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').includes(mark) || Number(readFileSync(`/proc/${String(pid)}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]) === leader;
    } catch {
      return false;
    }
  });
}

/** One processor: the kernel and what it traces run by turns, and to wake each other across two of them takes most of the time (tried: two thirds). */
function cpu(): string {
  return /^Cpus_allowed_list:.*?(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
}

function greets(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 22, timeout: 1000 });
    const end = (good: boolean): void => { socket.destroy(); resolve(good); };
    socket.on('data', () => { end(true); }).on('error', () => { end(false); }).on('timeout', () => { end(false); });
  });
}
