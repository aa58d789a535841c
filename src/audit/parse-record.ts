/**
 * A record as it stands on a branch that anybody who may push can write to. Everything that readers reach into is looked at, so that a
 * record which is chained but of a wrong form is told as damage.
 */
import type { AuditRecord } from '#core/audit-record';

/** A key that ends with `?` may be absent. */
type Shape = 'string' | 'number' | 'boolean' | 'object' | readonly [Shape] | { readonly [key: string]: Shape };

const approval: Shape = {
  digest: 'string', approver: 'string', method: 'string', at: 'string', 'expires?': 'string', 'commit?': 'string', 'statement?': 'string', 'signature?': 'string', 'key?': 'string', 'leaves?': ['string'], 'fleet?': 'string', 'account?': 'string', 'url?': 'string',
};

const offline: Shape = { remote: 'string', seen: 'string', 'seenAt?': 'string', reason: 'string' };

const shapes: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['open', {
    commit: 'string', author: 'string', subject: 'string', digest: 'string', operator: 'string', leaseSeconds: 'number', holder: 'object',
    leaves: ['string'], approvals: [approval], protected: ['string'], stale: [{ addresses: ['string'], why: 'string' }],
    targets: [{ target: 'string', provider: 'string', 'identity?': ['string'], changes: [{ leaf: 'string', verb: 'string', address: 'string', reason: 'string', 'was?': 'string' }] }],
    'policy?': { bases: ['string'], since: 'string', whole: 'boolean', accounts: ['string'] },
    'emergency?': { reason: 'string', ticket: 'string', reviewDue: 'string' },
    'ignored?': { reason: 'string', held: [{ state: 'string', why: 'string', leaves: 'number' }] },
    'offline?': offline,
    'rotation?': { credential: 'string', secret: 'string', old: 'string' },
  }],
  ['batch', { target: 'string', outcomes: [{ address: 'string', leaf: 'string', verb: 'string', outcome: { status: 'string' } }] }],
  ['generated', { address: 'string', field: 'string', ciphertext: 'string', recipients: ['string'] }],
  ['rotation', { target: 'string', step: 'string', id: 'string', 'commit?': 'string', 'branch?': 'string' }],
  ['renew', { leaseSeconds: 'number' }],
  ['takeover', { operator: 'string', leaseSeconds: 'number', holder: 'object', 'offline?': offline }],
  ['join', { base: 'number', head: 'string', last: 'number', hash: 'string', operator: 'string', both: ['string'] }],
  ['close', { commit: 'string', targets: [{ target: 'string', verdict: 'string' }], protected: ['string'] }],
]);

/** `undefined`: not a record. */
export function parseRecord(text: string): AuditRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const shape = shapes.get(String(value['type']));
  const whole = shape !== undefined && has(value, { seq: 'number', run: 'string', previous: 'string', customer: 'string', at: 'string' }) && has(value, shape);
  return whole ? value as unknown as AuditRecord : undefined;
}

function has(value: unknown, shape: Shape): boolean {
  if (shape === 'object') return isObject(value);
  if (typeof shape === 'string') return typeof value === shape;
  if (isList(shape)) return Array.isArray(value) && value.every((each) => has(each, shape[0]));
  return isObject(value) && Object.entries(shape).every(([key, form]) => (key.endsWith('?') ? value[key.slice(0, -1)] === undefined || has(value[key.slice(0, -1)], form) : has(value[key], form)));
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
