/**
 * A kernel's tables behind the command line of nft 1.0.6, as far as soll may use it: `list tables`, and with `-j` `list table`, `-f`, `-c -f`; `-s`
 * changes nothing, as nothing here counts. Written from nft(8) and libnftables-json(5) of 1.0.6 and recorded behaviour of that version; whatever
 * is not known here fails as a syntax error would, also where nft itself would shrug (an unknown property) or go its own way (a nameless set of
 * addresses, whose neighbours it melts). test/systems compares both on the same input.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { Json, JsonObject } from '#contract';
import { canonicalAddress, hasHostBits, overlaps, parseCidr } from '#core/ip';

/** By `family name`: sets, chains and rules in order, each with its handle. */
export type Tables = Record<string, JsonObject[]>;

export interface NftResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Kernel {
  tables: Tables;
  handle: number;
}

const ok = (stdout = ''): NftResult => ({ code: 0, stdout, stderr: '' });
const error = (text: string): NftResult => ({ code: 1, stdout: '', stderr: `${text}\n` });

class NftError extends Error {}

export async function fakeNft(kernel: Kernel, argv: readonly string[], readFile: (path: string) => Promise<string>): Promise<NftResult> {
  const flags = argv.filter((each) => /^-[jsc]$/.test(each));
  const rest = argv.filter((each) => !/^-[jsc]$/.test(each));
  const json = flags.includes('-j');
  if (rest[0] === '-f' && rest.length === 2 && json) {
    try {
      const text = await readFile(rest[1] ?? '');
      const draft: Kernel = structuredClone(kernel);
      for (const command of jsonCommands(text)) execute(draft, command);
      if (!flags.includes('-c')) Object.assign(kernel, draft);
      return ok();
    } catch (failure) {
      return error(`Error: ${failure instanceof Error ? failure.message : String(failure)}`);
    }
  }
  if (rest[0] === 'list' && rest[1] === 'tables') {
    const names = Object.keys(kernel.tables);
    if (!json) return ok(names.map((name) => `table ${name}\n`).join(''));
    return ok(`${JSON.stringify({ nftables: [metainfo, ...names.map((name, index) => ({ table: { ...tableParts(name), handle: index + 1 } }))] })}\n`);
  }
  if (rest[0] === 'list' && rest[1] === 'table' && rest.length === 4 && json) return list(kernel, `${rest[2] ?? ''} ${rest[3] ?? ''}`);
  return error(`Error: syntax error, unexpected ${argv.join(' ')}`);
}

const metainfo = { metainfo: { version: '1.0.6', release_name: 'Lester Gooch #5', json_schema_version: 1 } };

function tableParts(key: string): { family: string; name: string } {
  const [family = '', name = ''] = key.split(' ');
  return { family, name };
}

/** As jansson prints it: a space after each comma and colon. */
function spaced(value: Json): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${spaced(each)}`).join(', ')}}`;
}

function list(kernel: Kernel, key: string): NftResult {
  const items = kernel.tables[key];
  if (items === undefined) return error(`Error: No such file or directory\nlist table ${key}`);
  return ok(`${spaced({ nftables: [metainfo, { table: { ...tableParts(key), handle: 1 } }, ...items] })}\n`);
}

function object(value: Json | undefined, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new NftError(`${what} is not an object`);
}

function array(value: Json | undefined, what: string): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  throw new NftError(`${what} is not an array`);
}

function jsonCommands(text: string): readonly JsonObject[] {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new NftError('JSON parsing failed');
  }
  return array(object(value, 'JSON root')['nftables'], 'nftables').map((each) => object(each, 'command'));
}

