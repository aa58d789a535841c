/**
 * The script that runs on the device, in a real `sh` on real files, broken at every program that it calls. nft and systemd are small stand-ins
 * here, so that thousands of steps take seconds; test/systems does the same with the real ones.
 */
import { createHash, randomBytes } from 'node:crypto';
import { spawn, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { deviceScript } from './device-script.ts';

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** At the Nth program that the command calls: `kill` before it runs (which is after the one before), `fail`: it runs not and says 1. */
interface Fault {
  readonly at: number;
  readonly how: 'kill' | 'fail';
}

const standIns: Readonly<Record<string, string>> = {
  nft: String.raw`case "$*" in
"list tables") [ ! -f "$KERNEL" ] || echo "table inet soll" ;;
"-s -j list table inet soll") printf '{"nftables": [{"metainfo": {}}, {"table": {"name": "soll", "handle": 7}}, %s]}\n' "$(cat "$KERNEL")" ;;
"-j -c -f "*) ! grep -q refused "$4" ;;
"-j -f "*) [ ! -f "$KERNEL.broken" ] || exit 1
  # What the client sends stands for itself; what is put back is a listing behind two commands.
  case $(cat "$3") in
  *'"delete"'*'"handle"'*) exit 1 ;;
  *'"delete"'*'"metainfo"'*) sed 's/.*"name": "soll"}}, //; s/]}$//' "$3" > "$KERNEL.new" && mv "$KERNEL.new" "$KERNEL" ;;
  *'"delete"'*) rm -f "$KERNEL" ;;
  *) cat "$3" > "$KERNEL.new" && mv "$KERNEL.new" "$KERNEL" ;;
  esac ;;
*) echo "unknown: $*" >&2; exit 1 ;;
esac`,
  systemctl: String.raw`for unit; do :; done
case "$1" in
daemon-reload|enable) ;;
is-enabled) exit 1 ;;
is-active) [ -f "$TIMERS/$unit" ] ;;
stop) rm -f "$TIMERS/$unit" ;;
*) echo "unknown: $*" >&2; exit 1 ;;
esac`,
  'systemd-run': String.raw`[ ! -f "$TIMERS/broken" ] || exit 1
for each; do case $each in --unit=*) : > "$TIMERS/\${each#--unit=}.timer" ;; esac; done`.replaceAll('\\${', '${'),
};
const programs = ['flock', 'sha256sum', 'mkdir', 'mktemp', 'cat', 'rm', 'grep', 'cut', 'sed', 'tail', 'sync', 'mv', 'dirname', 'basename', 'head', 'ls', 'cmp'];
const missing = programs.filter((program) => { try { execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }); return false; } catch { return true; } });
if (missing.length > 0) process.stdout.write(`skipped: the device script cannot be run here without ${missing.join(', ')}\n`);

/** Stand-ins as they are, and all programs behind something that counts and breaks. Made once; where a device keeps things is told by variables. */
const tools = mkdtempSync(join(tmpdir(), 'soll-tools-'));
const plain = join(tools, 'plain');
const broken = join(tools, 'broken');
const real = process.env['PATH'] ?? '/usr/bin:/bin';

