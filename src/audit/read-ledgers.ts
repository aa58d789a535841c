import { emptyLedger } from '#core/load-ledger';
import type { Ledger } from '#core/model';
import { git, GitError, tryGit } from '#git/run-git';
import { ledgerOf } from './open-audit.ts';

export interface LedgersPlace {
  readonly root: string;
  /** `audit` or `audit-lab`. */
  readonly prefix: string;
  readonly remote: string | undefined;
}

/**
 * The ledgers of many customers for planning, with a handful of Git processes for the whole fleet. Throws GitError when the remote cannot be
 * asked: a ledger that cannot be fetched is an error, not an empty one.
 */
export async function readLedgers({ root, prefix, remote }: LedgersPlace, customers: readonly string[]): Promise<ReadonlyMap<string, Ledger>> {
  const known = remote === undefined ? new Map<string, string>() : await localHeads(root, prefix, 'refs/soll/');
  const heads = remote === undefined ? await localHeads(root, prefix) : await remoteHeads(root, prefix, remote);
  const moved = customers.filter((customer) => known.get(customer) !== heads.get(customer) && known.has(customer));
  for (const customer of moved) await checkContinuity(root, `${prefix}/${customer}`, known.get(customer) ?? '', heads.get(customer));
  // So that it is not asked again next time.
  if (moved.length > 0) await git(root, ['update-ref', '--stdin'], { stdin: moved.map((customer) => `update refs/soll/${prefix}/${customer} ${heads.get(customer) ?? ''} ${known.get(customer) ?? ''}\n`).join('') });
  const wanted = customers.flatMap((customer) => {
    const head = heads.get(customer);
    return head === undefined ? [] : [{ customer, head }];
  });
  const ledgers = new Map(customers.map((customer) => [customer, emptyLedger(customer)]));
  if (wanted.length === 0) return ledgers;
  const texts = await readMany(root, wanted.map(({ head }) => `${head}:ledger.json`));
  wanted.forEach(({ customer }, index) => {
    const text = texts[index];
    if (text === undefined) throw new GitError(`${prefix}/${customer} has no ledger.json: the audit branch is damaged, run \`soll audit verify\``, 1);
    ledgers.set(customer, ledgerOf(text, customer, `${prefix}/${customer}`));
  });
  return ledgers;
}

/** What this clone has seen must still be there: a branch that was rolled back would make old approvals and old state good again. */
async function checkContinuity(root: string, name: string, before: string, now: string | undefined): Promise<void> {
  if (now === undefined) throw new GitError(`${name} has vanished from the remote; this clone knows it up to ${before.slice(0, 12)}. Push it back: git push REMOTE ${before}:refs/heads/${name}`, 1);
  if ((await tryGit(root, ['merge-base', '--is-ancestor', before, now])).code !== 0) throw new GitError(`${name} does not continue what this clone knows (${before.slice(0, 12)}): its history was rewritten. Run \`soll audit verify\` and ask who did`, 1);
}

/** Customers that have an audit branch, sorted. */
export async function listBranches({ root, prefix, remote }: LedgersPlace): Promise<readonly string[]> {
  const heads = remote === undefined ? await localHeads(root, prefix) : await remoteHeads(root, prefix, remote);
  return [...heads.keys()].sort();
}

async function localHeads(root: string, prefix: string, space = 'refs/heads/'): Promise<ReadonlyMap<string, string>> {
  const text = await git(root, ['for-each-ref', '--format=%(objectname) %(refname:lstrip=2)', `${space}${prefix}/`]);
  return parseHeads(text, ' ', `${prefix}/`);
}

async function remoteHeads(root: string, prefix: string, remote: string): Promise<ReadonlyMap<string, string>> {
  const text = await git(root, ['ls-remote', '--heads', remote, `refs/heads/${prefix}/*`]);
  const heads = parseHeads(text, '\t', `refs/heads/${prefix}/`);
  // Under refs of our own: a pattern needs a place to go to, and what only FETCH_HEAD knows may be collected as garbage.
  if (heads.size > 0) await git(root, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, `+refs/heads/${prefix}/*:refs/soll/fetched/${prefix}/*`]);
  return heads;
}

function parseHeads(text: string, separator: string, prefix: string): ReadonlyMap<string, string> {
  return new Map(text.split('\n').flatMap((line): [string, string][] => {
    const [id = '', name = ''] = line.split(separator);
    return name.startsWith(prefix) ? [[name.slice(prefix.length), id]] : [];
  }));
}

/** Contents by `commit:path`; `undefined` where missing. */
async function readMany(root: string, specs: readonly string[]): Promise<readonly (string | undefined)[]> {
  const { stdout } = await tryGit(root, ['cat-file', '--batch'], { stdin: `${specs.join('\n')}\n` });
  let offset = 0;
  return specs.map(() => {
    const end = stdout.indexOf(0x0a, offset);
    const header = stdout.subarray(offset, end).toString('utf8');
    const size = /^[0-9a-f]+ blob (\d+)$/.exec(header)?.[1];
    if (size === undefined) {
      offset = end + 1;
      return undefined;
    }
    const text = stdout.subarray(end + 1, end + 1 + Number(size)).toString('utf8');
    offset = end + 2 + Number(size);
    return text;
  });
}
