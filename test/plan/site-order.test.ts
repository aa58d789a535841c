/** VLANs, ports and WLANs over the devices of a site: what uses a VLAN waits for it everywhere, and nothing waits for itself. */
import { describe, expect, it } from 'vitest';
import { parseAddress, type Address, type Desired, type JsonObject, type Live, type Target } from '#contract';
import { emptyLedger } from '#core/load-ledger';
import type { Ledger, Plan, Reading } from '#core/model';
import { kinds } from '#kinds/registry';
import { planCustomer } from '../../src/plan/plan-customer.ts';
import { at, capabilitiesOf, desired, entry, live, pin, targetOf } from './plan-fixture.ts';

interface Scene {
  readonly desired?: readonly Desired[];
  readonly live?: readonly Live[];
  readonly ledger?: Ledger['entries'];
  readonly unreachable?: readonly string[];
  /** Targets that commit their configuration at once. */
  readonly atOnce?: readonly string[];
}

/** A firewall, two switches and an access point at one site, and a switch at another. */
function plan(scene: Scene): Plan {
  const targets = [['fw', 'hq'], ['sw1', 'hq'], ['sw2', 'hq'], ['ap', 'hq'], ['far', 'branch']].map(([name = '', site = '']): Target => ({ ...targetOf(name, scene.atOnce?.includes(name) === true ? 'whole' : 'single', 'merge'), site }));
  const all = [...kinds.keys()];
  return planCustomer({
    tool: 't', commit: 'c', kinds, problems: [], allowDeletes: 100, capabilities: new Map([['whole', capabilitiesOf('confirmed')], ['single', capabilitiesOf('object')]]),
    ledger: { ...emptyLedger('nord'), entries: scene.ledger ?? {} },
    readings: targets.map(({ name }): Reading => scene.unreachable?.includes(name) === true ? { status: 'unreachable', target: name, code: 'unreachable', why: 'off' } : {
      status: 'read', target: name, identity: { pin, product: 'Box', version: '1' }, live: (scene.live ?? []).filter(({ address }) => parseAddress(address).target === name),
    }),
    state: {
      customer: { name: 'nord', displayName: 'Nord', protected: [], limits: { deletes: 100, deleteShare: 1 }, handover: [], document: {} },
      targets: targets.map((target) => ({ target, source: { file: 't.yaml', line: 1, column: 1 } })), resources: scene.desired ?? [], written: Object.fromEntries(targets.map(({ name }) => [name, all])),
    },
  });
}

const batches = (result: Plan): Readonly<Record<string, { readonly changes: readonly string[]; readonly after: readonly string[] }>> =>
  Object.fromEntries(result.targets.flatMap((target) => target.batches.map(({ id, changes, after }) => [id, { changes: changes.map(({ verb, address }) => `${verb} ${parseAddress(address).name}`), after }])));
const statuses = (result: Plan): Readonly<Record<string, string>> => Object.fromEntries(result.targets.map(({ target, status }) => [target, status]));

const vlan = (target: string, id: number, name = 'cams'): Desired => desired(at(target, 'vlan', name), { id });
const port = (target: string, spec: JsonObject): Desired => desired(at(target, 'switch-port', 'p1'), spec);
const ssid = (target: string, id: number): Desired => desired(at(target, 'ssid', 'guest'), { ssid: 'Gast', security: 'open', vlan: id });
const shown = ({ address, spec }: Desired): Live => live(address, spec);
const recorded = (...list: readonly Desired[]): Record<Address, Ledger['entries'][Address]> => Object.assign({}, ...list.map(({ address, spec }) => entry(address, spec))) as Record<Address, Ledger['entries'][Address]>;

