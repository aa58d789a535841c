/** A site as somebody has set it up by hand. */
import type { Json } from '#contract';
import { oidOf, uuidOf, type ControllerState, type Raw } from './controller.ts';

const user = { metadata: { origin: 'USER_DEFINED' } };

function network(name: string, vlanId: number, more: Raw = {}): [string, Raw] {
  const id = uuidOf(`network ${name}`);
  return [id, { management: 'UNMANAGED', id, name, enabled: true, vlanId, ...user, default: false, oid: oidOf(id), ...more }];
}

function port(index: number, more: Raw = {}): Raw {
  return { port_idx: index, name: `Port ${String(index)}`, media: 'GE', up: index % 2 === 1, port_poe: index <= 4, is_uplink: false, aggregated_by: false, op_mode: 'switch', ...more };
}

function device(name: string, type: string, mac: string, more: Raw = {}): Raw {
  return { _id: oidOf(`device ${mac}`), uuid: uuidOf(`device ${mac}`), type, name, mac, ip: '192.168.1.9', model: type.toUpperCase(), adopted: true, port_overrides: [], port_table: [], ...more };
}

const security = (type: string, more: Raw = {}): Raw => ({ type, ...more });

function wlan(name: string, more: Raw): [string, Raw] {
  const id = uuidOf(`wlan ${name}`);
  return [id, {
    type: 'STANDARD', id, name, ...user, enabled: true, network: { type: 'NATIVE' }, broadcastingFrequenciesGHz: [2.4, 5], multicastToUnicastConversionEnabled: true, clientIsolationEnabled: false, hideName: false, uapsdEnabled: false,
    arpProxyEnabled: true, bssTransitionEnabled: true, advertiseDeviceName: false, channel2gLockedTo6: false, dtimPeriod2gLockedTo3: false, ...more,
  }];
}

const zoneNames = ['Internal', 'External', 'Gateway', 'Vpn', 'Hotspot', 'Dmz'] as const;

/** Between all zones: answers are let through, then what the system does with the rest. */
function systemPolicies(): Record<string, Raw> {
  const policy = (from: string, to: string, name: string, action: Raw, more: Raw = {}): Raw => ({
    id: uuidOf(`policy ${from} ${to} ${name}`), enabled: true, name, action, loggingEnabled: false, source: { zoneId: uuidOf(`zone ${from}`) }, destination: { zoneId: uuidOf(`zone ${to}`) },
    ipProtocolScope: { ipVersion: 'IPV4_AND_IPV6' }, metadata: { origin: 'SYSTEM_DEFINED' }, ...more,
  });
  const open = (from: string, to: string): boolean => from === 'Gateway' || from === 'Internal' || from === 'Vpn' || (from === 'Hotspot' && to === 'External');
  const all = zoneNames.flatMap((from) => zoneNames.filter((to) => to !== from).flatMap((to) => [
    policy(from, to, 'Allow Return Traffic', { type: 'ALLOW', allowReturnTraffic: false }, { connectionStateFilter: ['ESTABLISHED', 'RELATED'] }),
    policy(from, to, open(from, to) ? 'Allow All Traffic' : 'Block All Traffic', open(from, to) ? { type: 'ALLOW', allowReturnTraffic: true } : { type: 'BLOCK' }),
  ]));
  const camera = policy('Internal', 'External', 'Kamera nachts sperren', { type: 'BLOCK' }, { description: 'wegen Cloud', metadata: { origin: 'USER_DEFINED' }, source: { zoneId: uuidOf('zone Internal'), trafficFilter: { type: 'MAC_ADDRESS', macAddressFilter: { macAddresses: ['00:11:22:33:44:55'] } } }, schedule: { mode: 'EVERY_DAY', time: { type: 'TIME_RANGE', startTime: '22:00', stopTime: '06:00' } } });
  return Object.fromEntries([...all, camera].map((raw) => [String(raw['id']), raw]));
}

