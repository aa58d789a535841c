/** Between Graph's objects and canonical specs. Pure. */
import { toAddress, type Json, type JsonObject, type Live, type Target } from '#contract';
import { asObject } from './graph-client.ts';

export const userSelect = 'id,userPrincipalName,displayName,mailNickname,givenName,surname,jobTitle,department,officeLocation,mobilePhone,businessPhones,usageLocation,accountEnabled,licenseAssignmentStates,onPremisesSyncEnabled';
export const groupSelect = 'id,mailNickname,displayName,description,visibility,groupTypes,mailEnabled,securityEnabled,onPremisesSyncEnabled';
export const memberSelect = 'id,userPrincipalName';

/** Fields with the same name and form on both sides. */
export const plainUserFields = ['displayName', 'mailNickname', 'givenName', 'surname', 'jobTitle', 'department', 'officeLocation', 'mobilePhone', 'businessPhones', 'usageLocation'] as const;

/** Products of the tenant, both ways. */
export interface Catalogue {
  readonly bySkuId: ReadonlyMap<string, Product>;
  readonly byName: ReadonlyMap<string, Product>;
}

export interface Product {
  readonly skuId: string;
  readonly name: string;
  readonly plans: ReadonlyMap<string, string>;
  readonly planNames: ReadonlyMap<string, string>;
  /** Bought units that can be assigned, and how many are. */
  readonly enabled: number;
  readonly consumed: number;
}

export function toCatalogue(skus: readonly JsonObject[]): Catalogue {
  const products = skus.map((sku): Product => {
    const plans = (Array.isArray(sku['servicePlans']) ? (sku['servicePlans'] as readonly JsonObject[]) : []).map((plan): [string, string] => [text(plan['servicePlanName']).toUpperCase(), text(plan['servicePlanId']).toLowerCase()]);
    const units = asObject(sku['prepaidUnits']);
    // Units in the grace period (`warning`) can still be assigned.
    return {
      skuId: text(sku['skuId']).toLowerCase(), name: text(sku['skuPartNumber']).toUpperCase(), plans: new Map(plans), planNames: new Map(plans.map(([name, id]) => [id, name])),
      enabled: Number(units['enabled'] ?? 0) + Number(units['warning'] ?? 0), consumed: Number(sku['consumedUnits'] ?? 0),
    };
  });
  return { bySkuId: new Map(products.map((product) => [product.skuId, product])), byName: new Map(products.map((product) => [product.name, product])) };
}

export function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Null and absent are the same to Graph; a spec leaves both out. */
function present(entries: readonly (readonly [string, Json | undefined])[]): JsonObject {
  return Object.fromEntries(entries.filter((entry): entry is readonly [string, Json] => entry[1] !== undefined && entry[1] !== null));
}

function licencesOf(user: JsonObject, { bySkuId }: Catalogue): Json {
  const states = Array.isArray(user['licenseAssignmentStates']) ? (user['licenseAssignmentStates'] as readonly JsonObject[]) : [];
  return states.filter(({ assignedByGroup }) => assignedByGroup === null || assignedByGroup === undefined).map((state): JsonObject => {
    const skuId = text(state['skuId']).toLowerCase();
    const product = bySkuId.get(skuId);
    const plans = Array.isArray(state['disabledPlans']) ? (state['disabledPlans'] as readonly Json[]).map((plan) => text(plan).toLowerCase()) : [];
    return { sku: product?.name ?? skuId, disabledPlans: plans.map((plan) => product?.planNames.get(plan) ?? plan) };
  });
}

/** A deleted user's sign-in name is prefixed with the id without dashes (docs, "List deletedItems"; the stand-in's answer has none). */
function signInNameOf(user: JsonObject): string {
  const name = text(user['userPrincipalName']).toLowerCase();
  const prefix = text(user['id']).replaceAll('-', '').toLowerCase();
  return prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

const synced = 'it is synchronised from on-premises; change it there';

export function userToLive(user: JsonObject, target: Target, catalogue: Catalogue, recoverable?: { readonly until?: string }): Live {
  const name = signInNameOf(user);
  const manager = text(asObject(user['manager'])['userPrincipalName']).toLowerCase();
  const spec = present([
    ['userPrincipalName', name], ...plainUserFields.map((field): [string, Json | undefined] => [field, user[field]]),
    ['enabled', user['accountEnabled']], ['manager', manager === '' ? undefined : manager], ['licences', licencesOf(user, catalogue)],
  ]);
  const isSynced = user['onPremisesSyncEnabled'] === true;
  const fixed = [...plainUserFields.filter((field) => field !== 'usageLocation'), 'enabled', 'manager'];
  return {
    address: toAddress({ customer: target.customer, target: target.name, kind: 'user', name }), spec, handle: text(user['id']), origin: 'foreign',
    ...(isSynced ? { readOnlyFields: Object.fromEntries(fixed.map((field) => [field, synced])) } : {}), ...(recoverable === undefined ? {} : { recoverable }),
  };
}

/** Sign-in names of the users among the members; devices, contacts and groups in groups are somebody else's and left alone. */
export function namesOf(members: readonly JsonObject[]): readonly string[] {
  return members.flatMap((member) => {
    const name = text(member['userPrincipalName']).toLowerCase();
    return name === '' ? [] : [name];
  });
}

export function isUnified(group: JsonObject): boolean {
  return Array.isArray(group['groupTypes']) && group['groupTypes'].includes('Unified');
}

export function isDynamic(group: JsonObject): boolean {
  return Array.isArray(group['groupTypes']) && group['groupTypes'].includes('DynamicMembership');
}

function groupType(group: JsonObject): string {
  if (isUnified(group)) return 'microsoft365';
  if (group['mailEnabled'] !== true) return 'security';
  return group['securityEnabled'] === true ? 'mail-enabled-security' : 'distribution';
}

function groupReadOnly(group: JsonObject): string | undefined {
  if (group['onPremisesSyncEnabled'] === true) return synced;
  if (!isUnified(group) && group['mailEnabled'] === true) return 'Graph cannot write distribution lists and mail-enabled security groups; they are managed in Exchange';
  return undefined;
}

export interface Links {
  readonly members: readonly JsonObject[];
  readonly owners: readonly JsonObject[];
}

export function groupToLive(group: JsonObject, links: Links | undefined, target: Target, recoverable?: { readonly until?: string }): Live {
  const nickname = text(group['mailNickname']).toLowerCase() || text(group['id']);
  const readOnly = groupReadOnly(group);
  const spec = present([
    ['mailNickname', nickname], ['type', groupType(group)], ['displayName', group['displayName']], ['description', group['description'] === '' ? null : group['description']],
    ['visibility', isUnified(group) ? text(group['visibility']).toLowerCase() || null : null],
    ...(links === undefined ? [] : [['members', namesOf(links.members)] as const, ['owners', namesOf(links.owners)] as const]),
  ]);
  return {
    address: toAddress({ customer: target.customer, target: target.name, kind: 'group', name: nickname }), spec, handle: text(group['id']), origin: 'foreign',
    ...(readOnly === undefined ? {} : { readOnly }), ...(isDynamic(group) ? { readOnlyFields: { members: 'the group is dynamic: its rule decides' } } : {}),
    ...(recoverable === undefined ? {} : { recoverable }),
  };
}

/** 30 days after the deletion. */
export function recoverableUntil(deleted: Json | undefined): { readonly until?: string } {
  const at = Date.parse(text(deleted));
  return Number.isNaN(at) ? {} : { until: new Date(at + 30 * 86_400_000).toISOString().slice(0, 10) };
}
