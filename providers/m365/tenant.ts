/** Reading a tenant: everything, complete or an error; and single objects again right before they are written. */
import { isProviderError, ProviderError, type JsonObject, type Live, type Target } from '#contract';
import { groupSelect, groupToLive, inheritedSkus, isHidden, memberSelect, recoverableUntil, text, toCatalogue, userSelect, userToLive, type Catalogue, type Links } from './convert.ts';
import { GraphError, type GraphClient } from './graph-client.ts';
import { globalAdministrator, pageSize } from './limits.ts';

const top = `$top=${String(pageSize)}`;
const userQuery = `$select=${userSelect}&$expand=manager($select=${memberSelect})`;

export class Tenant {
  readonly #graph: GraphClient;
  readonly #target: Target;
  #catalogue: Promise<Catalogue> | undefined;
  /** Ids by sign-in name, as far as they have come by. A new object may not be found by its name for a while. */
  readonly #ids = new Map<string, string>();
  /** Products that people have through groups, by sign-in name; from the last reading. */
  readonly #inherited = new Map<string, readonly string[]>();

  constructor(graph: GraphClient, target: Target) {
    this.#graph = graph;
    this.#target = target;
  }

  catalogue(): Promise<Catalogue> {
    this.#catalogue ??= this.#graph.list('/subscribedSkus').then(toCatalogue);
    return this.#catalogue;
  }

