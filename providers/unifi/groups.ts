/** A list of addresses ("traffic matching list") and an address group. Pure. */
import type { JsonObject } from '#contract';
import { canonicalCidr, parseCidr } from '#core/ip';
import { objectsOf, textOf } from './model.ts';

export function isAddressList({ type }: JsonObject): boolean {
  return type === 'IPV4_ADDRESSES' || type === 'IPV6_ADDRESSES';
}

export function groupSpec(raw: JsonObject): JsonObject {
  return { members: objectsOf(raw['items']).filter(({ type }) => type !== 'IP_ADDRESS_RANGE').map((item) => canonicalCidr(textOf(item, 'value'))) };
}

export function groupNote(raw: JsonObject): string | undefined {
  return objectsOf(raw['items']).some(({ type }) => type === 'IP_ADDRESS_RANGE') ? 'it holds ranges of addresses' : undefined;
}

/** As items of a list and of a firewall policy. */
export function addressItems(members: readonly string[]): readonly JsonObject[] {
  return members.map((value) => ({ type: value.includes('/') ? 'SUBNET' : 'IP_ADDRESS', value }));
}

export function familiesOf(members: readonly string[]): ReadonlySet<number> {
  return new Set(members.flatMap((member) => parseCidr(member)?.family ?? []));
}

export function groupBody(name: string, members: readonly string[]): JsonObject {
  return { type: familiesOf(members).has(6) ? 'IPV6_ADDRESSES' : 'IPV4_ADDRESSES', name, items: addressItems(members) };
}
