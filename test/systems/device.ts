/**
 * A whole Linux device without containers or virtual machines: own files (an overlay over this machine's), own network, own processes, the real
 * systemd as process 1, the real sshd, the real nft. `wan` is this machine's side of eth0, `lan` a network namespace behind eth1.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeHostKey } from '#testkit/ssh-server';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Device {
  readonly name: string;
  /** Address of eth0, reachable from this process. */
  readonly host: string;
  readonly port: 22;
  /** `SHA256:…` */
  readonly hostKeyPin: string;
  /** This machine's address towards the device; a client in `wan`. */
  readonly wanClient: string;
  readonly lanDevice: string;
  readonly lanClient: string;
  /** The same four in IPv6. */
  readonly six: { readonly host: string; readonly wanClient: string; readonly lanDevice: string; readonly lanClient: string };
  exec(...argv: readonly string[]): Promise<CommandResult>;
  /** A user who signs in with these keys; `sudoers`: what may be done as root, as it stands in sudoers(5) after the name. */
  addUser(name: string, options: { readonly authorizedKeys: readonly string[]; readonly sudoers?: readonly string[] }): Promise<void>;
  /** A cable to another device, with an address at both ends that nobody else reaches. */
  linkTo(other: Device): Promise<{ readonly here: string; readonly there: string }>;
  fromWan(...argv: readonly string[]): Promise<CommandResult>;
  fromLan(...argv: readonly string[]): Promise<CommandResult>;
  /** Cuts the power and boots again with the same files. */
  reboot(): Promise<void>;
  stop(): Promise<void>;
}

const programs = ['ip', 'nft', 'unshare', 'nsenter', 'setfattr', '/usr/sbin/sshd', '/lib/systemd/systemd', 'nc', 'pgrep', 'flock', 'sudo'];
let probed: string | undefined | null = null;

/** Why real devices cannot run here, in one line; `undefined` where they can. */
export function requirements(): string | undefined {
  if (probed !== null) return probed;
  probed = probe();
  return probed;
}

function probe(): string | undefined {
  if (process.platform !== 'linux') return 'real devices need Linux';
  if (process.getuid?.() !== 0) return 'real devices need root (network namespaces, overlay mounts)';
  const missing = programs.filter((program) => { try { execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }); return false; } catch { return true; } });
  if (missing.length > 0) return `real devices need ${missing.join(', ')}: run test/systems/install.sh`;
  try {
    execFileSync('unshare', ['--net', '--mount', 'sh', '-c', 'ip link add t0 type veth peer name t1 && nft add table inet t'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'this machine does not allow network namespaces with nftables';
  }
}

function run(program: string, argv: readonly string[], input?: string): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(program, argv, { timeout: 30_000, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 124, stdout, stderr });
    });
    child.stdin?.on('error', () => undefined).end(input ?? '');
  });
}

async function must(program: string, ...argv: readonly string[]): Promise<void> {
  const { code, stderr } = await run(program, argv);
  if (code !== 0) throw new Error(`${program} ${argv.join(' ')}: ${stderr}`);
}

/** Services of a full machine that a device has no use for, or that would reach out to this machine. */
export const masked = [
  'getty.target', 'systemd-timesyncd.service', 'systemd-resolved.service', 'systemd-udevd.service', 'systemd-udevd-control.socket', 'systemd-udevd-kernel.socket', 'systemd-udev-trigger.service',
  'systemd-networkd.service', 'console-getty.service', 'systemd-logind.service', 'dev-hugepages.mount', 'sys-fs-fuse-connections.mount', 'proc-sys-fs-binfmt_misc.automount', 'systemd-remount-fs.service',
  'e2scrub_reap.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'man-db.timer', 'e2scrub_all.timer', 'dpkg-db-backup.timer', 'systemd-sysctl.service', 'systemd-modules-load.service', 'nftables.service',
];

const devices = new Set<Device>();
let number = 0;
let cables = 0;
let base: string | undefined;

function workFolder(): string {
  base ??= mkdtempSync(join(tmpdir(), 'soll-systems-'));
  return base;
}

function cgroups(): string {
  const folder = join(workFolder(), 'cgroup');
  if (!existsSync(folder)) {
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'cgroup2', 'none', folder]);
  }
  return folder;
}

