import ipaddr from 'ipaddr.js';

/** A network (or a host, with the full prefix). `bytes` is the address as written, host bits included. */
export interface Cidr {
  readonly family: 4 | 6;
  readonly bytes: readonly number[];
  readonly prefix: number;
}

/** Dotted quads with four decimal parts and no leading zeros; the short and octal spellings of inet_aton are traps. */
const ipv4 = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/;

/** Anything else cannot be IPv6; asked first, because the full grammar is slow on names like `group:web`. */
const ipv6Letters = /^[0-9a-fx:.]+$/i;

/** An IPv6 address whose last 32 bits are written as IPv4, in groups of its own: ipaddr.js takes `::1.2.3.4` for the mapped `::ffff:1.2.3.4`. */
function withoutDots(text: string): string | undefined {
  if (!text.includes('.')) return text;
  const tail = text.slice(text.lastIndexOf(':') + 1);
  if (!ipv4.test(tail) || !ipaddr.IPv4.isValid(tail)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = ipaddr.IPv4.parse(tail).toByteArray();
  return `${text.slice(0, -tail.length)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function parseAddress(text: string): { family: 4 | 6; bytes: readonly number[] } | undefined {
  if (text.includes('%')) return undefined;
  if (text.includes(':')) {
    const plain = ipv6Letters.test(text) ? withoutDots(text) : undefined;
    if (plain === undefined || !ipaddr.IPv6.isValid(plain)) return undefined;
    const parsed = ipaddr.IPv6.parse(plain);
    // An IPv4 address in disguise: rules for IPv6 would not meet its packets, and checks of IPv4 would not see it.
    return parsed.isIPv4MappedAddress() ? undefined : { family: 6, bytes: parsed.toByteArray() };
  }
  if (!ipv4.test(text)) return undefined;
  const bytes = text.split('.').map(Number);
  return bytes.every((byte) => byte <= 255) ? { family: 4, bytes } : undefined;
}

/** `undefined` when the text is neither an address nor a network. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length, ...rest] = text.split('/');
  if (rest.length > 0) return undefined;
  const parsed = parseAddress(address);
  if (parsed === undefined) return undefined;
  const full = parsed.bytes.length * 8;
  if (length === undefined) return { ...parsed, prefix: full };
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > full) return undefined;
  return { ...parsed, prefix: Number(length) };
}

function networkBytes(cidr: Cidr): number[] {
  return cidr.bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, cidr.prefix - index * 8));
    return byte & (0xff << (8 - bits)) & 0xff;
  });
}

export function hasHostBits(cidr: Cidr): boolean {
  return networkBytes(cidr).some((byte, index) => byte !== cidr.bytes[index]);
}

function formatBytes(bytes: readonly number[]): string {
  // RFC 5952 spelling for IPv6.
  return bytes.length === 4 ? bytes.join('.') : new ipaddr.IPv6([...bytes]).toRFC5952String();
}

/** Canonical spelling: RFC 5952, host bits cleared, no `/32` or `/128`. Returns the text itself when it is not an address. */
export function canonicalCidr(text: string): string {
  const cidr = parseCidr(text.trim());
  if (cidr === undefined) return text;
  const address = formatBytes(networkBytes(cidr));
  return cidr.prefix === cidr.bytes.length * 8 ? address : `${address}/${String(cidr.prefix)}`;
}

/** Canonical spelling of one address; returns the text itself when it is none. */
export function canonicalAddress(text: string): string {
  const parsed = parseAddress(text.trim());
  return parsed === undefined ? text : formatBytes(parsed.bytes);
}

/** All of `inner` lies in `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false;
  const cut = networkBytes({ ...inner, prefix: outer.prefix });
  return networkBytes(outer).every((byte, index) => byte === cut[index]);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b) || contains(b, a);
}
