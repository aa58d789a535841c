/** Whether one customer meets one standard. Pure: resources in, unmet rules out. */
import type { Json, JsonObject } from '#contract';
import { equalJson } from '#core/canonical-json';
import { matchesGlob } from '#core/matches-glob';
import type { StandardDocument } from '#generated/types';
import type { Place } from './place.ts';

type Rule = NonNullable<StandardDocument['rules']>[string];
type Conditions = NonNullable<Rule['where']>;
type Condition = Conditions[string];

/** A resource as a rule sees it. */
export interface Fact {
  readonly kind: string;
  readonly name: string;
  readonly site?: string;
  readonly target?: string;
  readonly provider?: string;
  /** Canonical. */
  readonly spec: JsonObject;
  readonly at: Place;
}

export interface StandardInput {
  readonly standard: Pick<StandardDocument, 'rules'>;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly facts: readonly Fact[];
  readonly sites: readonly string[];
  readonly targets: readonly { readonly name: string; readonly provider: string }[];
}

export interface Unmet {
  readonly rule: string;
  readonly severity: 'error' | 'warning';
  /** Site or target, where the rule is over each of them or the resource belongs to one. */
  readonly at: readonly string[];
  /** The resource that is not as it must be; absent: what is missing has no place of its own. */
  readonly place?: Place;
  readonly what: string;
  readonly why: { readonly en: string; readonly de: string };
}

export function evaluateStandard(input: StandardInput): readonly Unmet[] {
  return Object.entries(input.standard.rules ?? {}).flatMap(([name, rule]) => scopesOf(rule, input).flatMap((scope) => evaluateRule(name, rule, scope, input)));
}

interface Scope {
  readonly name?: string;
  readonly holds: (fact: Fact) => boolean;
}

function scopesOf(rule: Rule, { sites, targets }: StandardInput): readonly Scope[] {
  const ofProvider = (provider: string | undefined): boolean => rule.provider === undefined || provider === rule.provider;
  if (rule.each === 'site') return sites.map((name) => ({ name, holds: (fact) => fact.site === name && ofProvider(fact.provider) }));
  if (rule.each === 'target') return targets.filter(({ provider }) => ofProvider(provider)).map(({ name }) => ({ name, holds: (fact) => fact.target === name }));
  return [{ holds: ({ provider }) => ofProvider(provider) }];
}

function evaluateRule(name: string, rule: Rule, scope: Scope, { facts, parameters }: StandardInput): readonly Unmet[] {
  const value = (given: unknown): Json => resolve(given, parameters);
  const shared = { rule: name, severity: rule.severity ?? 'error', why: rule.why } as const;
  const pattern = rule.name === undefined ? undefined : String(value(rule.name));
  const selected = facts.filter((fact) => fact.kind === rule.kind && scope.holds(fact) && (pattern === undefined || matchesGlob(pattern, fact.name)) && failing(rule.where ?? {}, fact.spec, value).length === 0);
  const count = selected.length;
  const [least, most] = [rule.atLeast, rule.atMost].map((each) => (each === undefined ? undefined : Number(value(each))));
  const sort = [rule.kind, ...(pattern === undefined ? [] : [pattern]), ...(rule.where === undefined ? [] : [`with ${describe(rule.where, value)}`])].join(' ');
  const where = scope.name === undefined ? 'there' : scope.name;
  const counts = [
    ...(least !== undefined && count < least ? [`${where}: ${String(count)} ${sort}, at least ${String(least)} needed`] : []),
    ...(most !== undefined && count > most ? [`${where}: ${String(count)} ${sort}, at most ${String(most)} allowed`] : []),
  ].map((what): Unmet => ({ ...shared, what, at: scope.name === undefined ? [] : [scope.name] }));
  const wrong = selected.flatMap((fact): Unmet[] => {
    const fields = failing(rule.must ?? {}, fact.spec, value);
    const at = [...new Set([scope.name, fact.site, fact.target])].filter((each) => each !== undefined);
    return fields.length === 0 ? [] : [{ ...shared, at, place: fact.at, what: `${fact.kind} ${fact.name} must have ${describe(Object.fromEntries(Object.entries(rule.must ?? {}).filter(([field]) => fields.includes(field))), value)}` }];
  });
  return [...counts, ...wrong];
}

function resolve(given: unknown, parameters: Readonly<Record<string, Json>>): Json {
  // The schema lets through values, lists of them and `{ $parameter: name }`.
  if (Array.isArray(given)) return given.map((item) => resolve(item, parameters));
  if (typeof given === 'object' && given !== null && '$parameter' in given) return parameters[String(given.$parameter)] ?? null;
  return given as Json;
}

/** Fields that are not as asked. */
function failing(conditions: Conditions, spec: JsonObject, value: (given: unknown) => Json): readonly string[] {
  return Object.entries(conditions).filter(([field, condition]) => !meets(spec[field], condition, value)).map(([field]) => field);
}

function isEmpty(found: Json | undefined): boolean {
  return found === undefined || found === null || found === '' || (Array.isArray(found) && found.length === 0);
}

function meets(found: Json | undefined, condition: Condition, value: (given: unknown) => Json): boolean {
  const { equals, oneOf, contains, min, max, present, absent } = condition;
  if (absent === true && !isEmpty(found)) return false;
  if (present === true && isEmpty(found)) return false;
  const items = Array.isArray(found) ? (found as readonly Json[]) : undefined;
  const amount = items?.length ?? (typeof found === 'number' ? found : undefined);
  if (equals !== undefined && (found === undefined || !equalJson(found, value(equals)))) return false;
  if (contains !== undefined && items?.some((item) => equalJson(item, value(contains))) !== true) return false;
  if (min !== undefined && (amount === undefined || amount < Number(value(min)))) return false;
  if (max !== undefined && (amount === undefined || amount > Number(value(max)))) return false;
  if (oneOf === undefined) return true;
  const allowed = [value(oneOf)].flat() as readonly Json[];
  return found !== undefined && (items ?? [found]).every((item) => allowed.some((each) => equalJson(each, item)));
}

function describe(conditions: Conditions, value: (given: unknown) => Json): string {
  const show = (given: unknown): string => [value(given)].flat().map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join(' or ');
  const words = { equals: '', oneOf: '', contains: 'with ', min: 'at least ', max: 'at most ' } as const;
  return Object.entries(conditions).map(([field, condition]) => {
    const parts = Object.entries(condition).map(([operator, given]) => (operator === 'present' ? 'written' : operator === 'absent' ? 'not written' : `${words[operator as keyof typeof words]}${show(given)}`));
    return `${field} ${parts.join(' and ')}`;
  }).join(', ');
}
