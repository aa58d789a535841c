/**
 * The way from us to each target, as targets.yaml says it, and what changes do to it: cut it, touch it, or add something to it that is
 * used at its end. Pure.
 */
import { parseAddress, type Address, type Change, type JsonObject, type Kind, type Live, type Problem } from '#contract';
import { compareText } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import type { TargetEntry } from '#core/model';
import { overlayOwned } from '#core/project-owned';

/** One port or device on the way. */
interface Hop {
  readonly target: string;
  readonly port?: string;
  /** Numbers of the VLAN that must get through here: the one written, and the one there is until now. Empty: not known. */
  readonly vlans: ReadonlySet<number>;
}

export interface Way {
  readonly target: string;
  /** From us on; the target itself is the last. */
  readonly hops: readonly Hop[];
}

/** Numbers of a management VLAN; what a plan is about to renumber still has the old one. */
function numbersOf(entry: TargetEntry | undefined, entries: ReadonlyMap<string, TargetEntry>, changes: readonly Change[]): ReadonlySet<number> {
  const vlan = entry?.management?.vlan;
  if (vlan === undefined) return new Set();
  const old = changes.flatMap(({ address, was, before }) => {
    const { kind, target, name } = parseAddress(address);
    const named = name === vlan.name || (was !== undefined && parseAddress(was).name === vlan.name);
    return kind === 'vlan' && named && entries.get(target)?.target.site === entry?.target.site && typeof before?.['id'] === 'number' ? [before['id']] : [];
  });
  return new Set([vlan.id, ...old]);
}

/** Ways of all targets that have one. */
export function waysOf(targets: readonly TargetEntry[], changes: readonly Change[] = []): readonly Way[] {
  const entries = new Map(targets.map((entry) => [entry.target.name, entry]));
  const passed = (name: string, seen: readonly string[]): readonly Omit<Hop, 'vlans'>[] => {
    const through = entries.get(name)?.management?.through ?? [];
    const [first] = through;
    return first === undefined || first.target === name || seen.includes(first.target) ? through : [...passed(first.target, [...seen, name]), ...through];
  };
  return targets.filter(({ management }) => management !== undefined).map(({ target: { name } }): Way => {
    const all = passed(name, []);
    const hops = all.at(-1)?.target === name ? all : [...all, { target: name }];
    let vlans = numbersOf(entries.get(name), entries, changes);
    const numbered: Hop[] = [];
    for (const hop of hops.toReversed()) {
      numbered.unshift({ ...hop, vlans });
      // Behind a router, seen from the target, it is that router's own VLAN that leads on to us.
      if (hop.port === undefined && hop.target !== name) vlans = numbersOf(entries.get(hop.target), entries, changes);
    }
    return { target: name, hops: numbered };
  });
}

/** Targets that are reached through each one. */
export function targetsBehind(targets: readonly TargetEntry[]): ReadonlyMap<string, readonly string[]> {
  const behind = new Map<string, Set<string>>();
  for (const { target, hops } of waysOf(targets)) {
    for (const hop of hops) if (hop.target !== target) behind.set(hop.target, (behind.get(hop.target) ?? new Set()).add(target));
  }
  return new Map([...behind].map(([name, names]) => [name, [...names].sort(compareText)]));
}

type Effect = { readonly does: 'cut'; readonly what: string } | { readonly does: 'touch' } | { readonly does: 'add'; readonly vlans: readonly number[] };

export interface ManagementInput {
  readonly customer: string;
  readonly targets: readonly TargetEntry[];
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly changes: readonly Change[];
  /** All that was read of the targets that answered, by target. */
  readonly live: ReadonlyMap<string, readonly Live[]>;
}

export interface ManagementEffects {
  /** What cuts a way is refused; ports that are not there are told. */
  readonly problems: readonly Problem[];
  /** Targets whose way a change touches, by address of the change. */
  readonly touched: ReadonlyMap<Address, readonly string[]>;
  /** What else must be done before a change, beyond its references. */
  readonly before: ReadonlyMap<Address, readonly Address[]>;
}

