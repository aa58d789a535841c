/** Who has approved which leaf, and what is missing. Pure: signatures are proven, reviews fetched and times given by the caller. */
import { compareText } from '#core/canonical';
import type { Approval } from '#core/model';
import { holdsKey, inForce, lifetimeMs, type LeafFacts, type Policy, type Requirement } from './policy.ts';
import { membersOf, requirementsOf } from './requirements-of.ts';

/** One person's word about some leaves of one customer, its origin proven. */
export interface Word {
  /** What it is used up under: hash of the statement, or the review. */
  readonly id: string;
  readonly method: 'signature' | 'review';
  /** Key that has signed, `type base64`. */
  readonly key?: string;
  /** Account on the code host. */
  readonly account?: string;
  readonly bot?: boolean;
  /** Who the statement says it is. */
  readonly claims?: string;
  readonly decision: 'approve' | 'reject';
  readonly at: string;
  readonly expires?: string;
  readonly digest: string;
  readonly leaves: readonly string[];
  /** Everybody that it is about; absent: this customer alone. */
  readonly customers?: readonly string[];
  readonly reason?: string;
  readonly emergency?: { readonly reason: string; readonly ticket: string };
  /** What was said does not stand any more: about another commit than the one that came in, or dismissed on the code host. */
  readonly lapsed?: 'other-commit' | 'dismissed';
  /** For the record. */
  readonly evidence: Omit<Approval, 'approver'>;
}

export interface Withdrawal {
  readonly key: string;
  readonly digest: string;
  readonly at: string;
}

export interface Authors {
  /** Of commits. */
  readonly emails: readonly string[];
  /** On the code host; `''` is one that cannot be told. */
  readonly accounts: readonly string[];
}

export interface EvaluateInput {
  readonly customer: string;
  readonly leaves: readonly LeafFacts[];
  /** With the change, and before it: every one of them must be met. Those without rules ask for nothing. */
  readonly policies: readonly Policy[];
  readonly words: readonly Word[];
  readonly withdrawals: readonly Withdrawal[];
  readonly authors: Authors;
  /** `id leaf` of what was applied under a word before. */
  readonly used: ReadonlySet<string>;
  /** Milliseconds. */
  readonly now: number;
  /** The run is an emergency: one word of somebody who may is enough, also the author's. */
  readonly emergency?: boolean;
}

export interface Text {
  readonly en: string;
  readonly de: string;
}

export interface LeafApproval {
  readonly leaf: LeafFacts;
  readonly approved: boolean;
  readonly by: readonly { readonly person: string; readonly word: Word }[];
  /** Empty when approved. */
  readonly missing: readonly Missing[];
  /** What is missing, in a sentence. */
  readonly why: Text;
}

export interface Missing extends Requirement {
  readonly have: readonly string[];
  /** Who could still do it. */
  readonly could: readonly string[];
}

export interface Judged {
  readonly word: Word;
  readonly person?: string;
  /** Why it counts nothing. */
  readonly refused?: Refused;
}

/** `beyond`: somebody of a customer has signed for others. */
export type Refused = 'bot' | 'unknown' | 'claims-another' | 'beyond' | 'future' | 'expired' | 'withdrawn' | 'not-emergency' | 'other-commit' | 'dismissed';

export interface Evaluation {
  readonly leaves: readonly LeafApproval[];
  readonly words: readonly Judged[];
  readonly warnings: readonly Text[];
}

/** Clocks of approvers may be ahead of ours by this much. */
const aheadMs = 5 * 60_000;

export function evaluateApprovals(input: EvaluateInput): Evaluation {
  const policies = input.policies.filter(inForce);
  const words = input.words.map((word) => judge(word, policies, input));
  const authors = authorsOf(policies, input.authors);
  return {
    words, warnings: authors.unknown,
    leaves: input.leaves.map((leaf) => evaluateLeaf(leaf, input, policies, words, authors.people)),
  };
}

