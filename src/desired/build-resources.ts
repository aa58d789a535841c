/** Documents become resources: names, canonical specs, places. Pure; what is wrong is collected by the checks. */
import { toAddress, type Address, type Desired, type JsonObject, type Kind, type Mode, type Reference, type SourceRange, type Target } from '#contract';
import { keyText } from '#core/natural-key';
import type { FirewallDocument } from '#generated/types';
import { buildNetwork } from './build-network.ts';
import type { CustomerFiles, LoadedDocument } from './customer-files.ts';
import { escapePointer, type Place } from './place.ts';

/** A resource before its references are resolved, with the place it is written at. */
export interface Draft {
  readonly target: string;
  readonly kind: string;
  readonly name: string;
  readonly spec: JsonObject;
  readonly at: Place;
  readonly source: SourceRange;
  readonly was?: string;
}

/** A draft in canonical form, with what it points at. */
export interface Resolved {
  readonly draft: Draft;
  readonly spec: JsonObject;
  readonly references: readonly Reference[];
  /** Natural key, where the kind has one. */
  readonly key?: string;
}

export interface Built {
  readonly drafts: readonly Draft[];
  /** Kinds whose key is written, per target. */
  readonly written: ReadonlyMap<string, readonly string[]>;
}

type Firewall = FirewallDocument['firewalls'][string];

export function sourceOf({ file, spans }: LoadedDocument<unknown>, pointer: string): SourceRange {
  const span = spans[pointer];
  if (span === undefined) return { file, line: 1, column: 1 };
  const [line, column, endLine, endColumn] = span;
  return { file, line, column, endLine, endColumn };
}

export function buildResources(files: CustomerFiles, targets: readonly Target[]): Built {
  const drafts: Draft[] = [];
  const written = new Map<string, string[]>();
  const add = (document: LoadedDocument<unknown>, target: string, kind: string, name: string, spec: object, pointer: string, was?: string): void => {
    drafts.push({ target, kind, name, spec: spec as JsonObject, at: { file: document.file, pointer, part: 'key' }, source: sourceOf(document, pointer), ...(was === undefined ? {} : { was }) });
  };
  const write = (target: string, ...kinds: readonly string[]): void => void written.set(target, [...(written.get(target) ?? []), ...kinds]);

  for (const [name, firewall] of Object.entries(files.firewall?.value.firewalls ?? {})) {
    const target = targets.find((each) => each.name === name);
    if (files.firewall !== undefined && target !== undefined) buildFirewall(files, files.firewall, target, firewall, add, write);
  }
  buildTenants(files, targets, add, write);
  const { network } = files;
  if (network !== undefined) buildNetwork(network, targets, { add: (...args) => { add(network, ...args); }, write });
  return { drafts, written };
}

type Write = (target: string, ...kinds: readonly string[]) => void;

function buildTenants(files: CustomerFiles, targets: readonly Target[], add: Add, write: Write): void {
  for (const [name, tenant] of Object.entries(files.m365?.value.m365 ?? {})) {
    if (files.m365 === undefined || !targets.some((each) => each.name === name)) continue;
    const base = `/m365/${escapePointer(name)}`;
    if (tenant.users !== undefined) write(name, 'user');
    if (tenant.groups !== undefined) write(name, 'group');
    for (const [upn, { was, ...spec }] of Object.entries(tenant.users ?? {})) add(files.m365, name, 'user', upn.toLowerCase(), { userPrincipalName: upn, ...spec }, `${base}/users/${escapePointer(upn)}`, was?.toLowerCase());
    for (const [nickname, { was, ...spec }] of Object.entries(tenant.groups ?? {})) add(files.m365, name, 'group', nickname.toLowerCase(), { mailNickname: nickname, ...spec }, `${base}/groups/${escapePointer(nickname)}`, was?.toLowerCase());
  }
}

/** What the maps have in common. */
type Item = { readonly was?: string; readonly sources?: readonly string[]; readonly destinations?: readonly string[] };

type Add = (document: LoadedDocument<unknown>, target: string, kind: string, name: string, spec: object, pointer: string, was?: string) => void;

