import { randomUUID } from 'node:crypto';
import { git, GitError, tryGit } from './run-git.ts';

export interface Replacement {
  /** Name of the branch. */
  readonly name: string;
  /** Commit that it is expected to stand at; `undefined`: it does not exist. */
  readonly before: string | undefined;
  readonly file: string;
  readonly text: string;
}

/** `moved`: somebody else has replaced it meanwhile. */
export type Replaced = { readonly status: 'done' | 'moved' } | { readonly status: 'refused'; readonly why: string };

/**
 * Each branch becomes a single commit without a parent that holds one file, so that it does not grow. Through a handful of processes and one push
 * for any number of branches; one that is refused does not stop the others. `at`: milliseconds.
 */
export async function replaceBranches({ root, remote, at }: { readonly root: string; readonly remote: string | undefined; readonly at: number }, wanted: readonly Replacement[]): Promise<ReadonlyMap<string, Replaced>> {
  if (wanted.length === 0) return new Map();
  const commits = await makeCommits(root, wanted, Math.floor(at / 1000));
  const made = wanted.map((each, index) => ({ ...each, commit: commits[index] ?? '' }));
  const found: [string, Replaced][] = [];
  for (let from = 0; from < made.length; from += atOnce) found.push(...(await (remote === undefined ? moveLocal(root, made.slice(from, from + atOnce)) : push(root, remote, made.slice(from, from + atOnce)))));
  return new Map(found);
}

/** The names of all of them stand on one command line. */
const atOnce = 500;

/** Nobody's name: what a machine has seen is nobody's work. */
const nobody = 'soll <soll@localhost>';

async function makeCommits(root: string, wanted: readonly Replacement[], seconds: number): Promise<readonly string[]> {
  const ref = `refs/soll/made/${randomUUID()}`;
  const data = (text: string): string => `data ${String(Buffer.byteLength(text))}\n${text}\n`;
  const stream = wanted.map(({ file, text }, index) => {
    const mark = `:${String(index + 1)}`;
    // Without the reset each would stand on the one before.
    return `reset ${ref}\ncommit ${ref}\nmark ${mark}\ncommitter ${nobody} ${String(seconds)} +0000\n${data('observed\n')}M 100644 inline ${file}\n${data(text)}get-mark ${mark}\n`;
  }).join('');
  try {
    const ids = (await git(root, ['-c', 'fastimport.unpackLimit=100', 'fast-import', '--quiet', '--force'], { stdin: `${stream}done\n` })).split('\n');
    if (ids.length !== wanted.length || !ids.every((id) => /^[0-9a-f]{40,64}$/.test(id))) throw new GitError('git fast-import did not say what it made', 1);
    return ids;
  } finally {
    await tryGit(root, ['update-ref', '-d', ref]);
  }
}

interface Made extends Replacement {
  readonly commit: string;
}

async function moveLocal(root: string, made: readonly Made[]): Promise<readonly [string, Replaced][]> {
  const lines = (each: Made): string => `update refs/heads/${each.name} ${each.commit} ${each.before ?? '0'.repeat(each.commit.length)}\n`;
  if ((await tryGit(root, ['update-ref', '--stdin'], { stdin: made.map(lines).join('') })).code === 0) return made.map(({ name }) => [name, { status: 'done' }]);
  // All or none: one that has moved is found one by one.
  return Promise.all(made.map(async (each): Promise<[string, Replaced]> => [each.name, { status: (await tryGit(root, ['update-ref', '--stdin'], { stdin: lines(each) })).code === 0 ? 'done' : 'moved' }]));
}

async function push(root: string, remote: string, made: readonly Made[]): Promise<readonly [string, Replaced][]> {
  const leases = made.map(({ name, before }) => `--force-with-lease=refs/heads/${name}:${before ?? ''}`);
  const { stdout, stderr } = await tryGit(root, ['push', '--porcelain', '--no-verify', ...leases, remote, ...made.map(({ name, commit }) => `${commit}:refs/heads/${name}`)]);
  // `<flag>\t<from>:<to>\t<what>`, one line a branch (git-push, --porcelain).
  const told = new Map(stdout.toString('utf8').split('\n').flatMap((line): [string, { readonly flag: string; readonly what: string }][] => {
    const [flag = '', refs = '', what = ''] = line.split('\t');
    const name = /:refs\/heads\/(.+)$/.exec(refs)?.[1];
    return name === undefined ? [] : [[name, { flag, what }]];
  }));
  const why = stderr.trim().split('\n').find((line) => /error|fatal|remote:|denied/i.test(line)) ?? 'the remote did not answer';
  const results = made.map(({ name }): [string, Replaced] => {
    const said = told.get(name);
    if (said !== undefined && said.flag !== '!') return [name, { status: 'done' }];
    if (said !== undefined && /stale info|fetch first|already exists|cannot lock ref|failed to update ref/.test(said.what)) return [name, { status: 'moved' }];
    return [name, { status: 'refused', why: said === undefined || said.what === '' ? why : said.what }];
  });
  const done = new Set(results.flatMap(([name, { status }]) => (status === 'done' ? [name] : [])));
  // So that it need not be fetched again.
  if (done.size > 0) await tryGit(root, ['update-ref', '--stdin'], { stdin: made.filter(({ name }) => done.has(name)).map(({ name, commit }) => `update refs/soll/fetched/${name} ${commit}\n`).join('') });
  return results;
}
