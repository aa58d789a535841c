import { emptyLedger } from '#core/load-ledger';
import { readFolders, readMany } from '#git/read-many';
import { GitError } from '#git/run-git';
import { inOrder } from './chain.ts';
import { provenAudit, type Audit } from './open-audit.ts';
import { chainFrom, joinedHeads } from './read-chain.ts';

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

/** Records and ledgers of some customers, proven as for a run, through a handful of processes for all of them. */
export async function readAudits(root: string, heads: readonly AuditHead[]): Promise<readonly ReadAudit[]> {
  const there = heads.flatMap(({ head }) => head ?? []);
  const [folders, ledgers] = await Promise.all([readFolders(root, there.map((head) => `${head}:records`)), readMany(root, there.map((head) => `${head}:ledger.json`))]);
  // Next to never anything was joined; then one more look brings it for all.
  const joined = folders.flatMap(joinedHeads);
  const sides = await readFolders(root, joined.map((head) => `${head}:records`));
  const texts = new Map(joined.map((head, index) => [head, sides[index] ?? new Map<string, string>()]));
  const files = new Map(there.map((head, index) => [head, { records: folders[index] ?? new Map<string, string>(), ledger: ledgers[index]?.toString('utf8') }]));
  return heads.map(({ customer, branch, head }): ReadAudit => {
    const found = head === undefined ? undefined : files.get(head);
    if (found === undefined) return { customer, audit: { records: [], ledger: emptyLedger(customer) } };
    try {
      const { chain, ledger } = provenAudit(customer, { name: branch }, chainFrom(found.records, texts), found.ledger);
      return { customer, audit: { records: inOrder(chain), ledger } };
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      return { customer, damaged: error.message };
    }
  });
}
