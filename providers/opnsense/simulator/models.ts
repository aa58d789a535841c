/**
 * Fields of the models that are played, with defaults and what the device refuses. Written from model XML and PHP of github.com/opnsense/core
 * (Alias.xml 1.0.1, Filter.xml 1.0.5, DNat.xml 1.0.0, Group.xml, Vlan.xml; Filter.php 2020-2026, DNat.php 2026, AliasNameField.php 2023,
 * GroupNameField.php 2023, DescriptionField.php 2023), read 2026-11. Options that nobody here writes are not all listed: they are refused loudly.
 */
import { isIP } from 'node:net';

export type Fields = Record<string, string>;
export type ModelName = 'alias' | 'group' | 'rule' | 'dnat' | 'snat' | 'vlan' | 'range' | 'option';

/** What checks may ask about the rest of the configuration. */
export interface Surroundings {
  readonly uuid: string;
  /** Identifier to whether it is a group. */
  readonly interfaces: ReadonlyMap<string, { readonly group: boolean }>;
  readonly devices: readonly string[];
  readonly aliases: ReadonlyMap<string, string>;
  readonly others: readonly Fields[];
}

type Check = (value: string, all: Fields, around: Surroundings) => string | undefined;

interface Field {
  readonly default?: string;
  readonly required?: true;
  readonly options?: readonly string[];
  /** Told as a list of options by get_item. */
  readonly shownAs?: 'interfaces' | 'devices';
  readonly check?: Check;
}

const flag: Field = { options: ['0', '1'] };
const on: Field = { ...flag, default: '1', required: true };
const off: Field = { ...flag, default: '0', required: true };
const text: Field = {};
/** A number, or empty. */
const whole: Field = { check: (value) => (/^\d+$/.test(value) ? undefined : 'Value must be a number.') };
const description: Field = { check: (value) => (/^.{1,255}$/u.test(value) ? undefined : 'Description should be a string between 1 and 255 characters.') };
const sequence: Field = { default: '1', required: true, check: (value) => (/^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= 999_999 ? undefined : 'Sequence shall be between 1 and 999999.') };

export function isAddress(value: string): boolean {
  return isIP(value) !== 0;
}

export function isSubnet(value: string): boolean {
  const [address = '', length = '', ...rest] = value.split('/');
  return rest.length === 0 && /^\d{1,3}$/.test(length) && isIP(address) !== 0 && Number(length) <= (isIP(address) === 4 ? 32 : 128);
}

export function familyOf(value: string): 'inet' | 'inet6' {
  return value.includes(':') ? 'inet6' : 'inet';
}

function isPort(value: string, ranges: boolean): boolean {
  const parts = value.split(':');
  return parts.length <= (ranges ? 2 : 1) && parts.every((part) => /^[1-9]\d{0,4}$/.test(part) && Number(part) <= 65_535) && (parts.length === 1 || Number(parts[0]) <= Number(parts[1]));
}

function isNet(value: string, { interfaces, aliases }: Surroundings): boolean {
  if (value === 'any' || value === '(self)' || isAddress(value) || isSubnet(value) || interfaces.has(value)) return true;
  const known = aliases.get(value);
  if (known !== undefined && known !== 'port') return true;
  const named = value.endsWith('ip') ? interfaces.get(value.slice(0, -2)) : undefined;
  return named !== undefined && !named.group;
}

const net = (multiple: boolean): Check => (value, _all, around) => {
  const parts = multiple ? value.split(',') : [value];
  const wrong = parts.find((part) => !isNet(part, around));
  return wrong === undefined ? undefined : `${wrong} is not a valid source IP address or alias.`;
};

const port: Check = (value, _all, { aliases }) => (isPort(value, true) || aliases.get(value) === 'port' ? undefined : 'Please specify a valid portnumber, name, alias or range.');

const interfaceCheck = (multiple: boolean): Check => (value, _all, { interfaces }) => ((multiple ? value.split(',') : [value]).every((each) => interfaces.has(each)) ? undefined : 'please specify a valid interface');

