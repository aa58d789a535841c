import { recordFile, type AuditRecord, type Chain } from '#core/audit-record';
import type { AppendBranch } from '#git/append-branch';
import { isCommitId } from '#git/missing-commits';
import { parseRecord } from './parse-record.ts';

export interface Damage {
  readonly code: 'audit.unreadable' | 'audit.gap';
  readonly message: string;
}

export interface ReadChain {
  readonly chain: Chain;
  /** What is no record, or not there; it is left out. */
  readonly damage: readonly Damage[];
}

/** Texts of the files in `records`, by name. */
export type RecordTexts = ReadonlyMap<string, string>;

/** Commits whose records were joined and have to be read as well. What is no full id could be an option, and names nothing. */
export function joinedHeads(files: RecordTexts): readonly string[] {
  return [...files.values()].flatMap((text) => {
    // Looked for before it is parsed: there is next to never one.
    const record = text.includes('"join"') ? parseRecord(text) : undefined;
    return record?.type === 'join' && isCommitId(record.head) ? [record.head] : [];
  });
}

/** `sides`: by commit. */
export function chainFrom(files: RecordTexts, joined: ReadonlyMap<string, RecordTexts>): ReadChain {
  const { records, damage } = recordsFrom(files);
  const sides = new Map<number, readonly AuditRecord[]>();
  for (const join of records) {
    if (join.type !== 'join') continue;
    const side = recordsFrom(joined.get(join.head) ?? new Map());
    const own = side.records.filter(({ seq }) => seq > join.base);
    if (own.length === 0) damage.push({ code: 'audit.unreadable', message: `record ${String(join.seq)} joins the records of ${join.head.slice(0, 12)}, and they are not there` });
    damage.push(...side.damage.map(({ code, message }) => ({ code, message: `${join.head.slice(0, 12)}: ${message}` })));
    sides.set(join.seq, own);
  }
  return { chain: { records, sides }, damage };
}

/** What stands on the branch at this commit, with what joins have brought in. */
export async function readChain(branch: AppendBranch, head: string): Promise<ReadChain> {
  const files = await branch.files(head, 'records');
  const joined = await Promise.all(joinedHeads(files).map(async (commit) => [commit, await branch.files(commit, 'records')] as const));
  return chainFrom(files, new Map(joined));
}

/** In the order of their files. */
function recordsFrom(files: RecordTexts): { readonly records: readonly AuditRecord[]; readonly damage: Damage[] } {
  const damage: Damage[] = [];
  const records = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([file, text]) => {
    const record = parseRecord(text);
    if (record === undefined) damage.push({ code: 'audit.unreadable', message: `records/${file} is not a record` });
    else if (recordFile(record.seq) !== `records/${file}`) damage.push({ code: 'audit.gap', message: `records/${file} holds record ${String(record.seq)}` });
    return record ?? [];
  });
  return { records, damage };
}
