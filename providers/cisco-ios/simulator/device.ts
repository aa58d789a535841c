/** One switch: its state, its dead-man's switches, who is signed in. Both command lines work on it. */
import { carries, type Hardware, type Running } from './model.ts';
import type { Answer, Terminal } from './terminal.ts';

export interface Seed {
  readonly profile: 'ios' | 'small-business';
  readonly version: string;
  readonly vtp: 'transparent' | 'off' | 'server' | 'client';
  readonly hardware: Hardware;
  readonly running: Running;
  /** What saves: default the same as running. `null`: nothing was ever saved. */
  readonly startup?: Running | null;
  /** Our way to the switch: when this port does not carry this VLAN, nobody gets through. */
  readonly management?: { readonly port: string; readonly vlan: number };
  /** Privilege after sign-in, and the secret that `enable` asks for. */
  readonly privilege: { readonly read: number; readonly write: number };
  readonly enable?: string;
  /** How long a boot lasts, milliseconds. */
  readonly bootMs: number;
  /** Once the way is cut nobody need wait for minutes: what is pending fires after so many milliseconds. Absent: when its time has come. */
  readonly cutMs?: number;
}

export interface State {
  running: Running;
  startup: Running | null;
  /** The VLAN database of a switch that is not transparent lives in flash: nothing takes it back. */
  readonly vtp: Seed['vtp'];
}

export interface Faults {
  refuse: boolean;
  forbid: boolean;
  cut: boolean;
  lose: boolean;
  hang: boolean;
  reject: number;
  /** Commands that answer with the busy message first. */
  busy: number;
}

export interface Device {
  readonly seed: Seed;
  readonly state: State;
  readonly faults: Faults;
  readonly writes: { what: string; at: string }[];
  readonly terminals: Set<Terminal>;
  /** Does something to the switch, and tells the oracle. `refusable`: the fault of a refusal hits it. An answer that begins with `%` did nothing. */
  write(what: string, refusable: boolean, apply: () => Answer): Answer;
  readonly revert: { readonly minutes: number; readonly user: string; readonly backup: string; readonly since: Date } | undefined;
  arm(minutes: number, user: string, path: string): void;
  confirm(): boolean;
  revertNow(): boolean;
  readonly reload: { readonly minutes: number; readonly user: string; readonly at: number } | undefined;
  schedule(minutes: number, user: string): void;
  cancel(): boolean;
  reboot(): void;
  readonly reachable: boolean;
  /** After a change by hand: the way may be cut. */
  settle(): void;
  stop(): void;
}

export interface DeviceParts {
  readonly seed: Seed;
  readonly state: State;
  /** Cuts all connections. */
  drop(): void;
  /** Something changed. */
  changed(): void;
}

export const noFaults: Faults = { refuse: false, forbid: false, cut: false, lose: false, hang: false, reject: 0, busy: 0 };

export function makeDevice({ seed, state, drop, changed }: DeviceParts): Device {
  const faults: Faults = { ...noFaults };
  const writes: Device['writes'] = [];
  const terminals = new Set<Terminal>();
  let revert: (NonNullable<Device['revert']> & { readonly timer: NodeJS.Timeout; readonly before: Running }) | undefined;
  let reload: (NonNullable<Device['reload']> & { readonly timer: NodeJS.Timeout }) | undefined;
  let booting = 0;
  let backups = 0;
  const reachable = (): boolean => Date.now() >= booting && (seed.management === undefined || carries(state.running, seed.management.port, seed.management.vlan, seed.profile === 'small-business'));
  const settle = (): void => {
    changed();
    if (reachable()) return;
    drop();
    if (seed.cutMs === undefined) return;
    if (revert !== undefined) hurry(revert.timer, takeBack);
    if (reload !== undefined) hurry(reload.timer, boot);
  };
  const hurry = (timer: NodeJS.Timeout, fire: () => void): void => {
    clearTimeout(timer);
    hurried.push(setTimeout(fire, seed.cutMs).unref());
  };
  const hurried: NodeJS.Timeout[] = [];
  const takeBack = (): void => {
    if (revert === undefined) return;
    clearTimeout(revert.timer);
    // What is in the VLAN database is not in the running configuration, so no rollback knows of it.
    const keep = seed.vtp === 'server' || seed.vtp === 'client' ? state.running.vlans : revert.before.vlans;
    state.running = { ...structuredClone(revert.before), vlans: structuredClone(keep) };
    revert = undefined;
    settle();
  };
  const shout = (text: string): void => { for (const terminal of terminals) terminal.shout(text); };
  const boot = (): void => {
    clearTimeout(revert?.timer);
    clearTimeout(reload?.timer);
    hurried.splice(0).forEach(clearTimeout);
    revert = undefined;
    reload = undefined;
    const vlans = seed.vtp === 'server' || seed.vtp === 'client' ? state.running.vlans : undefined;
    const from = state.startup ?? { ...state.running, vlans: {}, ports: Object.fromEntries(Object.keys(state.running.ports).map((name) => [name, {}])), aliases: {}, hosts: {}, before: [], after: [] };
    state.running = { ...structuredClone(from), ...(vlans === undefined ? {} : { vlans }) };
    booting = Date.now() + seed.bootMs;
    drop();
    changed();
  };
  const device: Device = {
    seed, state, faults, writes, terminals,
    write(what, refusable, apply) {
      if (refusable && faults.reject > 0 && (faults.reject -= 1) === 0) return '% Unable to program hardware: out of resources';
      const answer = apply();
      if (typeof answer === 'string' && /^\s*(\^\s*)?%(?!Warning| Access VLAN)|^Command rejected/.test(answer)) return answer;
      writes.push({ what, at: new Date().toISOString() });
      settle();
      if (!faults.lose) return answer;
      faults.lose = false;
      return { end: 'drop' };
    },
    get revert() { return revert; },
    arm(minutes, user, path) {
      const timer = setTimeout(takeBack, minutes * 60_000);
      timer.unref();
      revert = { minutes, user, backup: `${path}-${String((backups += 1))}`, since: new Date(), before: structuredClone(state.running), timer };
      if (minutes === 1) shout('Rollback Confirmed Change: Rollback will begin in one minute.\nEnter "configure confirm" if you wish to keep what you\'ve configured\n');
    },
    confirm() {
      if (revert === undefined) return false;
      clearTimeout(revert.timer);
      revert = undefined;
      return true;
    },
    revertNow() {
      if (revert === undefined) return false;
      takeBack();
      return true;
    },
    get reload() { return reload; },
    schedule(minutes, user) {
      clearTimeout(reload?.timer);
      const timer = setTimeout(boot, minutes * 60_000);
      timer.unref();
      reload = { minutes, user, at: Date.now() + minutes * 60_000, timer };
      if (seed.profile === 'ios') shout(`\n\n\n***\n*** --- SHUTDOWN in 0:${String(minutes).padStart(2, '0')}:00 ---\n***\n`);
    },
    cancel() {
      if (reload === undefined) return false;
      clearTimeout(reload.timer);
      reload = undefined;
      return true;
    },
    reboot: boot,
    get reachable() { return reachable(); },
    settle,
    stop() {
      hurried.forEach(clearTimeout);
      clearTimeout(revert?.timer);
      clearTimeout(reload?.timer);
    },
  };
  return device;
}