/** Whom a word belongs to must be the same by all policies: a change that adds or removes a person does not approve itself. */
function judge(word: Word, policies: readonly Policy[], { now, withdrawals, emergency }: EvaluateInput): Judged {
  const at = Date.parse(word.at);
  const end = Math.min(at + Math.min(...policies.map(lifetimeMs)), word.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(word.expires));
  const people = new Set(policies.map((policy) => personOf(policy, word)));
  const [person] = people;
  const refuse = (refused: Refused): Judged => ({ word, refused, ...(person === undefined ? {} : { person }) });
  if (word.lapsed !== undefined) return refuse(word.lapsed);
  if (word.bot === true) return refuse('bot');
  if (people.size !== 1 || person === undefined) return { word, refused: 'unknown' };
  if (word.claims !== undefined && word.claims !== person) return refuse('claims-another');
  if (policies.some((policy) => isBeyond(policy, person, word.customers ?? []))) return refuse('beyond');
  // A signature cannot prove when it was made: what it says is bounded on both sides.
  if (!(at <= now + aheadMs)) return refuse('future');
  if (!(now < end)) return refuse('expired');
  if (withdrawals.some((each) => each.key === word.key && each.digest === word.digest && Date.parse(each.at) >= at)) return refuse('withdrawn');
  if (word.emergency !== undefined && emergency !== true) return refuse('not-emergency');
  return { word, person };
}

/** Whoever speaks for one customer has no word about others, and what is said about all of them at once is said about none. */
export function isBeyond({ people }: Pick<Policy, 'people'>, person: string, customers: readonly string[]): boolean {
  const own = Object.hasOwn(people, person) ? people[person]?.customer : undefined;
  return own !== undefined && customers.some((each) => each !== own);
}

/** Short name; `undefined` when it is nobody's, or more than one person's. */
function personOf({ people }: Policy, word: Word): string | undefined {
  const found = Object.entries(people).filter(([, person]) => (word.method === 'review'
    ? word.account !== undefined && person.account?.toLowerCase() === word.account.toLowerCase()
    : holdsKey(person, word.key, word.at)));
  return found.length === 1 ? found[0]?.[0] : undefined;
}

function evaluateLeaf(leaf: LeafFacts, input: EvaluateInput, policies: readonly Policy[], judged: readonly Judged[], authors: ReadonlySet<string>): LeafApproval {
  const about = judged.flatMap(({ word, person, refused }) => (refused === undefined && person !== undefined && word.leaves.includes(leaf.digest) ? [{ word, person }] : []));
  const last = new Map([...about].sort((a, b) => Date.parse(a.word.at) - Date.parse(b.word.at) || compareText(a.word.decision, b.word.decision)).map((each) => [each.person, each]));
  // Somebody's last word counts; of two of the same moment, no is the safer answer.
  const yes = about.filter(({ word, person }) => word.decision === 'approve' && last.get(person)?.word.decision === 'approve' && !input.used.has(`${word.id} ${leaf.digest}`));
  if (input.emergency === true) return evaluateEmergency(leaf, policies, yes);
  const requirements = policies.flatMap((policy) => requirementsOf(policy, input.customer, leaf));
  const may = new Set(requirements.flatMap(({ people }) => people));
  const no = [...last.values()].filter(({ word, person }) => word.decision === 'reject' && may.has(person));
  const counted = onePerPerson(yes.filter(({ person }) => may.has(person) && !authors.has(person)));
  const names = new Set(counted.map(({ person }) => person));
  const missing = distinct(requirements.map((requirement): Missing => ({
    ...requirement, have: requirement.people.filter((name) => names.has(name)), could: requirement.people.filter((name) => !names.has(name) && !authors.has(name)),
  })).filter(({ have, count }) => have.length < count));
  const approved = policies.length > 0 && no.length === 0 && missing.length === 0 && counted.length > 0;
  return { leaf, approved, by: counted, missing: approved ? [] : missing, why: approved ? { en: '', de: '' } : whyNot(missing, no, yes.filter(({ person }) => authors.has(person)).map(({ person }) => person), countless(leaf, judged, input)) };
}

