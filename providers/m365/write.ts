/** One change of one object as the fewest requests: what is right already is not sent. */
import { isProviderError, parseAddress, type Change, type ChangeOutcome, type Json, type JsonObject, type Live, type WriteContext } from '#contract';
import { equalJson } from '#core/canonical-json';
import { plainUserFields, type Catalogue } from './convert.ts';
import { GraphError, type GraphClient } from './graph-client.ts';
import { appearMs, bindSize, graphOrigin } from './limits.ts';
import { makePassword } from './password.ts';
import type { Tenant } from './tenant.ts';

export interface Writer {
  readonly graph: GraphClient;
  readonly tenant: Tenant;
  readonly context: WriteContext;
}

/** Longest that one request may take, milliseconds: the lease must last that long. */
const requestMs = 30_000;

type Method = 'POST' | 'PATCH' | 'PUT' | 'DELETE';

function send({ graph, context }: Writer, method: Method, path: string, body: JsonObject | undefined, idempotent: boolean): Promise<JsonObject> {
  return graph.send(method, path, body, { idempotent, beforeSend: () => { context.assertLease(requestMs); } });
}

/** Right after it was made an object may be unknown to the next request. */
async function whileAppearing<T>({ context }: Writer, made: boolean, run: () => Promise<T>): Promise<T> {
  const deadline = context.clock.monotonic() + appearMs;
  for (let wait = 1000; ; wait = Math.min(wait * 2, 10_000)) {
    try {
      return await run();
    } catch (error) {
      if (!made || !(error instanceof GraphError) || error.status !== 404 || context.clock.monotonic() + wait > deadline) throw error;
      await context.clock.sleep(wait, context.signal);
    }
  }
}

/** A create whose answer was lost is looked for by its name, which was free a moment ago; it is never sent again. */
async function createOrFind({ context }: Writer, create: () => Promise<JsonObject>, find: () => Promise<Live | undefined>): Promise<string> {
  try {
    return String((await create())['id']);
  } catch (error) {
    if (!isProviderError(error) || error.code !== 'unknown-outcome') throw error;
    const found = await lookFor(context, find);
    if (found === undefined) throw error;
    return String(found.handle);
  }
}

