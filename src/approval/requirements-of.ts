import type { RiskLevel } from '#contract';
import { compareText } from '#core/canonical';
import type { LeafFacts, People, Policy, Requirement } from './policy.ts';

/**
 * Everything that must be met before a leaf may be applied at this customer: all rules that match, and the customer's own word. Where no rule
 * matches, one of the people; high risk needs two as long as no rule names the risk class itself.
 */
export function requirementsOf(policy: Policy, customer: string, leaf: LeafFacts): readonly Requirement[] {
  const kinds = leaf.addresses.map((address) => decodeURIComponent(address.split('/')[2] ?? ''));
  const rules = (policy.approval?.rules ?? []).filter((rule) => fits(rule.customers, [customer]) && fits(rule.kinds, kinds) && fitsRisk(rule.risk, leaf.risk));
  const matched = rules.map((rule): Requirement => ({ source: 'rule', people: membersOf(policy.people, rule.from), count: rule.count }));
  const all = matched.length === 0 ? staff(policy.people) : [...new Set(matched.flatMap(({ people }) => people))].sort(compareText);
  const high = leaf.risk === 'high' || leaf.risk === 'critical';
  const byDefault: readonly Requirement[] = high && !rules.some(({ risk }) => risk !== undefined) ? [{ source: 'default', people: all, count: 2 }] : matched.length === 0 ? [{ source: 'default', people: all, count: 1 }] : [];
  return [...matched, ...byDefault, ...signOffOf(policy, customer, kinds, leaf.risk)];
}

/** People and groups to people of ours. Whoever belongs to a customer is none. */
export function membersOf(people: People, from: readonly string[]): readonly string[] {
  return staff(people).filter((name) => from.includes(name) || (people[name]?.groups ?? []).some((group) => from.includes(group)));
}

function staff(people: People): readonly string[] {
  return Object.keys(people).filter((name) => people[name]?.customer === undefined).sort(compareText);
}

function signOffOf({ signOff, people }: Policy, customer: string, kinds: readonly string[], risk: RiskLevel): readonly Requirement[] {
  if (signOff === undefined || !fits(signOff.kinds, kinds) || !fitsRisk(signOff.risk, risk)) return [];
  const named = signOff.from.filter((name) => Object.hasOwn(people, name) && people[name]?.customer === customer);
  return [{ source: 'sign-off', people: [...named].sort(compareText), count: 1 }];
}

/** A leaf that holds several kinds is matched by each of them. */
function fits(patterns: readonly string[] | undefined, values: readonly string[]): boolean {
  return patterns === undefined || patterns.some((pattern) => values.some((value) => matches(pattern, value)));
}

function fitsRisk(wanted: readonly RiskLevel[] | undefined, risk: RiskLevel): boolean {
  return wanted === undefined || wanted.includes(risk);
}

/** `*` stands for any run of characters. No regular expression: a pattern of many stars costs nothing. */
function matches(pattern: string, value: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === value;
  if (!value.startsWith(first) || value.length < first.length + last.length || !value.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = value.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= value.length - last.length;
}
