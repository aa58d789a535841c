/**
 * A dead-man's switch of our own on the router: a script that takes exactly this batch back, and two scheduler entries that run it, after an interval and at
 * startup. All of it is configuration, so it is there after a restart. Why not safe mode or a backup: limits.ts.
 */
import { isProviderError, ProviderError, type Guard, type GuardState, type WriteContext } from '#contract';
import type { RouterClient } from './client.ts';
import { guardBoot, guardPolicy, guardScript, guardTimer, leastGuardSeconds } from './limits.ts';
import { secondsOf, type Values } from './model.ts';
import { guardSource, parseMark, type Mark } from './undo-script.ts';

export interface RouterGuard extends Guard {
  /** Why no guard can be set here; `undefined`: it can. */
  obstacle(): Promise<string | undefined>;
  /** Puts the way back where the armed guard runs it, before the first write. Throws `conflict` unless this run's guard is armed. */
  keep(body: readonly string[], armed: boolean): Promise<void>;
  /** What the configuration is after our changes. */
  noteDone(armed: boolean, body: readonly string[], hash: string): Promise<void>;
  /** Takes back without a guard: the same script, now. */
  takeBack(): Promise<void>;
}

interface Seen {
  readonly script: { readonly id: string; readonly source: string } | undefined;
  readonly mark: Mark | undefined;
  readonly boot: { readonly id: string; readonly values: Values } | undefined;
  readonly timer: { readonly id: string; readonly values: Values } | undefined;
}

const event = `/system/script/run ${guardScript}`;

function plain(source: string): string {
  return source.replaceAll('\r\n', '\n').trimEnd();
}

function foreign(): ProviderError {
  return new ProviderError('conflict', 'the guard is gone, and it was not this run that ended it', { hint: 'somebody else has removed it or switched it off on the router; look at it before the next apply' });
}

function works(entry: { readonly values: Values } | undefined, more: (values: Values) => boolean): boolean {
  return entry !== undefined && entry.values['disabled'] !== 'yes' && entry.values['on-event']?.trim() === event && more(entry.values);
}

export async function schedulerObstacle(client: RouterClient): Promise<string | undefined> {
  try {
    const mode = await client.one('system/device-mode');
    return mode['scheduler'] === 'no' ? `device-mode ${mode['mode'] ?? ''} has switched the scheduler off, and without it nothing takes a change back` : undefined;
  } catch (error) {
    // Older versions have no such menu, and no such limit.
    if (isProviderError(error) && (error.code === 'unsupported' || error.code === 'protocol')) return undefined;
    throw error;
  }
}

