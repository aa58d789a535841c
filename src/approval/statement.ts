/** What is signed: plain data in canonical JSON, so that the same words are the same bytes for everybody and for ever. */
import type { JsonObject } from '#contract';
import { canonicalJson } from '#core/canonical-json';
import { fleetDigest } from '#core/fleet-digest';
import type { Approval } from '#core/model';
import { merkleRoot } from '#core/merkle-root';
import { sha256 } from '#core/sha256';

interface Signed {
  readonly version: 1;
  /** Short name; counts only together with the key that signed. */
  readonly approver: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export interface ApprovalStatement extends Signed {
  readonly type: 'soll-approval';
  readonly decision: 'approve' | 'reject';
  /**
   * Leaves add up to the digest, so that part of a plan that moved is found again. With `fleet` they stand beside the statement, in the notice of
   * the plan and in the record, and prove themselves by adding up.
   */
  readonly customers: Readonly<Record<string, { readonly digest: string; readonly leaves?: readonly string[] }>>;
  /** Digest over all of `customers`, which are then two or more. */
  readonly fleet?: string;
  readonly commit: string;
  readonly expires: string;
  readonly reason?: string;
  readonly emergency?: { readonly reason: string; readonly ticket: string };
}

/** Takes back what this person has said before about the plan of one customer, or about those of several. */
export type WithdrawalStatement = Signed & { readonly type: 'soll-withdrawal'; readonly reason?: string } & (
  | { readonly customer: string; readonly digest: string }
  | { readonly customers: Readonly<Record<string, string>> }
);

/** The second look at an emergency. */
export interface ReviewStatement extends Signed {
  readonly type: 'soll-review';
  readonly customer: string;
  readonly run: string;
  /** Of the run's plan. */
  readonly digest: string;
  readonly reason: string;
}

export type Statement = ApprovalStatement | WithdrawalStatement | ReviewStatement;

export function statementText(statement: Statement): string {
  return canonicalJson(statement as unknown as JsonObject);
}

/** What an approval is used up under: what was signed, or the review. */
export function approvalId({ statement, url, account, commit, at }: Pick<Approval, 'statement' | 'url' | 'account' | 'commit' | 'at'>): string {
  return sha256(statement ?? canonicalJson(['review', url ?? '', account ?? '', commit ?? '', at]));
}

/** What is said about one customer; `undefined`: nothing. */
export function partOf({ customers }: ApprovalStatement, customer: string): ApprovalStatement['customers'][string] | undefined {
  return Object.hasOwn(customers, customer) ? customers[customer] : undefined;
}

/** Leaves of a part: its own, or those that are known elsewhere where they add up to its digest. */
export function leavesOfPart({ digest: whole, leaves }: ApprovalStatement['customers'][string], known: readonly string[] | undefined): readonly string[] | undefined {
  return leaves ?? (known !== undefined && merkleRoot(known) === whole ? known : undefined);
}

/** Digest of the plan of this customer that is taken back. */
export function withdrawnOf(statement: WithdrawalStatement, customer: string): string | undefined {
  if ('customer' in statement) return statement.customer === customer ? statement.digest : undefined;
  return Object.hasOwn(statement.customers, customer) ? statement.customers[customer] : undefined;
}

const digest = /^sha256:[0-9a-f]{64}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

/** `undefined` unless it is a statement of ours, spelled canonically: what could be read in two ways is nobody's word. */
export function parseStatement(text: string): Statement | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
    if (!isMap(value) || canonicalJson(value as JsonObject) !== text) return undefined;
  } catch {
    return undefined;
  }
  const common = value['version'] === 1 && isText(value['approver'], 64) && isTime(value['at']);
  if (!common) return undefined;
  const whole = value['type'] === 'soll-approval' ? isApproval(value) : value['type'] === 'soll-withdrawal' ? isWithdrawal(value) : value['type'] === 'soll-review' && isReview(value);
  return whole ? value as unknown as Statement : undefined;
}

function isApproval(value: Readonly<Record<string, unknown>>): boolean {
  const { customers, emergency, fleet } = value;
  return only(value, 'type', 'version', 'approver', 'at', 'decision', 'customers', 'fleet', 'commit', 'expires', 'reason', 'emergency')
    && (value['decision'] === 'approve' || value['decision'] === 'reject') && isTime(value['expires']) && isText(value['commit'], 64)
    && optionalText(value['reason']) && (emergency === undefined || (isMap(emergency) && only(emergency, 'reason', 'ticket') && isText(emergency['reason'], 1000) && isText(emergency['ticket'], 200)))
    && isMap(customers) && (fleet === undefined ? Object.keys(customers).length > 0 && Object.values(customers).every(isPart) : isFleet(customers, fleet));
}

function isFleet(customers: Readonly<Record<string, unknown>>, fleet: unknown): boolean {
  const parts = Object.entries(customers).flatMap(([customer, part]) => (isMap(part) && only(part, 'digest') && isDigest(part['digest']) ? [[customer, part['digest']] as const] : []));
  return parts.length > 1 && parts.length === Object.keys(customers).length && fleetDigest(Object.fromEntries(parts)) === fleet;
}

function isPart(value: unknown): boolean {
  if (!isMap(value) || !only(value, 'digest', 'leaves')) return false;
  const { leaves } = value;
  return Array.isArray(leaves) && leaves.length > 0 && leaves.every(isDigest) && merkleRoot(leaves) === value['digest'];
}

function isWithdrawal(value: Readonly<Record<string, unknown>>): boolean {
  const { customers } = value;
  if (!optionalText(value['reason'])) return false;
  if (customers === undefined) return only(value, 'type', 'version', 'approver', 'at', 'customer', 'digest', 'reason') && isText(value['customer'], 63) && isDigest(value['digest']);
  return only(value, 'type', 'version', 'approver', 'at', 'customers', 'reason') && isMap(customers) && Object.keys(customers).length > 0 && Object.values(customers).every(isDigest);
}

function isReview(value: Readonly<Record<string, unknown>>): boolean {
  return only(value, 'type', 'version', 'approver', 'at', 'customer', 'run', 'digest', 'reason') && isText(value['customer'], 63) && isText(value['run'], 128) && isDigest(value['digest']) && isText(value['reason'], 1000);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function only(value: Readonly<Record<string, unknown>>, ...known: readonly string[]): boolean {
  return Object.keys(value).every((key) => known.includes(key));
}

function isText(value: unknown, most: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= most;
}

function optionalText(value: unknown): boolean {
  return value === undefined || isText(value, 1000);
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && digest.test(value);
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && time.test(value) && Number.isFinite(Date.parse(value));
}
