/** Between Graph's objects and canonical specs. Pure. */
import { ProviderError, toAddress, type Json, type JsonObject, type Live, type Target } from '#contract';
import { asObject } from './graph-client.ts';

export const userSelect = 'id,userPrincipalName,displayName,mailNickname,givenName,surname,jobTitle,department,officeLocation,mobilePhone,businessPhones,usageLocation,accountEnabled,licenseAssignmentStates,onPremisesSyncEnabled';
export const groupSelect = 'id,mailNickname,displayName,description,visibility,groupTypes,mailEnabled,securityEnabled,onPremisesSyncEnabled,isAssignableToRole';
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

/** An assignment that the service could not carry out (licenseAssignmentState resource type: Active, ActiveWithError, Disabled, Error); nobody has anything from it. */
const failed = 'Error';

function isDirect({ assignedByGroup }: JsonObject): boolean {
  return assignedByGroup === null || assignedByGroup === undefined || assignedByGroup === '';
}

/** Ids of products that a user has through groups: assigning one of them directly as well takes no further unit. */
export function inheritedSkus(user: JsonObject): readonly string[] {
  const states = Array.isArray(user['licenseAssignmentStates']) ? (user['licenseAssignmentStates'] as readonly JsonObject[]) : [];
  return states.filter((state) => !isDirect(state) && state['state'] !== failed).map(({ skuId }) => text(skuId).toLowerCase());
}

function licencesOf(user: JsonObject, { bySkuId }: Catalogue): Json {
  const states = Array.isArray(user['licenseAssignmentStates']) ? (user['licenseAssignmentStates'] as readonly JsonObject[]) : [];
  return states.filter((state) => isDirect(state) && state['state'] !== failed).map((state): JsonObject => {
    const skuId = text(state['skuId']).toLowerCase();
    const product = bySkuId.get(skuId);
    const plans = Array.isArray(state['disabledPlans']) ? (state['disabledPlans'] as readonly Json[]).map((plan) => text(plan).toLowerCase()) : [];
    return { sku: product?.name ?? skuId, disabledPlans: plans.map((plan) => product?.planNames.get(plan) ?? plan) };
  });
}

/** A deleted user's sign-in name is prefixed with the id without dashes (seen with the directory's tools; no page of the reference says so, hence both forms). */
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
    ...(isSynced ? { readOnlyFields: Object.fromEntries(fixed.map((field) => [field, synced])), undeletable: synced } : {}), ...(recoverable === undefined ? {} : { recoverable }),
  };
}

/** Sign-in names of the users among the members; devices, contacts and groups in groups are somebody else's and left alone. */
export function namesOf(members: readonly JsonObject[]): readonly string[] {
  return members.flatMap((member) => {
    const name = text(member['userPrincipalName']).toLowerCase();
    // Without the permission for people they come with type and id only ("Limited information returned for inaccessible member objects"): that is not an empty group.
    if (name === '' && member['@odata.type'] === '#microsoft.graph.user') throw new ProviderError('auth', 'the application may see that a group has members, but not who they are', { hint: 'grant User.Read.All to the application, with admin consent' });
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
  // Its members are administrators; writing it needs RoleManagement.ReadWrite.Directory, which our application must not have.
  if (group['isAssignableToRole'] === true) return 'the group gives administrator roles; it is managed in the admin centre';
  if (group['onPremisesSyncEnabled'] === true) return synced;
  if (!isUnified(group) && group['mailEnabled'] === true) return 'Graph cannot write distribution lists and mail-enabled security groups; they are managed in Exchange';
  return undefined;
}

/** Its members are shown to nobody without a permission of its own, and its visibility is fixed for good. */
export function isHidden(group: JsonObject): boolean {
  return text(group['visibility']).toLowerCase() === 'hiddenmembership';
}

function fixedFields(group: JsonObject): Readonly<Record<string, string>> | undefined {
  if (isDynamic(group)) return { members: 'the group is dynamic: its rule decides' };
  if (isHidden(group)) return { members: 'membership of the group is hidden', visibility: 'membership of the group is hidden, which cannot be changed' };
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
    ...(links === undefined ? [] : [['members', isHidden(group) ? undefined : namesOf(links.members)] as const, ['owners', namesOf(links.owners)] as const]),
  ]);
  const fixed = fixedFields(group);
  return {
    address: toAddress({ customer: target.customer, target: target.name, kind: 'group', name: nickname }), spec, handle: text(group['id']), origin: 'foreign',
    ...(readOnly === undefined ? {} : { readOnly }), ...(fixed === undefined ? {} : { readOnlyFields: fixed }),
    ...(recoverable === undefined ? {} : { recoverable }),
  };
}

/** 30 days after the deletion. */
export function recoverableUntil(deleted: Json | undefined): { readonly until?: string } {
  const at = Date.parse(text(deleted));
  return Number.isNaN(at) ? {} : { until: new Date(at + 30 * 86_400_000).toISOString().slice(0, 10) };
}
