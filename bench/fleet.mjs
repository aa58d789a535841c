/** A believable fleet: firewall, switch and Microsoft 365 tenant of a small business, 200 resources each. The same index gives the same customer. */

const given = ['Anna', 'Petra', 'Jonas', 'Sabine', 'Markus', 'Lena', 'Emre', 'Olga', 'Kevin', 'Nina', 'Ralf', 'Claudia', 'Dragan', 'Fatma', 'Tobias', 'Miriam'];
const family = ['Keller', 'Brandt', 'Herzog', 'Vetter', 'Schwarz', 'Yildiz', 'Wagner', 'Lang', 'Krause', 'Hoffmann', 'Maier', 'Petrovic', 'Demir', 'Rieger', 'Rosen', 'Gross'];
const departments = ['Verwaltung', 'Bauleitung', 'Kalkulation', 'Einkauf', 'Vertrieb', 'Werkstatt', 'Empfang', 'Buchhaltung'];
const trades = ['Elektro', 'Dachbau', 'Praxis', 'Kanzlei', 'Metallbau', 'Schreinerei', 'Spedition', 'Steuerberatung'];
const cities = ['Freiburg', 'Offenburg', 'Emmendingen', 'Lahr', 'Lörrach', 'Breisach', 'Waldkirch', 'Staufen'];
const vlans = [['office', 10], ['server', 20], ['guest', 40], ['voip', 50], ['iot', 60], ['dmz', 70]];
const services = {
  ssh: ['tcp/22'], web: ['tcp/80', 'tcp/443', 'udp/443'], dns: ['udp/53', 'tcp/53'], ntp: ['udp/123'], dhcp: ['udp/67'], ping: ['icmp', 'icmpv6'], smtp: ['tcp/25'], submission: ['tcp/587'],
  sip: ['udp/5060', 'tcp/5061', 'udp/10000-20000'], rdp: ['tcp/3389'], smb: ['tcp/445'], ldap: ['tcp/389', 'udp/389', 'tcp/636'], kerberos: ['tcp/88', 'udp/88'], ipp: ['tcp/631', 'tcp/9100'], sql: ['tcp/1433'], backup: ['tcp/10006'],
};
/** Same length as a real one and never used: nobody can write to a customer that does not exist. */
const recipient = 'age12csh3z6ehc8lavpqn5enyhapl8wl9f7aa7cgav4atzs8u4fkr33qz4zlfn';

const users = 64;
const groups = 30;

export function customerName(index) {
  return `kunde-${String(index).padStart(5, '0')}`;
}

/** Files of one customer, by path. */
export function customerFiles(index) {
  const name = customerName(index);
  const site = pick(cities, index).toLowerCase().replaceAll('ö', 'oe');
  const net = `10.${String(index % 200)}`;
  const documents = {
    customer: customerDocument(name, site, index), targets: targetsDocument(name, site, index), network: networkDocument(site, net),
    firewall: { firewalls: { fw: firewall(net, index) } }, m365: { m365: { m365: tenant(name, index) } },
  };
  return Object.fromEntries(Object.entries(documents).map(([file, document]) => [
    `customers/${name}/${file}.yaml`, `# yaml-language-server: $schema=../../schemas/${file}.schema.json\n${toYaml(document, '')}`,
  ]));
}

export const rootFile = '# yaml-language-server: $schema=schemas/soll.schema.json\nversion: 1\nfleet:\n  deletes: 10\n';

function pick(list, index) {
  return list[index % list.length];
}

function customerDocument(name, site, index) {
  return {
    name: `${pick(trades, index)} ${pick(family, index >> 2)} GmbH`, number: `K-${String(10000 + index)}`,
    sites: { [site]: { name: 'Hauptsitz', street: `Hauptstraße ${String(1 + (index % 120))}`, postcode: '79100', city: pick(cities, index), phone: `+49 761 ${String(100000 + index)}` } },
    contacts: [{ name: `${pick(given, index)} ${pick(family, index >> 2)}`, role: 'Geschäftsführung', email: `info@${name}.example` }],
    contract: { services: ['firewall', 'network', 'm365'], since: '2023-04-01' }, maintenance: [{ days: ['sat'], from: '06:00', to: '12:00' }],
    protected: ['m365/user/notfall*', 'fw/firewall-rule/wan.self.admin-ssh'], limits: { deletes: 2, deleteShare: 0.1 }, handover: [recipient],
  };
}

