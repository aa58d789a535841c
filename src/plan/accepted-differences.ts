/** Differences that somebody answers for until a day: told, not acted upon. Pure; which of them still count was decided before. */
import { parseAddress, toAddress, type Address, type Json, type JsonObject, type Kind, type Live, type Problem } from '#contract';
import { equalJson } from '#core/canonical-json';
import type { Accepted, Finding } from '#core/model';

export class AcceptedDifferences {
  readonly findings: Finding[] = [];
  readonly #byAddress: ReadonlyMap<Address, readonly Accepted[]>;
  readonly #used = new Set<Accepted>();
  readonly #live: ReadonlyMap<Address, Live>;
  readonly #kinds: ReadonlyMap<string, Kind>;

  constructor(accepted: readonly Accepted[], live: ReadonlyMap<Address, Live>, kinds: ReadonlyMap<string, Kind>) {
    const byAddress = new Map<Address, Accepted[]>();
    for (const each of accepted) byAddress.set(each.address, [...(byAddress.get(each.address) ?? []), each]);
    this.#byAddress = byAddress;
    this.#live = live;
    this.#kinds = kinds;
  }

  /** The whole resource may differ, also that it is there or not. */
  whole(address: Address): Accepted | undefined {
    return this.#byAddress.get(address)?.find(({ fields }) => fields === undefined);
  }

  /** `true`: the difference is accepted, and has been told. */
  takes(address: Address, before: JsonObject | undefined, after: JsonObject | undefined): boolean {
    const accepted = this.whole(address);
    if (accepted === undefined) return false;
    this.#tell(accepted, before, after);
    return true;
  }

  /** Accepted fields keep the value that they have there; `kept` names those that differ. */
  keepFields(address: Address, wanted: JsonObject, found: JsonObject): { readonly wanted: JsonObject; readonly kept: readonly string[] } {
    const kept = new Set<string>();
    for (const accepted of this.#byAddress.get(address) ?? []) {
      const own = (accepted.fields ?? []).filter((field) => wanted[field] !== undefined && !kept.has(field) && !equalJson(wanted[field], found[field]));
      if (own.length === 0) continue;
      for (const field of own) kept.add(field);
      this.#tell(accepted, only(found, own), only(wanted, own));
    }
    if (kept.size === 0) return { wanted, kept: [] };
    return { wanted: { ...without(wanted, kept), ...only(found, [...kept]) }, kept: [...kept] };
  }

  /**
   * Lists that name other resources (members, the order of rules): what is accepted to be there stays in its place, what is accepted to be
   * missing is not named. Otherwise the list would undo what was accepted.
   */
  keepNeighbours(address: Address, wanted: JsonObject, found: JsonObject): JsonObject {
    const kind = this.#kinds.get(parseAddress(address).kind);
    if (kind === undefined || this.#byAddress.size === 0) return wanted;
    const [named, there] = [namesIn(kind, address, wanted), namesIn(kind, address, found)];
    let result = wanted;
    for (const [field, items] of Object.entries(wanted)) {
      const present = found[field];
      if (!Array.isArray(items) || !Array.isArray(present)) continue;
      const list = (items as readonly Json[]).filter((_, index) => !this.#isMissing(named.get(`${field}/${String(index)}`)));
      (present as readonly Json[]).forEach((item, index, all) => {
        if (!this.#isThere(there.get(`${field}/${String(index)}`)) || list.some((each) => equalJson(each, item))) return;
        const before = all.slice(0, index).findLast((each) => list.some((other) => equalJson(other, each)));
        list.splice(before === undefined ? 0 : list.findIndex((each) => equalJson(each, before)) + 1, 0, item);
      });
      if (!equalJson(list, items as Json)) result = { ...result, [field]: kind.canonical({ ...wanted, [field]: list })[field] ?? list };
    }
    return result;
  }

  /** What nothing needs any more is told, so that it does not cover what comes later. */
  unneeded(): readonly Problem[] {
    return [...this.#byAddress.values()].flat().filter((each) => !this.#used.has(each)).map(({ address, source, until }): Problem => {
      const { customer, target, kind, name } = parseAddress(address);
      return { code: 'deviation.unneeded', severity: 'warning', customer, target, address, source, message: `${kind} ${name} does not differ as accepted until ${until}`, hint: 'remove the entry; left alone it covers the next difference, too' };
    });
  }

  #isMissing(address: Address | undefined): boolean {
    return address !== undefined && this.whole(address) !== undefined && !this.#live.has(address);
  }

  #isThere(address: Address | undefined): boolean {
    return address !== undefined && this.whole(address) !== undefined && this.#live.has(address);
  }

  #tell(accepted: Accepted, before: JsonObject | undefined, after: JsonObject | undefined): void {
    this.#used.add(accepted);
    const { address, reason, owner, until } = accepted;
    this.findings.push({ kind: 'accepted', address, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }), accepted: { reason, owner, until } });
  }
}

/** Addresses by `field/index` of the lists that name them. */
function namesIn(kind: Kind, address: Address, spec: JsonObject): ReadonlyMap<string, Address> {
  const { customer, target } = parseAddress(address);
  return new Map(kind.references(spec).filter(({ by }) => by !== 'key').map((reference) => [reference.pointer.slice(1), toAddress({ customer, target: reference.target ?? target, kind: reference.kind, name: reference.name })]));
}

function only(spec: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(spec).filter(([field]) => fields.includes(field)));
}

export function without(spec: JsonObject, fields: ReadonlySet<string>): JsonObject {
  return fields.size === 0 ? spec : Object.fromEntries(Object.entries(spec).filter(([field]) => !fields.has(field)));
}