function prepareFiles(folder: string, name: string, hostKey: string, keys: readonly string[]): void {
  const upper = join(folder, 'upper');
  const units = join(upper, 'etc/systemd/system');
  const wants = join(units, 'multi-user.target.wants');
  for (const path of [wants, join(upper, 'root/.ssh'), join(upper, 'etc/ssh'), join(folder, 'work'), join(folder, 'root')]) mkdirSync(path, { recursive: true });
  for (const path of [join(upper, 'root'), wants]) execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', path]);
  for (const unit of masked) symlinkSync('/dev/null', join(units, unit));
  symlinkSync('/lib/systemd/system/multi-user.target', join(units, 'default.target'));
  writeFileSync(join(units, 'soll-test-sshd.service'), '[Unit]\nAfter=network-pre.target\n[Service]\nRuntimeDirectory=sshd\nExecStart=/usr/sbin/sshd -D -e -f /etc/ssh/soll_test_config\n');
  symlinkSync('../soll-test-sshd.service', join(wants, 'soll-test-sshd.service'));
  writeFileSync(join(upper, 'etc/ssh/soll_test_key'), hostKey, { mode: 0o600 });
  writeFileSync(join(upper, 'etc/ssh/soll_test_config'), 'HostKey /etc/ssh/soll_test_key\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nUsePAM no\nUseDNS no\nStrictModes no\nMaxStartups 100\n');
  writeFileSync(join(upper, 'root/.ssh/authorized_keys'), `${keys.join('\n')}\n`, { mode: 0o600 });
  writeFileSync(join(upper, 'etc/fstab'), '');
  writeFileSync(join(upper, 'etc/hostname'), `${name}\n`);
  writeFileSync(join(upper, 'etc/machine-id'), '');
  writeFileSync(join(folder, 'boot.sh'), bootScript(folder, name));
}

function bootScript(folder: string, name: string): string {
  return `set -e
mount --make-rprivate /
mount -t overlay overlay -o lowerdir=/,upperdir=${folder}/upper,workdir=${folder}/work ${folder}/root
cd ${folder}/root
mount -t proc proc proc; mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for f in null zero full random urandom tty; do touch dev/$f; mount --bind /dev/$f dev/$f; done
[ ! -c /dev/net/tun ] || { mkdir dev/net; touch dev/net/tun; mount --bind /dev/net/tun dev/net/tun; }
mkdir dev/pts dev/shm; mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts; ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd; ln -s /proc/self/fd/0 dev/stdin; ln -s /proc/self/fd/1 dev/stdout; ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs shm dev/shm
mount -t tmpfs -o mode=755 run run; mount -t tmpfs -o mode=1777 tmp tmp
hostname ${name}
pivot_root . mnt; umount -l /mnt; cd /
exec env -i container=soll PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=console --log-level=info --show-status=no
`;
}

interface Network {
  readonly space: string;
  readonly lan: string;
  readonly link: string;
  /** Last part of the lowest of eight addresses; the rest of it. */
  readonly prefix: string;
  readonly low: number;
  readonly six: string;
}

async function makeNetwork({ space, lan, link, prefix, low, six }: Network): Promise<void> {
  const at = (offset: number): string => `${prefix}.${String(low + offset)}`;
  const script = `ip netns add ${space}
ip link add ${link} type veth peer name eth0 netns ${space}
ip addr add ${at(1)}/30 dev ${link}; ip -6 addr add ${six}:1::1/64 dev ${link} nodad; ip link set ${link} up
ip link add eth1 netns ${space} type veth peer name eth0 netns ${lan}
ip -n ${space} addr add ${at(2)}/30 dev eth0; ip -n ${space} addr add ${at(5)}/30 dev eth1
ip -n ${space} -6 addr add ${six}:1::2/64 dev eth0 nodad; ip -n ${space} -6 addr add ${six}:2::1/64 dev eth1 nodad
ip -n ${space} link set lo up; ip -n ${space} link set eth0 up; ip -n ${space} link set eth1 up
ip -n ${lan} addr add ${at(6)}/30 dev eth0; ip -n ${lan} -6 addr add ${six}:2::2/64 dev eth0 nodad; ip -n ${lan} link set lo up; ip -n ${lan} link set eth0 up
ip -n ${lan} route replace default via ${at(5)}; ip -n ${lan} -6 route replace default via ${six}:2::1
ip -6 route replace ${six}:2::/64 via ${six}:1::2
ip netns exec ${space} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`;
  await must('sh', '-ec', script);
}

async function boot(folder: string, network: Network, group: string): Promise<{ readonly outer: ChildProcess; readonly pid: number }> {
  const outer = spawn('sh', ['-c', `echo 0 > ${group}/cgroup.procs; exec ip netns exec ${network.space} unshare --mount --uts --ipc --pid --cgroup --fork --kill-child bash ${folder}/boot.sh > ${folder}/log 2>&1 < /dev/null`], { stdio: 'ignore' });
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const { stdout } = await run('pgrep', ['-P', String(outer.pid)]);
    const pid = Number(stdout.trim().split('\n')[0]);
    if (pid > 0 && readFileSync(`/proc/${String(pid)}/comm`, 'utf8').trim() === 'systemd') return { outer, pid };
    if (outer.exitCode !== null) break;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error(`the device did not boot:\n${existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8').slice(-2000) : ''}`);
}

