/**
 * Two dead-man's switches of the device itself. The rollback timer takes the running configuration back; the scheduled reload restarts the device
 * with its startup configuration. Whose guard it is stands in a mark inside the configuration that goes back with the change; who confirms says so
 * in the mark first, so a confirmation of somebody else is told apart from ours.
 */
import { ProviderError, type Guard, type GuardState, type WriteContext } from '#contract';
import type { Question } from '#transport/open-cli';
import { differences, hashOf } from './compare-config.ts';
import type { SwitchDevice } from './device.ts';
import { leastMinutes, revertMinutes } from './limits.ts';
import { findMark, markLines, unmarkLines, type Mark } from './mark.ts';
import type { Section } from './parse-config.ts';
import { parseArchive, parseReload, parseRollbackTimer } from './show.ts';

/** What a reload asks. The configuration is never saved on the way: the old one is what shall come back. */
const reloadQuestions: readonly Question[] = [
  { pattern: /Save\? \[yes\/no\]: ?$/i, answer: 'no\n', optional: true },
  { pattern: /haven't saved your changes.*\(Y\/N\)\s*\[N\] ?$/i, answer: 'Y', optional: true },
  { pattern: /Proceed with reload\? \[confirm\] ?$|Do you want to continue \? ?\(Y\/N\)\s*\[N\] ?$/i, answer: 'Y' },
];

/** How the device goes back. */
interface Mechanism {
  /** Why it cannot be used now; `undefined`: it can. */
  obstacle(): Promise<string | undefined>;
  pending(): Promise<boolean>;
  start(minutes: number, lines: readonly string[]): Promise<void>;
  cancel(): Promise<void>;
  /** Goes back now; resolves when it has. Throws `unreachable` when that takes a restart. */
  fire(): Promise<void>;
}

export interface SwitchGuard extends Guard {
  /** Throws `conflict` unless this run's guard is armed. */
  requireArmed(sections: readonly Section[]): Promise<void>;
  /** Notes what the configuration is after our changes. */
  noteWritten(): Promise<void>;
  /** Throws `conflict` when the configuration is not what this run has confirmed. */
  requireConfirmed(sections: readonly Section[]): void;
}

export function mechanismOf(device: SwitchDevice): Mechanism {
  return device.settings.guard === 'reload' ? reloadMechanism(device) : revertMechanism(device);
}

function revertMechanism(device: SwitchDevice): Mechanism {
  const minutesLeft = async (): Promise<number | undefined> => parseRollbackTimer(await device.show('show archive config rollback timer'));
  return {
    async obstacle() {
      const archive = parseArchive(await device.showOptional('show archive') ?? '');
      if (archive.state === 'off') return 'the archive is not configured, and without it there is no rollback timer (archive, path flash:soll; or settings.guard: reload or none)';
      if (archive.state === 'remote') return 'the archive lies on a server, and a way back that needs the network is none (archive, path flash:soll)';
      return (await minutesLeft()) === undefined ? undefined : 'somebody else has a rollback timer running';
    },
    pending: async () => (await minutesLeft()) !== undefined,
    async start(minutes, lines) {
      const refused = await device.configure(lines, `configure terminal revert timer ${String(minutes)}`);
      if (refused !== undefined) throw new ProviderError('rejected', `the rollback timer did not start: ${refused}`);
      if ((await minutesLeft()) !== minutes) throw new ProviderError('rejected', 'the device does not show the rollback timer that was started');
    },
    async cancel() { await device.act('configure confirm'); },
    async fire() { await device.act('configure revert now'); },
  };
}

function reloadMechanism(device: SwitchDevice): Mechanism {
  const pending = async (): Promise<boolean> => parseReload(await device.show('show reload'));
  return {
    async obstacle() {
      if (await pending()) return 'somebody else has scheduled a reload';
      const unsaved = differences(await device.running(), await device.startup());
      return unsaved.length === 0 ? undefined : `a reload would not bring back what is there now: ${unsaved.slice(0, 3).join(', ')} was never saved`;
    },
    pending,
    async start(minutes, lines) {
      await device.act(`reload in ${String(minutes)}`, reloadQuestions);
      if (!(await pending())) throw new ProviderError('rejected', 'the device does not show the reload that was scheduled');
      const refused = await device.configure(lines);
      if (refused !== undefined) throw new ProviderError('rejected', `the mark of the guard was refused: ${refused}`);
    },
    async cancel() { await device.act('reload cancel'); },
    async fire() {
      // Nothing was written: nobody needs a restart.
      if (differences(await device.running(), await device.startup()).length === 0) {
        await device.act('reload cancel');
        return;
      }
      await device.act('reload', reloadQuestions).catch(() => undefined);
      throw new ProviderError('unreachable', `${device.target.name} restarts with its startup configuration`, { retryable: true });
    },
  };
}

function foreign(): ProviderError {
  return new ProviderError('conflict', 'the guard is gone, and it was not this run that ended it', { hint: 'somebody else has confirmed or cancelled it on the switch; look at it before the next apply' });
}

export function makeGuard(device: SwitchDevice, context: WriteContext): SwitchGuard {
  const { profile } = device.settings;
  const mechanism = mechanismOf(device);
  const write = async (lines: readonly string[]): Promise<void> => {
    context.assertLease(60_000);
    const refused = await device.configure(lines);
    if (refused !== undefined) throw new ProviderError('rejected', `the mark of the guard was refused: ${refused}`);
  };
  const mark = (token: string, phase: Mark['phase'], hash: string): Mark => ({ token, fence: context.fence, phase, hash });
  const stateOf = async (token: string, sections: readonly Section[]): Promise<GuardState> => {
    const found = findMark(sections);
    if (found?.token !== token) return 'absent';
    if (await mechanism.pending()) return 'armed';
    if (found.phase === 'armed') return 'fired';
    if (found.phase === 'confirmed') return 'confirmed';
    throw foreign();
  };
  const state = async (token: string): Promise<GuardState> => stateOf(token, await device.running());
  return {
    async arm(token, seconds) {
      const minutes = Math.min(revertMinutes.max, Math.max(leastMinutes, Math.ceil(seconds / 60)));
      const sections = await device.running();
      const old = findMark(sections);
      if (old !== undefined && old.fence > context.fence) throw new ProviderError('conflict', 'a newer run has been at this switch', { hint: 'plan again' });
      const obstacle = await mechanism.obstacle();
      if (obstacle !== undefined) throw new ProviderError('rejected', obstacle);
      const hash = hashOf(sections);
      await write(markLines(profile, mark(token, 'armed', hash), old));
      context.assertLease(60_000);
      await mechanism.start(minutes, markLines(profile, mark(token, 'open', hash), mark(token, 'armed', hash)));
      if ((await state(token)) !== 'armed') throw new ProviderError('rejected', 'the guard did not arm');
    },
    state,
    async confirm(token) {
      const sections = await device.running();
      const found = findMark(sections);
      if ((await stateOf(token, sections)) !== 'armed' || found === undefined) throw new ProviderError('conflict', 'the guard has fired before it could be confirmed');
      if (found.phase !== 'done' && found.phase !== 'confirmed') throw new ProviderError('conflict', 'the change was not written to its end');
      if (found.hash !== hashOf(sections)) throw new ProviderError('conflict', 'somebody else has changed the configuration since it was written');
      await write(markLines(profile, mark(token, 'confirmed', found.hash), found));
      context.assertLease(30_000);
      await mechanism.cancel();
      if ((await state(token)) !== 'confirmed') throw new ProviderError('conflict', 'the device did not confirm');
    },
    async recover(token) {
      const now = await state(token);
      if (now !== 'armed') return now;
      await mechanism.fire();
      const sections = await device.running();
      const left = findMark(sections);
      if (left?.token === token && left.phase !== 'armed' && device.settings.guard === 'reload') {
        await write(unmarkLines(profile, left));
        return 'fired';
      }
      return stateOf(token, sections);
    },
    async requireArmed(sections) {
      const found = findMark(sections);
      if (found?.token !== context.guardToken || found.phase !== 'open' || !(await mechanism.pending())) throw new ProviderError('conflict', 'the guard of this run is not armed');
    },
    async noteWritten() {
      const sections = await device.running();
      const found = findMark(sections);
      await write(markLines(profile, mark(context.guardToken, 'done', hashOf(sections)), found));
    },
    requireConfirmed(sections) {
      const found = findMark(sections);
      if (found?.token !== context.guardToken) throw new ProviderError('conflict', 'the mark of this run is gone from the switch, and nothing is saved without it');
      if (found.phase !== 'confirmed') throw new ProviderError('conflict', 'what was not confirmed is not saved');
      if (found.hash !== hashOf(sections)) throw new ProviderError('conflict', 'somebody else has changed the configuration since it was confirmed; it is not saved', { hint: 'look at it, then write memory' });
    },
  };
}
