/** The way to each device: what cuts it is refused, what touches it is critical, and far devices come before near ones. */
import { describe, expect, it } from 'vitest';
import { parseAddress, type Desired, type JsonObject, type Live, type Target } from '#contract';
import { emptyLedger } from '#core/load-ledger';
import type { DesiredState, Ledger, ManagementPath, Plan, Reading } from '#core/model';
import { kinds } from '#kinds/registry';
import { targetsBehind } from '../../src/plan/management-path.ts';
import { planCustomer } from '../../src/plan/plan-customer.ts';
import { at, capabilitiesOf, desired, entry, live, pin, targetOf } from './plan-fixture.ts';

const mgmt = { name: 'mgmt', id: 99 };
/** fw routes; core hangs on it by Gi24; access hangs on core's Gi1 by its Gi48; the access point on access's Gi5. */
const ways: Readonly<Record<string, ManagementPath | undefined>> = {
  fw: { through: [] },
  core: { vlan: mgmt, through: [{ target: 'fw' }, { target: 'core', port: 'Gi24' }] },
  access: { vlan: mgmt, through: [{ target: 'core', port: 'Gi1' }, { target: 'access', port: 'Gi48' }] },
  ap: { vlan: mgmt, through: [{ target: 'access', port: 'Gi5' }] },
  other: undefined,
};

interface Scene {
  readonly desired: readonly Desired[];
  readonly live: readonly Live[];
  readonly ways?: typeof ways;
  readonly more?: Partial<DesiredState>;
}

function plan(scene: Scene): Plan {
  const given = scene.ways ?? ways;
  const targets = Object.keys(given).map((name): Target => ({ ...targetOf(name, 'p', 'merge'), site: 'hq' }));
  const all = [...kinds.keys()];
  const ledger = Object.assign({}, ...scene.live.map(({ address, spec }) => entry(address, spec))) as Ledger['entries'];
  return planCustomer({
    tool: 't', commit: 'c', kinds, problems: [], allowDeletes: 100, capabilities: new Map([['p', capabilitiesOf('object')]]), ledger: { ...emptyLedger('nord'), entries: ledger },
    readings: targets.map(({ name }): Reading => ({ status: 'read', target: name, identity: { pin, product: 'Box', version: '1' }, live: scene.live.filter(({ address }) => parseAddress(address).target === name) })),
    state: {
      customer: { name: 'nord', displayName: 'Nord', protected: [], limits: { deletes: 100, deleteShare: 1 }, handover: [], document: {} },
      targets: targets.map((target) => ({ target, source: { file: 't.yaml', line: 1, column: 1 }, ...(given[target.name] === undefined ? {} : { management: given[target.name] as ManagementPath }) })),
      resources: scene.desired, written: Object.fromEntries(targets.map(({ name }) => [name, all])), ...scene.more,
    },
  });
}

const vlan = (target: string, id: number, more: JsonObject = {}, name = 'mgmt'): Live => live(at(target, 'vlan', name), { id, ...more });
const port = (target: string, name: string, spec: JsonObject): Live => live(at(target, 'switch-port', name), spec);
const trunk = (tagged: readonly number[], more: JsonObject = {}): JsonObject => ({ mode: 'trunk', tagged, ...more });
const site: readonly Live[] = [
  ...['fw', 'core', 'access', 'ap'].map((name) => vlan(name, 99)), vlan('core', 20, {}, 'office'),
  port('core', 'Gi24', trunk([20, 99])), port('core', 'Gi1', trunk([20, 99])), port('access', 'Gi48', trunk([20, 99])), port('access', 'Gi5', { mode: 'access', vlan: 99 }), port('core', 'Gi7', { mode: 'access', vlan: 20 }),
];

/** The site as it is, with some things written otherwise (`null`: no longer). */
function wanted(changes: Readonly<Record<string, JsonObject | null>>): readonly Desired[] {
  const here = new Map(site.map(({ address, spec }) => [address.slice('nord/'.length), spec]));
  for (const [address, spec] of Object.entries(changes)) {
    if (spec === null) here.delete(address);
    else here.set(address, spec);
  }
  return [...here].map(([address, spec]) => desired(`nord/${address}` as Desired['address'], spec));
}

interface Row {
  readonly because: string;
  readonly changes: Readonly<Record<string, JsonObject | null>>;
  /** Per target what it says. */
  readonly refused?: Readonly<Record<string, RegExp>>;
  readonly critical?: readonly string[];
}

