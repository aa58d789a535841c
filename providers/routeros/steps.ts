/** From what must be there to single writes. Pure. */
import { parseAddress, type Address, type Batch, type Change, type JsonObject, type ResultResource, type Target } from '#contract';
import { compareText } from '#core/canonical';
import type { FirewallPolicySpec } from '#generated/types';
import { differences, isMatcher, isStatic, orderedMenus, type Item, type Menu, type Row } from './model.ts';
import { isOwnKind, pairChain, parseMarker } from './names.ts';
import { networkSteps } from './network.ts';
import { builtinRank, chainRows, movesFor } from './order.ts';
import { keyOf, type Parsed } from './parse.ts';
import type { Place, Step } from './step.ts';
import { builtinChain, renderResource, type Context, type FirewallKind } from './render.ts';

interface Wanted {
  readonly address: Address;
  readonly items: readonly Item[];
}

export function planSteps(batch: Batch, parsed: Parsed, target: Target): readonly Step[] {
  const context = contextAfter(batch, parsed);
  const changed = new Map(batch.changes.map((change) => [change.address, change]));
  const wanted = batch.result.flatMap((resource) => wantedOf(resource, changed, parsed, context));
  const { adds, sets, removes } = rowSteps(batch, wanted, parsed);
  const network = networkSteps({ batch, state: parsed.state, target, network: parsed.network });
  const isList = ({ menu }: Step): boolean => !isMatcher(menu);
  // An interface takes its new name into every list by itself: what stands there under the old one goes before.
  const renamed = new Set(network.build.flatMap((step) => (step.verb === 'set' && step.menu === 'interface/vlan' && step.values['name'] !== undefined ? [step.row.values['name'] ?? ''] : [])));
  const isEarly = (step: Step): boolean => step.verb === 'remove' && step.menu === 'interface/list/member' && renamed.has(step.row.values['interface'] ?? '');
  const placed = placeSteps(batch, wanted, adds, removes, parsed);
  return [
    ...removes.filter(isEarly), ...network.build, ...adds.filter(isList), ...sets.filter(isList), ...placed, ...sets.filter((step) => !isList(step)),
    // What is used goes behind what uses it.
    ...removes.filter((step) => !isList(step)), ...removes.filter((step) => isList(step) && step.menu !== 'interface/list' && !isEarly(step)), ...removes.filter(({ menu }) => menu === 'interface/list'), ...network.remove, ...network.last,
  ];
}

/** Names, members and ports as they will be. */
function contextAfter({ result, changes }: Batch, { context }: Parsed): Context {
  const gone = new Set(changes.filter(({ verb }) => verb === 'delete').map(({ address }) => address).concat(changes.flatMap(({ was }) => was ?? [])));
  const left = (kind: string, map: ReadonlyMap<string, readonly string[]>): readonly (readonly [string, readonly string[]])[] => [...map].filter(([name]) => ![...gone].some((address) => parseAddress(address).kind === kind && parseAddress(address).name === name));
  const of = (kind: string, field: string): readonly (readonly [string, readonly string[]])[] => result.filter(({ address }) => parseAddress(address).kind === kind).map(({ address, spec }) => [parseAddress(address).name, ((spec[field] ?? []) as readonly string[]).filter((each) => !each.startsWith('['))]);
  return { groups: new Map([...left('address-group', context.groups), ...of('address-group', 'members')]), services: new Map([...left('service', context.services), ...of('service', 'ports')]) };
}

/** What changes, and what is ours and exactly as its spec says: that may have to follow a change of something that it uses. */
function wantedOf({ address, spec, origin }: ResultResource, changed: ReadonlyMap<Address, Change>, parsed: Parsed, context: Context): readonly Wanted[] {
  const { kind, name } = parseAddress(address);
  if (!isOwnKind(kind) || kind === 'vlan' || kind === 'switch-port' || !(changed.has(address) || (origin === 'ours' && parsed.exact.has(address)))) return [];
  return [{ address, items: withOrder(kind, name, spec, renderResource(kind, name, spec, context)) }];
}

/** The order that a policy was written with stands behind its default: two lists of rules, IPv4 and IPv6, do not tell it. */
function withOrder(kind: FirewallKind, name: string, spec: JsonObject, items: readonly Item[]): readonly Item[] {
  if (kind !== 'firewall-policy') return items;
  const { order } = spec as unknown as FirewallPolicySpec;
  return items.map((item) => (parseMarker(item.values['comment'])?.part === 'default' && parseMarker(item.values['comment'])?.name === name && order.length > 0 ? { ...item, values: { ...item.values, comment: `${item.values['comment'] ?? ''} ${order.join(',')}` } } : item));
}