function makeTools(): void {
  for (const folder of [plain, broken]) mkdirSync(folder, { recursive: true });
  const wrap = (name: string, run: string): void => {
    writeFileSync(join(broken, name), `#!/bin/sh\necho >> "$COUNT"; n=0; while read -r _; do n=$((n + 1)); done < "$COUNT"\nif [ "$n" = "$FAULT_AT" ]; then case $FAULT in kill) kill -9 0 ;; *) exit 1 ;; esac; fi\n${run}\n`, { mode: 0o755 });
  };
  for (const [name, text] of Object.entries(standIns)) {
    writeFileSync(join(plain, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    wrap(name, `PATH="$REAL"; exec "${join(plain, name)}" "$@"`);
  }
  // What flock starts finds the broken ones again, so it alone keeps the path.
  for (const program of programs) wrap(program, `exec ${execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()} "$@"`);
}

class Box {
  readonly root = mkdtempSync(join(tmpdir(), 'soll-script-'));
  readonly #count = join(this.root, 'count');
  readonly kernel = join(this.root, 'kernel');
  readonly timers = join(this.root, 'timers');

  /** `like`: begins as that one is now. */
  constructor(like?: Box) {
    if (like !== undefined) cpSync(like.root, this.root, { recursive: true });
    for (const folder of [this.timers, join(this.root, 'run/systemd/system'), join(this.root, 'etc/systemd/system')]) mkdirSync(folder, { recursive: true });
    writeFileSync(join(this.root, 'script'), deviceScript);
  }

  environment(fault?: Fault): NodeJS.ProcessEnv {
    const own = { COUNT: this.#count, KERNEL: this.kernel, TIMERS: this.timers, REAL: real, SOLL_ROOT: this.root, FAULT_AT: String(fault?.at ?? 0), FAULT: fault?.how ?? '' };
    return { ...own, PATH: `${fault === undefined ? plain : broken}:${real}` };
  }

  /** As the transport runs it. `steps` counts the programs that were called. */
  run(argv: readonly string[], { stdin = '', fault, script = 'script' }: { readonly stdin?: string; readonly fault?: Fault; readonly script?: string } = {}): Promise<Result> {
    writeFileSync(this.#count, '');
    return new Promise((resolve, reject) => {
      const child = spawn('sh', [join(this.root, script), ...argv], { detached: true, env: this.environment(fault) });
      const out = { stdout: '', stderr: '' };
      child.stdout.setEncoding('utf8').on('data', (text: string) => { out.stdout += text; });
      child.stderr.setEncoding('utf8').on('data', (text: string) => { out.stderr += text; });
      child.on('error', reject).on('close', (code) => { resolve({ code: code ?? 137, ...out }); });
      child.stdin.on('error', () => undefined);
      child.stdin.end(stdin);
    });
  }

  get steps(): number {
    return readFileSync(this.#count).length;
  }

  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  table(): string | undefined {
    return existsSync(this.kernel) ? readFileSync(this.kernel, 'utf8').trim() : undefined;
  }

  async must(...argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(argv);
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${String(code)} ${stderr}`);
    return stdout.trim();
  }

  async hash(): Promise<string> {
    return (await this.must('status')).split('\n')[0]?.slice('hash '.length) ?? '';
  }

  async load(token: string, content: string, options: { readonly fence?: number; readonly expected?: string; readonly sum?: string; readonly fault?: Fault } = {}): Promise<Result> {
    const expected = options.expected ?? await this.hash();
    return this.run(['load', token, expected, String(options.fence ?? 1), options.sum ?? createHash('sha256').update(content).digest('hex')], { stdin: content, ...(options.fault === undefined ? {} : { fault: options.fault }) });
  }

  /** A whole run of a client that nothing goes wrong for. */
  async commit(token: string, content: string, fence = 1): Promise<void> {
    expect(await this.must('arm', token, '60', String(fence))).toBe('armed');
    expect(await this.load(token, content, { fence })).toMatchObject({ code: 0 });
    expect(await this.must('confirm', token)).toBe('confirmed');
  }

  /** Time passes: every timer that runs fires. */
  async fire(): Promise<void> {
    for (const unit of readdirSync(this.timers).filter((each) => each.endsWith('.timer'))) {
      const { code } = await this.run(['fire', unit.replace(/^soll-guard-|\.timer$/g, '')], { script: 'var/lib/soll/nftables.sh' });
      if (code === 0 || code === 86) rmSync(join(this.timers, unit), { force: true });
    }
  }

  /** The power goes: kernel, timers and /run are empty. Then the boot unit, if it was ever installed. */
  async reboot(): Promise<void> {
    rmSync(this.kernel, { force: true });
    for (const unit of readdirSync(this.timers)) rmSync(join(this.timers, unit));
    for (const each of readdirSync(this.path('run')).filter((name) => name.startsWith('soll-'))) rmSync(this.path('run', each));
    if (existsSync(this.path('var/lib/soll/nftables.sh'))) await this.run(['boot'], { script: 'var/lib/soll/nftables.sh' });
  }

  close(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

const boxes: Box[] = [];
function box(like?: Box): Box {
  const made = new Box(like);
  boxes.push(made);
  return made;
}
beforeAll(makeTools);
afterAll(() => { rmSync(tools, { recursive: true, force: true }); });
afterEach(() => { for (const each of boxes.splice(0)) each.close(); });

const token = (): string => randomBytes(16).toString('hex');
const [one, two, three] = ['a1', 'b2', 'c3'];

describe.skipIf(missing.length > 0)('the device script', () => {
  it('keeps what is confirmed, also over a restart', async () => {
    const device = box();
    await device.commit(one, 'OLD');
    await device.reboot();
    expect(device.table()).toBe('OLD');
    await device.commit(two, 'NEW', 2);
    await device.reboot();
    expect(device.table()).toBe('NEW');
    expect(readdirSync(device.timers)).toEqual([]);
    expect(readdirSync(device.path('etc/soll'))).toEqual(['nftables.json']);
    expect(readdirSync(device.path('var/lib/soll/guard')).sort()).toEqual([`${one}.confirmed`, `${two}.confirmed`]);
    expect(readdirSync(device.path('run')).filter((name) => name.startsWith('soll-next'))).toEqual([]);
  });

  it('goes back when nobody confirms: by the timer, at a restart, by a client; for the first table that means none', async () => {
    for (const end of ['fire', 'reboot', 'recover'] as const) {
      for (const before of [undefined, 'OLD']) {
        const device = box();
        if (before !== undefined) await device.commit(one, before);
        await device.must('arm', two, '60', '1');
        await device.load(two, 'NEW');
        expect(device.table()).toBe('NEW');
        if (end === 'recover') expect(await device.must('recover', two)).toBe('fired');
        else await device[end]();
        expect([end, device.table()]).toEqual([end, before]);
        expect(await device.must('state', two)).toBe('fired');
        await device.reboot();
        expect([end, device.table()]).toEqual([end, before]);
      }
    }
  });

  it.each([
    { command: 'arm', how: 'kill', before: undefined }, { command: 'load', how: 'kill', before: undefined }, { command: 'confirm', how: 'kill', before: undefined },
    { command: 'arm', how: 'kill', before: 'OLD' }, { command: 'load', how: 'kill', before: 'OLD' }, { command: 'confirm', how: 'kill', before: 'OLD' }, { command: 'recover', how: 'kill', before: 'OLD' },
    { command: 'arm', how: 'fail', before: 'OLD' }, { command: 'load', how: 'fail', before: 'OLD' }, { command: 'confirm', how: 'fail', before: 'OLD' }, { command: 'recover', how: 'fail', before: 'OLD' },
  ] as const)('$command over $before, $how at every program: the table is the old or the new one, the guard ends, the next run goes through', async ({ command, how, before }) => {
    const start = box();
    if (before !== undefined) await start.commit(one, before);
    let hit = true;
    let at = 0;
    while (hit) {
      at += 1;
      // What ends the run differs from step to step, so that the faults meet all ends over the whole.
      const end = (['fire', 'reboot', 'recover'] as const)[at % 3] ?? 'fire';
      const where = `${command} ${how} at ${String(at)}, then ${end}`;
      const device = new Box(start);
      hit = await breakOnce(device, command, { at, how });
      expect([where, [before, 'NEW']]).toEqual([where, expect.arrayContaining([device.table()])]);
      if (end === 'recover') await device.must('recover', two);
      else await device[end]();
      // A kill may have come before there was a timer; the next run asks, as the engine does.
      const left = await device.must('state', two);
      const state = left === 'armed' ? await device.must('recover', two) : left;
      expect([where, ['confirmed', 'fired', 'absent']]).toEqual([where, expect.arrayContaining([state])]);
      expect([where, state, device.table()]).toEqual([where, state, state === 'confirmed' ? 'NEW' : before]);
      await device.reboot();
      expect([where, state, device.table()]).toEqual([where, await device.must('state', two), state === 'confirmed' ? 'NEW' : before]);
      if (at % 4 === 0) {
        await device.commit(three, 'NEXT', 3);
        await device.reboot();
        expect([where, device.table()]).toEqual([where, 'NEXT']);
      }
      device.close();
    }
    expect(at).toBeGreaterThan(how === 'kill' ? 12 : 8);
  }, 300_000);
});

/** A run of `two` whose one command meets the fault; whether the command came so far. */
async function breakOnce(device: Box, command: 'arm' | 'load' | 'confirm' | 'recover', fault: Fault): Promise<boolean> {
  let hit = true;
  const step = async (name: typeof command, act: (fault?: Fault) => Promise<Result>): Promise<boolean> => {
    const { code } = await act(name === command ? fault : undefined);
    if (name === command) hit = device.steps >= fault.at;
    return code === 0;
  };
  const withFault = (broken?: Fault): { readonly fault?: Fault } => (broken === undefined ? {} : { fault: broken });
  if (!await step('arm', (broken) => device.run(['arm', two, '60', '2'], withFault(broken)))) return hit;
  const expected = await device.hash();
  if (!await step('load', (broken) => device.load(two, 'NEW', { fence: 2, expected, ...withFault(broken) }))) return hit;
  const last = command === 'recover' ? 'recover' : 'confirm';
  await step(last, (broken) => device.run([last, two], withFault(broken)));
  return hit;
}

describe.skipIf(missing.length > 0)('the device script refuses', () => {
  async function armedAndLoaded(): Promise<Box> {
    const device = box();
    await device.commit(one, 'OLD');
    await device.must('arm', two, '60', '2');
    expect(await device.load(two, 'NEW', { fence: 2 })).toMatchObject({ code: 0 });
    return device;
  }

  it.each<{ because: string; code: number; act: (device: Box) => Promise<Result>; table?: string }>([
    { because: 'a table without a guard', code: 82, act: (device) => device.load(token(), 'EVIL', { fence: 2 }) },
    { because: 'a table under the guard of a run that was confirmed', code: 82, act: (device) => device.load(one, 'EVIL', { fence: 2 }) },
    { because: 'a table that arrives after its guard has fired', code: 82, table: 'OLD', act: async (device) => { await device.fire(); return device.load(two, 'EVIL', { fence: 2 }); } },
    { because: 'a table whose guard has lost its timer', code: 82, act: (device) => { rmSync(join(device.timers, `soll-guard-${two}.timer`)); return device.load(two, 'EVIL', { fence: 2 }); } },
    { because: 'to confirm a guard that has fired', code: 82, table: 'OLD', act: async (device) => { await device.fire(); return device.run(['confirm', two]); } },
    { because: 'to confirm the token of nobody', code: 82, act: (device) => device.run(['confirm', token()]) },
    { because: 'to confirm a table that somebody changed in the window', code: 82, table: 'HAND', act: (device) => { writeFileSync(device.kernel, 'HAND'); return device.run(['confirm', two]); } },
    { because: 'to arm for another run while this guard is armed', code: 81, act: (device) => device.run(['arm', three, '60', '3']) },
    { because: 'to arm a token again that was confirmed', code: 82, act: (device) => device.run(['arm', one, '60', '3']) },
    { because: 'to arm a token again that has fired', code: 82, table: 'OLD', act: async (device) => { await device.fire(); return device.run(['arm', two, '60', '3']); } },
    { because: 'to arm for a run that a newer one has overtaken', code: 76, act: (device) => device.run(['arm', three, '60', '1']) },
    { because: 'to load for a run that a newer one has overtaken', code: 76, act: (device) => device.load(two, 'LATE', { fence: 1 }) },
    { because: 'a table that is not the one that was read', code: 78, act: (device) => device.load(two, 'LATE', { fence: 2, expected: '0'.repeat(64) }) },
    { because: 'a table that arrived cut off', code: 77, act: (device) => device.load(two, 'HAL', { fence: 2, sum: createHash('sha256').update('HALF').digest('hex') }) },
    { because: 'a table that nft refuses', code: 79, act: (device) => device.load(two, 'refused', { fence: 2 }) },
    { because: 'a path as a token', code: 70, act: (device) => device.run(['recover', '../../etc/passwd']) },
    { because: 'a command as a number of seconds', code: 70, act: (device) => device.run(['arm', three, '60;reboot', '3']) },
    { because: 'a command that it does not know', code: 70, act: (device) => device.run(['frob']) },
  ])('$because', async ({ code, act, table = 'NEW' }) => {
    const device = await armedAndLoaded();
    expect(await act(device)).toMatchObject({ code });
    expect(device.table()).toBe(table);
  });
});

describe.skipIf(missing.length > 0)('the device script comes back', () => {
  async function loaded(): Promise<Box> {
    const device = box();
    await device.commit(one, 'OLD');
    await device.must('arm', two, '60', '2');
    await device.load(two, 'NEW', { fence: 2 });
    return device;
  }

  it.each<{ because: string; break: (device: Box) => void; state: string; table: string | undefined }>([
    { because: 'an empty guard file', break: (device) => { writeFileSync(device.path('var/lib/soll/guard', `${two}.armed`), ''); }, state: 'fired', table: 'OLD' },
    { because: 'a guard file full of zeros', break: (device) => { writeFileSync(device.path('var/lib/soll/guard', `${two}.armed`), '\0'.repeat(99)); }, state: 'fired', table: 'OLD' },
    { because: 'the kept table is gone: the saved one is the best there is, and nobody says fired', break: (device) => { rmSync(device.path('var/lib/soll/guard', `${two}.before`)); }, state: 'absent', table: 'OLD' },
    { because: 'the kept table is cut off', break: (device) => { writeFileSync(device.path('var/lib/soll/guard', `${two}.before`), '{"nftables": [{"add": {"ta'); }, state: 'absent', table: 'OLD' },
    { because: 'the number of the newest run is gone', break: (device) => { rmSync(device.path('var/lib/soll/fence')); }, state: 'fired', table: 'OLD' },
    { because: 'the number of the newest run is garbage', break: (device) => { writeFileSync(device.path('var/lib/soll/fence'), '\0\0x'); }, state: 'fired', table: 'OLD' },
    { because: 'what was loaded and not confirmed is cut off', break: (device) => { writeFileSync(device.path('etc/soll', `next.${two}`), '{"nft'); }, state: 'fired', table: 'OLD' },
    { because: 'a half-written file of every kind lies there', break: (device) => { for (const file of ['etc/soll/nftables.json.new', `etc/soll/next.${two}.new`, `var/lib/soll/guard/${two}.before.new`, 'var/lib/soll/fence.new', 'var/lib/soll/nftables.sh.new']) writeFileSync(device.path(file), 'torn'); }, state: 'fired', table: 'OLD' },
  ])('from torn files, at a restart and by the timer: $because', async ({ break: tear, state, table }) => {
    for (const end of ['reboot', 'fire'] as const) {
      const device = await loaded();
      tear(device);
      await device[end]();
      expect([end, await device.must('state', two), device.table()]).toEqual([end, state, table]);
      await device.commit(three, 'NEXT', 3);
      await device.reboot();
      expect([end, device.table()]).toEqual([end, 'NEXT']);
    }
  });

  it('from a saved table that is cut off: the boot fails aloud and loads nothing half', async () => {
    const device = box();
    await device.commit(one, 'OLD');
    writeFileSync(device.path('etc/soll/nftables.json'), '{"nftables": [{"metainfo"');
    rmSync(device.kernel);
    expect(await device.run(['boot'])).toMatchObject({ code: 75 });
    expect(device.table()).toBeUndefined();
  });

  it('from an nft that fails while the timer fires: it is tried again until the table is back', async () => {
    const device = await loaded();
    writeFileSync(`${device.kernel}.broken`, '');
    await device.fire();
    expect([device.table(), await device.must('state', two), readdirSync(device.timers).length]).toEqual(['NEW', 'armed', 1]);
    rmSync(`${device.kernel}.broken`);
    await device.fire();
    expect([device.table(), await device.must('state', two)]).toEqual(['OLD', 'fired']);
  });

  it('from a kernel that refuses the load: nothing has changed, and the guard ends as fired', async () => {
    const device = box();
    await device.commit(one, 'OLD');
    await device.must('arm', two, '60', '2');
    writeFileSync(`${device.kernel}.broken`, '');
    expect(await device.load(two, 'NEW', { fence: 2 })).toMatchObject({ code: 80 });
    rmSync(`${device.kernel}.broken`);
    expect([await device.must('recover', two), device.table()]).toEqual(['fired', 'OLD']);
  });

  it('from a timer that cannot be started: no guard, no table', async () => {
    const device = box();
    await device.commit(one, 'OLD');
    writeFileSync(join(device.timers, 'broken'), '');
    expect(await device.run(['arm', two, '60', '2'])).toMatchObject({ code: 83 });
    expect(await device.must('state', two)).toBe('absent');
    expect(await device.load(two, 'NEW', { fence: 2 })).toMatchObject({ code: 82 });
    rmSync(join(device.timers, 'broken'));
    await device.commit(two, 'NEW', 2);
  });

  it('from a guard of another run whose timer is gone: the next run takes it back, and stops as the table is another', async () => {
    const device = await loaded();
    const seen = await device.hash();
    rmSync(join(device.timers, `soll-guard-${two}.timer`));
    expect(await device.must('arm', three, '60', '3')).toBe('armed');
    expect([await device.must('state', two), device.table()]).toEqual(['fired', 'OLD']);
    expect(await device.load(three, 'NEXT', { fence: 3, expected: seen })).toMatchObject({ code: 78 });
    expect(await device.must('recover', three)).toBe('fired');
  });

  it('to the same answer when it is asked twice', async () => {
    const device = await loaded();
    expect([await device.must('arm', two, '60', '2'), device.table()]).toEqual(['armed', 'NEW']);
    expect([await device.must('recover', two), await device.must('recover', two), await device.must('fire', two), device.table()]).toEqual(['fired', 'fired', 'fired', 'OLD']);
    await device.must('arm', three, '60', '3');
    await device.load(three, 'NEXT', { fence: 3 });
    expect([await device.must('confirm', three), await device.must('confirm', three), await device.must('recover', three), await device.must('fire', three), device.table()]).toEqual(['confirmed', 'confirmed', 'confirmed', 'confirmed', 'NEXT']);
    expect([await device.must('recover', token()), device.table()]).toEqual(['absent', 'NEXT']);
  });

  it('with one winner when two runs write at the same time', async () => {
    const device = box();
    await device.commit(one, 'OLD');
    const armed = await Promise.all([device.run(['arm', two, '60', '2']), device.run(['arm', three, '60', '3'])]);
    expect(armed.filter(({ code }) => code === 0)).toHaveLength(1);
    expect([76, 81]).toContain(armed.find(({ code }) => code !== 0)?.code);
  });

  it('while a client holds its line open and sends nothing: the lock is free, and the switch fires', async () => {
    const device = await loaded();
    // No end of input: the client is on a dead line.
    const child = spawn('sh', [device.path('script'), 'load', two, 'x', '2', 'x'], { env: device.environment() });
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    await device.fire();
    expect(device.table()).toBe('OLD');
    child.stdin.end();
    await new Promise((resolve) => { child.on('close', resolve); });
  });

  it('with a memory that does not grow for ever, whatever the clock says', async () => {
    const device = box();
    await device.commit(one, 'OLD');
    for (let index = 0; index < 250; index += 1) writeFileSync(device.path('var/lib/soll/guard', `${index.toString(16).padStart(8, '0')}.fired`), '');
    await device.commit(two, 'NEW', 2);
    expect(readdirSync(device.path('var/lib/soll/guard')).length).toBe(200);
    expect(await device.must('state', two)).toBe('confirmed');
  });
});
