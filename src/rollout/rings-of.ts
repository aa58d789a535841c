import { compareText } from '#core/canonical';
import type { SollDocument } from '#generated/types';

/** In which order customers are applied: canaries, then waves whose last size repeats. Without `rollout` all are one ring. */
export function ringsOf(customers: readonly string[], rollout: SollDocument['rollout']): readonly (readonly string[])[] {
  const sorted = [...new Set(customers)].sort(compareText);
  if (sorted.length === 0) return [];
  if (rollout === undefined) return [sorted];
  const rings: (readonly string[])[] = [sorted.filter((name) => rollout.canary.includes(name))];
  const rest = sorted.filter((name) => !rollout.canary.includes(name));
  const waves = rollout.waves ?? [];
  for (let start = 0, index = 0; start < rest.length; index += 1) {
    const size = Math.max(1, waves[index] ?? waves.at(-1) ?? defaultWave);
    rings.push(rest.slice(start, start + size));
    start += size;
  }
  return rings.filter(({ length }) => length > 0);
}

const defaultWave = 10;