  /** Made or renamed just now: the old name leads nowhere any more. */
  remember(name: string, id: string): void {
    for (const [other, known] of this.#ids) if (known === id) this.#ids.delete(other);
    this.#ids.set(name, id);
  }

  inherits(name: string, skuId: string): boolean {
    return this.#inherited.get(name)?.includes(skuId) === true;
  }

  /** Those who are not in the tenant. */
  async missing(names: readonly string[]): Promise<readonly string[]> {
    const open = [...new Set(names.filter((name) => !this.#ids.has(name)))];
    const found = await this.#graph.getMany(open.map((name) => `/users/${encodeURIComponent(name)}?$select=${memberSelect}`));
    return open.filter((name, index) => {
      const id = text(found[index]?.['id']);
      if (id !== '') this.#ids.set(name, id);
      return id === '';
    });
  }

  /** Complete or an error. What came and went while it was read is read once more. */
  async read(kinds: readonly string[]): Promise<readonly Live[]> {
    try {
      return await this.#readOnce(kinds);
    } catch (error) {
      if (!isProviderError(error) || error.code !== 'protocol' || !error.retryable) throw error;
      return this.#readOnce(kinds);
    }
  }

  async #readOnce(kinds: readonly string[]): Promise<readonly Live[]> {
    const [users, groups] = [kinds.includes('user'), kinds.includes('group')];
    // The small lists in one request; the long ones each on their own.
    const small = [
      ...(users ? ['/subscribedSkus', `/directory/deletedItems/microsoft.graph.user?$select=${userSelect},deletedDateTime&${top}`] : []),
      ...(groups ? [`/directory/deletedItems/microsoft.graph.group?$select=${groupSelect},deletedDateTime&${top}`] : []),
    ];
    const [lists, userList, groupList] = await Promise.all([
      this.#graph.lists(small),
      users ? this.#graph.list(`/users?${userQuery}&${top}`) : [],
      groups ? this.#graph.list(`/groups?$select=${groupSelect}&${top}`) : [],
    ]);
    const links = await this.#links(groupList);
    const [skus = [], deletedUsers = []] = users ? lists : [];
    const deletedGroups = lists[users ? 2 : 0] ?? [];
    const catalogue = toCatalogue(skus);
    if (users) this.#catalogue = Promise.resolve(catalogue);
    this.#note(userList);
    return [
      ...userList.map((user) => userToLive(user, this.#target, catalogue)),
      ...groupList.map((group, index) => groupToLive(group, links[index], this.#target)),
      ...newest(deletedUsers.map((user) => [user, userToLive(user, this.#target, catalogue, recoverableUntil(user['deletedDateTime']))])),
      ...newest(groups ? deletedGroups.map((group) => [group, groupToLive(group, undefined, this.#target, recoverableUntil(group['deletedDateTime']))]) : []),
    ];
  }

  #note(users: readonly JsonObject[]): void {
    for (const user of users) {
      const name = text(user['userPrincipalName']).toLowerCase();
      if (name === '') continue;
      this.#ids.set(name, text(user['id']));
      if (user['licenseAssignmentStates'] !== undefined) this.#inherited.set(name, inheritedSkus(user));
    }
  }

  /** Members and owners of each group. Never by $expand: it stops at twenty without a word. */
  async #links(groups: readonly JsonObject[]): Promise<readonly Links[]> {
    const paths = groups.flatMap((group) => [...(isHidden(group) ? [] : [linkPath(group, 'members')]), linkPath(group, 'owners')]);
    const lists = await this.#graph.lists(paths).catch((error: unknown) => {
      if (error instanceof GraphError && error.status === 404) throw new ProviderError('protocol', 'a group vanished while the tenant was read', { retryable: true, hint: 'try again' });
      throw error;
    });
    const byPath = new Map(paths.map((path, index) => [path, lists[index] ?? []]));
    return groups.map((group) => ({ members: byPath.get(linkPath(group, 'members')) ?? [], owners: byPath.get(linkPath(group, 'owners')) ?? [] }));
  }

  async user(key: string): Promise<Live | undefined> {
    const [catalogue, user] = await Promise.all([this.catalogue(), this.#optional(`/users/${encodeURIComponent(key)}?${userQuery}`)]);
    if (user === undefined) return undefined;
    this.#note([user]);
    return userToLive(user, this.#target, catalogue);
  }

  async group(id: string, withLinks: boolean): Promise<Live | undefined> {
    const group = await this.#optional(`/groups/${encodeURIComponent(id)}?$select=${groupSelect}`);
    if (group === undefined) return undefined;
    if (!withLinks) return groupToLive(group, undefined, this.#target);
    const [links] = await this.#links([group]);
    this.#note([...(links?.members ?? []), ...(links?.owners ?? [])]);
    return groupToLive(group, links, this.#target);
  }

  async groupByNickname(nickname: string): Promise<Live | undefined> {
    const [found] = await this.#graph.list(`/groups?$filter=${encodeURIComponent(`mailNickname eq '${nickname.replaceAll('\'', '\'\'')}'`)}&$select=${groupSelect}&${top}`);
    return found === undefined ? undefined : groupToLive(found, undefined, this.#target);
  }

  /** Something soft-deleted, by its id. */
  async deleted(kind: string, id: string): Promise<Live | undefined> {
    const object = await this.#optional(`/directory/deletedItems/${encodeURIComponent(id)}`);
    if (object === undefined) return undefined;
    return kind === 'user' ? userToLive(object, this.#target, await this.catalogue(), {}) : groupToLive(object, undefined, this.#target, {});
  }

  /** Ids of these people; throws GraphError 404 naming the first that is not there. */
  async idsOf(names: readonly string[]): Promise<readonly string[]> {
    const [nobody] = await this.missing(names);
    if (nobody !== undefined) throw new GraphError(404, 'Request_ResourceNotFound', `${nobody} is not in the tenant`);
    return names.map((name) => this.#ids.get(name) ?? '');
  }

  /** Users who are Global Administrator now and can sign in. Assignments through groups and eligible ones do not show here. */
  async administrators(): Promise<readonly string[]> {
    const members = await this.#graph.list(`/directoryRoles(roleTemplateId='${globalAdministrator}')/members?$select=${memberSelect},accountEnabled`);
    return members.filter(({ accountEnabled, userPrincipalName }) => accountEnabled === true && text(userPrincipalName) !== '').map(({ userPrincipalName }) => text(userPrincipalName).toLowerCase());
  }

  async #optional(path: string): Promise<JsonObject | undefined> {
    try {
      return await this.#graph.get(path);
    } catch (error) {
      if (error instanceof GraphError && error.status === 404) return undefined;
      throw error;
    }
  }
}

function linkPath(group: JsonObject, name: 'members' | 'owners'): string {
  // The rule of a dynamic group decides; its members are read to show who is in.
  return `/groups/${encodeURIComponent(text(group['id']))}/${name}?$select=${memberSelect}&${top}`;
}

/** Several deleted objects may have had one name: the last one is the one to bring back. */
function newest(deleted: readonly (readonly [JsonObject, Live])[]): readonly Live[] {
  const byAddress = new Map<string, readonly [JsonObject, Live]>();
  for (const pair of deleted) {
    const other = byAddress.get(pair[1].address);
    if (other === undefined || text(other[0]['deletedDateTime']) < text(pair[0]['deletedDateTime'])) byAddress.set(pair[1].address, pair);
  }
  return [...byAddress.values()].map(([, live]) => live);
}

