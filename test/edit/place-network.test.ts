/** VLANs, WLANs and ports back into network.yaml: numbers become names, what many devices have stays written once. */
import { describe, expect, test } from 'vitest';
import { parseAddress, type Desired, type JsonObject } from '#contract';
import { isObject } from '#core/canonical';
import { kinds } from '#kinds/registry';
import { diffLines } from '../../src/edit/diff-lines.ts';
import { editYaml, readYaml } from '../../src/edit/edit-yaml.ts';
import { newDocument } from '../../src/edit/new-document.ts';
import { placeAll, placeResource, type PlacedResource, type PlaceInput } from '../../src/edit/place-resource.ts';
import { load } from '../harness/desired.ts';
import { editedSite, siteFiles, siteNetwork } from '../harness/site.ts';

const targets = [{ name: 'router', site: 'hq', manages: { vlan: 'merge' } }, { name: 'sw1', site: 'hq', manages: { vlan: 'merge', 'switch-port': 'merge' } }, { name: 'ap', site: 'hq', manages: { vlan: 'merge', ssid: 'merge' } }, { name: 'tenant' }];

function inputOf(text: string): PlaceInput {
  const data = readYaml(text);
  return { documents: isObject(data) ? { 'network.yaml': data } : {}, kinds, targets };
}

function linesOf(resource: PlacedResource, text: string = siteNetwork): readonly string[] {
  const placed = placeAll(inputOf(text), [resource]);
  expect(placed.refused).toEqual([]);
  expect(placed.unsaid).toEqual([]);
  return diffLines(text, editYaml(text, placed.edits.get('network.yaml') ?? [])).filter((line) => !line.startsWith(' '));
}

const at = (target: string, kind: string, name: string, spec: JsonObject | undefined): PlacedResource => ({ target, kind, name, spec });
const uplink = { mode: 'trunk', native: 10, tagged: [40], role: 'uplink' };
const withAll = editedSite(['tagged: [guest]', 'tagged: all'])['customers/acme/network.yaml'] ?? '';

describe('place', () => {
  test.each<{ because: string; resource: PlacedResource; text?: string; lines: readonly string[] }>([
    { because: 'what is there as written changes nothing', resource: at('sw1', 'switch-port', 'Gi1/0/24', uplink), lines: [] },
    { because: 'the number of another VLAN is written by its name', resource: at('sw1', 'switch-port', 'Gi1/0/1', { mode: 'access', vlan: 40 }), lines: ['-        vlan: office', '+        vlan: guest'] },
    { because: 'the default VLAN of the switch is written as 1', resource: at('sw1', 'switch-port', 'Gi1/0/1', { mode: 'access', vlan: 1 }), lines: ['-        vlan: office', '+        vlan: 1'] },
    { because: 'another mode has other fields', resource: at('sw1', 'switch-port', 'Gi1/0/1', { mode: 'trunk', native: 10, tagged: [40] }), lines: ['-        mode: access', '-        vlan: office', '+        mode: trunk', '+        native: office', '+        tagged: [guest]'] },
    { because: 'all stays where it says what is there', resource: at('sw1', 'switch-port', 'Gi1/0/24', uplink), text: withAll, lines: [] },
    { because: 'and means others where the native VLAN is another', resource: at('sw1', 'switch-port', 'Gi1/0/24', { ...uplink, native: 40, tagged: [10] }), text: editedSite(['tagged: [guest]', 'tagged: all'], ['native: office', 'native: 1'])['customers/acme/network.yaml'] ?? '', lines: ['-        native: 1', '+        native: guest'] },
    { because: 'one that lacks a VLAN is a list', resource: at('sw1', 'switch-port', 'Gi1/0/24', { ...uplink, tagged: [] }), text: withAll, lines: ['-        tagged: all', '+        tagged: []'] },
    { because: 'a new port, in the order that people read', resource: at('sw1', 'switch-port', 'Gi1/0/2', { description: 'Drucker', mode: 'access', vlan: 10 }), lines: ['+      Gi1/0/2:', '+        mode: access', '+        vlan: office', '+        description: Drucker'] },
    { because: 'a WLAN keeps the name of its secret', resource: at('ap', 'ssid', 'staff', { ssid: 'Praxis', security: 'wpa3-personal', passphrase: { $secret: 'wlan-staff', version: 1 }, vlan: 10 }), lines: ['-        security: wpa2-wpa3-personal', '+        security: wpa3-personal'] },
    { because: 'an open WLAN has no passphrase to keep', resource: at('ap', 'ssid', 'staff', { ssid: 'Praxis', security: 'open', vlan: 10 }), lines: ['-        security: wpa2-wpa3-personal', '-        passphrase:', '-          $secret: wlan-staff', '+        security: open'] },
    { because: 'gone from one device, it stays on the others', resource: at('ap', 'vlan', 'guest', undefined), lines: ['+        targets: [router, sw1]'] },
    { because: 'gone from the only device that has it, it is gone', resource: at('ap', 'ssid', 'guest', undefined), lines: ['-      guest:', '-        ssid: Gäste', '-        vlan: guest', '-        security: open', '-        isolated: true'] },
    { because: 'a port goes alone', resource: at('sw1', 'switch-port', 'Gi1/0/1', undefined), lines: ['-      Gi1/0/1:', '-        mode: access', '-        vlan: office'] },
  ])('$because', ({ resource, text, lines }) => {
    expect(linesOf(resource, text)).toEqual(lines);
  });

  test.each([
    { because: 'a VLAN that nobody wrote has no name', resource: at('sw1', 'switch-port', 'Gi1/0/9', { mode: 'access', vlan: 77 }) },
    { because: 'a target without a site has no VLANs', resource: at('tenant', 'switch-port', 'p', { mode: 'access', vlan: 10 }) },
  ])('refuses: $because', ({ resource }) => {
    expect(placeResource(inputOf(siteNetwork), resource)).toHaveProperty('refused');
  });

  test('everything that was read goes back into an empty document and reads the same', async () => {
    const read = async (text: string): Promise<readonly Desired[]> => (await load({ ...siteFiles, 'customers/acme/network.yaml': text })).states[0]?.resources ?? [];
    const resources = await read(siteNetwork);
    const empty = newDocument('network.yaml').replace('sites: {}', 'sites:\n  hq: {}\nswitches: {}');
    const placed = placeAll(inputOf(empty), resources.map(({ address, spec }) => ({ ...parseAddress(address), spec })).reverse());
    expect(placed.refused).toEqual([]);
    const again = await read(editYaml(empty, placed.edits.get('network.yaml') ?? []));
    expect(again.map(({ address, spec }) => ({ address, spec }))).toEqual(resources.map(({ address, spec }) => ({ address, spec })));
  });
});
