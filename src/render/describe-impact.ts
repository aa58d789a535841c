import { parseAddress, type Change, type Json, type JsonObject } from '#contract';
import { compareText } from '#core/canonical';
import type { Plan } from '#core/model';
import type { CommentWords } from './comment-words.ts';

/** What a delete leaves; as the impact texts of the kinds say it. */
export function undoOf(change: Change, words: CommentWords): string {
  const { kind } = parseAddress(change.address);
  if (kind === 'user') return words.undoBin;
  if (kind === 'group') return change.before?.['type'] === 'security' ? words.undoNever : words.undoBin;
  return words.undoSettings;
}

export function changesOf(plan: Plan): readonly Change[] {
  return plan.targets.flatMap(({ batches }) => batches.flatMap(({ changes }) => changes));
}

/** Per product, how many more or fewer are assigned; what comes out even is left out. */
export function licenceBalance(plan: Plan): readonly { readonly sku: string; readonly count: number }[] {
  const sums = new Map<string, number>();
  const add = (spec: JsonObject | undefined, sign: 1 | -1): void => {
    for (const item of listOf(spec, 'licences')) {
      const sku = typeof item === 'object' && item !== null && 'sku' in item ? item['sku'] : undefined;
      if (typeof sku === 'string') sums.set(sku, (sums.get(sku) ?? 0) + sign);
    }
  };
  for (const change of changesOf(plan)) {
    // A field that is not written is not touched.
    if (change.verb !== 'delete' && change.after?.['licences'] === undefined) continue;
    add(change.before, -1);
    add(change.after, 1);
  }
  return [...sums].filter(([, count]) => count !== 0).map(([sku, count]) => ({ sku, count })).sort((a, b) => compareText(a.sku, b.sku));
}

/** People whose account or membership changes. */
export function peopleOf(plan: Plan): readonly string[] {
  const people = new Set<string>();
  for (const change of changesOf(plan)) {
    const { kind, name } = parseAddress(change.address);
    if (kind === 'user') people.add(name);
    if (kind !== 'group') continue;
    const names = (spec: JsonObject | undefined): readonly string[] => listOf(spec, 'members').filter((item): item is string => typeof item === 'string');
    const before = new Set(names(change.before));
    const after = new Set(change.after?.['members'] === undefined && change.verb !== 'delete' ? before : names(change.after));
    for (const member of [...before, ...after]) if (before.has(member) !== after.has(member)) people.add(member);
  }
  return [...people].sort(compareText);
}

function listOf(spec: JsonObject | undefined, key: string): readonly Json[] {
  const value = spec?.[key];
  return Array.isArray(value) ? value as readonly Json[] : [];
}
