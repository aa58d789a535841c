/** Drift of a whole fleet by its cause: the same difference on many customers is one thing to decide. Pure. */
import { isLedgerOnly, parseAddress, type Address, type Change, type Kind, type RiskLevel } from '#contract';
import { compareText } from '#core/canonical';
import { canonicalJson } from '#core/canonical-json';
import { diffSpec } from '#core/diff-spec';
import type { DriftCause, DriftReport } from '#core/drift-report';
import type { FieldDiff, Finding, Plan, TargetPlan } from '#core/model';

const risks: readonly RiskLevel[] = ['critical', 'high', 'medium', 'low'];

/** What one customer has of a cause. */
type Single = Omit<DriftCause, 'at'> & { readonly at: DriftCause['at'][number] };

export function groupDrift(plans: readonly Plan[], kinds: ReadonlyMap<string, Kind>): DriftReport {
  const targets = plans.flatMap((plan) => plan.targets.map((target) => ({ customer: plan.customer, target })));
  const groups = new Map<string, Single[]>();
  for (const single of targets.flatMap(({ customer, target }) => (target.status === 'unreachable' ? [] : singlesOf(customer, target, kinds)))) {
    const { at: _at, impact: _impact, risk: _risk, ...same } = single;
    const key = canonicalJson({ ...same, fields: single.fields.map((field) => ({ ...field })) });
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [single]);
    else known.push(single);
  }
  const place = (a: { readonly customer: string; readonly target: string }, b: { readonly customer: string; readonly target: string }): number => compareText(a.customer, b.customer) || compareText(a.target, b.target);
  const causes = [...groups].map(([key, singles]) => ({ key, cause: merge(singles) }));
  return {
    causes: causes.sort((a, b) => risks.indexOf(a.cause.risk) - risks.indexOf(b.cause.risk) || b.cause.at.length - a.cause.at.length || compareText(a.cause.kind, b.cause.kind) || compareText(a.cause.name, b.cause.name) || compareText(a.key, b.key)).map(({ cause }) => cause),
    unreachable: targets.filter(({ target }) => target.status === 'unreachable').map(({ customer, target: { target, why, hint } }) => ({ customer, target, why: why ?? '', ...(hint === undefined ? {} : { hint }) })).sort(place),
    accepted: targets.flatMap(({ customer, target: { target, findings } }) => findings.flatMap(({ address, accepted }) => (accepted === undefined ? [] : [{ customer, target, address, ...accepted }]))).sort((a, b) => place(a, b) || compareText(a.address, b.address)),
    customers: plans.length, targets: targets.length, compared: targets.reduce((sum, { target }) => sum + target.compared, 0),
  };
}

function merge(singles: readonly Single[]): DriftCause {
  const [first, ...rest] = [...singles].sort((a, b) => compareText(a.at.address, b.at.address));
  if (first === undefined) throw new Error('a cause without a place');
  // The same change can weigh more where a customer has more to lose.
  const risk = risks.find((level) => singles.some((each) => each.risk === level)) ?? first.risk;
  return { ...first, risk, at: [first, ...rest].map(({ at }) => at) };
}

/** What a plan would put back. */
export function driftedChanges({ batches }: TargetPlan): readonly Change[] {
  return batches.flatMap(({ changes }) => changes).filter(({ reason }) => reason === 'drift' || reason === 'conflict');
}

/** What differs and is only told. */
export function driftedFindings({ findings }: TargetPlan): readonly Finding[] {
  return findings.filter(({ kind }) => kind === 'drift' || kind === 'missing');
}

function singlesOf(customer: string, target: TargetPlan, kinds: ReadonlyMap<string, Kind>): readonly Single[] {
  const described = new Map(target.changes.map((each) => [each.address, each]));
  const changed = driftedChanges(target).map((change): Single => {
    const planned = described.get(change.address);
    return { ...nameOf(change.address), what: verbOf(change), conflict: change.reason === 'conflict', fields: planned?.fields ?? [], risk: planned?.risk ?? 'low', ...(planned === undefined ? {} : { impact: planned.impact }), at: { customer, target: target.target, address: change.address } };
  });
  const told = driftedFindings(target).map((finding): Single => ({
    ...nameOf(finding.address), what: finding.kind === 'missing' ? 'missing' : 'differs', conflict: false, fields: fieldsOf(finding, kinds), risk: 'low', at: { customer, target: target.target, address: finding.address },
  }));
  return [...changed, ...told];
}

function nameOf(address: Address): { readonly kind: string; readonly name: string } {
  const { kind, name } = parseAddress(address);
  return { kind, name };
}

function verbOf({ verb }: Change): DriftCause['what'] {
  return isLedgerOnly(verb) ? 'differs' : verb;
}

/** What is missing altogether needs no list of its fields. */
function fieldsOf({ kind, address, before, after }: Finding, kinds: ReadonlyMap<string, Kind>): readonly FieldDiff[] {
  return kind === 'missing' ? [] : diffSpec(kinds.get(parseAddress(address).kind)?.schema ?? {}, before, after);
}
