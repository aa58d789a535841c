/** Ports between their entry and their spec, without a console: nothing that is not spoken of may change. */
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#contract';
import { factoryEntry, isFactory, portEntry, portNetworks, portNote, portsOf, portSpec, shutOut, UnknownVlan, withEntry, type Port } from './ports.ts';

const ids = { default: '0'.repeat(24), office: 'a'.repeat(24), guest: 'b'.repeat(24), cameras: 'c'.repeat(24) };
const networks = portNetworks([
  { _id: ids.default, name: 'Default', purpose: 'corporate', vlan_enabled: false }, { _id: ids.office, name: 'office', purpose: 'corporate', vlan_enabled: true, vlan: 10 }, { _id: ids.guest, name: 'guest', purpose: 'guest', vlan: '40' },
  { _id: ids.cameras, name: 'Kameras', purpose: 'vlan-only', vlan: 99 }, { _id: 'f'.repeat(24), name: 'WAN', purpose: 'wan' },
]);
const port = (override?: JsonObject): Port => ({ index: 5, table: { port_idx: 5, name: 'Port 5', port_poe: true }, override: override === undefined ? undefined : { port_idx: 5, ...override } });
const none = new Map<string, JsonObject>();

describe('a port is read as it acts', () => {
  it.each([
    { because: 'nothing is set', override: undefined, spec: { mode: 'trunk', native: 1, enabled: true, poe: true } },
    { because: 'one network, nothing tagged', override: { forward: 'native', native_networkconf_id: ids.office, tagged_vlan_mgmt: 'block_all' }, spec: { mode: 'access', vlan: 10, enabled: true, poe: true } },
    { because: 'all is let through, and yet nothing tagged', override: { forward: 'customize', native_networkconf_id: ids.guest, tagged_vlan_mgmt: 'block_all' }, spec: { mode: 'access', vlan: 40, enabled: true, poe: true } },
    { because: 'the list is kept as exceptions', override: { forward: 'customize', native_networkconf_id: ids.default, tagged_vlan_mgmt: 'custom', excluded_networkconf_ids: [ids.cameras, 'd'.repeat(24)] }, spec: { mode: 'trunk', native: 1, tagged: [10, 40], enabled: true, poe: true } },
    { because: 'everything is a trunk without a list', override: { forward: 'all', name: 'Uplink', poe_mode: 'off' }, spec: { mode: 'trunk', native: 1, description: 'Uplink', enabled: true, poe: false } },
    { because: 'it is shut down', override: { forward: 'disabled', native_networkconf_id: '', tagged_vlan_mgmt: 'block_all', port_security_enabled: true, port_security_mac_address: [] }, spec: { mode: 'access', enabled: false, poe: true } },
  ])('$because', ({ override, spec }) => {
    expect(portSpec(port(override), networks, none)).toEqual(spec);
  });

  it('what a profile decides is read from the profile, and left to it', () => {
    const profiles = new Map([['p', { _id: 'p', name: 'Kameras', forward: 'native', native_networkconf_id: ids.cameras, poe_mode: 'off' }]]);
    expect(portSpec(port({ portconf_id: 'p' }), networks, profiles)).toEqual({ mode: 'access', vlan: 99, enabled: true, poe: false });
    expect(portNote(port({ portconf_id: 'p' }), profiles)).toContain('Kameras');
    expect(portNote({ ...port(), table: { aggregated_by: 9 } }, none)).toContain('aggregate of port 9');
    expect(portNote(port({ op_mode: 'mirror' }), none)).toContain('mirror');
  });
});