function execute(kernel: Kernel, given: JsonObject): void {
  if ('metainfo' in given) return;
  // A list can be loaded as it is: each object is added.
  const command = ['table', 'set', 'chain', 'rule'].some((type) => type in given) ? { add: given } : given;
  const [verb = '', argument] = Object.entries(command)[0] ?? [];
  if (verb !== 'add' && verb !== 'delete') throw new NftError(`unknown command ${verb}`);
  const [type = '', value] = Object.entries(object(argument, verb))[0] ?? [];
  const body = object(value, type);
  if (type === 'table') {
    const key = `${String(body['family'])} ${String(body['name'])}`;
    if (verb === 'add') kernel.tables[key] ??= [];
    else if (kernel.tables[key] === undefined) throw new NftError('Could not process rule: No such file or directory');
    else kernel.tables = Object.fromEntries(Object.entries(kernel.tables).filter(([each]) => each !== key));
    return;
  }
  if (verb !== 'add') throw new NftError(`unknown command delete ${type}`);
  const items = kernel.tables[`${String(body['family'])} ${String(body['table'])}`];
  if (items === undefined) throw new NftError('Could not process rule: No such file or directory');
  const { handle, ...plain } = body;
  if (handle !== undefined) throw new NftError('this stand-in does not know what nft makes of a handle in an add');
  const checked = type === 'set' ? checkSet(plain) : type === 'chain' ? checkChain(plain) : type === 'rule' ? checkRule(plain, items) : undefined;
  if (checked === undefined) throw new NftError(`unknown object ${type}`);
  if (type !== 'rule' && items.some((item) => type in item && (item[type] as JsonObject)['name'] === body['name'])) throw new NftError('this stand-in takes each set and chain once');
  items.push({ [type]: { ...checked, handle: (kernel.handle += 1) } });
  // As the kernel lists them: sets, then chains, then rules chain by chain.
  const chains = items.flatMap((item) => ('chain' in item ? [object(item['chain'], 'chain')['name']] : []));
  const rank = (item: JsonObject): number => ('set' in item ? 0 : 'chain' in item ? 1 : 2 + chains.indexOf(object(item['rule'], 'rule')['chain']));
  items.sort((a, b) => rank(a) - rank(b));
}

/** NFT_NAME_MAXLEN of the kernel, with the final NUL. */
function checkName(value: Json | undefined): void {
  if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > 255) throw new NftError(`invalid name ${JSON.stringify(value)}`);
}

function only(value: JsonObject, allowed: readonly string[]): void {
  for (const key of Object.keys(value)) if (!allowed.includes(key)) throw new NftError(`unknown property ${key}`);
}

const setTypes = ['ifname', 'ipv4_addr', 'ipv6_addr', 'inet_service', 'inet_proto'];

/** A set as the kernel would list it after taking these elements. Throws NftError for what nft refuses. */
export function checkSet(value: JsonObject): JsonObject {
  only(value, ['family', 'table', 'name', 'type', 'flags', 'elem']);
  checkName(value['name']);
  const type = String(value['type']);
  if (!setTypes.includes(type)) throw new NftError(`unknown datatype ${type}`);
  const elements = value['elem'] === undefined ? [] : array(value['elem'], 'elem');
  const interval = Array.isArray(value['flags']) && (value['flags'] as readonly Json[]).includes('interval');
  for (const element of elements) checkElement(type, element, interval);
  if (interval) checkIntervals(type, elements);
  const listed = [...elements].sort((a, b) => (orderOf(type, a) < orderOf(type, b) ? -1 : 1)).map((element) => asListed(type, element));
  return { ...value, ...(elements.length === 0 ? {} : { elem: listed }) };
}

/** By value, as the kernel walks its tree. */
function orderOf(type: string, element: Json): string {
  if (type === 'inet_proto') return String(protocolNumber(element)).padStart(3, '0');
  if (type === 'inet_service') return String(span(element)[0]).padStart(5, '0');
  if (type === 'ifname') return String(element);
  return (parseCidr(addressText(element))?.bytes ?? []).map((byte) => String(byte).padStart(3, '0')).join('.');
}

/** Protocols by name, where the device has /etc/protocols; IPv6 as inet_ntop(3) of glibc spells it. */
function asListed(type: string, element: Json): Json {
  if (type === 'inet_proto') return Object.entries(protocolNumbers).find(([, number]) => number === protocolNumber(element))?.[0] ?? element;
  if (type !== 'ipv6_addr') return element;
  const { addr, len } = typeof element === 'string' ? { addr: element, len: undefined } : object(object(element, 'element')['prefix'], 'prefix');
  const listed = ntop(String(addr));
  return len === undefined ? listed : { prefix: { addr: listed, len } };
}

function ntop(text: string): string {
  const bytes = parseCidr(text)?.bytes ?? [];
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && ((bytes[10] === 0xff && bytes[11] === 0xff) || (bytes[10] === 0 && bytes[11] === 0 && (bytes[12] !== 0 || bytes[13] !== 0)));
  return mapped ? `::${bytes[10] === 0xff ? 'ffff:' : ''}${bytes.slice(12).join('.')}` : canonicalAddress(text);
}

/** IANA, as far as /etc/protocols of Debian names what soll may use. */
const protocolNumbers: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, gre: 47, esp: 50, ah: 51, 'ipv6-icmp': 58, sctp: 132 };

function protocolNumber(element: Json): number {
  const number = typeof element === 'number' ? element : protocolNumbers[String(element)];
  if (number === undefined || !Number.isInteger(number) || number < 0 || number > 255) throw new NftError('Could not resolve protocol name');
  return number;
}

