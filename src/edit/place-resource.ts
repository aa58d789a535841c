/** The inverse of building resources from documents: from a resource to an edit of the document that it is written in. Pure. */
import { isObject, itemSchema, annotationOf, itemKey, propertySchema } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import type { Json, JsonObject, Kind } from '#contract';
import { allTagged, vlanNameOf, type VlansByName } from '#core/vlan-names';
import { diffData } from './diff-data.ts';
import { applyToData, valueAt, type Edit, type Path } from './edit.ts';

export type DocumentFile = 'firewall.yaml' | 'network.yaml' | 'm365.yaml';

/** What of a customer's folder the places depend on. */
export interface PlaceInput {
  /** Documents as data, as written; absent: the file does not exist. */
  readonly documents: Readonly<Partial<Record<DocumentFile, JsonObject>>>;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly targets: readonly { readonly name: string; readonly site?: string; readonly manages?: Readonly<Record<string, unknown>> }[];
}

export interface PlacedResource {
  readonly target: string;
  readonly kind: string;
  readonly name: string;
  /** Canonical; `undefined`: it is not there and shall not be written. */
  readonly spec: JsonObject | undefined;
  /** For a new entry. */
  readonly comment?: string;
  /** Fields of a written entry that `spec` speaks of; a written field that is not among them stays as it is. Absent: all. */
  readonly owned?: readonly string[];
}

export type Placement =
  | { readonly file: DocumentFile; readonly path: Path; readonly edits: readonly Edit[]; /** Fields that have no way to be written as "not there". */ readonly unsaid: readonly string[] }
  | { readonly refused: string };

const firewallMaps: Readonly<Record<string, string>> = { zone: 'zones', 'address-group': 'groups', service: 'services', masquerade: 'masquerade', 'port-forward': 'portForwards', 'vpn-tunnel': 'vpnTunnels', 'vpn-user': 'vpnUsers' };
/** Written once per site, whatever devices have it. */
const siteMaps: Readonly<Record<string, string>> = { vlan: 'vlans', ssid: 'ssids' };
const tenantMaps: Readonly<Record<string, string>> = { user: 'users', group: 'groups' };

export function placeResource(input: PlaceInput, resource: PlacedResource): Placement {
  const { kind, target } = resource;
  const map = firewallMaps[kind];
  if (map !== undefined) return placeInMap(input, resource, 'firewall.yaml', ['firewalls', target, map]);
  const people = tenantMaps[kind];
  if (people !== undefined) return input.documents['m365.yaml']?.['m365'] === undefined && resource.spec === undefined ? { refused: 'it is not written' } : placeInMap(input, resource, 'm365.yaml', ['m365', target, people]);
  if (kind === 'firewall-policy') return placePolicy(input, resource);
  if (kind === 'firewall-rule') return placeRule(input, resource);
  const shared = siteMaps[kind];
  if (shared !== undefined) return placeAtSite(input, resource, shared);
  if (kind === 'switch-port') return placeNamed(input, resource, ['switches', target, 'ports']);
  return { refused: `soll does not know where ${kind} is written` };
}

function siteOf({ targets }: PlaceInput, target: string): string | undefined {
  return targets.find(({ name }) => name === target)?.site;
}

function placeAtSite(input: PlaceInput, resource: PlacedResource, map: string): Placement {
  const { target, kind, spec } = resource;
  const site = siteOf(input, target);
  if (site === undefined) return { refused: `${target} has no site in targets.yaml, and ${kind === 'vlan' ? 'VLANs' : 'WLANs'} are written per site` };
  const path: Path = ['sites', site, map];
  return (spec === undefined ? leaveTarget(input, resource, site, path) : undefined) ?? placeNamed(input, resource, path);
}