export function managementEffects(input: ManagementInput): ManagementEffects {
  const ways = waysOf(input.targets, input.changes);
  const problems = missingPorts(input, ways);
  const touched = new Map<Address, string[]>();
  const before = new Map<Address, Set<Address>>();
  const after = (address: Address, needed: Address): void => void before.set(address, (before.get(address) ?? new Set<Address>()).add(needed));
  const passing = new Map<string, { readonly way: Way; readonly hop: Hop }[]>();
  for (const way of ways) for (const hop of way.hops) passing.set(hop.target, [...(passing.get(hop.target) ?? []), { way, hop }]);
  const onTarget = new Map<string, Change[]>();
  for (const change of input.changes) {
    const { target } = parseAddress(change.address);
    const known = onTarget.get(target);
    if (known === undefined) onTarget.set(target, [change]);
    else known.push(change);
  }
  for (const [own, changes] of onTarget) for (const change of changes) {
    const { kind, name } = parseAddress(change.address);
    const effects = (passing.get(own) ?? []).flatMap(({ way, hop }): { readonly way: Way; readonly effect: Effect }[] => {
      const effect = kind === 'vlan' ? effectOfVlan(change, hop.vlans) : kind === 'switch-port' && name === hop.port ? effectOfPort(statesOf(input, change), change, hop.vlans) : undefined;
      return effect === undefined ? [] : [{ way, effect }];
    });
    const cut = effects.filter(({ effect }) => effect.does === 'cut');
    if (cut.length > 0) problems.push(lockOut(input.customer, change, cut));
    const grave = effects.filter(({ effect }) => effect.does !== 'add');
    if (grave.length > 0) touched.set(change.address, [...new Set(grave.map(({ way }) => way.target))].sort(compareText));
    for (const { way, effect } of effects) {
      if (way.target === own) continue;
      const there = onTarget.get(way.target) ?? [];
      // Far before near: what could cut a device off comes after everything that is to be built there.
      if (effect.does === 'touch') for (const { verb, address } of there) if (verb !== 'delete') after(change.address, address);
      // Near before far: what the way shall carry is carried before anything at its end uses it.
      if (effect.does === 'add' && grave.length === 0) for (const user of there) if (uses(input, user, effect.vlans)) after(user.address, change.address);
    }
  }
  return { problems, touched, before: new Map([...before].map(([address, needed]) => [address, [...needed].sort(compareText)])) };
}

function uses({ kinds }: ManagementInput, { address, after }: Change, vlans: readonly number[]): boolean {
  return after !== undefined && (kinds.get(parseAddress(address).kind)?.references(after) ?? []).some((reference) => reference.kind === 'vlan' && reference.by === 'key' && vlans.includes(Number(reference.name)));
}

function effectOfVlan({ verb, before, after }: Change, vlans: ReadonlySet<number>): Effect | undefined {
  const [old, next] = [before?.['id'], after?.['id']];
  if (typeof old !== 'number' || !vlans.has(old)) return undefined;
  if (verb === 'delete') return { does: 'cut', what: `VLAN ${String(old)} would be deleted` };
  if (old !== next) return { does: 'cut', what: `VLAN ${String(old)} would become ${String(next)}` };
  const matters = (spec: JsonObject | undefined): JsonObject => Object.fromEntries(Object.entries(spec ?? {}).filter(([field]) => field !== 'description'));
  return equalJson(matters(before), matters(after)) ? undefined : { does: 'touch' };
}

/** The whole port before and after: a plan's own before and after hold the written fields only. */
function statesOf({ kinds, live }: ManagementInput, { address, was, before, after }: Change): { readonly old: JsonObject | undefined; readonly next: JsonObject | undefined } {
  const { target, kind } = parseAddress(address);
  const old = live.get(target)?.find((each) => each.address === (was ?? address) && each.recoverable === undefined)?.spec ?? before;
  return { old, next: after === undefined ? undefined : overlayOwned(kinds.get(kind)?.schema ?? {}, old ?? {}, after) };
}

function taggedOf({ tagged }: JsonObject): readonly number[] {
  return Array.isArray(tagged) ? tagged.filter((id): id is number => typeof id === 'number') : [];
}

