/** VLANs and WLANs of a site are found on many devices and written once: under one name, with what each device knows of them. */
import { parseAddress, toAddress, type Address, type Json, type JsonObject, type Live } from '#contract';
import { equalJson } from '#core/canonical-json';
import type { DesiredState } from '#core/model';
import { naturalKeyOf } from '#core/natural-key';
import { kinds } from '#kinds/registry';
import type { PlacedResource } from './edit/place-resource.ts';
import { asciiName } from './edit/suggest-values.ts';

/** What a take-over has chosen to write, and what it was read as. */
export interface Chosen {
  readonly resource: PlacedResource;
  readonly live: Live;
  /** It is written already, under this name. */
  readonly written: boolean;
}

export interface SharedInput {
  readonly chosen: readonly Chosen[];
  readonly state: DesiredState;
  /** All that was read, by target. */
  readonly systems: readonly { readonly target: { readonly name: string }; readonly live: readonly Live[] }[];
}

/** One device's part of what is written once. */
export interface SharedPart {
  readonly address: Address;
  /** As it was read. */
  readonly read: Address;
  readonly differs?: string;
  /** What it is called there, where that is another name. */
  readonly renamed?: string;
}

export interface Shared {
  readonly resources: readonly PlacedResource[];
  readonly of: ReadonlyMap<PlacedResource, readonly SharedPart[]>;
}

const ofSites = new Set(['vlan', 'ssid']);
const validName = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

export function writeOnce({ chosen, state, systems }: SharedInput): Shared {
  const sites = new Map(state.targets.map(({ target: { name, site } }) => [name, site]));
  const groups = new Map<string, Chosen[]>();
  for (const each of chosen) {
    const { resource, live, written } = each;
    const site = sites.get(resource.target);
    const shared = ofSites.has(resource.kind) && site !== undefined;
    const who = written ? resource.name : naturalKeyOf(kinds, live.address, live.spec) ?? resource.name;
    const key = shared ? `${site} ${resource.kind} ${String(written)} ${who}` : `${resource.target}/${resource.kind}/${resource.name}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  const taken = takenNames(state);
  const of = new Map<PlacedResource, readonly SharedPart[]>();
  const resources = [...groups.values()].flatMap((group): PlacedResource[] => {
    const [first] = group;
    if (first === undefined) return [];
    const site = sites.get(first.resource.target);
    const shared = ofSites.has(first.resource.kind) && site !== undefined;
    const name = first.written || !shared ? first.resource.name : freeName(nameOf(group), taken, `${site} ${first.resource.kind}`);
    const { spec, differing } = merge(group);
    const targets = shared && !first.written ? onlyOn(first, site, state, systems) : undefined;
    const resource = { ...first.resource, name, spec: targets === undefined ? spec : { ...spec, targets }, ...ownedOf(group) };
    of.set(resource, group.map(({ resource: { target, kind }, live }) => {
      const called = parseAddress(live.address).name;
      const differs = differing.get(target);
      return {
        address: toAddress({ customer: state.customer.name, target, kind, name }), read: live.address, ...(differs === undefined ? {} : { differs }),
        ...(live.unnamed === true || called === name ? {} : { renamed: called }),
      };
    }));
    return [resource];
  });
  return { resources, of };
}

function takenNames(state: DesiredState): Set<string> {
  const sites = new Map(state.targets.map(({ target: { name, site } }) => [name, site]));
  return new Set(state.resources.map(({ address }) => {
    const { target, kind, name } = parseAddress(address);
    return `${sites.get(target) ?? ''} ${kind} ${name}`;
  }));
}

/** As a device calls it, where that can be written; else from what it is. */
function nameOf(group: readonly Chosen[]): string {
  const named = group.filter(({ live }) => live.unnamed !== true).map(({ resource }) => resource.name);
  const usable = named.find((name) => validName.test(name));
  if (usable !== undefined) return usable;
  const [first] = group;
  const { id, ssid } = first?.live.spec ?? {};
  const spelled = named.map(asciiName).find((name) => validName.test(name)) ?? (typeof ssid === 'string' ? asciiName(ssid).slice(0, 32) : '');
  if (validName.test(spelled)) return spelled;
  return typeof id === 'number' ? `vlan-${String(id)}` : 'wlan';
}

function freeName(wanted: string, taken: Set<string>, where: string): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted.slice(0, 28)}-${String(number)}`;
    if (taken.has(`${where} ${name}`)) continue;
    taken.add(`${where} ${name}`);
    return name;
  }
}

/** Each field from the first device that knows it; who says otherwise is told. */
function merge(group: readonly Chosen[]): { readonly spec: JsonObject; readonly differing: ReadonlyMap<string, string> } {
  const merged = new Map<string, { readonly value: Json; readonly from: string }>();
  const differing = new Map<string, string>();
  for (const { resource: { target, spec = {} } } of group) {
    for (const [field, value] of Object.entries(spec)) {
      const known = merged.get(field);
      if (known === undefined) merged.set(field, { value, from: target });
      else if (!equalJson(known.value, value)) differing.set(target, `${known.from} has another ${field}, and that one is written`);
    }
  }
  return { spec: Object.fromEntries([...merged].map(([field, { value }]) => [field, value])), differing };
}

function ownedOf(group: readonly Chosen[]): { readonly owned?: readonly string[] } {
  const owned = group.flatMap(({ resource }) => resource.owned ?? []);
  return owned.length === 0 ? {} : { owned: [...new Set(owned)] };
}

/** Named only where all that could have it were looked at and some have not: otherwise it would appear there with the next run. */
function onlyOn({ resource: { kind }, live }: Chosen, site: string, { targets }: DesiredState, systems: SharedInput['systems']): readonly string[] | undefined {
  const key = naturalKeyOf(kinds, live.address, live.spec);
  const able = targets.map(({ target }) => target).filter((target) => target.site === site && target.manages[kind] !== undefined).map(({ name }) => name);
  const read = new Map(systems.map(({ target, live: all }) => [target.name, all]));
  if (able.some((name) => !read.has(name))) return undefined;
  const having = able.filter((name) => read.get(name)?.some(({ address, spec }) => naturalKeyOf(kinds, address, spec) === key) === true);
  return having.length === able.length ? undefined : having;
}