/** `readHash`: of the configuration as it is now. */
export function makeGuard(client: RouterClient, context: WriteContext, readHash: () => Promise<string>): RouterGuard {
  const mayWrite = (timeoutMs: number): void => { context.assertLease(timeoutMs); };
  const look = async (): Promise<Seen> => {
    const [scripts, entries] = await Promise.all([client.list('system/script'), client.list('system/scheduler')]);
    const script = scripts.find(({ values }) => values['name'] === guardScript);
    const source = plain(script?.values['source'] ?? '');
    const entry = (name: string): Seen['boot'] => entries.find(({ values }) => values['name'] === name);
    return { script: script === undefined ? undefined : { id: script.id, source }, mark: script === undefined ? undefined : parseMark(source), boot: entry(guardBoot), timer: entry(guardTimer) };
  };
  const write = async (mark: Mark, body: readonly string[], seen: Seen): Promise<void> => {
    const source = guardSource(mark, body);
    const lost = async (error: unknown): Promise<void> => {
      if (!isProviderError(error) || error.code !== 'unknown-outcome' || (await look()).script?.source !== plain(source)) throw error;
    };
    if (seen.script === undefined) await client.add('system/script', { name: guardScript, source, policy: guardPolicy, 'dont-require-permissions': 'no', comment: 'soll: takes a change back that nobody confirms' }, mayWrite).catch(lost);
    else await client.set('system/script', seen.script.id, { source }, mayWrite).catch(lost);
    if ((await look()).script?.source !== plain(source)) throw new ProviderError('rejected', 'the router did not keep the script of the guard as it was written', { hint: 'is it too long? write fewer changes at once' });
  };
  const isArmed = ({ boot, timer }: Seen): boolean => works(boot, (values) => values['start-time'] === 'startup' && (secondsOf(values['interval'] ?? '') ?? -1) === 0) && works(timer, (values) => (secondsOf(values['interval'] ?? '') ?? 0) > 0 && (values['next-run'] ?? '') !== '');
  const stateOf = (token: string, seen: Seen): GuardState => {
    const { mark } = seen;
    if (mark?.token !== token) return 'absent';
    if (mark.phase === 'confirmed' || mark.phase === 'fired') return mark.phase;
    // Nothing was written yet: whoever took the entries away, or the answer that was lost, changed nothing.
    if (mark.phase === 'armed' && !isArmed(seen)) return 'absent';
    // The way back is there, even where somebody has stopped what would take it: that never makes a confirmation.
    return 'armed';
  };
  const clean = async ({ boot, timer }: Seen): Promise<void> => {
    // What runs at the next start is the one that must not be forgotten.
    for (const entry of [boot, timer]) {
      if (entry === undefined) continue;
      await client.remove('system/scheduler', entry.id, mayWrite).catch(async (error: unknown) => {
        // It may have gone by itself, or the answer was lost.
        if (!isProviderError(error) || (await client.list('system/scheduler')).some(({ id }) => id === entry.id)) throw error;
      });
    }
  };
  const mark = (token: string, phase: Mark['phase'], hash = ''): Mark => ({ token, fence: context.fence, phase, hash });
  const runNow = (): Promise<void> => client.run('system/script/run', { number: guardScript }, mayWrite);
  return {
    obstacle: () => schedulerObstacle(client),
    async arm(token, seconds) {
      const seen = await look();
      if (seen.mark !== undefined && seen.mark.fence > context.fence) throw new ProviderError('conflict', 'a newer run has been at this router', { hint: 'plan again' });
      if (seen.script !== undefined && seen.mark === undefined) throw new ProviderError('rejected', `there is a script ${guardScript} that is not soll's`, { hint: 'rename it on the router' });
      const over = seen.mark === undefined || seen.mark.phase === 'confirmed' || seen.mark.phase === 'fired' || (seen.mark.phase === 'armed' && !isArmed(seen));
      if (!over) throw new ProviderError('rejected', 'the guard of another run is still armed', { hint: 'soll recover, or wait until it has fired' });
      const obstacle = await schedulerObstacle(client);
      if (obstacle !== undefined) throw new ProviderError('rejected', obstacle, { hint: '/system/device-mode/update scheduler=yes, then the button or a power cycle' });
      await clean(seen);
      await write(mark(token, 'armed'), [], seen);
      const interval = `${String(Math.max(leastGuardSeconds, Math.ceil(seconds)))}s`;
      await client.add('system/scheduler', { name: guardBoot, 'start-time': 'startup', interval: '0s', 'on-event': event, policy: guardPolicy }, mayWrite);
      await client.add('system/scheduler', { name: guardTimer, interval, 'on-event': event, policy: guardPolicy }, mayWrite);
      const after = await look();
      if (stateOf(token, after) !== 'armed' || secondsOf(after.timer?.values['interval'] ?? '') !== secondsOf(interval)) throw new ProviderError('rejected', 'the router does not show the guard as it was armed');
    },
    async state(token) { return stateOf(token, await look()); },
    async confirm(token) {
      const seen = await look();
      const found = seen.mark;
      if (found?.token === token && found.phase === 'confirmed') {
        await clean(seen);
        return;
      }
      if (stateOf(token, seen) !== 'armed' || found === undefined) throw new ProviderError('conflict', 'the guard has fired before it could be confirmed');
      if (!isArmed(seen)) throw foreign();
      if (seen.timer?.values['comment'] === 'firing') throw new ProviderError('conflict', 'the guard is firing');
      if (found.phase !== 'done') throw new ProviderError('conflict', 'the change was not written to its end');
      if (found.hash !== (await readHash())) throw new ProviderError('conflict', 'somebody else has changed the configuration since it was written');
      await write(mark(token, 'confirmed', found.hash), [], seen);
      const after = await look();
      // It had begun just before; what it does then is not ours any more.
      if (after.timer === undefined || after.boot === undefined || after.timer.values['comment'] === 'firing') throw new ProviderError('conflict', 'the guard fired while it was confirmed');
      await clean(after);
      if ((await look()).mark?.phase !== 'confirmed') throw new ProviderError('conflict', 'the guard fired while it was confirmed');
    },
    async recover(token) {
      if (stateOf(token, await look()) !== 'armed') return stateOf(token, await look());
      await runNow().catch((error: unknown) => { if (!isProviderError(error) || error.code !== 'unknown-outcome') throw error; });
      const ended = stateOf(token, await look());
      if (ended === 'armed') throw new ProviderError('unknown-outcome', 'the script of the guard ran, and not all of what was written could be taken back', { hint: `run ${guardScript} on the router, and look at what it says` });
      return ended;
    },
    async keep(body, armed) {
      const seen = await look();
      if (seen.mark !== undefined && seen.mark.fence > context.fence) throw new ProviderError('conflict', 'a newer run has been at this router', { hint: 'plan again' });
      if (armed && (seen.mark?.token !== context.guardToken || seen.mark.phase !== 'armed' || !isArmed(seen))) throw new ProviderError('conflict', 'the guard of this run is not armed');
      // What they run would be our way back.
      if (!armed && (seen.boot ?? seen.timer) !== undefined) throw new ProviderError('conflict', 'the guard of another run is still armed', { hint: 'soll recover, or wait until it has fired' });
      await write(mark(context.guardToken, 'open'), body, seen);
    },
    // Without a guard there is nobody who could still take it back.
    async noteDone(armed, body, hash) { await write(mark(context.guardToken, armed ? 'done' : 'confirmed', hash), armed ? body : [], await look()); },
    async takeBack() {
      await runNow();
      if ((await look()).mark?.phase !== 'fired') throw new ProviderError('unknown-outcome', 'what was written could not be taken back to its end', { hint: `run the script ${guardScript} on the router, and look at what it says` });
    },
  };
}
