/** Plans of several customers as one thing to decide: what is the same at many of them is told once. */
import { parseAddress, type Change, type RiskLevel } from '#contract';
import type { NoticedLeaf } from '#core/approval-entry';
import { compareText } from '#core/canonical';
import type { Leaf, Plan, PlannedChange, TargetPlan } from '#core/model';
import { displayWidth } from './display-width.ts';
import { escapeTerminal } from './escape-terminal.ts';
import { renderChange, riskText, signs, type View } from './render-plan.ts';

/** The plan itself, or what was noted of it. */
export type FleetPart = { readonly customer: string } & ({ readonly plan: Plan } | { readonly noted: readonly NoticedLeaf[] });

/** One thing that is approved, as it reads at one place. */
interface Single {
  /** `customer/target`. */
  readonly place: string;
  readonly transition: string;
  readonly risk: RiskLevel;
  readonly lines: readonly string[];
}

interface Block {
  readonly places: readonly string[];
  readonly risk: RiskLevel;
  readonly lines: string[];
}

const risks: readonly RiskLevel[] = ['critical', 'high', 'medium', 'low'];

/** Blocks of what is the same at the same places: worst first, then what concerns most. Nothing is left out. */
export function renderFleet(parts: readonly FleetPart[], view: View): string {
  const { paint, words } = view;
  const blocks = blocksOf(parts.flatMap((part) => ('plan' in part ? singlesOf(part.plan, view) : notedSingles(part.customer, part.noted, view))));
  const unread = parts.flatMap((part) => ('plan' in part ? part.plan.targets.filter(({ status }) => status !== 'ready').map(({ target, status, why }) => `  ${escapeTerminal(`${part.customer}/${target}`)} ${paint('red', `${words[status]}: ${escapeTerminal(why ?? '')}`)}`) : []));
  return [
    ...blocks.map(({ places, risk, lines }) => [
      `${paint('bold', words.nPlaces(places.length))}${risk === 'low' ? '' : ` (${words.risk} ${riskText(risk, view)})`}`, ...listed(places, view), ...lines,
    ].join('\n')),
    ...(unread.length === 0 ? [] : [unread.join('\n')]),
    `${words.nCustomers(parts.length)}: ${escapeTerminal(parts.map(({ customer }) => customer).join(', '))}`,
  ].join('\n\n');
}

function blocksOf(singles: readonly Single[]): readonly Block[] {
  const same = new Map<string, { readonly single: Single; readonly places: string[] }>();
  for (const single of singles) {
    // The same transition that reads otherwise somewhere (more people, a higher risk) is told there by itself.
    const key = JSON.stringify([single.transition, single.risk, single.lines]);
    const known = same.get(key);
    if (known === undefined) same.set(key, { single, places: [single.place] });
    else known.places.push(single.place);
  }
  const blocks = new Map<string, Block>();
  for (const { single, places } of same.values()) {
    const sorted = [...new Set(places)].sort(compareText);
    const key = JSON.stringify([single.risk, sorted]);
    const known = blocks.get(key);
    if (known === undefined) blocks.set(key, { places: sorted, risk: single.risk, lines: [...single.lines] });
    else known.lines.push(...single.lines);
  }
  return [...blocks.values()].sort((a, b) => risks.indexOf(a.risk) - risks.indexOf(b.risk) || b.places.length - a.places.length || compareText(a.places[0] ?? '', b.places[0] ?? ''));
}

function singlesOf(plan: Plan, view: View): readonly Single[] {
  return plan.leaves.map((leaf): Single => {
    const target = plan.targets.find((each) => each.target === leaf.target);
    const changes = changesOf(leaf, target);
    const described = new Map((target?.changes ?? []).map((each) => [each.address, each]));
    return {
      place: `${plan.customer}/${leaf.target}`, transition: leaf.transition, risk: highest(changes.flatMap(({ address }) => described.get(address) ?? [])),
      lines: [...changes.flatMap((change) => (change.verb === 'adopt' || change.verb === 'release' ? [ledgerLine(change, view)] : renderChange(change, described.get(change.address), view))), ...howLines(leaf, target, view)],
    };
  });
}

function changesOf(leaf: Leaf, target: TargetPlan | undefined): readonly Change[] {
  const all = target === undefined ? [] : [...target.batches.flatMap(({ changes }) => changes), ...target.ledgerOnly];
  return leaf.addresses.flatMap((address) => all.find((change) => change.address === address) ?? []);
}

function highest(changes: readonly PlannedChange[]): RiskLevel {
  return risks.find((risk) => changes.some((each) => each.risk === risk)) ?? 'low';
}

function ledgerLine({ verb, address }: Change, { paint, words }: View): string {
  const [sign, colour] = signs[verb];
  const { kind, name } = parseAddress(address);
  return `    ${paint(colour, `${sign} ${words[verb]}`)} ${escapeTerminal(`${kind} ${name}`)}`;
}

/** Whether the device would undo it is part of what is approved. */
function howLines({ batch }: Leaf, target: TargetPlan | undefined, { paint, words }: View): readonly string[] {
  if (target === undefined || batch.endsWith('/ledger') || target.guard === 'not-needed') return [];
  return [`      ${paint(target.guard === 'unguarded' ? 'red' : 'dim', words[target.guard])}`];
}

function notedSingles(customer: string, leaves: readonly NoticedLeaf[], { words }: View): readonly Single[] {
  return leaves.map(({ transition, addresses, risk }) => {
    const names = addresses.map(parseAddress);
    return { place: `${customer}/${names[0]?.target ?? ''}`, transition, risk, lines: names.map(({ kind, name }) => `    ${words[risk]}: ${escapeTerminal(`${kind} ${name}`)}`) };
  });
}

/** Names in as many lines as they need: whoever signs must be able to see them all. */
function listed(places: readonly string[], { paint, width }: View): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const place of places.map(escapeTerminal)) {
    const longer = line === '' ? `  ${place}` : `${line}, ${place}`;
    if (line !== '' && displayWidth(longer) > width) {
      lines.push(`${line},`);
      line = `  ${place}`;
    } else line = longer;
  }
  return [...lines, line].map((each) => paint('dim', each));
}
