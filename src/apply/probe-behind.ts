/** A switch can look well and have cut off what is behind it: those are asked before a guard is confirmed. */
import pLimit from 'p-limit';
import type { Target } from '#contract';
import type { RunParts } from './run-parts.ts';

/** Connections that are tried at once. */
const atOnce = 8;

export interface Silent {
  readonly target: string;
  readonly why: string;
}

/** Of the targets behind this one those that answer now: who is silent before a change cannot be missed after it. */
export async function answeringBehind(parts: RunParts, target: Target): Promise<readonly Target[]> {
  const behind = (parts.behind?.get(target.name) ?? []).flatMap((name) => parts.targets.get(name) ?? []);
  const silent = new Set((await silentOf(parts, behind)).map((each) => each.target));
  return behind.filter(({ name }) => !silent.has(name));
}

/** Those that no longer answer. Links need a while to come up again, so it is asked until all do or the time is over. */
export async function lostBehind(parts: RunParts, behind: readonly Target[], until: number): Promise<readonly Silent[]> {
  let silent = await silentOf(parts, behind);
  while (silent.length > 0 && parts.clock.monotonic() < until) {
    await parts.clock.sleep(1000);
    await parts.lock.renew();
    const names = new Set(silent.map(({ target }) => target));
    silent = await silentOf(parts, behind.filter(({ name }) => names.has(name)));
  }
  return silent;
}

async function silentOf({ probe, effect }: RunParts, targets: readonly Target[]): Promise<readonly Silent[]> {
  if (probe === undefined || targets.length === 0) return [];
  await effect('probe');
  const limit = pLimit(atOnce);
  const answers = await Promise.all(targets.map((target) => limit(async () => ({ target: target.name, why: await probe(target) }))));
  return answers.flatMap(({ target, why }) => (why === undefined ? [] : [{ target, why }]));
}
