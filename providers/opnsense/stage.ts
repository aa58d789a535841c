/**
 * One commit of several single writes: note what is about to be touched, save everything, put it into force, take the note away. What fails before it is
 * in force is taken back object by object, so that nobody else's "Apply" brings half of it to life.
 */
import { isProviderError, parseAddress, ProviderError, type Address, type Batch, type WriteContext } from '#contract';
import type { Activation, OpnsenseClient } from './client.ts';
import { renewAfterMs, writeTimeoutMs } from './limits.ts';
import { isOwnKind } from './names.ts';
import { doneNote, note, noteUuid, savingNotes, type PendingEntry } from './pending.ts';
import type { Write, WritePlan } from './write-plan.ts';

/** What the firewall refused, and of which resource. Everything is as it was before. */
export class Refused extends Error {
  readonly address: Address;
  readonly code: string;

  constructor(address: Address, error: ProviderError) {
    super(error.message);
    this.address = address;
    this.code = error.code;
  }
}

export interface CommitInput {
  readonly client: OpnsenseClient;
  readonly context: WriteContext;
  readonly batch: Batch;
  readonly plan: WritePlan;
  /** The device's own guard is armed. What is taken back under it leaves no note: it has nothing to put back then, and nothing to reload. */
  readonly guarded: boolean;
  /** The first note as it was before. */
  readonly noteBefore?: string;
  /** Asked when all is saved and nothing is in force; throws when it must not come into force. */
  readonly mayForce: () => Promise<void>;
  /** Renews the lease where it is needed; asked again and again, because many single writes take longer than one lease. */
  renew(): Promise<void>;
}

/** Throws `Refused` when everything is as it was before, and a ProviderError when nobody knows. */
export async function commitWrites(input: CommitInput): Promise<void> {
  const commit = new Commit(input);
  await commit.run();
}

class Commit {
  readonly #input: CommitInput;
  readonly #done: Write[] = [];
  #noted = 0;
  /** Some of it may be in force. */
  #inForce = false;
  #renewed: number;
  #current: Address;

  constructor(input: CommitInput) {
    this.#input = input;
    this.#current = input.batch.changes[0]?.address ?? ('' as Address);
    this.#renewed = input.context.clock.monotonic();
  }

