/** What Git knows about the approvals of many customers, read for all of them at once: no process for each. */
import { join } from 'node:path';
import { approvalFolder, type ApprovalEntry } from '#core/approval-entry';
import type { AuditRecord } from '#core/audit-record';
import type { FileEntry, FileSource } from '#core/model';
import { isCommitId, missingCommits } from '#git/missing-commits';
import { contributionsTo, openLine, type Contribution, type Line } from '#git/open-line';
import type { OpenBranches } from '#git/open-branches';
import { readBlobs } from '#git/read-blobs';
import { readFolders, readTrees, type TreeFile } from '#git/read-many';
import type { Policy } from './approval/policy.ts';
import { baselineOf, entriesOf, factsOf, policyOf, type ApprovalFacts, type ApprovalPlace } from './approval-state.ts';
import { loadPolicy } from './desired/load-policy.ts';
import { openParseCache, type ParseCache } from './desired/parse-cache.ts';

export interface FleetFacts {
  /** Entries of these customers. */
  readEntries(customers: readonly string[]): Promise<ReadonlyMap<string, readonly ApprovalEntry[]>>;
  /** For these customers: rules of the commits that will be asked about. What was not announced is still answered, with processes of its own. */
  gather(about: readonly Gathered[]): Promise<ApprovalFacts>;
  /** Those of the commits that this clone has. */
  present(commits: readonly string[]): Promise<ReadonlySet<string>>;
  close(): void;
}

export interface Gathered {
  readonly customer: string;
  readonly entries: readonly ApprovalEntry[];
  readonly records: readonly AuditRecord[];
  /** Whose rules and authors are asked for. */
  readonly commits: readonly string[];
}

/** `prefix`: of the approvals branches. */
export function openFleetFacts(place: ApprovalPlace, branches: OpenBranches, prefix: string): FleetFacts {
  const { repo } = place;
  const direct = factsOf(place);
  const history = openHistories(repo.root);
  const policies = openPolicies(repo.root, openParseCache(join(repo.gitDir, 'soll', 'cache')));
  return {
    async readEntries(customers) {
      const heads = customers.flatMap((customer) => { const head = branches.head(prefix, customer); return head === undefined ? [] : [{ customer, head }]; });
      const folders = await readFolders(repo.root, heads.map(({ head }) => `${head}:${approvalFolder}`));
      return new Map(heads.map(({ customer }, index) => [customer, entriesOf(folders[index] ?? new Map(), customer)]));
    },
    async present(commits) {
      const missing = new Set(await missingCommits(repo.root, commits));
      return new Set(commits.filter((commit) => !missing.has(commit)));
    },
    async gather(about) {
      const pairs = await Promise.all(about.flatMap(({ customer, records, commits }) => {
        const { since, first } = baselineOf(records);
        return commits.filter(isCommitId).map(async (commit) => {
          const before = since === '' ? [first, await history.firstParent(commit) ?? ''] : [since];
          return [commit, ...before.filter(isCommitId)].map((each) => ({ commit: each, customer }));
        });
      }));
      const known = await policies.read(pairs.flat());
      const entries = new Map(about.map((each) => [each.customer, each.entries]));
      return {
        entries: (customer) => Promise.resolve(entries.get(customer)).then((found) => found ?? direct.entries(customer)),
        policyAt: async (commit, customer) => known(commit, customer) ?? direct.policyAt(commit, customer),
        authorEmails: async (customer, since, commit) => (await history.emails(customer, since, commit)) ?? direct.authorEmails(customer, since, commit),
        firstParent: (commit) => history.firstParent(commit),
      };
    },
    close: () => { policies.close(); },
  };
}

interface Histories {
  firstParent(commit: string): Promise<string | undefined>;
  /** `undefined`: the start does not stand on the line of the commit. */
  emails(customer: string, since: string, commit: string): Promise<readonly string[] | undefined>;
}

const shared = ['soll.yaml', 'standards'];