const protocolOptions = ['any', 'TCP', 'UDP', 'TCP/UDP', 'ICMP', 'IPV6-ICMP', 'ESP', 'AH', 'GRE', 'IGMP', 'OSPF', 'PIM', 'CARP', 'PFSYNC'];
const upper: Check = (value) => (protocolOptions.includes(value.toUpperCase()) || value === 'any' ? undefined : `Option [${value}] not in list.`);

const reserved = ['all', 'any', 'block', 'pass', 'port', 'table', 'user', 'self', 'tag', 'to', 'from', 'on', 'in', 'out', 'state', 'set', 'log', 'http', 'https', 'ssh', 'domain', 'icmp', 'tcp', 'udp', 'gre', 'esp'];

const aliasContent: Check = (value, { type = '' }, { aliases }) => {
  for (const each of value.split('\n')) {
    const known = aliases.get(each);
    if (type === 'port' && !(isPort(each, true) || known === 'port')) return `Entry "${each}" is not a valid port number.`;
    if (type === 'network' && !(isAddress(each.replace(/^!/, '')) || isSubnet(each.replace(/^!/, '')) || known !== undefined)) return `Entry "${each}" is not a network.`;
    if (type === 'host' && !(isAddress(each.replace(/^!/, '')) || known !== undefined || /^[a-z0-9][a-z0-9.-]*\.[a-z]+$/i.test(each))) return `Entry "${each}" is not a valid hostname or IP address.`;
    if (type === 'external') return 'Unable to add content to this alias type.';
  }
  return undefined;
};

const unique = (field: string, message: string, also?: string): Check => (value, all, { others }) => (others.some((other) => other[field] === value && (also === undefined || other[also] === all[also])) ? message : undefined);

const both = (...checks: readonly Check[]): Check => (value, all, around) => checks.map((check) => check(value, all, around)).find((message) => message !== undefined);

const names = (list: string): readonly string[] => list.split(' ');