function evaluateEmergency(leaf: LeafFacts, policies: readonly Policy[], yes: LeafApproval['by']): LeafApproval {
  const allowed = policies.map(({ people, approval }) => membersOf(people, approval?.emergency?.from ?? []));
  const by = onePerPerson(yes.filter(({ word, person }) => word.emergency !== undefined && allowed.every((names) => names.includes(person))));
  const could = (allowed[0] ?? []).filter((name) => allowed.every((names) => names.includes(name)));
  const approved = policies.length > 0 && by.length > 0;
  const list = could.length === 0 ? { en: 'soll.yaml names nobody (approval.emergency.from)', de: 'soll.yaml nennt niemanden (approval.emergency.from)' } : { en: `may: ${could.join(', ')}`, de: `dürfen: ${could.join(', ')}` };
  return { leaf, approved, by, missing: approved ? [] : [{ source: 'rule', people: could, count: 1, have: [], could }], why: approved ? { en: '', de: '' } : { en: `no signature of somebody who may do this in an emergency (${list.en})`, de: `keine Signatur von jemandem, der das im Notfall darf (${list.de})` } };
}

/** One person counts once, by whatever methods; the signature first, because it can be proven offline. */
function onePerPerson(words: LeafApproval['by']): LeafApproval['by'] {
  const ordered = [...words].sort((a, b) => compareText(a.person, b.person) || compareText(b.word.method, a.word.method) || compareText(a.word.at, b.word.at));
  return ordered.filter(({ person }, index) => ordered.findIndex((other) => other.person === person) === index);
}

/** What several policies ask for is told once. */
function distinct(missing: readonly Missing[]): readonly Missing[] {
  const key = (each: Missing): string => JSON.stringify([each.source === 'sign-off', each.people, each.count]);
  return missing.filter((each, index) => missing.findIndex((other) => key(other) === key(each)) === index);
}

const refusals: Readonly<Record<Refused | 'used', Text>> = {
  bot: { en: 'a bot', de: 'ein Bot' }, unknown: { en: 'nobody in soll.yaml, as it stands or as it stood before', de: 'steht für niemanden in soll.yaml, wie sie ist oder vorher war' },
  'claims-another': { en: 'signed under another name', de: 'unter einem anderen Namen unterschrieben' }, future: { en: 'dated in the future, look at the clocks', de: 'aus der Zukunft, Uhren prüfen' },
  beyond: { en: 'somebody of a customer has signed for others', de: 'jemand von einem Kunden hat für andere unterschrieben' }, expired: { en: 'expired', de: 'abgelaufen' }, withdrawn: { en: 'taken back', de: 'zurückgenommen' }, 'not-emergency': { en: 'given for an emergency', de: 'für einen Notfall gegeben' },
  'other-commit': { en: 'given for another commit than the one that came in', de: 'für einen anderen Commit gegeben als den, der hereinkam' }, dismissed: { en: 'dismissed', de: 'verworfen' },
  used: { en: 'used up by an earlier run', de: 'von einem früheren Lauf verbraucht' },
};

/** What was said about this leaf and counts nothing, with the reason: otherwise somebody looks for what they have said. */
function countless(leaf: LeafFacts, judged: readonly Judged[], { used }: EvaluateInput): readonly Text[] {
  const found = judged.filter(({ word }) => word.decision === 'approve' && word.leaves.includes(leaf.digest)).flatMap(({ word, person, refused }): readonly Text[] => {
    const why = refused ?? (used.has(`${word.id} ${leaf.digest}`) ? 'used' : undefined);
    const name = person ?? word.claims ?? word.account ?? '';
    return why === undefined ? [] : [{ en: `the approval of ${name} does not count: ${refusals[why].en}`, de: `die Freigabe von ${name} zählt nicht: ${refusals[why].de}` }];
  });
  return found.filter(({ en }, index) => found.findIndex((other) => other.en === en) === index);
}

