import type { Target } from '#contract';
import type { Built, Draft, Resolved } from './build-resources.ts';
import type { CustomerFiles } from './customer-files.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';
import { didYouMean } from './suggest.ts';

/** References that lead nowhere. A thing that this file does not manage (its key is not written) is looked for on the target instead. */
export function checkReferences(files: CustomerFiles, { drafts, written }: Built, resolved: readonly Resolved[], targets: readonly Target[]): readonly PendingProblem[] {
  const known = new Map<string, Set<string>>();
  const bucket = (where: string, kind: string): Set<string> => {
    const key = `${where}/${kind}`;
    const names = known.get(key) ?? new Set<string>();
    known.set(key, names);
    return names;
  };
  const neighbours = new Map(targets.filter(({ site }) => site !== undefined).map((target) => [target.name, targets.filter(({ site }) => site === target.site).map(({ name }) => name)]));
  /** Where a reference looks: on a target, or anywhere at its site. */
  const places = (target: string, siteWide: boolean): readonly string[] => (siteWide ? neighbours.get(target) : undefined) ?? [target];
  for (const { target, kind, name } of drafts) bucket(target, kind).add(name);
  for (const { draft: { target, kind }, key } of resolved) if (key !== undefined) bucket(`${target} by key`, kind).add(key);
  return resolved.flatMap(({ draft, references }) => {
    return references.flatMap((reference): PendingProblem[] => {
      const target = reference.target ?? draft.target;
      const where = places(target, reference.siteWide === true);
      const buckets = where.map((place) => bucket(reference.by === 'key' ? `${place} by key` : place, reference.kind));
      if (buckets.some((names) => names.has(reference.name))) return [];
      // What a draft's own rules list names is built from that very list.
      if (draft.kind === 'firewall-policy' && reference.kind === 'firewall-rule') return [];
      if (!where.some((place) => (written.get(place) ?? []).includes(reference.kind)) || isForeignUser(files, target, reference)) return [];
      return [{
        code: 'reference.unresolved', severity: 'error', message: `there is no ${reference.kind} ${reference.name}`, hint: didYouMean(reference.name, buckets.flatMap((names) => [...names])),
        at: referencePlace(draft, reference), target: draft.target,
      }];
    });
  });
}

/** Guests and people of other directories are named, not managed. */
function isForeignUser({ m365 }: CustomerFiles, target: string, { kind, name }: { readonly kind: string; readonly name: string }): boolean {
  const domains = m365?.value.m365[target]?.domains ?? [];
  return kind === 'user' && !domains.some((domain) => name.endsWith(`@${domain}`));
}

/** The canonical form sorts lists, so the item is found by its text. */
function referencePlace({ spec, at }: Draft, { pointer, name }: { readonly pointer: string; readonly name: string }): Place {
  const field = pointer.split('/')[1] ?? '';
  const value = (spec)[field];
  const suffix = Array.isArray(value) ? value.findIndex((item) => typeof item === 'string' && item.toLowerCase().endsWith(name.toLowerCase())) : -1;
  return { file: at.file, pointer: `${at.pointer}/${escapePointer(field)}${suffix < 0 ? '' : `/${String(suffix)}`}`, part: 'value' };
}
