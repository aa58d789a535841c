/**
 * A tenant as data. Seed (`lab/<customer>/<target>.json`): `{ domains, displayName?, licences: { <skuPartNumber>: <count> }, users: [{ userPrincipalName, …properties, manager?: upn,
 * licences?: [{ sku, disabledPlans? }], inherited?: [sku], failed?: [sku], admin?: true, synced?: true }], groups: [{ mailNickname, displayName, type, members, owners, dynamic?: rule, synced?: true,
 * id?: key of the group where two have one nickname, … }], others?: [{ name, type: device | contact | servicePrincipal }], deletedUsers?: [upn], pageSize?, lagMs?, lagReads? }`.
 * Members and owners are sign-in names, names of `others`, or `group:<nickname>`.
 */
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '#contract';
import { products } from './facts.ts';

export interface LicenceState {
  readonly skuId: string;
  readonly disabledPlans: readonly string[];
  /** Group it comes from; null: assigned directly. */
  readonly assignedByGroup: string | null;
  /** Why it has no effect; absent: it has. */
  readonly error?: string;
}

export interface UserObject {
  readonly id: string;
  properties: Record<string, Json>;
  manager: string | null;
  licences: readonly LicenceState[];
  admin: boolean;
  deleted?: string;
}

export interface GroupObject {
  readonly id: string;
  properties: Record<string, Json>;
  members: string[];
  owners: string[];
  deleted?: string;
  /** Gone for good; kept only because a replica may still show it. */
  purged?: true;
}

/** A member that is no user: it has an id, a name and no sign-in name. */
export interface OtherObject {
  readonly id: string;
  readonly name: string;
  readonly type: string;
}

export interface Tenant {
  readonly id: string;
  readonly displayName: string;
  readonly domains: readonly string[];
  readonly stock: Record<string, number>;
  readonly pageSize: number;
  readonly lagMs: number;
  readonly lagReads: number;
  readonly randomSeed: number;
  readonly others: readonly OtherObject[];
  users: UserObject[];
  groups: GroupObject[];
  counter: number;
}

interface SeedUser extends JsonObject {
  readonly userPrincipalName: string;
}

interface Seed {
  readonly displayName?: string;
  readonly domains: readonly string[];
  readonly licences: Readonly<Record<string, number>>;
  readonly users: readonly SeedUser[];
  readonly groups: readonly JsonObject[];
  readonly others?: readonly { readonly name: string; readonly type: string }[];
  readonly deletedUsers?: readonly string[];
  readonly pageSize?: number;
  readonly lagMs?: number;
  readonly lagReads?: number;
}

/** Stable ids from names, so that a seed gives the same tenant everywhere. */
export function guid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export const defaultSeed: Seed = {
  displayName: 'Conformance', domains: ['conformance.example'], licences: { SPB: 5, O365_BUSINESS_PREMIUM: 3, EXCHANGESTANDARD: 10 }, pageSize: 25,
  users: [
    { userPrincipalName: 'notfall@conformance.example', displayName: 'Break glass', admin: true },
    { userPrincipalName: 'foreign@conformance.example', displayName: 'Somebody else', jobTitle: 'by hand', usageLocation: 'DE', licences: [{ sku: 'SPB' }] },
    { userPrincipalName: 'synced@conformance.example', displayName: 'From on-premises', synced: true },
  ],
  groups: [{ mailNickname: 'foreign-group', displayName: 'Somebody else\'s', type: 'security', members: ['foreign@conformance.example'], owners: [] }, { mailNickname: 'everyone', displayName: 'Everyone', type: 'security', dynamic: 'user.accountEnabled -eq true', members: [], owners: [] }],
};

function strings(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}

export function makeTenant(id: string, given: JsonObject | undefined, randomSeed = 1): Tenant {
  // The seed's form is documented above; a wrong one fails at its first use.
  const seed = (given ?? defaultSeed) as unknown as Seed;
  const own = (name: string): string => guid(`${id} ${name}`);
  const deleted = new Set(seed.deletedUsers ?? []);
  const users = seed.users.map(({ userPrincipalName: upn, manager, licences, inherited, failed, admin, synced, ...properties }): UserObject => ({
    id: own(upn), manager: typeof manager === 'string' ? own(manager) : null, admin: admin === true,
    properties: { userPrincipalName: upn, displayName: upn, mailNickname: upn.split('@')[0] ?? upn, accountEnabled: true, businessPhones: [], userType: 'Member', onPremisesSyncEnabled: synced === true ? true : null, ...properties },
    licences: [
      ...(Array.isArray(licences) ? (licences as readonly JsonObject[]) : []).map((each) => licenceState(String(each['sku']), strings(each['disabledPlans']), null)),
      ...strings(inherited).map((sku) => licenceState(sku, [], own('licensing group'))),
      ...strings(failed).map((sku) => ({ ...licenceState(sku, [], null), error: 'CountViolation' })),
    ],
    ...(deleted.has(upn) ? { deleted: '2026-11-01T00:00:00Z' } : {}),
  }));
  const others = (seed.others ?? []).map(({ name, type }): OtherObject => ({ id: own(name), name, type }));
  const groupId = (key: string): string => own(`group ${key}`);
  const linked = (value: Json | undefined): string[] => strings(value).map((name) => (name.startsWith('group:') ? groupId(name.slice('group:'.length)) : own(name)));
  const groups = seed.groups.map(({ id: key, mailNickname, type, members, owners, dynamic, synced, ...properties }): GroupObject => ({
    id: groupId(String(key ?? mailNickname)), members: linked(members), owners: linked(owners),
    properties: {
      mailNickname: mailNickname ?? null, ...kindOf(String(type)), visibility: type === 'microsoft365' ? 'Private' : null, description: null, onPremisesSyncEnabled: synced === true ? true : null,
      membershipRule: dynamic ?? null, ...properties, groupTypes: [...(type === 'microsoft365' ? ['Unified'] : []), ...(dynamic === undefined ? [] : ['DynamicMembership'])],
    },
  }));
  return { id, displayName: seed.displayName ?? 'Tenant', domains: seed.domains, stock: { ...seed.licences }, pageSize: seed.pageSize ?? 999, lagMs: seed.lagMs ?? 0, lagReads: seed.lagReads ?? 0, randomSeed, others, users, groups, counter: 0 };
}

function kindOf(type: string): { mailEnabled: boolean; securityEnabled: boolean } {
  return { mailEnabled: type !== 'security', securityEnabled: type === 'security' || type === 'mail-enabled-security' };
}

function licenceState(sku: string, plans: readonly string[], assignedByGroup: string | null): LicenceState {
  const product = products[sku];
  if (product === undefined) throw new Error(`the stand-in does not know the product ${sku}`);
  return { skuId: product.id, disabledPlans: plans.map((plan) => product.plans[plan] ?? plan), assignedByGroup };
}

/** How often a product is in use. */
export function consumed(tenant: Tenant, skuId: string): number {
  return tenant.users.filter(({ deleted, licences }) => deleted === undefined && licences.some((each) => each.skuId === skuId && each.error === undefined)).length;
}
