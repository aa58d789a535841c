import { parseAddress, toAddress, type Address } from '#contract';
import type { AuditRecord, LogEntry, ResourceVersion } from '#core/audit-record';
import { diffSpec } from '#core/diff-spec';
import { kinds } from '#kinds/registry';
import { listRuns } from './list-runs.ts';

type LoggedChange = LogEntry['changes'][number];

/** An address as plans and records write it, or `target/kind/name` with the name as it is. `undefined`: neither. */
export function addressOfSelector(customer: string, selector: string): Address | undefined {
  const parts = selector.split('/');
  const own = parts[0] === customer && parts.length > 3;
  const [target = '', kind = '', ...name] = own ? parts.slice(1) : parts;
  if (target === '' || kind === '' || name.join('/') === '') return undefined;
  // Written as plans have it, with what is special in percent.
  if (own && name.length === 1 && /^[^%]*(%[0-7][0-9a-f][^%]*)+$/i.test(selector)) return toAddress(parseAddress(selector));
  return toAddress({ customer, target, kind, name: name.join('/') });
}

/** Every version of one resource, newest first; through renames, in both directions. */
export function resourceHistory(records: readonly AuditRecord[], address: Address): readonly ResourceVersion[] {
  // Which resource an address stands for at this time: a rename takes it along, and leaves the name free for another one.
  const lines = new Map<Address, ResourceVersion[]>();
  const asked = new Set<ResourceVersion[]>();
  const lineOf = (at: Address): ResourceVersion[] => {
    const line = lines.get(at) ?? [];
    lines.set(at, line);
    if (at === address) asked.add(line);
    return line;
  };
  for (const run of [...listRuns(records)].reverse()) {
    for (const change of run.changes) {
      const line = lineOf(change.was ?? change.address);
      line.push(versionOf(run, change));
      if (change.address === address) asked.add(line);
      // What was refused keeps its old name.
      if (change.was === undefined || (change.outcome?.status !== 'done' && change.outcome?.status !== 'pending')) continue;
      lines.delete(change.was);
      lines.set(change.address, line);
    }
  }
  const order = new Map(listRuns(records).map(({ run }, index) => [run, index]));
  return [...asked].flat().sort((a, b) => (order.get(a.run) ?? 0) - (order.get(b.run) ?? 0));
}

function versionOf(run: LogEntry, { address, verb, reason, was, before, after, outcome }: LoggedChange): ResourceVersion {
  const target = run.targets.find((each) => address.startsWith(`${run.customer}/${each.target}/`));
  return {
    customer: run.customer, address, run: run.run, at: run.at, ...(run.closedAt === undefined ? {} : { closedAt: run.closedAt }), commit: run.commit, author: run.author, subject: run.subject, operator: run.operator, approvals: run.approvals,
    verb, reason, ...(was === undefined ? {} : { was }), ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }),
    fields: fieldsOf(address, before, after),
    ...(outcome === undefined ? {} : { outcome }), verdict: target?.verdict ?? 'open', ...(target?.why === undefined ? {} : { why: target.why }),
  };
}

/** Of a kind that this version does not know, field by field all the same, without its keys. */
export function fieldsOf(address: Address, before: LoggedChange['before'], after: LoggedChange['after']): ResourceVersion['fields'] {
  return diffSpec(kinds.get(address.split('/')[2] ?? '')?.schema ?? {}, before, after);
}
