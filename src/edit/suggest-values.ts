/** Sensible values for what is new at a customer. Pure. */
import { overlaps, parseCidr, type Cidr } from '#core/ip';

const german: Readonly<Record<string, string>> = { ä: 'ae', ö: 'oe', ü: 'ue', ß: 'ss', æ: 'ae', ø: 'oe', å: 'aa', œ: 'oe', ł: 'l', đ: 'd' };

/** Letters, digits and hyphens of a name as people in Germany would spell it without umlauts. */
export function asciiName(text: string): string {
  const spelled = text.normalize('NFC').toLowerCase().replaceAll(/[äöüßæøåœłđ]/g, (char) => german[char] ?? '');
  return spelled.normalize('NFD').replaceAll(/\p{M}/gu, '').replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '');
}

/** `first.last@domain`, with a number where somebody has that name already. */
export function suggestSignIn(given: string, surname: string, domain: string, taken: readonly string[]): string {
  const local = [asciiName(given), asciiName(surname)].filter((part) => part !== '').join('.');
  const used = new Set(taken.map((name) => name.toLowerCase()));
  for (let number = 1; ; number += 1) {
    const name = `${local}${number === 1 ? '' : String(number)}@${domain}`;
    if (!used.has(name)) return name;
  }
}

/** The next ten above all that are used; where there is none, the first that is free. */
export function suggestVlanId(used: readonly number[]): number | undefined {
  const next = (Math.floor(Math.max(0, ...used) / 10) + 1) * 10;
  if (next <= 4094) return next;
  for (let id = 2; id <= 4094; id += 1) if (!used.includes(id)) return id;
  return undefined;
}

/** A network of the size and family that the customer's others have, with the VLAN's number in it where that is free, overlapping with none. */
export function suggestSubnet(id: number, here: readonly string[], everywhere: readonly string[]): string | undefined {
  const taken = everywhere.map(parseCidr).filter((cidr): cidr is Cidr => cidr !== undefined);
  const pattern = [...here, ...everywhere].map((text) => /^(\d+)\.(\d+)\.\d+\.0\/24$/.exec(text)).find((match) => match !== null);
  const [first, second] = pattern === undefined ? ['192', '168'] : [pattern[1] ?? '192', pattern[2] ?? '168'];
  for (const third of [id, ...Array.from({ length: 255 }, (_, index) => (index + id) % 255)].filter((number) => number >= 0 && number < 255)) {
    const subnet = `${first}.${second}.${String(third)}.0/24`;
    const cidr = parseCidr(subnet);
    if (cidr !== undefined && !taken.some((other) => overlaps(other, cidr))) return subnet;
  }
  return undefined;
}

/** The first host. */
export function suggestGateway(subnet: string): string | undefined {
  const match = /^(\d+\.\d+\.\d+)\.(\d+)\/\d+$/.exec(subnet);
  return match === null ? undefined : `${match[1] ?? ''}.${String(Number(match[2]) + 1)}`;
}

/** The lowest free IPv4 address behind those of the tunnel itself and, where there are any, of its users: an address that has been given up is not given anew. */
export function suggestVpnAddress(own: readonly string[], users: readonly string[]): string | undefined {
  const parts = [...own, ...users].map((text) => /^(\d+\.\d+\.\d+)\.(\d+)$/.exec(text)).filter((match) => match !== null);
  const network = parts[0]?.[1];
  if (network === undefined) return undefined;
  const next = Math.max(...parts.filter((match) => match[1] === network).map((match) => Number(match[2]))) + 1;
  return next < 255 ? `${network}.${String(next)}` : undefined;
}

/** The value that most have; ties are decided by the text. */
export function mostUsed(values: readonly string[]): string | undefined {
  const count = new Map<string, number>();
  for (const value of values) count.set(value, (count.get(value) ?? 0) + 1);
  return [...count].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1))[0]?.[0];
}