/** Gone from one device is not gone from the others: they stay named. `undefined`: it was the last. */
function leaveTarget(input: PlaceInput, { target, kind, name }: PlacedResource, site: string, path: Path): Placement | undefined {
  const key = writtenKey(valueAt(input.documents['network.yaml'] ?? {}, path), name);
  if (key === undefined) return undefined;
  const own: Path = [...path, key, 'targets'];
  const named = valueAt(input.documents['network.yaml'] ?? {}, own);
  const all = Array.isArray(named) ? (named as readonly Json[]).map(String) : input.targets.filter((each) => each.site === site && each.manages?.[kind] !== undefined).map((each) => each.name);
  const rest = all.filter((each) => each !== target);
  return rest.length === 0 || rest.length === all.length ? undefined : { file: 'network.yaml', path: [...path, key], edits: [{ op: 'set', path: own, value: rest }], unsaid: [] };
}

/** What points at VLANs: by number on devices, by name in the file. */
function placeNamed(input: PlaceInput, resource: PlacedResource, path: Path): Placement {
  if (resource.spec === undefined || resource.kind === 'vlan') return placeInMap(input, resource, 'network.yaml', path);
  const site = siteOf(input, resource.target);
  if (site === undefined) return { refused: `${resource.target} has no site in targets.yaml, so its VLANs have no names` };
  const vlans = vlansOf(input, site);
  const document = input.documents['network.yaml'] ?? {};
  const key = writtenKey(valueAt(document, path), resource.name);
  const spec = nameVlans(vlans, resource.spec, key !== undefined && valueAt(document, [...path, key, 'tagged']) === 'all');
  return typeof spec === 'number' ? { refused: `VLAN ${String(spec)} is not written for ${site}, so it has no name` } : placeInMap(input, { ...resource, spec }, 'network.yaml', path);
}

function vlansOf({ documents }: PlaceInput, site: string): VlansByName {
  const vlans = valueAt(documents['network.yaml'] ?? {}, ['sites', site, 'vlans']);
  return isObject(vlans) ? Object.fromEntries(Object.entries(vlans).flatMap(([name, vlan]): [string, { id: number }][] => (isObject(vlan) && typeof vlan['id'] === 'number' ? [[name, { id: vlan['id'] }]] : []))) : {};
}

/** The number that nobody has a name for, or the spec with names. `all`: the word stays where it still says the same. */
function nameVlans(vlans: VlansByName, spec: JsonObject, all: boolean): JsonObject | number {
  const { vlan, native, tagged } = spec;
  const ids = [vlan, native, ...(Array.isArray(tagged) ? (tagged as readonly Json[]) : [])].filter((id) => typeof id === 'number');
  const nameless = ids.find((id) => vlanNameOf(vlans, id) === undefined);
  if (nameless !== undefined) return nameless;
  const named = (value: Json): Json => (typeof value === 'number' ? vlanNameOf(vlans, value) ?? value : value);
  const list = Array.isArray(tagged) ? (tagged as readonly Json[]) : undefined;
  const isAll = all && list !== undefined && equalJson([...list].sort((a, b) => Number(a) - Number(b)), allTagged(vlans, typeof native === 'number' ? native : undefined));
  return {
    ...spec, ...(vlan === undefined ? {} : { vlan: named(vlan) }), ...(native === undefined ? {} : { native: named(native) }),
    ...(list === undefined ? {} : { tagged: isAll ? 'all' : list.map(named).sort((a, b) => (String(a) < String(b) ? -1 : 1)) }),
  };
}

/** Fields of a spec that the place itself says (the key of a map, the policy around a rule). */
const saidByPlace: Readonly<Record<string, readonly string[]>> = { user: ['userPrincipalName'], group: ['mailNickname'], 'firewall-rule': ['from', 'to'], 'firewall-policy': ['order'] };

function ownFields({ kinds }: PlaceInput, { kind, spec = {} }: PlacedResource): JsonObject {
  const left = Object.entries(spec).filter(([field]) => !(saidByPlace[kind] ?? []).includes(field));
  return sorted(kinds.get(kind)?.schema ?? {}, Object.fromEntries(left));
}

/** Fields in the order of the schema, which is the order people read them in. */
function sorted(schema: JsonObject, map: JsonObject): JsonObject {
  const order = isObject(schema['properties']) ? Object.keys(schema['properties']) : [];
  const rank = (field: string): number => (order.includes(field) ? order.indexOf(field) : order.length);
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => rank(a) - rank(b)));
}

