/** What a family can hold of what is written for it: the rest is another device's part, or a mistake at its place. */
import type { JsonObject, Kind, Target } from '#contract';
import type { Resolved } from './build-resources.ts';
import type { ProviderFacts } from './check-targets.ts';
import { escapePointer, type PendingProblem } from './place.ts';

export interface FitInput {
  readonly resolved: readonly Resolved[];
  readonly targets: readonly Target[];
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly providers: ReadonlyMap<string, ProviderFacts>;
}

export function fitFields({ resolved, targets, kinds, providers }: FitInput): { readonly resolved: readonly Resolved[]; readonly problems: readonly PendingProblem[] } {
  const targetOf = new Map(targets.map((target) => [target.name, target]));
  const problems: PendingProblem[] = [];
  const fitting = resolved.map((each): Resolved => {
    const { draft, spec } = each;
    const { provider = '', settings = {} } = targetOf.get(draft.target) ?? {};
    const kind = kinds.get(draft.kind);
    const capabilities = providers.get(provider)?.capabilities;
    const capability = capabilities?.kinds[draft.kind];
    const fields = capabilities?.variants?.find(({ setting, is }) => settings[setting] === is)?.fields?.[draft.kind] ?? capability?.fields;
    if (fields === undefined || kind === undefined || Object.keys(spec).every((field) => fields.includes(field))) return each;
    const held: JsonObject = Object.fromEntries(Object.entries(spec).filter(([field]) => fields.includes(field)));
    if (kind.sharedBySite !== true) {
      // A default that nobody wrote is no mistake.
      for (const field of Object.keys(draft.spec).filter((name) => !fields.includes(name))) {
        problems.push({
          code: 'capability.field', severity: 'error', target: draft.target, message: `${provider} cannot hold ${field} of ${draft.kind} ${draft.name} (${draft.target})${capability?.why === undefined ? '' : `: ${capability.why}`}`,
          hint: `it can hold: ${fields.join(', ')}`, at: { file: draft.at.file, pointer: `${draft.at.pointer}/${escapePointer(field)}`, part: 'key' },
        });
      }
    }
    return { ...each, spec: held, references: kind.references(held) };
  });
  return { resolved: fitting, problems };
}
