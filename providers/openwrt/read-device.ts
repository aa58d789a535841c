/** From configuration files to resources. Pure. */
import { toAddress, type JsonObject, type Live, type Target } from '#contract';
import { readFirewall } from './firewall.ts';
import type { PackageName } from './limits.ts';
import { networkSection, vlanSection } from './names.ts';
import { portOf, readBridge, type Bridge } from './ports.ts';
import { settingsOf } from './settings.ts';
import { optionOf, type UciSection } from './uci.ts';
import { readRadios, readWlans, wlanOf, type Radio, type Wlan } from './wlans.ts';

export interface DeviceState {
  readonly sections: Readonly<Record<PackageName, readonly UciSection[]>>;
  readonly bridge: Bridge | undefined;
  readonly radios: readonly Radio[];
  readonly wlans: readonly Wlan[];
  readonly live: readonly Live[];
  /** Networks that stand on a VLAN of the bridge, by id; ours last, so that what somebody set up counts. */
  networksOn(id: number): readonly string[];
}

export function stateOf(sections: DeviceState['sections'], target: Pick<Target, 'customer' | 'name' | 'settings'>): DeviceState {
  const { bridge: bridgeName } = settingsOf(target);
  const bridge = readBridge(sections.network, bridgeName);
  const radios = readRadios(sections.wireless);
  const wlans = readWlans(sections.wireless);
  const interfaces = sections.network.filter(({ type, name }) => type === 'interface' && name !== undefined);
  const vlanOf = (network: string): number | undefined => {
    const section = interfaces.find(({ name }) => name === network);
    const id = vlanIn(section, bridgeName);
    return id !== undefined && bridge?.vlans.has(id) === true ? id : undefined;
  };
  const live = (kind: string, name: string, spec: JsonObject, more: Partial<Live>): Live => ({ address: toAddress({ customer: target.customer, target: target.name, kind, name }), spec, handle: null, origin: 'ours', ...more });
  return {
    sections, bridge, radios, wlans,
    networksOn: (id) => interfaces.filter((section) => vlanIn(section, bridgeName) === id).flatMap(({ name }) => name ?? []).sort((a, b) => Number(a === networkSection(id)) - Number(b === networkSection(id))),
    live: [
      ...[...(bridge?.vlans.values() ?? [])].filter(({ id }) => id !== 1).map(({ id, section }) => live('vlan', `vlan${String(id)}`, { id }, {
        unnamed: true, handle: id,
        ...(section.name === vlanSection(id) ? {} : { origin: 'foreign' as const, undeletable: 'it was made by hand: soll removes sections with a name of its own only' }),
        ...(bridge?.twice.has(id) === true ? { readOnly: 'it has two sections in the network configuration' } : {}),
      })),
      ...(bridge?.ports ?? []).flatMap((port) => {
        const state = bridge === undefined ? undefined : portOf(bridge, port);
        return state === undefined ? [] : [live('switch-port', port, state.spec, { origin: 'foreign', ...(state.odd === undefined ? {} : { readOnly: state.odd }) })];
      }),
      ...wlans.map((wlan) => {
        const { spec, odd } = wlanOf(wlan, { radios, vlanOf, remembered: sections.soll });
        const hidden = wlan.ours ? [] : ['passphrase', 'radius'];
        return live('ssid', wlan.name, spec, { ...(wlan.ours ? {} : { origin: 'foreign' as const, unverifiable: hidden }), ...(odd === undefined ? {} : { readOnly: odd }) });
      }),
      ...readFirewall(sections.firewall, sections.soll, { customer: target.customer, name: target.name, deviceOf: (network) => { const section = interfaces.find(({ name }) => name === network); return section === undefined ? undefined : optionOf(section, 'device'); } }),
    ],
  };
}

function vlanIn(section: UciSection | undefined, bridge: string): number | undefined {
  const device = section === undefined ? undefined : optionOf(section, 'device');
  if (device?.startsWith(`${bridge}.`) !== true) return undefined;
  const id = Number(device.slice(bridge.length + 1));
  return Number.isInteger(id) ? id : undefined;
}

/** Networks on the bridge itself: they lose it with its first VLAN, because then it tells VLANs apart (netifd config.c, vlan_filtering). */
export function networksOnBridge({ sections }: Pick<DeviceState, 'sections'>, bridge: string): readonly string[] {
  return sections.network.filter((section) => section.type === 'interface' && optionOf(section, 'device') === bridge).flatMap(({ name }) => name ?? []);
}