/** What a new entry says: defaults are not written. */
function plain(schema: JsonObject, spec: JsonObject): JsonObject {
  const entries = Object.entries(spec).filter(([field, value]) => !equalJson(propertySchema(schema, field)['default'], value));
  return Object.fromEntries(entries.map(([field, value]) => {
    const element = itemSchema(propertySchema(schema, field));
    return [field, Array.isArray(value) ? (value as readonly Json[]).map((item) => (isObject(item) ? plain(element, item) : item)) : value];
  }));
}

function writtenKey(map: Json | undefined, name: string): string | undefined {
  return isObject(map) ? Object.keys(map).find((key) => key === name) ?? Object.keys(map).find((key) => key.toLowerCase() === name.toLowerCase()) : undefined;
}

/** Everything above that is not there yet, so that an entry has a place. Never a path through what is not a map. */
function scaffold(document: JsonObject, path: Path): readonly Edit[] {
  for (let depth = 1; depth <= path.length; depth += 1) {
    if (valueAt(document, path.slice(0, depth)) !== undefined) continue;
    return [{ op: 'set', path: path.slice(0, depth), value: path.slice(depth).reduceRight<Json>((value, step) => ({ [step]: value }), {}) }];
  }
  return [];
}

function placeInMap(input: PlaceInput, resource: PlacedResource, file: DocumentFile, path: Path): Placement {
  const document = input.documents[file] ?? {};
  const key = writtenKey(valueAt(document, path), resource.name);
  const own = key === undefined ? [...path, resource.name] : [...path, key];
  if (resource.spec === undefined) return key === undefined ? { refused: 'it is not written' } : { file, path: own, edits: [{ op: 'remove', path: own }], unsaid: [] };
  const old = valueAt(document, own);
  if (isObject(old)) return { file, path: own, ...mergeWritten(input, resource, old, own) };
  const value = plain(input.kinds.get(resource.kind)?.schema ?? {}, ownFields(input, resource));
  return { file, path: own, edits: [...scaffold(document, path), { op: 'add', path, entries: [{ key: resource.name, value, ...(resource.comment === undefined ? {} : { comment: resource.comment }) }] }], unsaid: [] };
}

interface Merged {
  readonly edits: readonly Edit[];
  readonly unsaid: readonly string[];
}

/** The written entry with the live values in it: what means the same keeps its spelling and its place. */
function mergeWritten(input: PlaceInput, resource: PlacedResource, old: JsonObject, path: Path): Merged {
  const schema = input.kinds.get(resource.kind)?.schema ?? {};
  const spec = ownFields(input, resource);
  const complete = annotationOf(schema).complete === true;
  const canonical = (field: string, value: Json): Json | undefined => input.kinds.get(resource.kind)?.canonical({ [field]: resolveEnds(input, resource.target, value) })[field];
  const merged: Record<string, Json> = {};
  const unsaid: string[] = [];
  for (const [field, written] of Object.entries(old)) {
    const live = spec[field];
    if (field === 'was' || field === 'targets' || field === 'name' || field === 'rules' || (resource.kind === 'firewall-policy' && (field === 'from' || field === 'to'))) merged[field] = written;
    else if (live !== undefined) merged[field] = mergeValue(propertySchema(schema, field), written, live, (value) => canonical(field, value));
    else if (resource.owned?.includes(field) === false) merged[field] = written;
    else if (isMeaningless(resource.kind, spec, field)) continue;
    else if (!complete) {
      const empty = emptyOf(propertySchema(schema, field), written);
      if (empty === undefined) unsaid.push(field);
      else merged[field] = empty;
    }
  }
  for (const [field, live] of Object.entries(spec)) {
    const isDefault = equalJson(propertySchema(schema, field)['default'], live);
    if (old[field] === undefined && !isDefault) merged[field] = plain(schema, { [field]: live })[field] ?? live;
  }
  return { edits: diffData(old, merged, path), unsaid };
}