function targetsDocument(name, site, index) {
  const target = (provider, rest, prefix) => ({ provider, ...rest, credentials: { read: { $secret: `${prefix}-read` }, write: { $secret: `${prefix}-write` } } });
  const firewallKinds = ['zone', 'address-group', 'service', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward'];
  const tenantId = `${String(index).padStart(8, '0')}-0000-4000-a000-000000000000`;
  return {
    targets: {
      fw: { ...target('nftables', { site, address: `fw.${name}.example`, identity: ['ssh:SHA256:WDl1f83TRTO3XfIipHdxhjfN3b6fHfF48FWmhhaMEsQ'] }, 'fw'), manages: Object.fromEntries(firewallKinds.map((kind) => [kind, 'exclusive'])) },
      switch: { ...target('memory', { site, address: `switch.${name}.example:443`, identity: [`tls:${Array.from({ length: 32 }, () => 'AA').join(':')}`] }, 'switch'), manages: { vlan: 'merge' } },
      m365: { ...target('m365', { address: tenantId, identity: [`tenant:${tenantId}`] }, 'm365'), manages: { user: 'merge', group: 'merge' } },
    },
  };
}

function networkDocument(site, net) {
  return { sites: { [site]: { vlans: Object.fromEntries(vlans.map(([name, id]) => [name, { id, subnet: `${net}.${String(id)}.0/24`, gateway: `${net}.${String(id)}.1`, description: `Netz ${name}` }])) } } };
}

/** 6 zones, 12 groups, 16 services, 12 policies, 44 rules, 5 masquerades, 5 port forwards. */
function firewall(net, index) {
  const zones = Object.fromEntries(['wan', 'lan', 'guest', 'voip', 'server', 'dmz'].map((zone, position) => [zone, { interfaces: [`eth${String(position)}`] }]));
  const groupsOf = { 'msp-admins': { members: ['198.51.100.16/28', '2001:db8:51::/64'] } };
  for (let number = 1; number < 12; number += 1) groupsOf[`server-${String(number)}`] = { members: [`${net}.20.${String(10 + number)}`, `${net}.20.${String(100 + number + (index % 50))}`] };
  const masquerade = Object.fromEntries(['lan', 'guest', 'voip', 'server', 'dmz'].map((zone) => [`internet-${zone}`, { from: zone, to: 'wan' }]));
  const portForwards = Object.fromEntries([1, 2, 3, 4, 5].map((number) => [`dienst-${String(number)}`, { from: 'wan', protocol: 'tcp', port: 8440 + number, destination: `${net}.20.${String(10 + number)}`, destinationPort: 443, sources: ['group:msp-admins'], log: true, comment: `Zugang ${String(number)} für den Dienstleister` }]));
  return { zones, groups: groupsOf, services: Object.fromEntries(Object.entries(services).map(([name, ports]) => [name, { ports }])), policies: policies(net), masquerade, portForwards };
}

function policies(net) {
  const rule = (name, rest) => ({ name, action: 'accept', ...rest });
  const basics = rule('basics', { services: ['dns', 'ntp', 'dhcp'] });
  const admin = rule('admin-ssh', { sources: ['group:msp-admins'], services: ['ssh'], log: true, comment: 'Fernwartung durch den Dienstleister' });
  const toServer = ['web', 'smb', 'ldap', 'kerberos', 'rdp', 'sql', 'backup'].flatMap((service, number) => [
    rule(`${service}-office`, { sources: ['vlan:office'], destinations: [`group:server-${String(number + 1)}`], services: [service] }),
    rule(`${service}-admin`, { sources: [`${net}.10.5`], destinations: [`group:server-${String(number + 2)}`], services: [service], comment: `Admin-Arbeitsplatz, ${service}` }),
  ]);
  const policy = (from, to, rules, rest = {}) => ({ from, to, default: 'drop', ...rest, rules });
  const out = (names) => names.map((service) => rule(`out-${service}`, { services: [service] }));
  return [
    policy('wan', 'self', [admin, rule('ping', { services: ['ping'] })], { log: true }),
    policy('lan', 'self', [basics, rule('admin-ssh', { sources: [`${net}.10.5`], services: ['ssh'] })]),
    policy('guest', 'self', [basics]), policy('voip', 'self', [basics]), policy('server', 'self', [basics, rule('ping', { services: ['ping'] })]),
    policy('lan', 'wan', [{ name: 'no-smtp', action: 'reject', services: ['smtp'], log: true, comment: 'Mail nur über Microsoft 365' }, ...out(['web', 'submission', 'ping', 'ntp'])]),
    policy('guest', 'wan', out(['web', 'dns'])), policy('voip', 'wan', out(['sip', 'ntp'])), policy('server', 'wan', out(['web', 'dns', 'ntp', 'backup', 'submission', 'ping'])),
    policy('lan', 'server', toServer), policy('lan', 'voip', out(['web', 'sip'])),
    policy('dmz', 'server', ['web', 'sql', 'ldap', 'kerberos', 'backup'].map((service, number) => rule(service, { sources: [`${net}.70.${String(10 + number)}`], destinations: [`group:server-${String(number + 3)}`], services: [service] }))),
  ];
}

function tenant(name, index) {
  const domain = `${name}.example`;
  const people = Array.from({ length: users }, (_, number) => {
    const [first, last] = [pick(given, number + index), pick(family, (number >> 2) + index)];
    return { upn: `${first}.${last}.${String(number)}@${domain}`.toLowerCase(), first, last };
  });
  const user = ({ first, last }, number) => ({
    displayName: `${first} ${last}`, givenName: first, surname: last, jobTitle: number === 0 ? 'Geschäftsführung' : 'Sachbearbeitung', department: pick(departments, number), officeLocation: pick(cities, index),
    businessPhones: [`+49 761 ${String(200000 + number)}`], usageLocation: 'DE', enabled: true, ...(number === 0 ? {} : { manager: people[0].upn }), licences: [{ sku: 'SPB' }],
  });
  const group = (number) => ({
    type: number % 3 === 0 ? 'microsoft365' : 'security', displayName: `${pick(departments, number)} ${String(number)}`, description: `Zugriff ${String(number)} der Abteilung`, ...(number % 3 === 0 ? { visibility: 'private', owners: [people[0].upn, people[1].upn] } : {}),
    members: Array.from({ length: 4 + (number % 5) }, (_, step) => people[(number * 7 + step * 3) % users].upn).filter((upn, at, all) => all.indexOf(upn) === at),
  });
  return { domains: [domain], users: Object.fromEntries(people.map((person, number) => [person.upn, user(person, number)])), groups: Object.fromEntries(Array.from({ length: groups }, (_, number) => [`gruppe-${String(number)}`, group(number)])) };
}

/** Block style as a technician writes it; short lists of texts in one line. */
function toYaml(value, indent) {
  return Object.entries(value).map(([key, item]) => {
    if (Array.isArray(item)) return item.every((each) => typeof each === 'string') ? `${indent}${scalar(key)}: [${item.map(scalar).join(', ')}]\n` : `${indent}${scalar(key)}:\n${item.map((each) => `${indent}  - ${toYaml(each, `${indent}    `).trimStart()}`).join('')}`;
    return typeof item === 'object' ? `${indent}${scalar(key)}:\n${toYaml(item, `${indent}  `)}` : `${indent}${scalar(key)}: ${scalar(item)}\n`;
  }).join('');
}

function scalar(value) {
  return typeof value === 'string' && !/^[a-zA-Z$][\w .@/äöüÄÖÜß-]*$/.test(value) ? JSON.stringify(value) : String(value);
}
