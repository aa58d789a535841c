import { emptyLedger } from '#core/load-ledger';
import { readFolders, readMany } from '#git/read-many';
import { GitError } from '#git/run-git';
import { provenAudit, type Audit } from './open-audit.ts';

export type ReadAudit =
  | { readonly customer: string; readonly audit: Pick<Audit, 'records' | 'ledger'> }
  /** What stands there cannot be believed; it does not hide the others. */
  | { readonly customer: string; readonly damaged: string };

export interface AuditHead {
  readonly customer: string;
  /** Name of the branch. */
  readonly branch: string;
  /** `undefined`: nothing was ever applied. */
  readonly head: string | undefined;
}

/** Records and ledgers of some customers, proven as for a run, through three processes for all of them. */
export async function readAudits(root: string, heads: readonly AuditHead[]): Promise<readonly ReadAudit[]> {
  const there = heads.flatMap(({ head }) => head ?? []);
  const [folders, ledgers] = await Promise.all([readFolders(root, there.map((head) => `${head}:records`)), readMany(root, there.map((head) => `${head}:ledger.json`))]);
  const files = new Map(there.map((head, index) => [head, { records: folders[index] ?? new Map<string, string>(), ledger: ledgers[index]?.toString('utf8') }]));
  return heads.map(({ customer, branch, head }): ReadAudit => {
    const found = head === undefined ? undefined : files.get(head);
    if (found === undefined) return { customer, audit: { records: [], ledger: emptyLedger(customer) } };
    try {
      return { customer, audit: provenAudit(customer, { name: branch }, found.records, found.ledger) };
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      return { customer, damaged: error.message };
    }
  });
}