describe('a port is written whole', () => {
  const strange = { stormctrl_bcast_enabled: true, something_new: { kept: ['as', 'it', 'is'] }, port_security_enabled: true, port_security_mac_address: ['00:11:22:33:44:55'] };

  it.each([
    { mode: 'access', vlan: 40 }, { mode: 'access', vlan: 10, description: 'Empfang', poe: false }, { mode: 'trunk', native: 10, tagged: [1, 99] }, { mode: 'trunk', tagged: [] }, { mode: 'trunk', native: 40 }, { mode: 'access', enabled: false },
  ] as const)('%j reads back, and what nobody spoke of stays', (after) => {
    for (const before of [undefined, strange, { ...strange, forward: 'native', native_networkconf_id: ids.office, tagged_vlan_mgmt: 'block_all' }]) {
      const entry = portEntry(port(before), after as never, networks);
      expect(portSpec({ ...port(), override: entry }, networks, none)).toMatchObject(after);
      expect(entry).toMatchObject(before === undefined ? {} : { stormctrl_bcast_enabled: true, something_new: { kept: ['as', 'it', 'is'] } });
      if (before !== undefined && !('enabled' in after)) expect(entry).toMatchObject({ port_security_enabled: true, port_security_mac_address: ['00:11:22:33:44:55'] });
    }
  });

  it('a trunk keeps its list when only its native VLAN is written', () => {
    const entry = portEntry(port({ forward: 'customize', native_networkconf_id: ids.default, tagged_vlan_mgmt: 'custom', excluded_networkconf_ids: [ids.cameras] }), { mode: 'trunk', native: 40 }, networks);
    expect(portSpec({ ...port(), override: entry }, networks, none)).toMatchObject({ native: 40, tagged: [1, 10] });
  });

  it('a port that is shut down opens only when that is written', () => {
    const shut = port(portEntry(port(), { mode: 'access', enabled: false }, networks));
    expect(portEntry(shut, { mode: 'access', vlan: 10 }, networks)['forward']).toBe('disabled');
    expect(portEntry(shut, { mode: 'access', vlan: 10, enabled: true }, networks)).toMatchObject({ forward: 'native', port_security_enabled: false });
  });

  it('a VLAN that the console does not have is never sent', () => {
    expect(() => portEntry(port(), { mode: 'trunk', tagged: [10, 77] }, networks)).toThrow(UnknownVlan);
  });

  it('back at its settings of the box it keeps what is not ours, or is gone', () => {
    expect(factoryEntry(port({ ...strange, name: 'x', forward: 'native', native_networkconf_id: ids.office }))).toEqual({ port_idx: 5, ...strange });
    expect(factoryEntry(port({ name: 'x', forward: 'all', setting_preference: 'manual' }))).toBeUndefined();
    expect(isFactory(port(strange))).toBe(true);
  });

  it('one entry changes, all others go along as they are', () => {
    const others = [{ port_idx: 1, name: 'a', odd: [1] }, { port_idx: 5, name: 'b' }, { port_idx: 7, portconf_id: 'p' }];
    const device = { port_overrides: others, port_table: [1, 5, 7].map((index) => ({ port_idx: index })) };
    expect(withEntry(device, 5, { port_idx: 5, name: 'c' })).toEqual([others[0], { port_idx: 5, name: 'c' }, others[2]]);
    expect(withEntry(device, 5, undefined)).toEqual([others[0], others[2]]);
    expect(withEntry(device, 9, { port_idx: 9 })).toEqual([...others, { port_idx: 9 }]);
    expect(portsOf(device).map(({ index }) => index)).toEqual([1, 5, 7]);
  });

  it('a new network is kept off trunks with a list, and off nothing else', () => {
    const list = { port_idx: 1, forward: 'customize', tagged_vlan_mgmt: 'custom', excluded_networkconf_ids: [ids.guest], odd: true };
    expect(shutOut({ port_overrides: [list, { port_idx: 2, forward: 'all' }] }, 'n')).toEqual([{ ...list, excluded_networkconf_ids: [ids.guest, 'n'] }, { port_idx: 2, forward: 'all' }]);
    expect(shutOut({ port_overrides: [{ ...list, excluded_networkconf_ids: ['n'] }, { port_idx: 2, forward: 'all' }] }, 'n')).toBeUndefined();
  });
});

it('two networks of one number are no network to put a port into', () => {
  expect(() => portNetworks([{ _id: 'a', purpose: 'corporate', vlan: 10 }, { _id: 'b', purpose: 'vlan-only', vlan: 10 }])).toThrow(/same VLAN number/);
});
