import { parseAddress, type Json, type JsonObject, type ResultResource } from '#contract';
import type { AddressGroupSpec, FirewallPolicySpec, FirewallRuleSpec, MasqueradeSpec, PortForwardSpec, ServiceSpec, ZoneSpec } from '#generated/types';

/** One element of an `nft -j` listing or command list: `{ set: {…} }`, `{ chain: {…} }`, `{ rule: {…} }`. */
export type NftItem = JsonObject;

/** The table as soll understands it, by name. */
export interface Model {
  readonly zones: ReadonlyMap<string, ZoneSpec>;
  readonly groups: ReadonlyMap<string, AddressGroupSpec>;
  readonly services: ReadonlyMap<string, ServiceSpec>;
  readonly policies: ReadonlyMap<string, FirewallPolicySpec>;
  readonly rules: ReadonlyMap<string, FirewallRuleSpec>;
  readonly masquerades: ReadonlyMap<string, MasqueradeSpec>;
  readonly forwards: ReadonlyMap<string, PortForwardSpec>;
}

export interface NamedSpec {
  readonly kind: string;
  readonly name: string;
  readonly spec: JsonObject;
}

export function named(resources: readonly Pick<ResultResource, 'address' | 'spec'>[]): readonly NamedSpec[] {
  return resources.map(({ address, spec }) => ({ kind: parseAddress(address).kind, name: parseAddress(address).name, spec }));
}

/** Specs have been through their kind's schema before they come here. */
export function toModel(resources: readonly NamedSpec[]): Model {
  const of = <T>(kind: string): ReadonlyMap<string, T> =>
    new Map(resources.filter((each) => each.kind === kind).sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, spec }) => [name, spec as unknown as T]));
  return {
    zones: of('zone'), groups: of('address-group'), services: of('service'), policies: of('firewall-policy'), rules: of('firewall-rule'),
    masquerades: of('masquerade'), forwards: of('port-forward'),
  };
}

/** Canonical text of an expression list or element list, for comparing what is there with what would be rendered. */
export function textOf(value: Json | undefined): string {
  return JSON.stringify(normalise(value ?? null));
}

/** Anonymous and named sets have no order. */
function normalise(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(normalise);
  if (typeof value !== 'object' || value === null) return value;
  const object = value as JsonObject;
  return Object.fromEntries(Object.keys(object).sort().map((key): [string, Json] => {
    const item = normalise(object[key] ?? null);
    return [key, key === 'set' && Array.isArray(item) ? sorted(item as readonly Json[]) : item];
  }));
}

export function sorted(items: readonly Json[]): readonly Json[] {
  return [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