/** One walk for each commit that is asked about, however many customers and starts there are. */
function openHistories(root: string): Histories {
  const lines = new Map<string, Promise<Line>>();
  const walks = new Map<string, { readonly depth: number; readonly found: Promise<readonly Contribution[]> }>();
  const lineOf = (commit: string): Promise<Line> => {
    const line = lines.get(commit) ?? openLine(root, commit);
    lines.set(commit, line);
    return line;
  };
  const walk = (line: Line, depth: number): Promise<readonly Contribution[]> => {
    const known = walks.get(line.head);
    if (known !== undefined && known.depth >= depth) return known.found;
    // Deeper than was asked for: the next customer was applied some commits before.
    const wanted = Math.min(line.length, Math.max(depth, 64, 2 * (known?.depth ?? 0)));
    const found = contributionsTo(root, line, wanted, ['customers', ...shared]);
    walks.set(line.head, { depth: wanted, found });
    return found;
  };
  return {
    firstParent: async (commit) => (await lineOf(commit)).before(commit),
    async emails(customer, since, commit) {
      const line = await lineOf(commit);
      const depth = since === '' ? line.length : line.behind(since);
      if (depth === undefined) return undefined;
      const own = (path: string): boolean => path.startsWith(`customers/${customer}/`) || (since !== '' && (path === 'soll.yaml' || path.startsWith('standards/')));
      const found = (await walk(line, depth)).filter(({ step, paths }) => step < depth && paths.some(own));
      return [...new Set(found.flatMap(({ emails }) => emails))].sort();
    },
  };
}

interface Policies {
  read(wanted: readonly Pair[]): Promise<(commit: string, customer: string) => Policy | undefined>;
  close(): void;
}

interface Pair {
  readonly commit: string;
  readonly customer: string;
}

/** Only the two documents that hold rules, of any number of commits and customers; the same two are read once. */
function openPolicies(root: string, cache: ParseCache): Policies {
  const judged = new Map<string, ReturnType<typeof loadPolicy>>();
  return {
    close: () => { cache.close(); },
    async read(wanted) {
      const pairs = [...new Map(wanted.map((pair) => [`${pair.commit} ${pair.customer}`, pair])).values()];
      const commits = [...new Set(pairs.map(({ commit }) => commit))];
      const [tops, folders] = [await readTrees(root, commits.map((commit) => `${commit}:`)), await readTrees(root, pairs.map(({ commit, customer }) => `${commit}:customers/${customer}`))];
      const top = new Map(commits.map((commit, index) => [commit, tops[index]]));
      // Of a commit that is not here nobody may conclude that it has no rules: it is left out, and whoever asks for it is told.
      const here = pairs.map((pair, index) => ({ ...pair, top: top.get(pair.commit), folder: folders[index] ?? [] })).filter((pair) => pair.top !== undefined);
      const files = here.map(({ customer, top: tree, folder }) => [...entryOf(tree ?? [], 'soll.yaml', ''), ...entryOf(folder, 'customer.yaml', `customers/${customer}/`)]);
      const blobs = await readBlobs(root, files.flat().flatMap(({ type, blob }) => (type === 'file' && blob !== undefined ? [blob] : [])));
      const found = new Map(await Promise.all(here.map(async ({ commit, customer }, index) => {
        const entries = (files[index] ?? []).map((entry) => ({ ...entry, size: blobs.get(entry.blob ?? '')?.length ?? 0 }));
        const key = JSON.stringify([customer, entries]);
        const asked = judged.get(key) ?? loadPolicy(sourceOf(entries, blobs), customer, cache);
        judged.set(key, asked);
        return [`${commit} ${customer}`, { commit, loaded: await asked }] as const;
      })));
      return (commit, customer) => {
        const each = found.get(`${commit} ${customer}`);
        return each === undefined ? undefined : policyOf(each.loaded, commit);
      };
    },
  };
}

function entryOf(tree: readonly TreeFile[], name: string, folder: string): readonly FileEntry[] {
  const file = tree.find((each) => each.name === name);
  // As a listing of files would tell it: a folder of this name is no entry.
  if (file === undefined || file.mode === '40000') return [];
  return [{ path: `${folder}${name}`, type: file.mode === '120000' ? 'symlink' : file.mode === '160000' ? 'submodule' : 'file', size: 0, blob: file.id }];
}

function sourceOf(entries: readonly FileEntry[], blobs: ReadonlyMap<string, Buffer>): FileSource {
  return {
    list: () => Promise.resolve(entries),
    read: (path) => Promise.resolve(blobs.get(entries.find((each) => each.path === path)?.blob ?? '') ?? Buffer.alloc(0)),
  };
}
