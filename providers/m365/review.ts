/** What the tenant will say to a plan, as far as reading can tell: stock, unknown products and people, the last administrator. Reads only. */
import { isProviderError, parseAddress, type Change, type Json, type JsonObject, type Problem } from '#contract';
import { compareText } from '#core/canonical';
import type { Catalogue } from './convert.ts';
import type { Tenant } from './tenant.ts';

function told(change: Change, code: string, severity: Problem['severity'], message: string, hint?: string, gate = false): Problem {
  return { code, severity, message, address: change.address, ...(hint === undefined ? {} : { hint }), ...(gate ? { gate: true } : {}) };
}

function licences(spec: JsonObject | undefined): readonly JsonObject[] {
  const value: Json | undefined = spec?.['licences'];
  return Array.isArray(value) ? (value as readonly JsonObject[]) : [];
}

const skusOf = (spec: JsonObject | undefined): readonly string[] => licences(spec).map(({ sku }) => String(sku));

export async function reviewChanges(changes: readonly Change[], tenant: Tenant): Promise<readonly Problem[]> {
  const sorted = [...changes].sort((a, b) => compareText(a.address, b.address));
  const users = sorted.filter(({ address }) => parseAddress(address).kind === 'user');
  return [
    ...(users.some(({ before, after }) => skusOf(before).length + skusOf(after).length > 0) ? reviewLicences(users, await tenant.catalogue(), tenant) : []),
    ...await reviewAdministrators(users, tenant),
    ...await reviewPeople(sorted, tenant),
    ...sorted.flatMap((change) => (change.before?.['type'] !== undefined && change.after?.['type'] !== undefined && change.before['type'] !== change.after['type']
      ? [told(change, 'm365.group-type', 'error', `${parseAddress(change.address).name} is a ${String(change.before['type'])} group and cannot become ${String(change.after['type'])}`, 'make a new group under another name and remove this one in a later change')]
      : [])),
  ];
}

function reviewLicences(users: readonly Change[], { byName }: Catalogue, tenant: Tenant): readonly Problem[] {
  const problems: Problem[] = [];
  const gains = new Map<string, Change[]>();
  const losses = new Map<string, number>();
  for (const change of users) {
    const { name } = parseAddress(change.was ?? change.address);
    // Who has the product through a group as well neither takes nor gives back a unit.
    const counts = (sku: string): boolean => !tenant.inherits(name, byName.get(sku)?.skuId ?? '');
    const [had, has] = [skusOf(change.before).filter(counts), skusOf(change.after).filter(counts)];
    for (const sku of has.filter((each) => !had.includes(each))) gains.set(sku, [...(gains.get(sku) ?? []), change]);
    // A change that does not speak of licences takes none away.
    if (change.verb === 'delete' || change.after?.['licences'] !== undefined) for (const sku of had.filter((each) => !has.includes(each))) losses.set(sku, (losses.get(sku) ?? 0) + 1);
    for (const licence of licences(change.after)) {
      const product = byName.get(String(licence['sku']));
      const plans = Array.isArray(licence['disabledPlans']) ? licence['disabledPlans'].map(String) : [];
      const unknown = product === undefined ? undefined : plans.find((plan) => !product.plans.has(plan));
      if (product === undefined) problems.push(told(change, 'm365.unknown-sku', 'error', `the tenant has no product ${String(licence['sku'])}`, `it has ${[...byName.keys()].sort().join(', ') || 'none'}`));
      if (unknown !== undefined) problems.push(told(change, 'm365.unknown-plan', 'error', `${String(licence['sku'])} has no service plan ${unknown}`, `it has ${[...(product?.plans.keys() ?? [])].sort().join(', ')}`));
    }
  }
  for (const [sku, wanting] of [...gains].sort(([a], [b]) => compareText(a, b))) {
    const product = byName.get(sku);
    if (product === undefined) continue;
    const free = Math.max(0, product.enabled - product.consumed);
    const freed = losses.get(sku) ?? 0;
    const count = `${String(wanting.length)} needed, ${String(free)} of ${String(product.enabled)} free`;
    for (const [index, change] of wanting.entries()) {
      if (index >= free + freed) problems.push(told(change, 'm365.licence-stock', 'error', `${sku}: ${count}${freed > 0 ? `, ${String(freed)} given back by this plan` : ''}`, 'buy licences first, or take one from somebody'));
      else if (index >= free) problems.push(told(change, 'm365.licence-stock', 'warning', `${sku}: ${count}; this one waits for a licence that the same plan gives back`, 'if it is refused, the next run assigns it'));
    }
  }
  return problems;
}

/** A change after which somebody cannot sign in under this name. */
function locksOut({ verb, after, was }: Change): boolean {
  return verb === 'delete' || after?.['enabled'] === false || was !== undefined;
}

async function reviewAdministrators(users: readonly Change[], tenant: Tenant): Promise<readonly Problem[]> {
  const risky = users.filter(locksOut);
  if (risky.length === 0) return [];
  let administrators: readonly string[];
  try {
    administrators = await tenant.administrators();
  } catch (error) {
    if (!isProviderError(error) || error.code !== 'auth') throw error;
    return risky.map((change) => told(change, 'm365.administrators-unknown', 'error', `nobody can tell whether ${parseAddress(change.was ?? change.address).name} is the last Global Administrator: ${error.message}`, 'grant RoleManagement.Read.Directory to the reading application', true));
  }
  const nameOf = (change: Change): string => parseAddress(change.was ?? change.address).name;
  const hit = risky.filter((change) => administrators.includes(nameOf(change)));
  const lost = new Set(hit.filter(({ verb, after }) => verb === 'delete' || after?.['enabled'] === false).map(nameOf));
  const renamed = new Set(hit.map(nameOf).filter((name) => !lost.has(name)));
  return hit.map((change) => {
    const name = nameOf(change);
    // A new name of the only one left is one that nobody may know in an emergency.
    const others = administrators.filter((other) => other !== name && !lost.has(other) && (lost.has(name) || !renamed.has(other)));
    if (others.length === 0) return told(change, 'm365.last-administrator', 'error', `${name} is the last Global Administrator who can sign in; nobody could manage the tenant afterwards`, 'give the role to somebody else first', true);
    return told(change, 'm365.administrator', 'warning', `${name} is a Global Administrator`);
  });
}

/** Everybody who is named in a list or as manager is in the tenant or made by this plan. */
async function reviewPeople(changes: readonly Change[], tenant: Tenant): Promise<readonly Problem[]> {
  const made = new Set(changes.filter(({ verb }) => verb !== 'delete').map(({ address }) => parseAddress(address)).filter(({ kind }) => kind === 'user').map(({ name }) => name));
  const named = changes.map((change) => ({ change, names: [...new Set(peopleIn(change.after))].filter((name) => !made.has(name)) }));
  const missing = new Set(await tenant.missing(named.flatMap(({ names }) => names)));
  return named.flatMap(({ change, names }) => names.filter((name) => missing.has(name)).map((name) => told(change, 'm365.unknown-person', 'error', `${name} is not in the tenant and not written in m365.yaml`, 'write the user, or correct the name')));
}

function peopleIn(spec: JsonObject | undefined): readonly string[] {
  const lists = ['members', 'owners'].flatMap((list) => {
    const value = spec?.[list];
    return Array.isArray(value) ? value.map(String) : [];
  });
  const manager = spec?.['manager'];
  return [...lists, ...(typeof manager === 'string' ? [manager] : [])];
}