function whyNot(missing: readonly Missing[], no: LeafApproval['by'], authors: readonly string[], countlessWords: readonly Text[]): Text {
  const parts: Text[] = no.map(({ person, word }) => ({ en: `rejected by ${person}${word.reason === undefined ? '' : ` (${word.reason})`}`, de: `abgelehnt von ${person}${word.reason === undefined ? '' : ` (${word.reason})`}` }));
  for (const { source, count, have, could } of missing) {
    const left = count - have.length;
    const so = have.length === 0 ? { en: '', de: '' } : { en: `, so far ${have.join(', ')}`, de: `, bisher ${have.join(', ')}` };
    const from = could.length < left ? { en: could.length === 0 ? 'nobody is left who may' : `only ${could.join(', ')} may`, de: could.length === 0 ? 'niemand mehr darf' : `nur ${could.join(', ')} darf` } : { en: `of ${could.join(', ')}`, de: `von ${could.join(', ')}` };
    parts.push(source === 'sign-off'
      ? { en: `the customer's word is missing: ${could.length === 0 ? from.en : could.join(' or ')}`, de: `das Wort des Kunden fehlt: ${could.length === 0 ? from.de : could.join(' oder ')}` }
      : { en: `${String(left)} ${left === 1 ? 'approval' : 'approvals'} missing ${could.length < left ? `(${from.en})` : from.en}${so.en}`, de: `${String(left)} ${left === 1 ? 'Freigabe fehlt' : 'Freigaben fehlen'} ${could.length < left ? `(${from.de})` : from.de}${so.de}` });
  }
  const own = [...new Set(authors)];
  if (own.length > 0) parts.push({ en: `${own.join(', ')} wrote it and does not count`, de: `${own.join(', ')} hat es geschrieben und zählt nicht` });
  parts.push(...countlessWords);
  return { en: parts.map(({ en }) => en).join('; '), de: parts.map(({ de }) => de).join('; ') };
}

/** Who wrote the change, by any policy: a mail address that the change itself takes out of the list still gives its owner away. */
function authorsOf(policies: readonly Policy[], { emails, accounts }: Authors): { readonly people: ReadonlySet<string>; readonly unknown: readonly Text[] } {
  const people = new Set<string>();
  const unknown: Text[] = [];
  const everybody = policies.flatMap((policy) => Object.entries(policy.people));
  const add = (names: readonly string[], warning: Text | undefined): void => {
    for (const name of names) people.add(name);
    if (names.length === 0 && warning !== undefined) unknown.push(warning);
  };
  const byAccount = (account: string): readonly string[] => everybody.filter(([, person]) => account !== '' && person.account?.toLowerCase() === account.toLowerCase()).map(([name]) => name);
  for (const email of new Set(emails.map((each) => each.toLowerCase()))) {
    // What is made on the code host itself bears its address, or one that holds the account (docs.github.com, "Setting your commit email address", 2025).
    const account = /^(?:\d+\+)?([a-z0-9-]+)@users\.noreply\.github\.com$/.exec(email)?.[1] ?? '';
    const found = [...everybody.filter(([, person]) => (person.emails ?? []).some((own) => own.toLowerCase() === email)).map(([name]) => name), ...byAccount(account)];
    add(found, email === 'noreply@github.com' ? undefined : { en: `${email} has written part of this and is nobody in soll.yaml`, de: `${email} hat einen Teil davon geschrieben und steht für niemanden in soll.yaml` });
  }
  for (const account of new Set(accounts)) {
    // GitHub's own account for what it commits itself (docs.github.com, "About commit signature verification", 2025), and GitHub Apps: no person's
    // name can have brackets, and what an App reviews never counts.
    if (account !== 'web-flow' && !account.endsWith('[bot]')) add(byAccount(account), account === '' ? { en: 'part of this was written by somebody whose account cannot be told', de: 'ein Teil davon ist von jemandem, dessen Konto sich nicht feststellen lässt' } : { en: `the account ${account} has written part of this and is nobody in soll.yaml`, de: `das Konto ${account} hat einen Teil davon geschrieben und steht für niemanden in soll.yaml` });
  }
  return { people, unknown: unknown.filter(({ en }, index) => unknown.findIndex((other) => other.en === en) === index) };
}
