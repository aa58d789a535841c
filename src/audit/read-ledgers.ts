import { emptyLedger } from '#core/load-ledger';
import type { Ledger } from '#core/model';
import { fetchHeads, localHeads, parseHeads, remoteHeads, type Heads } from '#git/branch-heads';
import { notContained } from '#git/not-contained';
import { readMany } from '#git/read-many';
import { git, GitError, tryGit } from '#git/run-git';
import { seenHeads, type SeenHead } from '#git/seen-heads';
import { ledgerOf } from './open-audit.ts';

export interface LedgersPlace {
  readonly root: string;
  /** `audit` or `audit-lab`. */
  readonly prefix: string;
  readonly remote: string | undefined;
  /** Nobody is asked: what this clone has seen last counts, and may be old. */
  readonly offline?: boolean;
}

/**
 * The ledgers of many customers for planning, with a handful of Git processes for the whole fleet. Throws GitError when the remote cannot be
 * asked: a ledger that cannot be fetched is an error, not an empty one.
 */
export async function readLedgers({ root, prefix, remote, offline = false }: LedgersPlace, customers: readonly string[]): Promise<Ledgers> {
  const seen = offline ? await seenHeads({ root, prefix, remote }) : undefined;
  const heads = seen !== undefined ? headsOf(seen) : remote === undefined ? await localHeads(root, prefix) : await headsOn(root, prefix, remote, customers);
  const wanted = customers.flatMap((customer) => {
    const head = heads.get(customer);
    return head === undefined ? [] : [{ customer, head }];
  });
  const specs = wanted.map(({ head }) => `${head}:ledger.json`);
  let texts = await readMany(root, specs);
  // The remote has told which commits count; what this clone holds of them already need not be asked for again.
  if (!offline && remote !== undefined && texts.includes(undefined)) {
    await fetchHeads(root, remote, new Map([[prefix, wanted.filter((_, index) => texts[index] === undefined).map(({ customer }) => customer)]]));
    texts = await readMany(root, specs);
  }
  const found = new Map(wanted.map(({ customer }, index) => {
    const text = texts[index];
    if (text === undefined) throw new GitError(`${prefix}/${customer} has no ledger.json: the audit branch is damaged, run \`soll audit verify\``, 1);
    return [customer, text];
  }));
  const own = offline || remote === undefined ? new Map<string, string>() : await checkContinuity(root, prefix, customers, heads);
  const kept = new Set(await notContained(root, [...own.values()], [...own.keys()].flatMap((customer) => heads.get(customer) ?? [])));
  return {
    kept: customers.filter((customer) => kept.has(own.get(customer) ?? '')),
    seen: (customer) => seen?.get(customer),
    of(customer) {
      const text = found.get(customer);
      return text === undefined ? emptyLedger(customer) : ledgerOf(text.toString('utf8'), customer, `${prefix}/${customer}`);
    },
  };
}

/** Parsed when asked for: those of a whole fleet at once would need more memory than all the rest. */
export interface Ledgers {
  /** Empty where nothing was ever applied. Throws GitError for one that is damaged. */
  of(customer: string): Ledger;
  /** Customers of whom this clone keeps records that the remote does not have. */
  readonly kept: readonly string[];
  /** What is known of the branch, where nobody was asked. */
  seen(customer: string): SeenHead | undefined;
}

function headsOf(seen: ReadonlyMap<string, SeenHead>): ReadonlyMap<string, string> {
  return new Map([...seen].map(([name, { id }]) => [name, id]));
}

/**
 * What this clone has seen must still be there: a branch that was rolled back would make old approvals and old state good again. Answers with this
 * clone's own branches that stand elsewhere than the remote's.
 */
async function checkContinuity(root: string, prefix: string, customers: readonly string[], heads: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string>> {
  const [seen, local] = ['refs/soll/', 'refs/heads/'].map((space) => `${space}${prefix}/`);
  const refs = await git(root, ['for-each-ref', '--format=%(objectname) %(refname)', seen ?? '', local ?? '']);
  const known = parseHeads(refs, ' ', seen ?? '');
  const moved = customers.flatMap((customer) => {
    const before = known.get(customer);
    const now = heads.get(customer);
    return before === undefined || before === now ? [] : [{ name: `${prefix}/${customer}`, before, now }];
  });
  for (const { name, before, now } of moved) {
    if (now === undefined) throw new GitError(`${name} has vanished from the remote; this clone knows it up to ${before.slice(0, 12)}. Push it back: git push REMOTE ${before}:refs/heads/${name}`, 1);
    if ((await tryGit(root, ['merge-base', '--is-ancestor', before, now])).code !== 0) throw new GitError(`${name} does not continue what this clone knows (${before.slice(0, 12)}): its history was rewritten. Run \`soll audit verify\` and ask who did`, 1);
  }
  // So that it is not asked again next time.
  if (moved.length > 0) await git(root, ['update-ref', '--stdin'], { stdin: moved.map(({ name, before, now }) => `update refs/soll/${name} ${now ?? ''} ${before}\n`).join('') });
  const wanted = new Set(customers);
  return new Map([...parseHeads(refs, ' ', local ?? '')].filter(([customer, id]) => wanted.has(customer) && heads.get(customer) !== id));
}

/** Customers of whom this clone has a branch of its own; one process, and next to always none. */
export async function ownBranches(root: string, prefix: string): Promise<ReadonlySet<string>> {
  return new Set((await localHeads(root, prefix)).keys());
}

/** Customers that have an audit branch, sorted. */
export async function listBranches({ root, prefix, remote, offline = false }: LedgersPlace): Promise<readonly string[]> {
  const heads = offline ? headsOf(await seenHeads({ root, prefix, remote })) : remote === undefined ? await localHeads(root, prefix) : await headsOn(root, prefix, remote, undefined);
  return [...heads.keys()].sort();
}

async function headsOn(root: string, prefix: string, remote: string, customers: readonly string[] | undefined): Promise<Heads> {
  return (await remoteHeads(root, [prefix], remote, customers)).get(prefix) ?? new Map();
}