/** By its marker; what has none yet, by what the router itself takes for the same. */
function rowFor(item: Item, rows: readonly Row[], used: ReadonlySet<Row>): Row | undefined {
  const key = keyOf(item.menu, item.values);
  const free = rows.filter((row) => row.menu === item.menu && !used.has(row));
  const same = (...fields: readonly string[]) => ({ values }: Row): boolean => fields.every((field) => values[field] === item.values[field]);
  return free.find((row) => keyOf(row.menu, row.values) === key)
    ?? (item.menu.endsWith('address-list') ? free.find((row) => parseMarker(row.values['comment']) === undefined && row.values['list'] === item.values['list'] && differences({ menu: item.menu, values: { address: item.values['address'] ?? '' } }, row)['address'] === undefined) : undefined)
    ?? (item.menu === 'interface/list/member' ? free.find(same('list', 'interface')) : undefined);
}

function rowSteps(batch: Batch, wanted: readonly Wanted[], parsed: Parsed): { readonly adds: readonly (Step & { verb: 'add' })[]; readonly sets: readonly Step[]; readonly removes: readonly (Step & { verb: 'remove' })[] } {
  const used = new Set<Row>();
  const done = new Set<string>();
  const adds: (Step & { verb: 'add' })[] = [];
  const sets: Step[] = [];
  const base = Object.values(parsed.state).flat().filter((row: Row) => isStatic(row) && parseMarker(row.values['comment'])?.kind === 'base');
  for (const { address, items } of wanted) {
    const change = batch.changes.find((each) => each.address === address);
    const own = [...(parsed.rows.get(change?.was ?? address) ?? []), ...base];
    for (const item of items) {
      const key = keyOf(item.menu, item.values);
      if (done.has(key)) continue;
      done.add(key);
      const row = rowFor(item, own, used);
      if (row === undefined) adds.push({ verb: 'add', menu: item.menu, values: item.values, address });
      else {
        used.add(row);
        const values = differences(item, row);
        if (Object.keys(values).length > 0) sets.push({ verb: 'set', menu: item.menu, row, values, address });
      }
    }
  }
  const removed = batch.changes.flatMap((change) => (change.verb === 'delete' || change.was !== undefined ? (parsed.rows.get(change.was ?? change.address) ?? []).map((row) => ({ row, address: change.address })) : []));
  const left = wanted.flatMap(({ address }) => (parsed.rows.get(address) ?? []).map((row) => ({ row, address })));
  const [first] = batch.changes;
  // Answers are let through as long as there is a policy in that chain.
  const chains = new Set(batch.result.filter(({ address, origin }) => parseAddress(address).kind === 'firewall-policy' && (origin === 'ours' || wanted.some((each) => each.address === address))).map(({ spec }) => builtinChain(spec as unknown as FirewallPolicySpec)));
  const bases = first === undefined || !batch.changes.some(({ address }) => parseAddress(address).kind === 'firewall-policy') ? [] : base.filter((row) => !chains.has(row.values['chain'] as 'input')).map((row) => ({ row, address: first.address }));
  const gone = [...removed, ...left, ...bases].filter(({ row }) => !used.has(row));
  return { adds, sets, removes: [...new Map(gone.map((each) => [each.row, each])).values()].map(({ row, address }) => ({ verb: 'remove', menu: row.menu, row, address })) };
}