function checkElement(type: string, element: Json, interval: boolean): void {
  const bad = (): never => { throw new NftError(`invalid element ${JSON.stringify(element)} for type ${type}`); };
  if (type === 'ifname') {
    if (typeof element !== 'string' || element.length === 0 || element.length > 15 || element.endsWith('*')) bad();
  } else if (type === 'inet_proto') {
    protocolNumber(element);
  } else if (type === 'inet_service') checkPort(element, interval, bad);
  else {
    const valid = type === 'ipv4_addr' ? isIPv4 : isIPv6;
    if (typeof element === 'string') {
      if (!valid(element)) bad();
      return;
    }
    const prefix = object(object(element, 'element')['prefix'], 'prefix');
    const cidr = parseCidr(`${String(prefix['addr'])}/${String(prefix['len'])}`);
    // Host bits and full lengths are cut by nft; here nobody may rely on that.
    if (!interval || !valid(String(prefix['addr'])) || cidr === undefined || hasHostBits(cidr) || cidr.prefix === cidr.bytes.length * 8 || cidr.prefix === 0) bad();
  }
}

function checkPort(element: Json, interval: boolean, bad: () => never): void {
  const port = (value: Json | undefined): number => (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65535 ? value : bad());
  if (typeof element === 'number') port(element);
  else {
    const range = array(object(element, 'element')['range'], 'range');
    if (!interval || range.length !== 2 || port(range[0]) >= port(range[1])) bad();
  }
}

/** Without auto-merge an address or port may be covered once. */
function checkIntervals(type: string, elements: readonly Json[]): void {
  const conflict = (): never => { throw new NftError('Could not process rule: File exists: conflicting intervals specified'); };
  elements.forEach((element, index) => {
    for (const other of elements.slice(0, index)) {
      if (JSON.stringify(other) === JSON.stringify(element)) throw new NftError('this stand-in takes each element once');
      if (type === 'inet_service') {
        const [from, to] = span(element);
        const [otherFrom, otherTo] = span(other);
        if (from <= otherTo && otherFrom <= to) conflict();
      } else {
        const a = parseCidr(addressText(element));
        const b = parseCidr(addressText(other));
        if (a !== undefined && b !== undefined && overlaps(a, b)) conflict();
      }
    }
  });
}

function span(element: Json): readonly [number, number] {
  if (typeof element === 'number') return [element, element];
  const [from, to] = array(object(element, 'element')['range'], 'range');
  return [Number(from), Number(to)];
}

function addressText(element: Json): string {
  if (typeof element === 'string') return element;
  const prefix = object(object(element, 'element')['prefix'], 'prefix');
  return `${String(prefix['addr'])}/${String(prefix['len'])}`;
}

function checkChain(value: JsonObject): JsonObject {
  only(value, ['family', 'table', 'name', 'type', 'hook', 'prio', 'policy']);
  checkName(value['name']);
  if (value['hook'] !== undefined && (!['filter', 'nat'].includes(String(value['type'])) || typeof value['prio'] !== 'number' || !['accept', 'drop'].includes(String(value['policy'])))) throw new NftError('chain type, prio or policy is wrong');
  return value;
}

function checkRule(value: JsonObject, items: readonly JsonObject[]): JsonObject {
  only(value, ['family', 'table', 'chain', 'expr', 'comment']);
  const chains = items.flatMap((item) => ('chain' in item ? [object(item['chain'], 'chain')] : []));
  const chain = chains.find(({ name }) => name === value['chain']);
  if (chain === undefined) throw new NftError('Could not process rule: No such file or directory');
  // The text form ends at 128 characters; JSON does not, and the room for a rule's user data ends at 256 bytes.
  if (value['comment'] !== undefined && (typeof value['comment'] !== 'string' || Buffer.byteLength(value['comment']) > 250)) throw new NftError('comment too long');
  const sets = new Map(items.flatMap((item): [string, string][] => ('set' in item ? [[String(object(item['set'], 'set')['name']), String(object(item['set'], 'set')['type'])]] : [])));
  let families: string | undefined;
  for (const each of array(value['expr'], 'expr')) {
    const [type = '', argument] = Object.entries(object(each, 'expression'))[0] ?? [];
    if (type === 'match') families = checkMatch(object(argument, 'match'), sets, families);
    else checkStatement(type, argument ?? null, chain, chains);
  }
  return { ...value, expr: array(value['expr'], 'expr').map(expressionAsListed) };
}