function buildFirewall(files: CustomerFiles, document: LoadedDocument<FirewallDocument>, target: Target, firewall: Firewall, add: Add, write: Write): void {
  const base = `/firewalls/${escapePointer(target.name)}`;
  const vlans = files.network?.value.sites[target.site ?? '']?.vlans ?? {};
  const resolve = (endpoints: readonly string[]): readonly string[] =>
    endpoints.map((endpoint) => (endpoint.startsWith('vlan:') ? (vlans[endpoint.slice(5)]?.subnet ?? endpoint) : endpoint));
  const ends = (spec: { sources?: readonly string[]; destinations?: readonly string[] }): object => ({
    ...(spec.sources === undefined ? {} : { sources: resolve(spec.sources) }),
    ...(spec.destinations === undefined ? {} : { destinations: resolve(spec.destinations) }),
  });
  const maps = [['zones', 'zone'], ['groups', 'address-group'], ['services', 'service'], ['masquerade', 'masquerade'], ['portForwards', 'port-forward'], ['vpnTunnels', 'vpn-tunnel'], ['vpnUsers', 'vpn-user']] as const;
  for (const [key, kind] of maps) {
    const items = firewall[key];
    if (items === undefined) continue;
    write(target.name, kind);
    for (const [name, { was, ...spec }] of Object.entries(items as Readonly<Record<string, Item>>)) add(document, target.name, kind, name, { ...spec, ...ends(spec) }, `${base}/${key}/${escapePointer(name)}`, was);
  }
  if (firewall.policies === undefined) return;
  write(target.name, 'firewall-policy', 'firewall-rule');
  firewall.policies.forEach(({ rules = [], ...policy }, index) => {
    const pair = `${policy.from}.${policy.to}`;
    const at = `${base}/policies/${String(index)}`;
    add(document, target.name, 'firewall-policy', pair, { ...policy, order: rules.map(({ name }) => name) }, at);
    rules.forEach(({ name, was, ...rule }, position) => {
      add(document, target.name, 'firewall-rule', `${pair}.${name}`, { from: policy.from, to: policy.to, ...rule, ...ends(rule) }, `${at}/rules/${String(position)}`, was === undefined ? undefined : `${pair}.${was}`);
    });
  });
}

/** Once for all that need it: half of the time of loading goes here. */
export function resolveDrafts(drafts: readonly Draft[], kinds: ReadonlyMap<string, Kind>): readonly Resolved[] {
  return drafts.flatMap((draft): Resolved[] => {
    const kind = kinds.get(draft.kind);
    if (kind === undefined) return [];
    const spec = kind.canonical(draft.spec);
    const key = kind.naturalKey?.(spec);
    return [{ draft, spec, references: kind.references(spec), ...(key === undefined ? {} : { key }) }];
  });
}

/** Only the resources whose kind the target manages, in canonical form, sorted by address. */
export function finishResources(customer: string, resolved: readonly Resolved[], targets: readonly Target[]): readonly Desired[] {
  const manages = new Map(targets.map((target) => [target.name, target.manages as Readonly<Record<string, Mode | undefined>>]));
  const addressOf = (target: string, kind: string, name: string): Address => toAddress({ customer, target, kind, name });
  const known = new Set(resolved.map(({ draft: { target, kind, name } }) => addressOf(target, kind, name)));
  const siteOf = new Map(targets.map(({ name, site }) => [name, site]));
  const whereOf = (target: string, siteWide: boolean): string => (siteWide ? `at ${siteOf.get(target) ?? target}` : target);
  const byKey = new Map<string, Address[]>();
  for (const { draft: { target, kind, name }, key } of resolved) {
    if (key === undefined) continue;
    for (const where of [`${whereOf(target, false)} ${keyText(kind, key)}`, `${whereOf(target, true)} ${keyText(kind, key)}`]) byKey.set(where, [...(byKey.get(where) ?? []), addressOf(target, kind, name)]);
  }
  const pointed = (target: string, reference: Reference): readonly Address[] => {
    const where = reference.target ?? target;
    if (reference.by === 'key') return byKey.get(`${whereOf(where, reference.siteWide === true)} ${keyText(reference.kind, reference.name)}`) ?? [];
    return [addressOf(where, reference.kind, reference.name)];
  };
  return resolved
    .flatMap(({ draft, spec, references }): Desired[] => {
      if (manages.get(draft.target)?.[draft.kind] === undefined) return [];
      const dependsOn = [...new Set(references.flatMap((reference) => pointed(draft.target, reference)))].filter((address) => known.has(address)).sort();
      return [{
        address: addressOf(draft.target, draft.kind, draft.name), spec, dependsOn, source: draft.source,
        ...(draft.was === undefined ? {} : { was: addressOf(draft.target, draft.kind, draft.was) }),
      }];
    })
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
}