/** Adds and moves of rows whose order decides, chain by chain: ours first, in their order. Chains that are jumped to come before those that jump. */
function placeSteps(batch: Batch, wanted: readonly Wanted[], adds: readonly (Step & { verb: 'add' })[], removes: readonly (Step & { verb: 'remove' })[], parsed: Parsed): readonly Step[] {
  const gone = new Set(removes.map(({ row }) => row));
  const policies = new Map(batch.result.filter(({ address }) => parseAddress(address).kind === 'firewall-policy').map(({ address, spec }) => [parseAddress(address).name, spec as unknown as FirewallPolicySpec]));
  const touched = new Set(adds.filter(({ menu }) => isMatcher(menu)).map(({ menu, values }) => `${menu} ${values['chain'] ?? ''}`));
  // A change of order, or of what somebody has moved, touches the chain without adding to it.
  for (const { address } of batch.changes) {
    const { kind } = parseAddress(address);
    for (const { menu, values } of [...(wanted.find((each) => each.address === address)?.items ?? []), ...(kind === 'firewall-rule' || kind === 'firewall-policy' ? parsed.rows.get(address) ?? [] : [])]) if (isMatcher(menu)) touched.add(`${menu} ${values['chain'] ?? ''}`);
  }
  const ownerOf = new Map(wanted.flatMap(({ address, items }) => items.map((item) => [keyOf(item.menu, item.values), address] as const)));
  const builtin = (chain: string): boolean => !chain.startsWith('soll');
  const chains = [...touched].map((text) => ({ menu: orderedMenus.find((menu) => text.startsWith(`${menu} `)) ?? 'ip/firewall/nat', chain: text.slice(text.indexOf(' ') + 1) })).sort((a, b) => Number(builtin(a.chain)) - Number(builtin(b.chain)) || compareText(a.chain, b.chain));
  return chains.flatMap(({ menu, chain }): Step[] => {
    const rows = chainRows(parsed.state, menu, chain).filter((row) => !gone.has(row));
    const added = adds.filter((step) => step.menu === menu && step.values['chain'] === chain);
    if (chain.startsWith('soll-service.')) return added;
    const byKey = new Map(rows.filter((row) => parseMarker(row.values['comment']) !== undefined).map((row) => [keyOf(menu, row.values), row]));
    const keys = [...new Set([...byKey.keys(), ...added.map((step) => keyOf(menu, step.values))])];
    const order = inOrder(keys, chain, policies, wanted, menu);
    const now = rows.map((row) => (byKey.get(keyOf(menu, row.values)) === row ? keyOf(menu, row.values) : `row ${row.id}`));
    const rowOf = new Map(rows.map((row, index) => [now[index] ?? '', row]));
    const place = (key: string | undefined): { readonly before?: Place } => {
      if (key === undefined) return {};
      const row = rowOf.get(key);
      return { before: row === undefined ? { key } : { row } };
    };
    const steps = movesFor(now, order).map(({ key, before }): Step => {
      const row = rowOf.get(key);
      const add = added.find((step) => keyOf(menu, step.values) === key);
      const address = ownerOf.get(key) ?? batch.changes[0]?.address ?? ('' as Address);
      return row === undefined && add !== undefined ? { ...add, ...place(before) } : { verb: 'move', menu, row: row ?? { menu, id: '', values: {} }, address, ...place(before) };
    });
    // Answers are let through before anything new can stop them.
    const isBase = (step: Step): boolean => step.verb === 'add' && parseMarker(step.values['comment'])?.kind === 'base';
    const [top] = now;
    if (rows.some((row) => parseMarker(row.values['comment'])?.kind === 'base')) return steps;
    const hoisted = steps.filter(isBase).reverse().map((step): Step => {
      const { before: _before, ...rest } = step as Step & { verb: 'add' };
      return { ...rest, ...place(top) };
    });
    return [...hoisted, ...steps.filter((step) => !isBase(step))];
  });
}

function inOrder(keys: readonly string[], chain: string, policies: ReadonlyMap<string, FirewallPolicySpec>, wanted: readonly Wanted[], menu: Menu): readonly string[] {
  const comment = (key: string): string => key.slice(key.indexOf(' ') + 1);
  if (!chain.startsWith('soll.')) return [...keys].sort((a, b) => compareText(builtinRank(comment(a)), builtinRank(comment(b))));
  const pair = chain.slice(pairChain('').length);
  const order = policies.get(pair)?.order ?? [];
  const rendered = wanted.flatMap(({ items }) => items.filter((item) => item.menu === menu).map((item) => keyOf(menu, item.values)));
  const rank = (key: string): readonly [number, number] => {
    const marker = parseMarker(comment(key));
    if (marker?.kind === 'firewall-policy') return [order.length + 1, 0];
    const index = order.indexOf(marker?.name.slice(pair.length + 1) ?? '');
    return [index < 0 ? order.length : index, rendered.indexOf(key)];
  };
  return [...keys].sort((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    return first[0] - second[0] || compareText(parseMarker(comment(a))?.name ?? '', parseMarker(comment(b))?.name ?? '') || first[1] - second[1];
  });
}
