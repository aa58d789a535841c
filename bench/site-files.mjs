/** One large site as it would be written: 40 switches of 48 ports, 60 VLANs, 8 WLANs, 500 rules. And what the switches hold: just that. */
const vlanIds = (count) => Array.from({ length: count }, (_, index) => 10 + index);
const switchName = (index) => `sw-${String(index + 1).padStart(2, '0')}`;
const portName = (index) => `GigabitEthernet1/0/${String(index + 1)}`;

function portOf(index, vlans) {
  if (index === 0) return { mode: 'trunk', native: vlans[0], tagged: vlans.slice(1), role: 'uplink', description: 'Uplink' };
  return { mode: 'access', vlan: vlans[index % vlans.length], role: 'edge', description: `Dose ${String(index)}` };
}

/** The form of the stand-in's seed. */
export function switchSeed({ ports, vlans }) {
  const ids = vlanIds(vlans);
  const names = Array.from({ length: ports }, (_, index) => portName(index));
  const edge = { portfast: 'portfast', bpduguard: 'enable' };
  return {
    hardware: { power: names, negotiate: [] },
    running: {
      vlans: Object.fromEntries([...ids.map((id) => [id, { name: `netz-${String(id)}` }]), [999, { name: 'by-hand' }]]),
      ports: Object.fromEntries(names.map((name, index) => {
        const { mode, native, tagged, vlan, description } = portOf(index, ids);
        return [name, mode === 'trunk' ? { mode, native, allowed: [native, ...tagged], description } : { mode, accessVlan: vlan, description, ...edge }];
      })),
    },
  };
}

const rulesOf = (count) => Array.from({ length: count }, (_, index) => ({ name: `regel-${String(index + 1)}`, action: 'accept', sources: [`10.20.${String(index >> 8)}.${String(index & 255)}`], services: ['web'], comment: `Ticket ${String(4000 + index)}` }));

const wlansOf = (count, name, ids) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`wlan-${String(index + 1)}`, { ssid: `Werk ${String(index + 1)}`, security: 'open', vlan: name(ids[index % ids.length]) }]));

/** By path. `targets`: identities and settings of the running stand-ins, by name. */
export function siteFiles({ switches, ports, vlans, wlans, rules, targets }) {
  const ids = vlanIds(vlans);
  const name = (id) => `netz-${String(id)}`;
  const written = ({ native, tagged, vlan, ...rest }) => ({ ...rest, ...(native === undefined ? {} : { native: name(native) }), ...(tagged === undefined ? {} : { tagged: tagged.map(name) }), ...(vlan === undefined ? {} : { vlan: name(vlan) }) });
  const target = (provider, each, manages) => ({ provider, site: 'werk', address: `${each}.werk.example`, identity: targets[each].identity, settings: { ...targets[each].settings, ...(provider === 'unifi' ? { gateway: 'other' } : {}) }, credentials: { read: { $secret: 'read' }, write: { $secret: 'write' } }, manages });
  const names = Array.from({ length: switches }, (_, index) => switchName(index));
  const half = Math.ceil(rules / 2);
  const documents = {
    customer: { name: 'Werk GmbH', number: 'K-1', sites: { werk: { name: 'Werk', street: 'Industriestraße 1', postcode: '79108', city: 'Freiburg', phone: '+49 761 5550100' } }, contacts: [{ name: 'Petra Keller', role: 'Geschäftsführung', email: 'info@werk.example' }], contract: { services: ['firewall', 'network'], since: '2023-04-01' }, limits: { deletes: 2, deleteShare: 0.1 } },
    targets: { targets: Object.fromEntries([['wlan', target('unifi', 'wlan', { vlan: 'merge', ssid: 'merge' })], ['fw', target('opnsense', 'fw', { zone: 'merge', service: 'merge', 'firewall-policy': 'merge', 'firewall-rule': 'merge' })], ...names.map((each) => [each, target('cisco-ios', each, { vlan: 'merge', 'switch-port': 'merge' })])]) },
    network: {
      sites: { werk: { vlans: Object.fromEntries(ids.map((id) => [name(id), { id, subnet: `10.${String(id)}.0.0/24`, gateway: `10.${String(id)}.0.1` }])), ssids: wlansOf(wlans, name, ids) } },
      switches: Object.fromEntries(names.map((each) => [each, { ports: Object.fromEntries(Array.from({ length: ports }, (_, index) => [portName(index), written(portOf(index, ids))])) }])),
    },
    firewall: { firewalls: { fw: { zones: { wan: { interfaces: ['wan'] }, lan: { interfaces: ['lan'] } }, services: { web: { ports: ['tcp/443'] } }, policies: [{ from: 'lan', to: 'self', default: 'drop', rules: [] }, { from: 'wan', to: 'self', default: 'drop', rules: [] }, { from: 'lan', to: 'wan', default: 'drop', rules: rulesOf(half) }, { from: 'wan', to: 'lan', default: 'drop', rules: rulesOf(rules - half) }] } } },
  };
  return Object.fromEntries(Object.entries(documents).map(([file, document]) => [`customers/werk/${file}.yaml`, JSON.stringify(document, null, 1)]));
}