  async run(): Promise<void> {
    const { batch, plan, context } = this.#input;
    const notes = savingNotes(context.fence, entriesOf(batch, plan));
    try {
      for (const { module, uuid, values } of notes) {
        this.#noted += 1;
        await this.#set({ module, uuid, values });
      }
      // What an earlier run had deleted and not applied is still in the way.
      if (plan.networksUnsure) await this.#activate(['interface']);
      for (const each of plan.networks) await this.#write(each);
      if (plan.networks.length > 0) await this.#activate(partsOf(plan.networks));
      for (const each of plan.groups) await this.#write(each);
      if (plan.groups.length > 0) await this.#activate(['group']);
      for (const [index, each] of plan.rest.entries()) {
        // A device goes when its interface has gone, and that goes only when it is applied.
        if (each.module === 'vlan' && plan.rest[index - 1]?.module === 'interface') await this.#activate(['interface']);
        await this.#write(each);
      }
      await this.#input.mayForce();
      this.#inForce = true;
      await this.#activate(activationsOf(plan, batch));
    } catch (error) {
      if (!isProviderError(error)) throw error;
      await this.#takeBack(error);
      throw new Refused(this.#current, error);
    }
    await this.#finish().catch((error: unknown) => {
      if (!isProviderError(error)) throw error;
      // All of it is in force, and perhaps that is why nobody answers any more.
      throw new ProviderError('unknown-outcome', `it was put into force, and then: ${error.message}`, { cause: error });
    });
  }

  async #keepLease(): Promise<void> {
    const now = this.#input.context.clock.monotonic();
    if (now - this.#renewed <= renewAfterMs) return;
    await this.#input.renew();
    this.#renewed = now;
  }

  #mayWrite = (timeoutMs: number): void => {
    this.#input.context.assertLease(timeoutMs);
  };

  #set({ module, uuid, values }: Pick<Write, 'module' | 'uuid' | 'values'>): Promise<void> {
    return this.#input.client.set(module, uuid, values, this.#mayWrite);
  }

  async #write(write: Write): Promise<void> {
    await this.#keepLease();
    this.#current = write.address;
    this.#mayWrite(writeTimeoutMs);
    // Before it is sent: what has no answer may have been done, and is taken back as well.
    this.#done.push(write);
    if (write.verb === 'set') await this.#set(write);
    else await this.#input.client.remove(write.module, write.uuid, this.#mayWrite);
  }

  async #activate(parts: readonly Activation[]): Promise<void> {
    for (const part of parts) {
      await this.#keepLease();
      await this.#input.client.activate(part, this.#mayWrite);
    }
  }

  /** The number of the run stays, so that a late writer of an older one finds it. */
  async #finish(): Promise<void> {
    const { client, context } = this.#input;
    for (let index = this.#noted - 1; index > 0; index -= 1) await client.remove('alias', noteUuid(index), this.#mayWrite);
    await this.#set(doneNote(context.fence));
  }

  async #takeNoteBack(): Promise<void> {
    const { client, guarded, noteBefore } = this.#input;
    if (!guarded) {
      await this.#finish();
      return;
    }
    for (let index = this.#noted - 1; index > 0; index -= 1) await client.remove('alias', noteUuid(index), this.#mayWrite);
    if (noteBefore === undefined) await client.remove('alias', noteUuid(0), this.#mayWrite);
    else await this.#set(note(0, noteBefore));
  }

  async #takeBack(cause: ProviderError): Promise<void> {
    // Nothing was sent, or a first note that was plainly refused: nothing is left of it.
    if (this.#noted === 0 || (this.#noted === 1 && this.#done.length === 0 && cause.code !== 'unknown-outcome')) return;
    const { client } = this.#input;
    const modules = new Set(this.#done.map(({ module }) => module));
    try {
      for (const { verb, module, uuid, before } of [...this.#done].reverse()) {
        // A run that was stopped is told so here once more, and takes back none the less.
        await this.#keepLease().catch((error: unknown) => { if (!isProviderError(error)) throw error; });
        if (before !== undefined && verb === 'delete' && module === 'interface') {
          // It goes for good first, and comes back as a new one.
          await client.activate('interface', this.#mayWrite);
          await this.#set({ module, uuid: `new:${before['if'] ?? ''}`, values: before });
        } else if (before !== undefined) {
          await this.#set({ module, uuid, values: before });
          // A group that was unregistered has to be there before its rules are.
          if (this.#inForce && verb === 'delete' && module === 'group') await client.activate('group', this.#mayWrite);
        } else if (verb === 'set') {
          if (module === 'vlan' && modules.has('interface')) await client.activate('interface', this.#mayWrite);
          await client.remove(module, uuid, this.#mayWrite);
        }
      }
      const filter = modules.has('rule') || modules.has('dnat') || modules.has('snat');
      const dhcp = modules.has('range') || modules.has('option');
      const parts: readonly Activation[] = [...(['vlan', 'interface'] as const).filter((module) => modules.has(module)), ...(dhcp ? ['dhcp' as const] : []), ...(['alias', 'group'] as const).filter((module) => modules.has(module)), ...(filter ? ['filter' as const] : [])];
      for (const part of parts) await client.activate(part, this.#mayWrite);
      await this.#takeNoteBack();
    } catch (error) {
      if (!isProviderError(error)) throw error;
      throw new ProviderError('unknown-outcome', `${cause.message}; and it could not be taken back: ${error.message}`, { cause: error, hint: 'the next run looks again; the configuration before is in System: Configuration: History' });
    }
  }
}

/** A rename touches two names; what only follows a change of something else is touched as well. */
function entriesOf({ changes }: Batch, { networks, groups, rest }: WritePlan): readonly PendingEntry[] {
  const gone = new Set(changes.flatMap(({ verb, address, was }) => (verb === 'delete' ? [address] : was === undefined ? [] : [was])));
  const kept = [...changes, ...networks, ...groups, ...rest].map(({ address }) => address).filter((address) => !gone.has(address));
  return [...gone, ...new Set(kept)].flatMap((address): PendingEntry[] => {
    const { kind, name } = parseAddress(address);
    return isOwnKind(kind) ? [{ kind, name, removed: gone.has(address) }] : [];
  });
}

function partsOf(writes: readonly Write[]): readonly Activation[] {
  return (['vlan', 'interface'] as const).filter((module) => writes.some((write) => write.module === module));
}

/**
 * Which parts have to be put into force, in this order. Even where nothing was written: an earlier run may have saved it and not come so far. An alias
 * or a group reloads the filter as well (core AliasController.php, GroupController.php).
 */
function activationsOf({ networks, networksUnsure, groups, rest }: WritePlan, { changes }: Batch): readonly Activation[] {
  const writes = [...networks, ...groups, ...rest];
  const early = new Set(partsOf(networks).filter((part) => !rest.some(({ module }) => module === part)));
  const kinds = new Set([...changes, ...writes].map(({ address }) => parseAddress(address).kind));
  const alias = writes.some(({ module }) => module === 'alias') || kinds.has('address-group') || kinds.has('service');
  const group = kinds.has('zone');
  const filter = ['firewall-rule', 'firewall-policy', 'port-forward', 'masquerade'].some((kind) => kinds.has(kind));
  const dhcp = networksUnsure || writes.some(({ module }) => module === 'range' || module === 'option');
  const parts: readonly Activation[] = [...(kinds.has('vlan') ? ['vlan' as const] : []), ...(networksUnsure || writes.some(({ module }) => module === 'interface') ? ['interface' as const] : []), ...(dhcp ? ['dhcp' as const] : []), ...(alias ? ['alias' as const] : []), ...(group ? ['group' as const] : []), ...(filter && !alias && !group ? ['filter' as const] : [])];
  return parts.filter((part) => !early.has(part));
}
