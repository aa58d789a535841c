import { parseAddress, type RiskLevel } from '#contract';
import { escapeTerminal } from './escape-terminal.ts';
import type { View } from './render-plan.ts';

interface WhyNot {
  readonly addresses: readonly string[];
  readonly risk: RiskLevel;
  readonly why: { readonly en: string; readonly de: string };
}

interface ApprovalsOfCustomer {
  readonly customer: string;
  readonly plans: readonly {
    readonly digest: string;
    readonly commit: string;
    readonly at: string;
    readonly pull?: number;
    readonly fleet?: string;
    readonly state: 'approved' | 'missing' | 'applied';
    readonly words: readonly { readonly approver: string; readonly decision: 'approve' | 'reject'; readonly method: string; readonly at: string; readonly expires?: string; readonly refused?: string }[];
    readonly missing: readonly WhyNot[];
  }[];
  readonly emergencies: readonly { readonly run: string; readonly ticket: string; readonly reason: string; readonly reviewDue: string; readonly state: 'due' | 'overdue' }[];
}

function minute(at: string): string {
  return at.slice(0, 16).replace('T', ' ');
}

/** `tenant user anna@example.de`; whatever is no address stays as it is. */
function nameOf(address: string): string {
  if (address.split('/').length !== 4) return address;
  const { target, kind, name } = parseAddress(address);
  return `${target} ${kind} ${name}`;
}

/** Leaves that wait for the same thing are told together. */
function grouped(missing: readonly { readonly addresses: readonly string[]; readonly why: { readonly en: string; readonly de: string } }[], { language, paint }: View, indent: string): readonly string[] {
  const reasons = [...new Set(missing.map(({ why }) => why[language]))];
  return reasons.flatMap((reason) => [
    `${indent}${paint('yellow', escapeTerminal(reason))}`,
    ...missing.filter(({ why }) => why[language] === reason).flatMap(({ addresses }) => addresses.map((address) => `${indent}  ${escapeTerminal(nameOf(address))}`)),
  ]);
}

/** What is missing after a signature. */
export function renderMissing(missing: readonly WhyNot[], view: View): string {
  return grouped(missing, view, '  ').join('\n');
}

export function renderApprovals(customers: readonly ApprovalsOfCustomer[], view: View): string {
  const { paint, words } = view;
  const shown = customers.filter(({ plans, emergencies }) => plans.length > 0 || emergencies.length > 0);
  if (shown.length === 0) return words.noApprovals;
  return shown.map(({ customer, plans, emergencies }) => [
    paint('bold', escapeTerminal(customer)),
    ...emergencies.map(({ run, ticket, reason, reviewDue, state }) => `  ${paint(state === 'overdue' ? 'red' : 'yellow', words.emergency)} ${escapeTerminal(`${run} ${ticket}: ${reason}`)}; ${state === 'overdue' ? paint('red', words.reviewOverdue) : words.reviewDue} ${minute(reviewDue)}`),
    ...plans.flatMap((plan) => [
      `  ${escapeTerminal(plan.digest)} ${paint(plan.state === 'missing' ? 'yellow' : 'green', plan.state === 'missing' ? words.notApproved : plan.state === 'applied' ? words.done : words.approved)}`,
      `    ${paint('dim', escapeTerminal(`${minute(plan.at)}, ${words.commit} ${plan.commit.slice(0, 12)}${plan.pull === undefined ? '' : `, #${String(plan.pull)}`}`))}`,
      ...(plan.fleet === undefined ? [] : [`    ${paint('dim', escapeTerminal(`${words.fleetDigest}: ${plan.fleet}`))}`]),
      ...plan.words.map(({ approver, decision, method, at, expires, refused }) => `    ${escapeTerminal(`${decision === 'approve' ? words.approvedBy : words.rejectedBy} ${approver} (${method}) ${minute(at)}${expires === undefined ? '' : `, ${words.until} ${minute(expires)}`}`)}${refused === undefined ? '' : paint('red', `: ${words.countsNot} (${refused})`)}`),
      ...grouped(plan.missing, view, '    '),
    ]),
  ].join('\n')).join('\n\n');
}