export const fieldsOf: Readonly<Record<ModelName, Readonly<Record<string, Field>>>> = {
  alias: {
    enabled: on,
    name: { required: true, check: both((value) => (/^([a-zA-Z]|([_a-zA-Z][a-zA-Z0-9][_a-zA-Z0-9]{0,29}))$/.test(value) ? undefined : 'The name must start with a letter or single underscore, be less than 32 characters and only consist of alphanumeric characters or underscores.'), (value) => (reserved.includes(value.toLowerCase()) ? `The name cannot be the internally reserved keyword "${value}".` : undefined), unique('name', 'An alias with this name already exists.')) },
    type: { required: true, options: ['host', 'network', 'port', 'url', 'urltable', 'urljson', 'geoip', 'networkgroup', 'mac', 'asn', 'dynipv6host', 'authgroup', 'internal', 'external'] },
    path_expression: text, proto: { options: ['', 'IPv4', 'IPv6'] }, interface: text, counters: flag, updatefreq: text, content: { check: aliasContent }, password: text, username: text, authtype: text, expire: whole, description,
  },
  group: {
    ifname: { required: true, check: both((value, _all, { interfaces }) => {
      if (/[^a-zA-Z0-9_]/.test(value)) return 'Only letters, digits and underscores are allowed as the group name.';
      if (value.length > 15) return 'The group name shall not be longer than 15 characters.';
      if (/[0-9]$/.test(value)) return 'The group name shall not end in a digit.';
      return interfaces.get(value)?.group === false ? 'The specified group name is already used by an interface. Please choose another name.' : undefined;
    }, unique('ifname', 'Group name already exists.')) },
    members: { required: true, shownAs: 'interfaces', check: (value, _all, { interfaces }) => (value.split(',').every((each) => interfaces.get(each)?.group === false) ? undefined : 'Please specify a valid interface.') },
    nogroup: flag, sequence: { ...whole, default: '0', required: true }, descr: description,
  },
  rule: {
    enabled: on, statetype: { default: 'keep', required: true, options: ['keep', 'sloppy', 'modulate', 'synproxy', 'none'] }, sequence,
    action: { default: 'pass', required: true, options: ['pass', 'block', 'reject'] }, quick: on, interfacenot: off, interface: { shownAs: 'interfaces', check: interfaceCheck(true) },
    direction: { default: 'in', required: true, options: ['in', 'out', 'any'] }, ipprotocol: { default: 'inet', required: true, options: ['inet', 'inet6', 'inet46'] }, protocol: { default: 'any', required: true, check: upper },
    source_net: { default: 'any', required: true, check: net(true) }, source_not: off, source_port: { check: port }, destination_net: { default: 'any', required: true, check: net(true) }, destination_not: off, destination_port: { check: port },
    log: off, allowopts: off, nosync: off, nopfsync: off, disablereplyto: off, tcpflags_any: flag, description,
    ...Object.fromEntries(names('state-policy icmptype icmp6type divert-to gateway replyto overload prio set-prio set-prio-low tag tagged tcpflags1 tcpflags2 categories sched tos shaper1 shaper2').map((name) => [name, text])),
    ...Object.fromEntries(names('statetimeout udp-first udp-multiple udp-single max-src-nodes max-src-states max-src-conn max max-src-conn-rate max-src-conn-rates max-pkt-rate-number max-pkt-rate-seconds adaptivestart adaptiveend').map((name) => [name, whole])),
  },
  dnat: {
    sequence, disabled: flag, nordr: flag, interface: { shownAs: 'interfaces', check: interfaceCheck(true) }, ipprotocol: { options: ['', 'inet', 'inet6', 'inet46'] }, protocol: { check: upper },
    'source.network': { check: net(false) }, 'source.port': { check: port }, 'source.not': flag, 'destination.network': { check: net(false) }, 'destination.port': { check: port }, 'destination.not': flag,
    target: { check: net(false) }, 'local-port': { check: port }, poolopts: { options: ['', 'round-robin', 'random', 'bitmask'] }, log: flag, descr: description, tag: text, tagged: text, nosync: flag, natreflection: { options: ['', 'purenat', 'disable'] }, pass: { options: ['', 'pass', 'rule'] },
  },
  snat: {
    enabled: on, nonat: off, nosync: off, sequence, interface: { default: 'lan', required: true, shownAs: 'interfaces', check: interfaceCheck(false) }, ipprotocol: { default: 'inet', required: true, options: ['inet', 'inet6'] }, protocol: { default: 'any', required: true, check: upper },
    source_net: { default: 'any', required: true, check: net(false) }, source_not: off, source_port: { check: port }, destination_net: { default: 'any', required: true, check: net(false) }, destination_not: off, destination_port: { check: port },
    target: { check: net(false) }, target_port: { check: port }, staticnatport: flag, log: off, categories: text, tag: text, tagged: text, description,
  },
  vlan: {
    if: { required: true, shownAs: 'devices', check: (value, _all, { devices }) => (devices.includes(value) ? undefined : 'Please specify a valid device.') },
    tag: { required: true, check: both((value) => (/^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= 4094 ? undefined : 'Value must be between 1 and 4094.'), unique('tag', 'Tag for this device must be unique.', 'if')) },
    pcp: { default: '0', required: true, options: names('0 1 2 3 4 5 6 7') }, proto: { options: ['', '802.1q', '802.1ad'] }, descr: description, vlanif: { check: both((value) => (/^(vlan|qinq)0[0-9.]*$|_vlan\d+$/.test(value) ? undefined : 'Please use a valid device name.'), unique('vlanif', 'The device name must be unique.')) },
  },
  // Dnsmasq.xml 1.0.8.
  range: {
    interface: { shownAs: 'interfaces', check: (value, _all, { interfaces }) => (interfaces.get(value)?.group === false ? undefined : 'please specify a valid interface') }, set_tag: text,
    start_addr: { required: true, check: (value) => (isAddress(value) ? undefined : 'Please enter a valid address.') }, end_addr: { check: (value) => (isAddress(value) ? undefined : 'Please enter a valid address.') },
    subnet_mask: text, constructor: text, mode: text, prefix_len: whole, lease_time: whole, domain_type: { default: 'range', required: true, options: ['interface', 'range'] }, domain: { check: (value) => (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(value) ? undefined : 'Please enter a valid domain.') },
    nosync: flag, ra_mode: text, ra_priority: text, ra_mtu: whole, ra_interval: whole, ra_router_lifetime: whole, description,
  },
  option: {
    type: { default: 'set', required: true, options: ['set', 'match'] }, option: { check: (value) => (/^\d{1,3}$/.test(value) ? undefined : 'Option not in list.') }, option6: text,
    interface: { shownAs: 'interfaces', check: (value, _all, { interfaces }) => (interfaces.get(value)?.group === false ? undefined : 'please specify a valid interface') }, tag: text, set_tag: text, value: text, force: flag, description,
  },
};

