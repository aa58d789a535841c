/**
 * One commit of several single writes: note what is about to be touched, save everything, put it into force, take the note away. What fails before it is
 * in force is taken back object by object, so that nobody else's "Apply" brings half of it to life.
 */
import { isProviderError, parseAddress, ProviderError, type Address, type Batch, type WriteContext } from '#contract';
import type { Activation, OpnsenseClient } from './client.ts';
import { activateTimeoutMs } from './limits.ts';
import { isOwnKind } from './names.ts';
import { doneNote, noteUuid, savingNotes, type PendingEntry } from './pending.ts';
import type { Write, WritePlan } from './write-plan.ts';

/** What the firewall refused, and of which resource. */
export class Refused extends Error {
  readonly address: Address;
  readonly code: string;

  constructor(address: Address, error: ProviderError) {
    super(error.message);
    this.address = address;
    this.code = error.code;
  }
}

const writeTimeoutMs = 30_000;

/** Throws `Refused` when everything is as it was before, and a ProviderError when nobody knows. */
export async function commitWrites(client: OpnsenseClient, context: WriteContext, batch: Batch, plan: WritePlan): Promise<void> {
  const notes = savingNotes(context.fence, entriesOf(batch, plan));
  const noted: Write[] = [];
  const done: Write[] = [];
  const [first] = batch.changes;
  if (first === undefined) return;
  let current = first.address;
  // Nothing is saved yet: without its lease a run leaves no trace.
  context.assertLease(writeTimeoutMs);
  try {
    for (const note of notes) await write(client, context, { verb: 'set', ...note, address: current }, noted);
    for (const each of plan.groups) await write(client, context, each, done, () => { current = each.address; });
    if (plan.groups.length > 0) await activate(client, context, ['group']);
    for (const each of plan.rest) await write(client, context, each, done, () => { current = each.address; });
    await activate(client, context, activationsOf([...plan.groups, ...plan.rest], batch));
  } catch (error) {
    if (!isProviderError(error)) throw error;
    // A first note that was plainly refused has left nothing.
    if (noted.length > 1 || done.length > 0 || error.code === 'unknown-outcome') await takeBack(client, context, done, noted.length, error);
    throw new Refused(current, error);
  }
  await finish(client, context, notes.length);
}

/** A rename touches two names; what only follows a change of something else is touched as well. */
function entriesOf({ changes }: Batch, { groups, rest }: WritePlan): readonly PendingEntry[] {
  const gone = new Set(changes.flatMap(({ verb, address, was }) => (verb === 'delete' ? [address] : was === undefined ? [] : [was])));
  const kept = [...changes, ...groups, ...rest].map(({ address }) => address).filter((address) => !gone.has(address));
  return [...gone, ...new Set(kept)].flatMap((address): PendingEntry[] => {
    const { kind, name } = parseAddress(address);
    return isOwnKind(kind) ? [{ kind, name, removed: gone.has(address) }] : [];
  });
}

async function write(client: OpnsenseClient, context: WriteContext, { verb, module, uuid, values, ...rest }: Write, done?: Write[], begin?: () => void): Promise<void> {
  begin?.();
  context.assertLease(writeTimeoutMs);
  // Before it is sent: what has no answer may have been done, and is taken back as well.
  done?.push({ verb, module, uuid, values, ...rest });
  if (verb === 'set') await client.set(module, uuid, values);
  else await client.remove(module, uuid);
}

/**
 * Which parts have to be put into force, in this order. Even where nothing was written: an earlier run may have saved it and not come so far. An alias
 * or a group reloads the filter as well (core AliasController.php, GroupController.php).
 */
function activationsOf(writes: readonly Write[], { changes }: Batch): readonly Activation[] {
  const kinds = new Set([...changes.map(({ address }) => parseAddress(address).kind), ...writes.map(({ address }) => parseAddress(address).kind)]);
  const alias = writes.some(({ module }) => module === 'alias') || kinds.has('address-group') || kinds.has('service');
  const group = kinds.has('zone');
  const filter = [...kinds].some((kind) => ['firewall-rule', 'firewall-policy', 'port-forward', 'masquerade'].includes(kind));
  return [...(kinds.has('vlan') ? ['vlan' as const] : []), ...(alias ? ['alias' as const] : []), ...(group ? ['group' as const] : []), ...(filter && !alias && !group ? ['filter' as const] : [])];
}

async function activate(client: OpnsenseClient, context: WriteContext, parts: readonly Activation[]): Promise<void> {
  for (const part of parts) {
    context.assertLease(activateTimeoutMs);
    await client.activate(part);
  }
}

/** The number of the run stays, so that a late writer of an older one finds it. */
async function finish(client: OpnsenseClient, context: WriteContext, notes: number): Promise<void> {
  for (let index = notes - 1; index > 0; index -= 1) {
    context.assertLease(writeTimeoutMs);
    await client.remove('alias', noteUuid(index));
  }
  context.assertLease(writeTimeoutMs);
  const { module, uuid, values } = doneNote(context.fence);
  await client.set(module, uuid, values);
}

async function takeBack(client: OpnsenseClient, context: WriteContext, done: readonly Write[], notes: number, cause: ProviderError): Promise<void> {
  try {
    for (const { verb, module, uuid, before } of [...done].reverse()) {
      context.assertLease(writeTimeoutMs);
      if (before !== undefined) await client.set(module, uuid, before);
      else if (verb === 'set') await client.remove(module, uuid);
    }
    const modules = new Set(done.map(({ module }) => module));
    const parts: readonly Activation[] = [...(modules.has('vlan') ? ['vlan' as const] : []), ...(modules.has('alias') ? ['alias' as const] : []), ...(modules.has('group') ? ['group' as const] : []), ...(['rule', 'dnat', 'snat'] as const).some((module) => modules.has(module)) ? ['filter' as const] : []];
    await activate(client, context, parts);
    await finish(client, context, notes);
  } catch (error) {
    if (!isProviderError(error)) throw error;
    throw new ProviderError('unknown-outcome', `${cause.message}; and it could not be taken back: ${error.message}`, { cause: error, hint: 'the next run looks again; the configuration before is in System: Configuration: History' });
  }
}