/** A field that the rest of what is there has no room for. */
function isMeaningless(kind: string, { mode, security }: JsonObject, field: string): boolean {
  if (kind === 'switch-port') return mode === 'access' ? field === 'native' || field === 'tagged' : mode === 'trunk' && field === 'vlan';
  return kind === 'ssid' && typeof security === 'string' && ((field === 'passphrase' && !security.endsWith('-personal')) || (field === 'radius' && !security.endsWith('-enterprise')));
}

/** How "not there" is written, where an absent field would mean "not managed". */
function emptyOf(schema: JsonObject, written: Json): Json | undefined {
  if (Array.isArray(written)) return [];
  return [schema['type']].flat().includes('null') ? null : undefined;
}

function mergeValue(schema: JsonObject, written: Json, live: Json, canonical: (value: Json) => Json | undefined): Json {
  if (equalJson(canonical(written), live)) return written;
  if (!Array.isArray(written) || !Array.isArray(live)) return live;
  const annotation = annotationOf(schema);
  const key = (item: Json): string => itemKey(annotation, item);
  const spelling = (item: Json): Json => {
    const value = canonical([item]);
    return Array.isArray(value) ? (value as readonly Json[])[0] ?? item : item;
  };
  const old = (written as readonly Json[]).map((item) => ({ item, key: key(spelling(item)) }));
  const next = new Map((live as readonly Json[]).map((item) => [key(item), item]));
  const same = (key_: string): Json | undefined => old.find((each) => each.key === key_)?.item;
  const respelled = (item: Json): Json => {
    const before = same(key(item));
    if (before === undefined) return isObject(item) ? plain(itemSchema(schema), item) : item;
    if (equalJson(spelling(before), item)) return before;
    return isObject(before) && isObject(item) ? { ...Object.fromEntries(Object.entries(before).filter(([field]) => item[field] !== undefined)), ...withoutSame(itemSchema(schema), before, item) } : item;
  };
  if (annotation.order !== 'set') return [...next.values()].map(respelled);
  const kept = old.flatMap((each) => (next.has(each.key) ? [respelled(next.get(each.key) ?? null)] : []));
  const known = new Set(old.map((each) => each.key));
  return [...kept, ...[...next].filter(([name]) => !known.has(name)).map(([, item]) => respelled(item))];
}

/** Fields of an item that say something new. */
function withoutSame(schema: JsonObject, before: JsonObject, item: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(item).filter(([field, value]) => (before[field] === undefined ? !equalJson(propertySchema(schema, field)['default'], value) : typeof value === 'object' || String(before[field]).toLowerCase() !== String(value).toLowerCase())));
}

/** `vlan:NAME` says the subnet that is written for it at the firewall's site. */
function resolveEnds({ documents, targets }: PlaceInput, target: string, value: Json): Json {
  if (!Array.isArray(value)) return value;
  const site = targets.find(({ name }) => name === target)?.site;
  return (value as readonly Json[]).map((item) => {
    if (typeof item !== 'string' || !item.startsWith('vlan:')) return item;
    return valueAt(documents['network.yaml'] ?? {}, ['sites', site ?? '', 'vlans', item.slice('vlan:'.length), 'subnet']) ?? item;
  });
}

function policiesOf({ documents }: PlaceInput, target: string): readonly Json[] {
  const policies = valueAt(documents['firewall.yaml'] ?? {}, ['firewalls', target, 'policies']);
  return Array.isArray(policies) ? (policies as readonly Json[]) : [];
}

function policyIndex(input: PlaceInput, target: string, from: string, to: string): number {
  return policiesOf(input, target).findIndex((policy) => isObject(policy) && policy['from'] === from && policy['to'] === to);
}

function rulesOf(policy: Json | undefined): readonly Json[] {
  const rules = isObject(policy) ? policy['rules'] : undefined;
  return Array.isArray(rules) ? (rules as readonly Json[]) : [];
}

function nameOf(rule: Json): string {
  return isObject(rule) && typeof rule['name'] === 'string' ? rule['name'] : '';
}