/** By field, as `validations` tells it. Fields that are empty and not required are not looked at. */
export function validate(model: ModelName, all: Fields, around: Surroundings): Record<string, string> {
  const messages: Record<string, string> = {};
  for (const [name, field] of Object.entries(fieldsOf[model])) {
    const value = all[name] ?? '';
    if (value === '') {
      if (field.required === true) messages[name] = 'A value is required.';
      continue;
    }
    const message = field.options !== undefined && !field.options.includes(value) ? `Option [${value}] not in list.` : field.check?.(value, all, around);
    if (message !== undefined) messages[name] = message;
  }
  Object.assign(messages, model === 'rule' || model === 'snat' ? together(all) : model === 'dnat' ? forwardTogether(all) : {});
  return messages;
}

/** Filter.php, performValidation: what fields say of each other. */
function together(all: Fields): Record<string, string> {
  const messages: Record<string, string> = {};
  for (const field of ['source_port', 'destination_port']) if ((all[field] ?? '') !== '' && !['TCP', 'UDP', 'TCP/UDP'].includes((all['protocol'] ?? '').toUpperCase())) messages[field] = `${field === 'source_port' ? 'Source' : 'Destination'} ports are only valid for tcp or udp type rules.`;
  for (const field of ['source_net', 'destination_net']) {
    const value = all[field] ?? '';
    if ((isAddress(value) || isSubnet(value)) && familyOf(value) !== all['ipprotocol']) messages[field] = `${field === 'source_net' ? 'Source' : 'Destination'} address type should match selected TCP/IP protocol version.`;
    if (value.includes(',') && value.split(',').includes('any')) messages[field] = 'Any can not be combined with other aliases';
    if (value.includes(',') && all[field.replace('net', 'not')] === '1') messages[field] = 'Inverting is only allowed for single targets to avoid mis-interpretations';
  }
  if ((all['icmptype'] ?? '') !== '' && all['protocol'] !== 'ICMP') messages['icmptype'] = 'Option only applies to ICMP packets';
  return messages;
}

function forwardTogether(all: Fields): Record<string, string> {
  const messages: Record<string, string> = {};
  for (const field of ['source.port', 'destination.port', 'local-port']) if ((all[field] ?? '') !== '' && !['tcp', 'udp', 'tcp/udp'].includes(all['protocol'] ?? '')) messages[field] = 'Ports are only valid for TCP or UDP type rules.';
  for (const field of ['source.network', 'destination.network', 'target']) {
    const value = all[field] ?? '';
    if ((isAddress(value) || isSubnet(value)) && ['inet', 'inet6'].includes(all['ipprotocol'] ?? '') && familyOf(value) !== all['ipprotocol']) messages[field] = 'Address type should match selected TCP/IP protocol version.';
  }
  return messages;
}
