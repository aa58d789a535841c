/** Small builders for one customer `nord` with a firewall `fw1` (at once, guarded) and a tenant `m365` (object by object). */
import { parseAddress, toAddress, type Address, type Atomicity, type Capabilities, type Change, type Desired, type JsonObject, type Live, type Mode, type Target, type Verb } from '#contract';
import { emptyLedger } from '#core/load-ledger';
import type { Customer, DesiredState, Ledger, LedgerEntry, Reading } from '#core/model';
import { kinds } from '#kinds/registry';
import type { PlanInput } from '../../src/plan/plan-customer.ts';

export const pin = 'ssh:SHA256:AAAA';
const allVerbs: readonly Verb[] = ['create', 'update', 'delete'];

export function at(target: string, kind: string, name: string): Address {
  return toAddress({ customer: 'nord', target, kind, name });
}

function canonical(address: Address, spec: JsonObject): JsonObject {
  return kinds.get(parseAddress(address).kind)?.canonical(spec) ?? spec;
}

export function desired(address: Address, spec: JsonObject, extra: Partial<Desired> = {}): Desired {
  return { address, spec: canonical(address, spec), dependsOn: [], source: { file: `customers/nord/${parseAddress(address).target}.yaml`, line: 1, column: 1 }, ...extra };
}

export function live(address: Address, spec: JsonObject, extra: Partial<Live> = {}): Live {
  return { address, spec: canonical(address, spec), handle: { id: address }, origin: 'ours', ...extra };
}

export function entry(address: Address, spec: JsonObject): Readonly<Record<Address, LedgerEntry>> {
  const kind = kinds.get(parseAddress(address).kind);
  return { [address]: { spec: canonical(address, spec), schemaVersion: kind?.schemaVersion ?? 1, commit: 'c0', run: 'r0' } };
}

export function capabilitiesOf(atomicity: Atomicity, verbs: readonly Verb[] = allVerbs): Capabilities {
  const modes: readonly Mode[] = ['observe', 'merge', 'exclusive'];
  return {
    atomicity, rollback: 'native', concurrency: 1,
    kinds: Object.fromEntries([...kinds.keys()].map((kind) => [kind, { verbs, modes, createKey: 'unique' as const }])),
  };
}

export function targetOf(name: string, provider: string, mode: Mode): Target {
  const secret = { $secret: 'nord/key' };
  return {
    customer: 'nord', name, provider, address: '192.0.2.1', identity: [pin], credentials: { read: secret, write: secret },
    manages: Object.fromEntries([...kinds.keys()].map((kind) => [kind, mode])), settings: {},
  };
}

export interface Scene {
  readonly mode?: Mode;
  readonly desired?: readonly Desired[];
  readonly live?: readonly Live[];
  readonly ledger?: Partial<Ledger>;
  readonly customer?: Partial<Customer>;
  readonly readings?: readonly Reading[];
  readonly written?: DesiredState['written'];
  readonly allowDeletes?: number;
  readonly problems?: PlanInput['problems'];
  readonly commit?: string;
}

/** A whole input for `planCustomer`: both targets read, every kind written. */
export function planInput(scene: Scene = {}): PlanInput {
  const targets = [targetOf('fw1', 'firewall', scene.mode ?? 'merge'), targetOf('m365', 'tenant', scene.mode ?? 'merge')];
  const all = [...kinds.keys()];
  return {
    tool: 'soll test', commit: scene.commit ?? 'c1', kinds, problems: scene.problems ?? [], allowDeletes: scene.allowDeletes ?? 0,
    capabilities: new Map([['firewall', capabilitiesOf('confirmed')], ['tenant', capabilitiesOf('object')]]),
    ledger: { ...emptyLedger('nord'), ...scene.ledger },
    readings: scene.readings ?? targets.map(({ name }): Reading => ({
      status: 'read', target: name, identity: { pin, product: 'Box', version: '1' },
      live: (scene.live ?? []).filter(({ address }) => parseAddress(address).target === name),
    })),
    state: {
      customer: { name: 'nord', displayName: 'Nord', protected: [], limits: { deletes: 1, deleteShare: 0.1 }, handover: [], document: {}, ...scene.customer },
      targets: targets.map((target) => ({ target, source: { file: 'customers/nord/targets.yaml', line: 1, column: 1 } })),
      resources: scene.desired ?? [],
      written: scene.written ?? { fw1: all, m365: all },
    },
  };
}

export function summary(changes: readonly Change[]): readonly string[] {
  return changes.map(({ verb, address, reason }) => `${verb} ${parseAddress(address).name} ${reason}`).sort();
}