/** A new policy, or its fields and the order of its rules. Rules that are not written yet are placed by themselves, before this. */
function placePolicy(input: PlaceInput, resource: PlacedResource): Placement {
  const file = 'firewall.yaml';
  const { spec, target } = resource;
  const [from = '', to = ''] = resource.name.split('.');
  const list: Path = ['firewalls', target, 'policies'];
  const index = policyIndex(input, target, from, to);
  const path = [...list, index];
  if (spec === undefined) return index < 0 ? { refused: 'it is not written' } : { file, path, edits: [{ op: 'remove', path }], unsaid: [] };
  const document = input.documents[file] ?? {};
  const schema = input.kinds.get(resource.kind)?.schema ?? {};
  if (index < 0) {
    const value = { from, to, ...plain(schema, ownFields(input, resource)), rules: [] };
    const above = valueAt(document, list) === undefined ? [...scaffold(document, list.slice(0, -1)), { op: 'set' as const, path: list, value: [] }] : [];
    const at = policiesOf(input, target).length;
    return { file, path: [...list, at], edits: [...above, { op: 'insert', path: list, at, value, ...(resource.comment === undefined ? {} : { comment: resource.comment }) }], unsaid: [] };
  }
  const old = policiesOf(input, target)[index];
  const { edits, unsaid } = mergeWritten(input, resource, isObject(old) ? old : {}, path);
  const order = (Array.isArray(spec['order']) ? (spec['order'] as readonly Json[]) : []).map(String);
  return { file, path, edits: [...edits, ...orderRules(rulesOf(old), order, [...path, 'rules'])], unsaid };
}

function orderRules(rules: readonly Json[], order: readonly string[], path: Path): readonly Edit[] {
  const known = order.filter((name) => rules.some((rule) => nameOf(rule) === name));
  const wanted = [...known.flatMap((name) => rules.filter((rule) => nameOf(rule) === name)), ...rules.filter((rule) => !known.includes(nameOf(rule)))];
  return diffData(rules, wanted, path);
}

function placeRule(input: PlaceInput, resource: PlacedResource): Placement {
  const file = 'firewall.yaml';
  const [from = '', to = '', name = ''] = resource.name.split('.');
  const index = policyIndex(input, resource.target, from, to);
  if (index < 0) return { refused: `there is no policy from ${from} to ${to} that it could stand in` };
  const policy = policiesOf(input, resource.target)[index];
  const list: Path = ['firewalls', resource.target, 'policies', index, 'rules'];
  const position = rulesOf(policy).findIndex((rule) => nameOf(rule) === name);
  const path = [...list, position];
  if (resource.spec === undefined) return position < 0 ? { refused: 'it is not written' } : { file, path, edits: [{ op: 'remove', path }], unsaid: [] };
  const old = rulesOf(policy)[position];
  if (isObject(old)) return { file, path, ...mergeWritten(input, resource, old, path) };
  const schema = input.kinds.get(resource.kind)?.schema ?? {};
  const value = { name, ...plain(schema, ownFields(input, resource)) };
  const above = isObject(policy) && policy['rules'] === undefined ? [{ op: 'set' as const, path: list, value: [] }] : [];
  const at = rulesOf(policy).length;
  return { file, path: [...list, at], edits: [...above, { op: 'insert', path: list, at, value, ...(resource.comment === undefined ? {} : { comment: resource.comment }) }], unsaid: [] };
}

