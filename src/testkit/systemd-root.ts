/** A Linux device's root (`device-root.ts`) with a stand-in for systemd: device scripts run in a real `sh`, with real files. */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDeviceRoot, type DeviceRoot, type DeviceRootOptions, type ProgramResult } from './device-root.ts';

export interface SystemdRoot extends Pick<DeviceRoot, 'root' | 'run' | 'close'> {
  /** Cuts the power: timers and running commands are gone; then boots. */
  reboot(): Promise<void>;
}

/** systemd-run(1) as the script uses it; anything else is a mistake. */
const timerOptions = /^--(?:quiet|collect|unit=[\w-]+|on-active=\d+|timer-property=AccuracySec=1s|property=(?:Restart=on-failure|RestartSec=5|RestartPreventExitStatus=86))$/;

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export async function openSystemdRoot(options: Omit<DeviceRootOptions, 'folders'>): Promise<SystemdRoot> {
  const timers = new Map<string, NodeJS.Timeout>();
  const startTimer = (argv: readonly string[]): ProgramResult => {
    const option = (name: string): string => argv.find((each) => each.startsWith(`--${name}=`))?.split('=')[1] ?? '';
    const unit = `${option('unit')}.timer`;
    const command = argv.filter((each) => !each.startsWith('--'));
    const unknown = argv.find((each) => each.startsWith('--') && !timerOptions.test(each));
    if (unknown !== undefined || option('unit') === '' || !(Number(option('on-active')) > 0) || command.length === 0) return { code: 1, stdout: '', stderr: `systemd-run: bad arguments ${unknown ?? ''}\n` };
    if (timers.has(unit)) return { code: 1, stdout: '', stderr: `Failed to start transient timer unit: Unit ${unit} already exists.\n` };
    // Restart=on-failure with RestartSec=5, but for the one status that is told to end it.
    const elapse = async (): Promise<void> => {
      timers.delete(unit);
      const code = await device.run(command.map((each) => `'${each}'`).join(' '));
      if (code !== 0 && code !== 86) timers.set(unit, setTimeout(() => { elapse().catch(() => undefined); }, 5000).unref());
    };
    timers.set(unit, setTimeout(() => { elapse().catch(() => undefined); }, Number(option('on-active')) * 1000).unref());
    return { code: 0, stdout: '', stderr: '' };
  };
  const enabledFile = (): string => join(device.root, 'etc', 'systemd', 'enabled');
  const enabled = async (): Promise<readonly string[]> => (await readFile(enabledFile(), 'utf8').catch(() => '')).split('\n').filter((unit) => unit !== '');
  const systemctl = async (argv: readonly string[]): Promise<ProgramResult> => {
    const [verb, unit = ''] = argv.filter((each) => !each.startsWith('-'));
    const code = (good: boolean): ProgramResult => ({ code: good ? 0 : 1, stdout: '', stderr: '' });
    switch (verb ?? '') {
      case 'daemon-reload': return code(true);
      case 'enable': await writeFile(enabledFile(), [...new Set([...await enabled(), unit])].join('\n')); return code(true);
      case 'is-enabled': return code((await enabled()).includes(unit));
      case 'is-active': return code(timers.has(unit));
      case 'stop': clearTimeout(timers.get(unit)); timers.delete(unit); return code(true);
      default: return { code: 1, stdout: '', stderr: `Unknown command verb ${String(verb)}.\n` };
    }
  };
  const device = await openDeviceRoot({
    ...(options.folder === undefined ? {} : { folder: options.folder }),
    folders: ['run/systemd/system', 'etc/systemd/system'],
    programs: {
      ...options.programs, 'systemd-run': startTimer, systemctl,
      getent: '[ "$1" = passwd ] && grep "^$2:" "$SOLL_ROOT/etc/passwd"',
      // One process asks at a time here, so a lock is not needed where the machine has no flock.
      ...(has('flock') ? {} : { flock: 'shift 5\nexec "$@"' }),
      ...(has('sha256sum') ? {} : { sha256sum: 'exec shasum -a 256 "$@"' }),
    },
  });
  // Accounts of the device, not of this machine.
  await writeFile(join(device.root, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  const stopTimers = (): void => {
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
  };
  return {
    root: device.root, run: device.run,
    async reboot() {
      stopTimers();
      device.kill();
      // In the order of their After=, which is the order in which they were enabled.
      for (const unit of await enabled()) {
        const start = /^ExecStart=(.*)$/m.exec(await readFile(join(device.root, 'etc', 'systemd', 'system', unit), 'utf8').catch(() => ''));
        // systemd resolves the paths inside the device's root.
        if (start !== null) await device.run((start[1] ?? '').replace(' /var/', ` ${device.root}/var/`));
      }
    },
    async close() {
      stopTimers();
      await device.close();
    },
  };
}