export function seeded(): ControllerState {
  const cameras = network('Kameras', 99);
  const internal = uuidOf('zone Internal');
  const camera = uuidOf('policy Internal External Kamera nachts sperren');
  const list = (name: string, type: string, items: Json[]): [string, Raw] => [uuidOf(`list ${name}`), { type, id: uuidOf(`list ${name}`), name, items }];
  return {
    networks: Object.fromEntries([
      network('Default', 1, {
        management: 'GATEWAY', default: true, isolationEnabled: false, cellularBackupEnabled: true, internetAccessEnabled: true, mdnsForwardingEnabled: false, zoneId: uuidOf('zone Internal'),
        ipv4Configuration: { autoScaleEnabled: false, hostIpAddress: '192.168.1.1', prefixLength: 24 },
      }),
      cameras, network('Fabric', 3000, { metadata: { origin: 'ORCHESTRATED' } }),
    ]),
    wlans: Object.fromEntries([
      wlan('Messe 2019', { securityConfiguration: security('WPA2_PERSONAL', { passphrase: 'besucher-2019', pmfMode: 'OPTIONAL', fastRoamingEnabled: true }), clientFilteringPolicy: { action: 'BLOCK', macAddressFilter: ['00:11:22:33:44:55'] } }),
      wlan('Mieter', { securityConfiguration: security('WPA2_PERSONAL', { presharedKeys: [{ network: { type: 'SPECIFIC', networkId: cameras[0] }, passphrase: 'mieter-eins' }] }) }),
    ]),
    lists: Object.fromEntries([list('Alte Server', 'IPV4_ADDRESSES', [{ type: 'IP_ADDRESS', value: '192.0.2.1' }]), list('Drucker', 'IPV4_ADDRESSES', [{ type: 'IP_ADDRESS_RANGE', start: '192.0.2.10', stop: '192.0.2.20' }]), list('Web', 'PORTS', [{ type: 'PORT_NUMBER', value: 443 }])]),
    zones: Object.fromEntries(zoneNames.map((name) => [uuidOf(`zone ${name}`), { id: uuidOf(`zone ${name}`), name, networkIds: name === 'Internal' ? [uuidOf('network Default')] : name === 'External' ? [uuidOf('wan 1')] : [], metadata: { origin: 'SYSTEM_DEFINED', configurable: true } }])),
    policies: systemPolicies(), order: { [`${internal} ${uuidOf('zone External')}`]: { before: [camera], after: [] } },
    radius: { [uuidOf('radius NPS')]: { id: uuidOf('radius NPS'), name: 'NPS', ...user } },
    devices: [
      device('Gateway', 'udm', '94:2a:6f:00:00:01'),
      device('sw-eg', 'usw', '94:2a:6f:00:00:02', {
        port_table: [...Array.from({ length: 8 }, (_, index) => port(index + 1)), port(9, { is_uplink: true, media: 'SFP+' }), port(10, { aggregated_by: 9, media: 'SFP+' })],
        port_overrides: [
          { port_idx: 2, name: 'Alte Telefonanlage', forward: 'native', native_networkconf_id: String(cameras[1]['oid']), tagged_vlan_mgmt: 'block_all', excluded_networkconf_ids: [], poe_mode: 'auto', setting_preference: 'manual', stormctrl_bcast_enabled: true, stormctrl_bcast_rate: 100, something_new: { kept: ['as', 'it', 'is'] } },
          { port_idx: 3, name: 'Beamer', portconf_id: oidOf('profile Kameras'), lldpmed_enabled: true },
          { port_idx: 4, egress_rate_limit_kbps_enabled: true, egress_rate_limit_kbps: 20_000, setting_preference: 'auto' },
        ],
      }),
      device('sw-og', 'usw', '94:2a:6f:00:00:03', { port_table: Array.from({ length: 5 }, (_, index) => port(index + 1)) }),
      device('AP Flur', 'uap', '94:2a:6f:00:00:04'),
    ],
    profiles: [{ _id: oidOf('profile Kameras'), name: 'Kameras', forward: 'native', native_networkconf_id: String(cameras[1]['oid']), poe_mode: 'auto' }],
    counter: 0,
  };
}
