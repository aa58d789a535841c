import type { Built, Draft, Resolved } from './build-resources.ts';
import type { CustomerFiles } from './customer-files.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';
import { didYouMean } from './suggest.ts';

/** References that lead nowhere. A thing that this file does not manage (its key is not written) is looked for on the target instead. */
export function checkReferences(files: CustomerFiles, { drafts, written }: Built, resolved: readonly Resolved[]): readonly PendingProblem[] {
  const known = new Map<string, Set<string>>();
  const bucket = (target: string, kind: string): Set<string> => {
    const key = `${target}/${kind}`;
    const names = known.get(key) ?? new Set<string>();
    known.set(key, names);
    return names;
  };
  for (const { target, kind, name } of drafts) bucket(target, kind).add(name);
  return resolved.flatMap(({ draft, references }) => {
    return references.flatMap((reference): PendingProblem[] => {
      const target = reference.target ?? draft.target;
      if (bucket(target, reference.kind).has(reference.name)) return [];
      // What a draft's own rules list names is built from that very list.
      if (draft.kind === 'firewall-policy' && reference.kind === 'firewall-rule') return [];
      if (!(written.get(target) ?? []).includes(reference.kind) || isForeignUser(files, target, reference)) return [];
      return [{
        code: 'reference.unresolved', severity: 'error', message: `there is no ${reference.kind} ${reference.name}`, hint: didYouMean(reference.name, [...bucket(target, reference.kind)]),
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