/** nft reads addresses as numbers and spells them anew. */
function expressionAsListed(expression: Json): Json {
  const { match, dnat } = object(expression, 'expression');
  if (dnat !== undefined && object(dnat, 'dnat')['family'] === 'ip6') return { dnat: { ...object(dnat, 'dnat'), addr: ntop(String(object(dnat, 'dnat')['addr'])) } };
  if (match === undefined) return expression;
  const { left, right } = object(match, 'match');
  const { payload } = object(left, 'left');
  const six = payload !== undefined && object(payload, 'payload')['protocol'] === 'ip6' && !(typeof right === 'string' && right.startsWith('@'));
  return six ? { match: { ...object(match, 'match'), right: asListed('ipv6_addr', right ?? null) } } : expression;
}

const fieldTypes: Readonly<Record<string, string>> = { 'ip saddr': 'ipv4_addr', 'ip daddr': 'ipv4_addr', 'ip6 saddr': 'ipv6_addr', 'ip6 daddr': 'ipv6_addr', 'tcp dport': 'inet_service', 'udp dport': 'inet_service' };
const metaTypes: Readonly<Record<string, string>> = { iifname: 'ifname', oifname: 'ifname', l4proto: 'inet_proto', nfproto: 'nfproto' };

function checkMatch(match: JsonObject, sets: ReadonlyMap<string, string>, family: string | undefined): string | undefined {
  only(match, ['op', 'left', 'right']);
  if (match['op'] !== '==' && match['op'] !== 'in' && match['op'] !== '!=') throw new NftError(`unknown operator ${String(match['op'])}`);
  const left = object(match['left'], 'left');
  const [type = '', argument] = Object.entries(left)[0] ?? [];
  const parts = object(argument, type);
  const field = type === 'payload' ? `${String(parts['protocol'])} ${String(parts['field'])}` : '';
  if (type === 'ct') {
    const known = parts['key'] === 'state' ? ['established', 'related', 'invalid', 'new', 'untracked'] : parts['key'] === 'status' ? ['dnat', 'snat'] : [];
    const asked = Array.isArray(match['right']) ? (match['right'] as readonly Json[]) : [match['right'] ?? null];
    if (!asked.every((each) => typeof each === 'string' && known.includes(each))) throw new NftError(`unknown ct ${JSON.stringify(match)}`);
    return family;
  }
  const wanted = type === 'meta' ? metaTypes[String(parts['key'])] : type === 'payload' ? fieldTypes[field] : undefined;
  const right = match['right'] ?? null;
  if (field === 'icmpv6 type') return family;
  if (wanted === undefined) throw new NftError(`unknown expression ${JSON.stringify(left)}`);
  if (typeof right === 'string' && right.startsWith('@')) {
    if (sets.get(right.slice(1)) !== wanted) throw new NftError(`set ${right} does not exist or has another type`);
  } else if (wanted !== 'nfproto') {
    if (typeof right === 'object' && right !== null && 'set' in right) throw new NftError('this stand-in does not know what nft makes of a nameless set');
    checkElement(wanted, right, true);
  }
  const own = field.startsWith('ip6 ') ? 'ip6' : field.startsWith('ip ') ? 'ip' : undefined;
  if (own !== undefined && family !== undefined && own !== family) throw new NftError(`conflicting protocols specified: ${family} vs. ${own}`);
  return family ?? own;
}

function checkStatement(type: string, argument: Json, chain: JsonObject, chains: readonly JsonObject[]): void {
  switch (type) {
    case 'accept': case 'drop':
      return;
    case 'reject':
      if (JSON.stringify(argument) !== '{"type":"icmpx","expr":"port-unreachable"}') throw new NftError('this stand-in knows one way to reject');
      return;
    case 'log': {
      const { prefix } = object(argument, 'log');
      only(object(argument, 'log'), ['prefix']);
      if (typeof prefix !== 'string' || Buffer.byteLength(prefix) > 127) throw new NftError('log prefix is too long');
      return;
    }
    case 'jump':
      if (!chains.some(({ name }) => name === object(argument, 'jump')['target'])) throw new NftError('Could not process rule: No such file or directory');
      return;
    case 'masquerade':
      if (argument !== null || chain['hook'] !== 'postrouting' || chain['type'] !== 'nat') throw new NftError('Could not process rule: Operation not supported');
      return;
    case 'dnat': {
      const { family, addr, port } = object(argument, 'dnat');
      only(object(argument, 'dnat'), ['family', 'addr', 'port']);
      if (chain['hook'] !== 'prerouting' || chain['type'] !== 'nat' || !(family === 'ip' ? isIPv4 : isIPv6)(String(addr)) || typeof port !== 'number') throw new NftError('Could not process rule: Operation not supported');
      return;
    }
    default:
      throw new NftError(`unknown statement ${type}`);
  }
}