/** How a port carries a VLAN; `undefined`: not at all as far as is known. A trunk without a list carries everything. */
function carries(port: JsonObject, vlans: ReadonlySet<number>): 'untagged' | 'tagged' | undefined {
  const outside = port['mode'] === 'access' ? port['vlan'] : port['native'];
  if (typeof outside === 'number' && vlans.has(outside)) return 'untagged';
  return port['mode'] === 'trunk' && (port['tagged'] === undefined || taggedOf(port).some((id) => vlans.has(id))) ? 'tagged' : undefined;
}

function effectOfPort({ old, next }: ReturnType<typeof statesOf>, { verb, address }: Change, vlans: ReadonlySet<number>): Effect | undefined {
  const { name } = parseAddress(address);
  const numbers = [...vlans].join(' or ');
  if (old === undefined || next === undefined) {
    // Factory settings: an access port in VLAN 1.
    return verb === 'delete' && vlans.size > 0 && !vlans.has(1) ? { does: 'cut', what: `port ${name} would go back to its factory settings, without VLAN ${numbers}` } : { does: 'touch' };
  }
  if (next['enabled'] === false && old['enabled'] !== false) return { does: 'cut', what: `port ${name} would be shut down` };
  const [carried, carrying] = [carries(old, vlans), carries(next, vlans)];
  if (carried !== undefined && carrying === undefined) return { does: 'cut', what: `port ${name} would no longer carry VLAN ${numbers}` };
  const link = (port: JsonObject): JsonObject => ({ mode: port['mode'] ?? null, enabled: port['enabled'] ?? null, poe: port['poe'] ?? null, role: port['role'] ?? null, native: port['native'] ?? null, vlan: port['mode'] === 'access' ? port['vlan'] ?? null : null });
  if (carried !== carrying || !equalJson(link(old), link(next))) return { does: 'touch' };
  const gained = taggedOf(next).filter((id) => !taggedOf(old).includes(id));
  return gained.length === 0 ? undefined : { does: 'add', vlans: gained };
}

function showWay({ target, hops }: Way): string {
  const steps = hops.map((hop) => (hop.port === undefined ? hop.target : `${hop.target} ${hop.port}`));
  return ['us', ...steps, ...(hops.at(-1)?.port === undefined ? [] : [target])].filter((step, index, all) => step !== all[index - 1]).join(' → ');
}

function lockOut(customer: string, { address }: Change, cut: readonly { readonly way: Way; readonly effect: Effect }[]): Problem {
  const { target } = parseAddress(address);
  const names = [...new Set(cut.map(({ way }) => way.target))];
  // The shortest says it best: what is further behind goes with it.
  const [first] = [...cut].sort((a, b) => a.way.hops.length - b.way.hops.length || compareText(a.way.target, b.way.target));
  const what = first?.effect.does === 'cut' ? first.effect.what : '';
  const shown = names.length > 6 ? `${names.slice(0, 6).join(', ')} and ${String(names.length - 6)} more` : names.join(', ');
  return {
    code: 'plan.lock-out', severity: 'error', gate: true, customer, target, address,
    message: `${what}, and that cuts the way to ${shown}: ${first === undefined ? '' : showWay(first.way)}`,
    hint: `give ${names.length === 1 ? shown : 'them'} another way first; if it is another one already, mend \`management\` in targets.yaml`,
  };
}

/** A way over a port that does not exist protects nothing. */
function missingPorts({ customer, targets, live }: ManagementInput, ways: readonly Way[]): Problem[] {
  const managing = new Set(targets.filter(({ target }) => target.manages['switch-port'] !== undefined).map(({ target }) => target.name));
  const missing = new Map<string, Problem>();
  for (const way of ways) {
    for (const { target, port } of way.hops) {
      const there = managing.has(target) ? live.get(target)?.filter(({ address }) => parseAddress(address).kind === 'switch-port') : undefined;
      if (port === undefined || there === undefined || there.some(({ address }) => parseAddress(address).name === port)) continue;
      missing.set(`${target} ${port}`, { code: 'plan.path-port', severity: 'warning', customer, target, message: `the way to ${way.target} leads over port ${port} of ${target}, and there is no such port`, hint: 'mend `management` in targets.yaml: until then nothing protects that way' });
    }
  }
  return [...missing.values()];
}