/** Looks for what may have come into being; a look that fails says nothing, so the outcome stays unknown. */
async function lookFor<T>(context: WriteContext, find: () => Promise<T | undefined>): Promise<T | undefined> {
  for (const wait of [500, 1000, 2000, 4000, 8000]) {
    await context.clock.sleep(wait, context.signal);
    const found = await find().catch((error: unknown) => {
      if (!isProviderError(error)) throw error;
      return undefined;
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Writes, and says what came of it. Throws only when the session is lost. */
export async function writeChange(writer: Writer, change: Change, now: Live | undefined): Promise<ChangeOutcome> {
  const progress = { begun: false };
  try {
    const { kind } = parseAddress(change.address);
    if (change.verb === 'delete') await remove(writer, kind, String(now?.handle));
    else if (kind === 'user') await writeUser(writer, change, now, progress);
    else await writeGroup(writer, change, now, progress);
    return { status: 'done' };
  } catch (error) {
    const partly = progress.begun ? 'written in part: ' : '';
    if (error instanceof GraphError) return { status: 'rejected', code: error.graphCode, why: `${partly}${error.message}` };
    if (!isProviderError(error)) throw error;
    if (error.code === 'unknown-outcome' || error.code === 'timeout' || error.code === 'protocol') return { status: 'unknown', why: error.message };
    // A permission is missing for this, perhaps not for others. What is written in part is told; the next change meets the same end of the session.
    if (progress.begun || (error.code === 'auth' && error.message.includes('may not do this'))) return { status: 'rejected', code: error.code, why: `${partly}${error.message}` };
    throw error;
  }
}

async function remove(writer: Writer, kind: string, id: string): Promise<void> {
  await send(writer, 'DELETE', `/${kind}s/${encodeURIComponent(id)}`, undefined, true).catch((error: unknown) => {
    // Gone already, which is what was wanted.
    if (!(error instanceof GraphError) || error.status !== 404) throw error;
  });
}

interface Begun {
  begun: boolean;
}

/** Brings it back and reads it. An answer that was lost is looked for by the id, which stays the same. */
async function restore(writer: Writer, id: string, find: () => Promise<Live | undefined>): Promise<Live> {
  try {
    await send(writer, 'POST', `/directory/deletedItems/${encodeURIComponent(id)}/restore`, {}, false);
  } catch (error) {
    if (!isProviderError(error) || error.code !== 'unknown-outcome') throw error;
    const found = await lookFor(writer.context, find);
    if (found === undefined) throw error;
    return found;
  }
  return whileAppearing(writer, true, async () => (await find()) ?? missing(id));
}

async function writeUser(writer: Writer, change: Change, now: Live | undefined, progress: Begun): Promise<void> {
  const wanted = change.after ?? {};
  let live = now?.recoverable === undefined ? now : undefined;
  let made = false;
  if (change.restore === true && typeof now?.handle === 'string') {
    const id = now.handle;
    live = await restore(writer, id, () => writer.tenant.user(id));
    made = progress.begun = true;
  }
  const catalogue = await writer.tenant.catalogue();
  let id = typeof live?.handle === 'string' ? live.handle : '';
  if (live === undefined) {
    id = await createUser(writer, change, wanted);
    made = progress.begun = true;
  } else {
    const body = changedFields(wanted, live.spec);
    if (Object.keys(body).length > 0) {
      await whileAppearing(writer, made, () => send(writer, 'PATCH', `/users/${id}`, body, true));
      progress.begun = true;
      if (body['userPrincipalName'] !== undefined) writer.tenant.remember(String(wanted['userPrincipalName']), id);
    }
  }
  await writeManager(writer, id, wanted['manager'], live?.spec['manager'], made);
  const body = licenceBody(catalogue, wanted['licences'], live?.spec['licences']);
  if (body !== undefined) await assignLicences(writer, id, body, made, async () => licenceBody(catalogue, wanted['licences'], (await writer.tenant.user(id))?.spec['licences']));
}

/** Adding again sets the same licences, removing again is refused: where the answer is lost, the user is looked at and the rest is sent. */
async function assignLicences(writer: Writer, id: string, body: JsonObject, made: boolean, rest: () => Promise<JsonObject | undefined>): Promise<void> {
  const path = `/users/${id}/assignLicense`;
  const repeatable = (body['removeLicenses'] as readonly Json[]).length === 0;
  try {
    await whileAppearing(writer, made, () => send(writer, 'POST', path, body, repeatable));
  } catch (error) {
    if (!isProviderError(error) || error.code !== 'unknown-outcome' || repeatable) throw error;
    const done = await lookFor(writer.context, async () => ((await rest()) === undefined ? true : undefined));
    if (done === true) return;
    const open = await rest();
    if (open === undefined) return;
    // Refused now, it may be that the first one came through and does not show: that stays open until it is verified.
    await send(writer, 'POST', path, open, false).catch((second: unknown) => { throw second instanceof GraphError ? error : second; });
  }
}

function missing(id: string): never {
  throw new GraphError(404, 'Request_ResourceNotFound', `${id} does not show yet`);
}

/** Canonical names to Graph's; what stands there already is left out. */
function changedFields(wanted: JsonObject, live: JsonObject): JsonObject {
  const pairs: readonly (readonly [string, string])[] = [['userPrincipalName', 'userPrincipalName'], ...plainUserFields.map((field) => [field, field] as const), ['enabled', 'accountEnabled']];
  return Object.fromEntries(pairs.flatMap(([ours, theirs]): [string, Json][] => {
    const value = wanted[ours];
    return value === undefined || equalJson(value, live[ours] ?? empty(value)) ? [] : [[theirs, value]];
  }));
}

/** Not there means the same as null or an empty list. */
function empty(value: Json): Json {
  return Array.isArray(value) ? [] : null;
}

async function createUser(writer: Writer, change: Change, wanted: JsonObject): Promise<string> {
  const name = String(wanted['userPrincipalName']);
  const password = await writer.context.generate(change.address, 'password', makePassword);
  const given = Object.fromEntries(Object.entries(changedFields(wanted, {})).filter(([, value]) => value !== null));
  const body: JsonObject = {
    displayName: name, mailNickname: name.split('@')[0]?.replaceAll(/[^A-Za-z0-9._-]/g, '') ?? name, accountEnabled: true, ...given,
    passwordProfile: { password: password.expose(), forceChangePasswordNextSignIn: true },
  };
  const id = await createOrFind(writer, () => send(writer, 'POST', '/users', body, false), () => writer.tenant.user(name));
  writer.tenant.remember(name, id);
  return id;
}

async function writeManager(writer: Writer, id: string, wanted: Json | undefined, live: Json | undefined, made: boolean): Promise<void> {
  if (wanted === undefined || wanted === (live ?? null)) return;
  const path = `/users/${id}/manager/$ref`;
  if (typeof wanted === 'string') {
    const [manager = ''] = await writer.tenant.idsOf([wanted]);
    await whileAppearing(writer, true, () => send(writer, 'PUT', path, { '@odata.id': `${graphOrigin}/v1.0/users/${manager}` }, true));
  } else if (!made || live !== undefined) await remove404(() => send(writer, 'DELETE', path, undefined, true));
}

async function remove404(run: () => Promise<unknown>): Promise<void> {
  await run().catch((error: unknown) => {
    if (!(error instanceof GraphError) || error.status !== 404) throw error;
  });
}

/** Additions and removals in one request, so that nobody is without a licence in between. */
function licenceBody({ byName }: Catalogue, wanted: Json | undefined, live: Json | undefined): JsonObject | undefined {
  if (!Array.isArray(wanted)) return undefined;
  const now = new Map((Array.isArray(live) ? (live as readonly JsonObject[]) : []).map((each) => [String(each['sku']), each]));
  const then = new Map((wanted as readonly JsonObject[]).map((each) => [String(each['sku']), each]));
  const skuId = (name: string): string => byName.get(name)?.skuId ?? unknownProduct(name);
  const add = [...then].filter(([sku, each]) => !equalJson(plansOf(each), plansOf(now.get(sku)))).map(([sku, each]): JsonObject => {
    const product = byName.get(sku);
    return { skuId: skuId(sku), disabledPlans: plansOf(each)?.map((plan) => product?.plans.get(plan) ?? unknownProduct(`${plan} in ${sku}`)) ?? [] };
  });
  // What the tenant no longer sells has its id as name.
  const gone = [...now.keys()].filter((sku) => !then.has(sku)).map((sku) => byName.get(sku)?.skuId ?? sku.toLowerCase());
  return add.length + gone.length === 0 ? undefined : { addLicenses: add, removeLicenses: gone };
}

function plansOf(licence: JsonObject | undefined): readonly string[] | null {
  if (licence === undefined) return null;
  const plans = licence['disabledPlans'];
  return Array.isArray(plans) ? plans.map(String).sort() : [];
}

function unknownProduct(name: string): never {
  throw new GraphError(400, 'UnknownProduct', `${name} is not among the tenant's products`);
}

async function writeGroup(writer: Writer, change: Change, now: Live | undefined, progress: Begun): Promise<void> {
  const wanted = change.after ?? {};
  let live = now?.recoverable === undefined ? now : undefined;
  let made = false;
  if (change.restore === true && typeof now?.handle === 'string') {
    const id = now.handle;
    live = await restore(writer, id, () => writer.tenant.group(id, true));
    made = progress.begun = true;
  }
  if (live === undefined) {
    await createGroup(writer, wanted, progress);
    return;
  }
  const id = String(live.handle);
  const body = groupBody(wanted, live.spec);
  if (Object.keys(body).length > 0) {
    await whileAppearing(writer, made, () => send(writer, 'PATCH', `/groups/${id}`, body, true));
    progress.begun = true;
  }
  // New owners first: the last one cannot be removed.
  for (const list of ['owners', 'members'] as const) {
    const target = namesIn(wanted[list]);
    if (target === undefined) continue;
    const current = namesIn(live.spec[list]) ?? [];
    await addLinks(writer, id, list, target.filter((name) => !current.includes(name)), progress);
    await removeLinks(writer, id, list, current.filter((name) => !target.includes(name)), progress);
  }
}

function namesIn(value: Json | undefined): readonly string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}

function groupBody(wanted: JsonObject, live: JsonObject): JsonObject {
  return Object.fromEntries(['mailNickname', 'displayName', 'description', 'visibility'].flatMap((field): [string, Json][] => {
    const value = wanted[field];
    return value === undefined || equalJson(value, live[field] ?? null) ? [] : [[field, field === 'visibility' ? capital(String(value)) : value]];
  }));
}

function capital(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

async function createGroup(writer: Writer, wanted: JsonObject, progress: Begun): Promise<void> {
  const unified = wanted['type'] === 'microsoft365';
  const [owners, members] = await Promise.all([idsFor(writer, wanted['owners']), idsFor(writer, wanted['members'])]);
  const given = Object.fromEntries(Object.entries(groupBody(wanted, {})).filter(([, value]) => value !== null));
  const bind = (ids: readonly string[]): readonly string[] => ids.map((id) => `${graphOrigin}/v1.0/users/${id}`);
  const firstOwners = owners.slice(0, bindSize);
  const firstMembers = members.slice(0, bindSize - firstOwners.length);
  const nickname = String(wanted['mailNickname']);
  const id = await createOrFind(writer, () => whileAppearing(writer, true, () => send(writer, 'POST', '/groups', {
    displayName: nickname, ...given, mailEnabled: unified, securityEnabled: !unified, groupTypes: unified ? ['Unified'] : [],
    // Without a word about it Graph makes it public, to everybody in the tenant.
    ...(unified && given['visibility'] === undefined ? { visibility: 'Private' } : {}),
    ...(firstOwners.length === 0 ? {} : { 'owners@odata.bind': bind(firstOwners) }), ...(firstMembers.length === 0 ? {} : { 'members@odata.bind': bind(firstMembers) }),
  }, false)), () => writer.tenant.groupByNickname(nickname));
  progress.begun = true;
  for (const owner of owners.slice(bindSize)) await whileAppearing(writer, true, () => addLink(writer, id, 'owners', owner));
  await bindMembers(writer, id, members.slice(firstMembers.length));
}

async function idsFor(writer: Writer, names: Json | undefined): Promise<readonly string[]> {
  return writer.tenant.idsOf(namesIn(names) ?? []);
}

async function addLinks(writer: Writer, id: string, list: 'members' | 'owners', names: readonly string[], progress: Begun): Promise<void> {
  const ids = await writer.tenant.idsOf(names);
  if (list === 'members') await bindMembers(writer, id, ids);
  else for (const each of ids) await whileAppearing(writer, true, () => addLink(writer, id, 'owners', each));
  if (ids.length > 0) progress.begun = true;
}

/**
 * Twenty at a time; one that is in already spoils all of a request, so those are then added one by one: sending it again is harmless.
 * The ids were seen a moment ago, so one that is unknown now is one that a replica has not heard of.
 */
async function bindMembers(writer: Writer, id: string, ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += bindSize) {
    const some = ids.slice(start, start + bindSize);
    try {
      await whileAppearing(writer, true, () => send(writer, 'PATCH', `/groups/${id}`, { 'members@odata.bind': some.map((each) => `${graphOrigin}/v1.0/directoryObjects/${each}`) }, true));
    } catch (error) {
      if (!isThere(error)) throw error;
      for (const each of some) await whileAppearing(writer, true, () => addLink(writer, id, 'members', each));
    }
  }
}

function isThere(error: unknown): boolean {
  return error instanceof GraphError && error.status === 400 && error.message.includes('already exist');
}

async function addLink(writer: Writer, id: string, list: 'members' | 'owners', person: string): Promise<void> {
  // Sent again it is refused as being there already, which counts as done.
  await send(writer, 'POST', `/groups/${id}/${list}/$ref`, { '@odata.id': `${graphOrigin}/v1.0/users/${person}` }, true).catch((error: unknown) => {
    if (!isThere(error)) throw error;
  });
}

async function removeLinks(writer: Writer, id: string, list: 'members' | 'owners', names: readonly string[], progress: Begun): Promise<void> {
  for (const person of await writer.tenant.idsOf(names)) {
    await remove404(() => send(writer, 'DELETE', `/groups/${id}/${list}/${person}/$ref`, undefined, true));
    progress.begun = true;
  }
}