describe('a change', () => {
  it.each<Row>([
    { because: 'of something else is no concern', changes: { 'core/switch-port/Gi7': { mode: 'access', vlan: 99 } } },
    { because: 'of a description is none either', changes: { 'core/switch-port/Gi1': trunk([20, 99], { description: 'x' }) } },
    { because: 'that takes another VLAN off the way is none', changes: { 'core/switch-port/Gi1': trunk([99]) } },
    { because: 'that deletes the management VLAN of a switch cuts it and all behind it', changes: { 'core/vlan/mgmt': null }, refused: { core: /VLAN 99 would be deleted, and that cuts the way to core, access, ap: us → fw → core Gi24/ }, critical: ['mgmt'] },
    { because: 'that renumbers it, too', changes: { 'access/vlan/mgmt': { id: 98 } }, refused: { access: /VLAN 99 would become 98, and that cuts the way to access, ap/ }, critical: ['mgmt'] },
    { because: 'that deletes it on the router cuts all that it routes', changes: { 'fw/vlan/mgmt': null }, refused: { fw: /cuts the way to core, access, ap/ }, critical: ['mgmt'] },
    { because: 'that takes it out of a trunk cuts what is behind', changes: { 'core/switch-port/Gi1': trunk([20]) }, refused: { core: /port Gi1 would no longer carry VLAN 99, and that cuts the way to access, ap: us → fw → core Gi24 → core Gi1 → access Gi48/ }, critical: ['Gi1'] },
    { because: 'that takes it out of its own uplink', changes: { 'access/switch-port/Gi48': trunk([20]) }, refused: { access: /cuts the way to access, ap/ }, critical: ['Gi48'] },
    { because: 'that shuts an uplink down', changes: { 'core/switch-port/Gi24': trunk([20, 99], { enabled: false }) }, refused: { core: /port Gi24 would be shut down/ }, critical: ['Gi24'] },
    { because: 'that resets a port on the way to its factory settings', changes: { 'access/switch-port/Gi48': null }, refused: { access: /factory settings, without VLAN 99/ }, critical: ['Gi48'] },
    { because: 'that moves the access point to another VLAN', changes: { 'access/switch-port/Gi5': { mode: 'access', vlan: 20 } }, refused: { access: /cuts the way to ap: .*access Gi5 → ap/ }, critical: ['Gi5'] },
    { because: 'that makes a trunk an access port of another VLAN', changes: { 'core/switch-port/Gi1': { mode: 'access', vlan: 20 } }, refused: { core: /no longer carry VLAN 99/ }, critical: ['Gi1'] },
    { because: 'that carries it untagged from now on touches the way', changes: { 'core/switch-port/Gi1': trunk([20], { native: 99 }) }, critical: ['Gi1'] },
    { because: 'that gives no more power touches it', changes: { 'access/switch-port/Gi5': { mode: 'access', vlan: 99, poe: false } }, critical: ['Gi5'] },
    { because: 'that changes the network of the management VLAN touches it', changes: { 'fw/vlan/mgmt': { id: 99, gateway: '192.168.99.2' } }, critical: ['mgmt'] },
    { because: 'that adds a VLAN to the way is what it is', changes: { 'core/switch-port/Gi1': trunk([20, 40, 99]) } },
  ])('$because', ({ changes, refused = {}, critical = [] }) => {
    const result = plan({ desired: wanted(changes), live: site });
    const said = result.problems.filter(({ code }) => code === 'plan.lock-out');
    expect(said.map(({ target }) => target)).toEqual(Object.keys(refused));
    for (const problem of said) {
      expect(problem).toMatchObject({ severity: 'error', gate: true });
      expect(problem.message).toMatch(refused[problem.target ?? ''] ?? /never/);
    }
    expect(result.targets.filter(({ status }) => status === 'blocked').map(({ target }) => target)).toEqual(Object.keys(refused));
    expect(result.targets.flatMap((target) => target.changes.filter(({ risk }) => risk === 'critical').map(({ address }) => parseAddress(address).name))).toEqual(critical);
    for (const { impact } of result.targets.flatMap((target) => target.changes.filter(({ risk }) => risk === 'critical'))) expect(impact).toMatchObject({ en: expect.stringContaining('the way to') as string, de: expect.stringContaining('der Weg zu') as string });
  });

  it('of which soll owns only a part is judged by the whole port', () => {
    const there = site.map((each) => (each.address.endsWith('/access/switch-port/Gi5') ? { ...each, spec: { mode: 'access', vlan: 99 } } : each));
    const result = plan({ live: there, desired: wanted({ 'access/switch-port/Gi5': { mode: 'trunk', tagged: [20] } }) });
    expect(result.problems.map(({ code }) => code)).toContain('plan.lock-out');
  });

  it('of a trunk without a list counts as carrying everything, until it gets a list', () => {
    const there = site.map((each) => (each.address.endsWith('/core/switch-port/Gi1') ? { ...each, spec: { mode: 'trunk', native: 1 } } : each));
    expect(plan({ live: there, desired: wanted({ 'core/switch-port/Gi1': { mode: 'trunk', tagged: [20] } }) }).problems.map(({ code }) => code)).toContain('plan.lock-out');
    expect(plan({ live: there, desired: wanted({ 'core/switch-port/Gi1': { mode: 'trunk', tagged: [20, 99] } }) }).problems.map(({ code }) => code)).not.toContain('plan.lock-out');
  });

  it('of a device without a written way is not judged', () => {
    expect(plan({ live: site, desired: wanted({ 'core/vlan/mgmt': null }), ways: { fw: undefined, core: undefined, access: undefined, ap: undefined } }).problems).toEqual([]);
  });

  it('the renumbering is seen by the number that is there, though the file says the new one only', () => {
    const next = { name: 'mgmt', id: 98 };
    const renumbered = Object.fromEntries(Object.entries(ways).map(([name, way]) => [name, way?.vlan === undefined ? way : { ...way, vlan: next }]));
    const result = plan({ live: site, ways: renumbered, desired: wanted(Object.fromEntries(['fw', 'core', 'access', 'ap'].map((name) => [`${name}/vlan/mgmt`, { id: 98 }]))) });
    expect(result.problems.filter(({ code }) => code === 'plan.lock-out').map(({ target }) => target)).toEqual(['access', 'ap', 'core', 'fw']);
  });

  it('a way over a port that is not there protects nothing, and that is told', () => {
    const wrong = { ...ways, access: { vlan: mgmt, through: [{ target: 'core', port: 'Gi2' }] } };
    expect(plan({ live: site, desired: wanted({}), ways: wrong }).problems).toMatchObject([{ code: 'plan.path-port', severity: 'warning', target: 'core' }]);
  });
});

