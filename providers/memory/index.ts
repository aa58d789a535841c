/** Reference provider: an object store over HTTPS. Small enough to read in one go, complete enough to copy. */
import { createHash } from 'node:crypto';
import {
  ProviderError, SecretValue, toAddress, parseAddress, type ApplySteps, type Batch, type Capabilities, type Change, type ChangeOutcome, type ConfigurationExport, type Identity, type Json, type JsonObject, type KindCapability, type Live,
  type Provider, type ReadContext, type ReadSession, type Rotation, type SecretRef, type Target, type WriteContext, type WriteSession,
} from '#contract';
import { equalJson } from '#core/canonical-json';
import { makeStoreClient, type StoreClient, type StoredObject } from './client.ts';

const everything: KindCapability = { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes: ['observe', 'merge', 'exclusive'], createKey: 'unique' };

/** One secret per object, so no servers with secrets of their own. */
const wlan: KindCapability = {
  ...everything, why: 'the store keeps one secret per object',
  fields: ['ssid', 'security', 'passphrase', 'vlan', 'enabled', 'bands', 'hidden', 'isolated', 'schedule'],
};

const capabilities: Capabilities = {
  atomicity: 'object', rollback: 'none', concurrency: 4,
  configuration: {
    format: 'json',
    restore: { en: 'send each object of FILE with PUT /kinds/KIND/NAME', de: 'jedes Objekt aus FILE mit PUT /kinds/KIND/NAME senden' },
  },
  firmware: { channels: ['stable', 'testing'] },
  rotation: { credentials: ['read', 'write'] },
  kinds: { 'address-group': everything, group: everything, service: everything, ssid: wlan, 'switch-port': everything, user: everything, vlan: everything },
};

/** Pages hold this many at most; the store says so in its description. */
const pageSize = 50;

async function connect(target: Target, context: ReadContext, credential: SecretRef): Promise<Session> {
  const pin = target.identity.find((each) => each.startsWith('tls:'));
  if (pin === undefined) throw new ProviderError('identity', `${target.name} has no tls: pin`, { hint: 'write the certificate\'s SHA-256 fingerprint under identity' });
  const token = await context.reveal(credential);
  const origin = `https://${target.address}`;
  const http = context.httpClient({ origin, tls: { fingerprint256: pin.slice('tls:'.length) } });
  return new Session(target, pin, makeStoreClient(http, origin, () => token.expose(), context), context);
}

export const provider: Provider = {
  name: 'memory',
  capabilities,
  check: () => [],
  open: (target, context) => connect(target, context, target.credentials.read),
  openForWrite: (target, context: WriteContext) => connect(target, context, target.credentials.write),
};

/** The store's own form, described in its README. */
function isStored(item: unknown): item is StoredObject {
  return typeof item === 'object' && item !== null && 'name' in item && typeof item.name === 'string' && item.name !== '' && 'spec' in item && typeof item.spec === 'object' && item.spec !== null && !Array.isArray(item.spec)
    && 'revision' in item && typeof item.revision === 'string' && 'owner' in item;
}

class Session implements ReadSession, WriteSession {
  readonly #target: Target;
  readonly #pin: string;
  readonly #store: StoreClient;
  readonly #context: ReadContext | WriteContext;

  constructor(target: Target, pin: string, store: StoreClient, context: ReadContext | WriteContext) {
    this.#target = target;
    this.#pin = pin;
    this.#store = store;
    this.#context = context;
  }

