/**
 * A tenant as data. Seed (`lab/<customer>/<target>.json`): `{ domains, displayName?, licences: { <skuPartNumber>: <count> }, users: [{ userPrincipalName, …properties, manager?: upn,
 * licences?: [{ sku, disabledPlans? }], inherited?: [sku], admin?: true, synced?: true }], groups: [{ mailNickname, displayName, type, members, owners, dynamic?: rule, … }],
 * deletedUsers?: [upn], pageSize?, lagMs? }`.
 */
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '#contract';
import { products } from './facts.ts';

export interface LicenceState {
  readonly skuId: string;
  readonly disabledPlans: readonly string[];
  /** Group it comes from; null: assigned directly. */
  readonly assignedByGroup: string | null;
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
}

export interface Tenant {
  readonly id: string;
  readonly displayName: string;
  readonly domains: readonly string[];
  readonly stock: Record<string, number>;
  readonly pageSize: number;
  readonly lagMs: number;
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
  readonly deletedUsers?: readonly string[];
  readonly pageSize?: number;
  readonly lagMs?: number;
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

export function makeTenant(id: string, given: JsonObject | undefined): Tenant {
  // The seed's form is documented above; a wrong one fails at its first use.
  const seed = (given ?? defaultSeed) as unknown as Seed;
  const own = (name: string): string => guid(`${id} ${name}`);
  const deleted = new Set(seed.deletedUsers ?? []);
  const users = seed.users.map(({ userPrincipalName: upn, manager, licences, inherited, admin, synced, ...properties }): UserObject => ({
    id: own(upn), manager: typeof manager === 'string' ? own(manager) : null, admin: admin === true,
    properties: { userPrincipalName: upn, displayName: upn, mailNickname: upn.split('@')[0] ?? upn, accountEnabled: true, businessPhones: [], userType: 'Member', onPremisesSyncEnabled: synced === true ? true : null, ...properties },
    licences: [
      ...(Array.isArray(licences) ? (licences as readonly JsonObject[]) : []).map((each) => licenceState(String(each['sku']), strings(each['disabledPlans']), null)),
      ...strings(inherited).map((sku) => licenceState(sku, [], own('licensing group'))),
    ],
    ...(deleted.has(upn) ? { deleted: '2026-11-01T00:00:00Z' } : {}),
  }));
  const groups = seed.groups.map(({ mailNickname, type, members, owners, dynamic, synced, ...properties }): GroupObject => ({
    id: own(`group ${String(mailNickname)}`), members: strings(members).map(own), owners: strings(owners).map(own),
    properties: {
      mailNickname: mailNickname ?? null, ...kindOf(String(type)), visibility: type === 'microsoft365' ? 'Private' : null, description: null, onPremisesSyncEnabled: synced === true ? true : null,
      membershipRule: dynamic ?? null, ...properties, groupTypes: [...(type === 'microsoft365' ? ['Unified'] : []), ...(dynamic === undefined ? [] : ['DynamicMembership'])],
    },
  }));
  return { id, displayName: seed.displayName ?? 'Tenant', domains: seed.domains, stock: { ...seed.licences }, pageSize: seed.pageSize ?? 999, lagMs: seed.lagMs ?? 0, users, groups, counter: 0 };
}

function kindOf(type: string): { mailEnabled: boolean; securityEnabled: boolean } {
  return { mailEnabled: type !== 'security', securityEnabled: type === 'security' };
}

function licenceState(sku: string, plans: readonly string[], assignedByGroup: string | null): LicenceState {
  const product = products[sku];
  if (product === undefined) throw new Error(`the stand-in does not know the product ${sku}`);
  return { skuId: product.id, disabledPlans: plans.map((plan) => product.plans[plan] ?? plan), assignedByGroup };
}

/** How often a product is in use. */
export function consumed(tenant: Tenant, skuId: string): number {
  return tenant.users.filter(({ deleted, licences }) => deleted === undefined && licences.some((each) => each.skuId === skuId)).length;
}