/** The resource that is written at a path of a document; `undefined` where none is. For VLANs and WLANs the site stands for its targets. */
export function resourceAt(file: string, document: Json, path: Path): { readonly target?: string; readonly site?: string; readonly kind: string; readonly name: string } | undefined {
  const [top, owner, section, entry, , rule] = path;
  if (typeof owner !== 'string') return undefined;
  if (file === 'network.yaml') {
    if (typeof entry !== 'string') return undefined;
    if (top === 'switches') return section === 'ports' ? { target: owner, kind: 'switch-port', name: entry } : undefined;
    const shared = Object.keys(siteMaps).find((name) => siteMaps[name] === section);
    return shared === undefined ? undefined : { site: owner, kind: shared, name: entry };
  }
  if (section === 'policies' && typeof entry === 'number') {
    const policy = valueAt(document, ['firewalls', owner, 'policies', entry]);
    const pair = isObject(policy) ? `${String(policy['from'])}.${String(policy['to'])}` : '';
    return typeof rule === 'number' ? { target: owner, kind: 'firewall-rule', name: `${pair}.${nameOf(rulesOf(policy)[rule] ?? null)}` } : { target: owner, kind: 'firewall-policy', name: pair };
  }
  const maps = top === 'firewalls' ? firewallMaps : tenantMaps;
  const kind = Object.keys(maps).find((name) => maps[name] === section);
  return kind === undefined || typeof entry !== 'string' ? undefined : { target: owner, kind, name: top === 'm365' ? entry.toLowerCase() : entry };
}

/** The documents after a placement, so that the next one finds its place. */
function afterPlacement(input: PlaceInput, placement: Extract<Placement, { file: DocumentFile }>): PlaceInput {
  const data = placement.edits.reduce<Json>(applyToData, input.documents[placement.file] ?? {});
  return { ...input, documents: { ...input.documents, [placement.file]: isObject(data) ? data : {} } };
}

const kindOrder = ['vlan', 'ssid', 'switch-port', 'zone', 'address-group', 'service', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward', 'vpn-tunnel', 'vpn-user', 'user', 'group'];

/** In which order resources are placed: what others stand in comes first; a policy comes again at the end, for the order of its rules. */
function inPlacingOrder(resources: readonly PlacedResource[]): readonly PlacedResource[] {
  const rank = ({ kind, spec }: PlacedResource): number => (spec === undefined ? -kindOrder.indexOf(kind) : kindOrder.indexOf(kind));
  const ordered = resources.map((resource, index) => ({ resource, index })).sort((a, b) => rank(a.resource) - rank(b.resource) || a.index - b.index).map(({ resource }) => resource);
  return [...ordered, ...ordered.filter(({ kind, spec }) => kind === 'firewall-policy' && spec !== undefined)];
}

export interface PlacedAll {
  /** Per document, in the order in which they are to be done. */
  readonly edits: ReadonlyMap<DocumentFile, readonly Edit[]>;
  readonly refused: readonly { readonly resource: PlacedResource; readonly why: string }[];
  readonly unsaid: readonly { readonly resource: PlacedResource; readonly fields: readonly string[] }[];
}

/** Many resources at once, whatever their order. */
export function placeAll(given: PlaceInput, resources: readonly PlacedResource[]): PlacedAll {
  let input = given;
  const edits = new Map<DocumentFile, Edit[]>();
  const refused = new Map<PlacedResource, string>();
  const unsaid = new Map<PlacedResource, readonly string[]>();
  for (const resource of inPlacingOrder(resources)) {
    const placement = placeResource(input, resource);
    if ('refused' in placement) refused.set(resource, placement.refused);
    else {
      edits.set(placement.file, [...(edits.get(placement.file) ?? []), ...placement.edits]);
      if (placement.unsaid.length > 0) unsaid.set(resource, placement.unsaid);
      input = afterPlacement(input, placement);
    }
  }
  return {
    edits: new Map([...edits].map(([file, list]) => [file, joinAdds(list)])),
    refused: [...refused].map(([resource, why]) => ({ resource, why })), unsaid: [...unsaid].map(([resource, fields]) => ({ resource, fields })),
  };
}

/** New entries of one map, one after the other, are one edit: a tenant has hundreds. */
function joinAdds(edits: readonly Edit[]): readonly Edit[] {
  return edits.reduce<Edit[]>((joined, edit) => {
    const last = joined.at(-1);
    if (last?.op !== 'add' || edit.op !== 'add' || !equalJson([...last.path], [...edit.path])) return [...joined, edit];
    return [...joined.slice(0, -1), { ...last, entries: [...last.entries, ...edit.entries] }];
  }, []);
}