describe('order', () => {
  const after = (result: Plan): Readonly<Record<string, readonly string[]>> => Object.fromEntries(result.targets.flatMap(({ batches }) => batches.map((batch) => [batch.id, batch.after])));

  it('what touches a way comes after what is to be done at its end', () => {
    const result = plan({ live: site, desired: wanted({ 'core/switch-port/Gi1': trunk([20], { native: 99 }), 'access/switch-port/Gi48': trunk([20], { native: 99 }), 'ap/vlan/mgmt': { id: 99, description: 'AP' } }) });
    expect(after(result)).toEqual({ 'ap/build': [], 'access/build': ['ap/build'], 'core/build': ['access/build', 'ap/build'] });
  });

  it('what a way shall carry is carried, from us on, before anything at its end uses it', () => {
    const guest = { id: 40 };
    const result = plan({
      live: [...site, ...['core', 'access', 'ap'].map((name) => live(at(name, 'vlan', 'guest'), guest))],
      desired: [
        ...wanted({ 'core/switch-port/Gi1': trunk([20, 40, 99]), 'access/switch-port/Gi48': trunk([20, 40, 99]) }), ...['core', 'access', 'ap'].map((name) => desired(at(name, 'vlan', 'guest'), guest)),
        desired(at('ap', 'ssid', 'guest'), { ssid: 'Gast', security: 'open', vlan: 40 }),
      ],
    });
    expect(after(result)).toEqual({ 'ap/build': ['access/build', 'core/build'], 'access/build': ['core/build'], 'core/build': [] });
  });
});

it('a customer who leaves keeps the ways: what would cut one is let go of', () => {
  const result = plan({ live: site, desired: [], more: { offboarding: { act: 'remove', reason: 'x' } } });
  expect(result.problems).toEqual([]);
  const changes = result.targets.flatMap(({ batches }) => batches.flatMap((batch) => batch.changes)).map(({ address }) => address);
  expect(changes).toEqual(['nord/core/switch-port/Gi7', 'nord/core/vlan/office']);
  expect(result.summary.release).toBe(site.length - changes.length);
});

it('who is behind whom', () => {
  const entries = Object.entries(ways).map(([name, management]) => ({ target: targetOf(name, 'p', 'merge'), source: { file: 't', line: 1, column: 1 }, ...(management === undefined ? {} : { management }) }));
  expect(Object.fromEntries(targetsBehind(entries))).toEqual({ fw: ['access', 'ap', 'core'], core: ['access', 'ap'], access: ['ap'] });
});