  async identify(): Promise<Identity> {
    // The pin was checked by the transport before the first request.
    const { product, version, channel } = await this.#store.get('/identity');
    return { pin: this.#pin, product: String(product), version: String(version), ...(typeof channel === 'string' ? { channel } : {}) };
  }

  async read(kinds: readonly string[]): Promise<readonly Live[]> {
    const lists = await Promise.all(kinds.map((kind) => this.#readKind(kind)));
    return lists.flat();
  }

  /** The store has no export of its own: every object of every kind, in a fixed order. */
  async exportConfiguration(): Promise<ConfigurationExport> {
    const live = await this.read(Object.keys(capabilities.kinds).sort());
    const objects = live.map(({ address, spec }) => ({ kind: parseAddress(address).kind, name: parseAddress(address).name, spec }));
    return { text: `${JSON.stringify(objects, null, 1)}\n` };
  }

  /** To the proven end: the count that the store tells must be what came. */
  async #readKind(kind: string): Promise<readonly Live[]> {
    const found = new Map<string, Live>();
    for (let after = ''; ;) {
      const page = await this.#store.get(`/kinds/${encodeURIComponent(kind)}?limit=${String(pageSize)}&after=${encodeURIComponent(after)}`);
      if (!Array.isArray(page['items'])) throw new ProviderError('protocol', `the list of ${kind} has no items`);
      for (const item of page['items']) {
        if (!isStored(item)) throw new ProviderError('protocol', `the list of ${kind} holds something that is no object of the store`);
        if (found.has(item.name)) throw new ProviderError('protocol', `${kind} ${item.name} came twice; the list changed while it was read`);
        found.set(item.name, this.#toLive(kind, item));
      }
      const next = page['next'];
      // A cursor that leads on without bringing anything would lead on for ever.
      if (typeof next === 'string' && page['items'].length > 0) after = next;
      else if (page['total'] === found.size) return [...found.values()];
      else throw new ProviderError('protocol', `the list of ${kind} broke off at ${String(found.size)} of ${String(page['total'])}`);
    }
  }

  #toLive(kind: string, { name, spec, revision, owner, readOnly, secrets }: StoredObject): Live {
    return {
      address: toAddress({ customer: this.#target.customer, target: this.#target.name, kind, name }), spec, handle: revision,
      origin: owner === 'soll' ? 'ours' : owner === 'vendor' ? 'system' : 'foreign', ...(readOnly === undefined ? {} : { readOnly }), ...(secrets === undefined ? {} : { unverifiable: secrets }),
    };
  }

  async apply(batch: Batch, steps: ApplySteps): Promise<void> {
    for (const change of batch.changes) await this.#applyOne(change, steps);
  }

  async #applyOne(change: Change, steps: ApplySteps): Promise<void> {
    const now = await this.#find(change.was ?? change.address);
    await steps.before(change, now);
    if ('assertLease' in this.#context) this.#context.assertLease(30_000);
    await steps.after(change, await this.#write(change, now));
  }

  async #write(change: Change, now: Live | undefined): Promise<ChangeOutcome> {
    const revision = typeof now?.handle === 'string' ? now.handle : undefined;
    try {
      if (change.verb === 'delete') await this.#store.remove(pathOf(change.address), revision ?? '');
      else {
        const secrets = await this.#secretsOf(change);
        const name = change.was === undefined ? {} : { name: parseAddress(change.address).name };
        await this.#store.put(pathOf(change.was ?? change.address), { spec: plain(merged(now, change.after)), ...name, ...(Object.keys(secrets).length === 0 ? {} : { secrets }) }, revision);
      }
      return { status: 'done' };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      if (error.code === 'rejected' || error.code === 'conflict') return { status: 'rejected', code: error.code, why: error.message };
      if (error.code === 'unknown-outcome' || error.code === 'protocol') return { status: 'unknown', why: error.message };
      throw error;
    }
  }

  /** Values that are new: one that has not moved is not sent, and the store keeps it. */
  async #secretsOf({ before, after = {} }: Change): Promise<Readonly<Record<string, string>>> {
    const moved = Object.entries(after).filter(([field, value]) => isSecretRef(value) && !equalJson(before?.[field], value));
    return Object.fromEntries(await Promise.all(moved.map(async ([field, value]) => [field, (await this.#context.reveal(value as SecretRef)).expose()] as const)));
  }

  async #find(address: string): Promise<Live | undefined> {
    const { kind } = parseAddress(address);
    const { object } = await this.#store.get(`${pathOf(address)}?missing=null`);
    if (object === null) return undefined;
    if (!isStored(object)) throw new ProviderError('protocol', `${pathOf(address)} is no object of the store`);
    return this.#toLive(kind, object);
  }

  get rotation(): Rotation {
    return tokensOf(this.#target, this.#store, this.#context);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

/** The store makes tokens itself and shows each once; afterwards it knows them by fingerprint, scope and label. */
function tokensOf(target: Target, store: StoreClient, context: ReadContext | WriteContext): Rotation {
  const assertLease = (): void => { if ('assertLease' in context) context.assertLease(30_000); };
  const list: Rotation['list'] = async (scope) => {
    const { items, total } = await store.get(`/tokens?scope=${scope}`);
    if (!Array.isArray(items) || items.length !== total) throw new ProviderError('protocol', 'the list of tokens is not complete');
    return items.map((item) => {
      if (!isToken(item)) throw new ProviderError('protocol', 'the list of tokens holds something that is none');
      return { id: item.id, ...(item.label === '' ? {} : { marker: item.label }) };
    });
  };
  return {
    list,
    identify: (value) => Promise.resolve(fingerprint(value.expose())),
    place: (scope) => `token with the right to ${scope}`,
    async add(scope, _like, marker) {
      assertLease();
      const { token } = await store.post('/tokens', { scope, label: marker });
      if (typeof token !== 'string' || token === '') throw new ProviderError('unknown-outcome', 'the store has made a token and did not tell it');
      return { id: fingerprint(token), value: new SecretValue(target.credentials[scope].$secret, token) };
    },
    async remove(scope, id, keep) {
      const accepted = await list(scope);
      if (!accepted.some((each) => each.id === keep)) throw new ProviderError('conflict', `the token ${keep} is not accepted, so the other one stays`);
      if (!accepted.some((each) => each.id === id)) return;
      assertLease();
      await store.remove(`/tokens/${encodeURIComponent(id)}`, undefined);
    },
  };
}

/** As the store tells it. */
function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 16);
}

function isToken(item: unknown): item is { readonly id: string; readonly label: string } {
  return typeof item === 'object' && item !== null && 'id' in item && typeof item.id === 'string' && 'label' in item && typeof item.label === 'string';
}

function pathOf(address: string): string {
  const { kind, name } = parseAddress(address);
  return `/kinds/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`;
}

/** Fields that we do not own keep their value. */
function merged(now: Live | undefined, after: JsonObject | undefined): JsonObject {
  return { ...now?.spec, ...after };
}

function isSecretRef(value: Json): boolean {
  return typeof value === 'object' && value !== null && '$secret' in value;
}

/** References are nothing that the store would understand. */
function plain(spec: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => !isSecretRef(value)));
}