describe('a VLAN travels', () => {
  it('one target alone waits for nobody, and is not split', () => {
    expect(batches(plan({ desired: [vlan('sw1', 30), port('sw1', { mode: 'access', vlan: 30 })] }))).toEqual({ 'sw1/build': { changes: ['create cams', 'create p1'], after: [] } });
  });

  it('a WLAN waits for its VLAN on every device of the site and on none elsewhere', () => {
    expect(batches(plan({ desired: [vlan('fw', 30), vlan('sw1', 30), vlan('far', 30), ssid('ap', 30)] }))).toEqual({
      'fw/build': { changes: ['create cams'], after: [] }, 'sw1/build': { changes: ['create cams'], after: [] }, 'far/build': { changes: ['create cams'], after: [] },
      'ap/build': { changes: ['create guest'], after: ['fw/build', 'sw1/build'] },
    });
  });

  it('two switches with ports of their own: VLANs everywhere first, then ports', () => {
    const result = plan({ desired: ['sw1', 'sw2'].flatMap((name) => [vlan(name, 30), port(name, { mode: 'trunk', tagged: [30] })]) });
    expect(statuses(result)).toMatchObject({ sw1: 'ready', sw2: 'ready' });
    expect(batches(result)).toEqual({
      'sw1/build': { changes: ['create cams'], after: [] }, 'sw1/build-2': { changes: ['create p1'], after: ['sw1/build', 'sw2/build'] },
      'sw2/build': { changes: ['create cams'], after: [] }, 'sw2/build-2': { changes: ['create p1'], after: ['sw1/build', 'sw2/build'] },
    });
  });

  it('what commits at once is split only where targets need each other', () => {
    const result = plan({ atOnce: ['sw1', 'ap'], desired: [vlan('sw1', 30), port('sw1', { mode: 'access', vlan: 30 }), vlan('ap', 30), ssid('ap', 30), vlan('fw', 30)] });
    expect(Object.entries(batches(result)).map(([id, { changes }]) => [id, changes.length])).toEqual([['ap/build', 1], ['ap/build-2', 1], ['fw/build', 1], ['sw1/build', 1], ['sw1/build-2', 1]]);
    // With the VLAN there already nobody waits.
    const there = [vlan('sw1', 30), vlan('ap', 30), vlan('fw', 30)];
    expect(Object.keys(batches(plan({ atOnce: ['sw1', 'ap'], live: there.map(shown), ledger: recorded(...there), desired: [...there, port('sw1', { mode: 'access', vlan: 30 }), ssid('ap', 30)] })))).toEqual(['ap/build', 'sw1/build']);
  });

  it('it goes from where nobody uses it any more, in whatever order that is', () => {
    const was = [vlan('fw', 30), vlan('sw1', 30), vlan('ap', 30), port('sw1', { mode: 'access', vlan: 30 }), ssid('ap', 30)];
    const result = plan({ live: was.map(shown), ledger: recorded(...was), desired: [port('sw1', { mode: 'access', vlan: 1 })] });
    expect(batches(result)).toEqual({
      'sw1/build': { changes: ['update p1'], after: [] }, 'sw1/remove': { changes: ['delete cams'], after: ['ap/remove', 'sw1/build'] },
      'ap/remove': { changes: ['delete guest', 'delete cams'], after: ['sw1/build'] }, 'fw/remove': { changes: ['delete cams'], after: ['ap/remove', 'sw1/build'] },
    });
  });

  it('a new number comes before what uses it, and waits for nobody who used the old one', () => {
    const was = [vlan('sw1', 30), vlan('sw2', 30), port('sw1', { mode: 'access', vlan: 30 })];
    const result = plan({ live: was.map(shown), ledger: recorded(...was), desired: [vlan('sw1', 40), vlan('sw2', 40), port('sw1', { mode: 'access', vlan: 40 })] });
    expect(batches(result)).toEqual({ 'sw1/build': { changes: ['update cams', 'update p1'], after: ['sw2/build'] }, 'sw2/build': { changes: ['update cams'], after: [] } });
  });

  it('a VLAN that is called like the number of another is not taken for it', () => {
    expect(batches(plan({ desired: [desired(at('sw1', 'vlan', '30'), { id: 50 }), ssid('ap', 30)] }))['ap/build']?.after).toEqual([]);
  });

  it('a device of the site that does not answer and never had it is told', () => {
    const silent = (ledger: Ledger['entries']): readonly string[] => plan({ unreachable: ['sw2'], desired: [vlan('sw2', 30), vlan('sw1', 30), ssid('ap', 30)], ledger }).problems.map(({ code, target }) => `${code} ${target ?? ''}`);
    expect(silent({})).toEqual(['plan.unseen-need sw2']);
    expect(silent(recorded(vlan('sw2', 30)))).toEqual([]);
  });
});