/** Until sshd greets. */
async function awaitSsh(host: string, folder: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const greeted = await new Promise<boolean>((resolve) => {
      const socket = connect({ host, port: 22, timeout: 1000 });
      const end = (good: boolean): void => { socket.destroy(); resolve(good); };
      socket.on('data', () => { end(true); }).on('error', () => { end(false); }).on('timeout', () => { end(false); });
    });
    if (greeted) return;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error(`sshd of the device does not answer:\n${readFileSync(join(folder, 'log'), 'utf8').slice(-2000)}`);
}

export async function startDevice(options: { readonly authorizedKeys: readonly string[] }): Promise<Device> {
  number += 1;
  const name = `soll-${String(process.pid)}-${String(number)}`;
  const folder = join(workFolder(), name);
  const group = join(cgroups(), name);
  // 198.18.0.0/15 is for tests of devices (RFC 2544); test files run side by side, so each process has a part of its own.
  const block = (process.pid % 512) * 32 + (number % 32);
  const low = (block % 32) * 8;
  const [host, wanClient, lanDevice, lanClient] = [2, 1, 5, 6].map((offset) => `198.18.${String(block >> 5 & 255)}.${String(low + offset)}`.replace('198.18', block >> 13 === 0 ? '198.18' : '198.19')) as [string, string, string, string];
  const six = `fd53:${block.toString(16)}:0`;
  const network: Network = { space: name, lan: `${name}-lan`, link: `soll${String(process.pid % 100000)}-${String(number)}`.slice(0, 15), prefix: host.replace(/\.\d+$/, ''), low, six };
  const key = makeHostKey();
  mkdirSync(group);
  prepareFiles(folder, name, key.privateKey, options.authorizedKeys);
  await must('ip', 'netns', 'add', network.lan);
  await makeNetwork(network);
  let running = await boot(folder, network, group);
  const kill = async (): Promise<void> => {
    const gone = new Promise<void>((resolve) => { if (running.outer.exitCode !== null || running.outer.signalCode !== null) resolve(); else running.outer.once('exit', () => { resolve(); }); });
    await run('kill', ['-KILL', String(running.pid)]);
    await gone;
    await run('ip', ['link', 'del', network.link]);
    await run('ip', ['netns', 'del', network.space]);
  };
  const enter = (): readonly string[] => ['-t', String(running.pid), '-m', '-u', '-i', '-n', '-p', '--root', '--wd=/', '--'];
  const device: Device = {
    name, host, port: 22, hostKeyPin: key.pin, wanClient, lanDevice, lanClient,
    six: { host: `${six}:1::2`, wanClient: `${six}:1::1`, lanDevice: `${six}:2::1`, lanClient: `${six}:2::2` },
    exec: (...argv) => run('nsenter', [...enter(), ...argv]),
    fromWan: (program = '', ...argv) => run(program, argv),
    fromLan: (...argv) => run('ip', ['netns', 'exec', network.lan, ...argv]),
    async addUser(user, { authorizedKeys, sudoers = [] }) {
      const script = `useradd -m -s /bin/sh ${user}; usermod -p '*' ${user}; mkdir -p /home/${user}/.ssh; cat > /home/${user}/.ssh/authorized_keys`;
      const { code, stderr } = await run('nsenter', [...enter(), 'sh', '-ec', script], `${authorizedKeys.join('\n')}\n`);
      if (code !== 0) throw new Error(`${user}: ${stderr}`);
      if (sudoers.length > 0) await run('nsenter', [...enter(), 'sh', '-ec', `cat > /etc/sudoers.d/${user}; chmod 440 /etc/sudoers.d/${user}; visudo -cf /etc/sudoers.d/${user}`], sudoers.map((line) => `${user} ${line}\n`).join(''));
    },
    async linkTo(other) {
      cables += 1;
      const [here, there] = [`198.51.100.${String(cables * 4 + 1)}`, `198.51.100.${String(cables * 4 + 2)}`];
      await must('sh', '-ec', `ip link add mgmt${String(cables)} netns ${name} type veth peer name mgmt netns ${other.name}
ip -n ${name} addr add ${here}/30 dev mgmt${String(cables)}; ip -n ${other.name} addr add ${there}/30 dev mgmt; ip -n ${name} link set mgmt${String(cables)} up; ip -n ${other.name} link set mgmt up`);
      return { here, there };
    },
    async reboot() {
      await kill();
      // A namespace of its own for every boot: the kernel forgets the ruleset, as it does when the power goes.
      await makeNetwork(network);
      running = await boot(folder, network, group);
      await awaitSsh(device.host, folder);
    },
    async stop() {
      devices.delete(device);
      await kill();
      await run('ip', ['netns', 'del', network.lan]);
      await run('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  devices.add(device);
  await awaitSsh(device.host, folder);
  return device;
}

export async function stopAll(): Promise<void> {
  await Promise.all([...devices].map((device) => device.stop()));
  if (base === undefined) return;
  await run('umount', [join(base, 'cgroup')]);
  rmSync(base, { recursive: true, force: true });
  base = undefined;
}
