import { git } from './run-git.ts';
import { withOwnChanges } from './list-contributors.ts';

/** The first-parent line of a commit: what came into a branch, one step at a time. */
export interface Line {
  readonly head: string;
  readonly length: number;
  /** How many commits of the line this one lacks; `undefined`: it does not stand on the line. */
  behind(commit: string): number | undefined;
  /** Commit before it on the line. */
  before(commit: string): string | undefined;
  /** Commit so many steps back. */
  at(steps: number): string | undefined;
}

export async function openLine(root: string, head: string): Promise<Line> {
  const ids = (await git(root, ['rev-list', '--first-parent', head])).split('\n');
  const steps = new Map(ids.map((id, index) => [id, index]));
  return {
    head, length: ids.length,
    behind: (commit) => steps.get(commit),
    before: (commit) => { const step = steps.get(commit); return step === undefined ? undefined : ids[step + 1]; },
    at: (step) => ids[step],
  };
}

/** Who has written what of a line's latest part. */
export interface Contribution {
  readonly emails: readonly string[];
  readonly paths: readonly string[];
  /** Commit of the line that brought it, by its steps back. */
  readonly step: number;
}

/**
 * What `listContributors` tells for one start and some paths, for all starts up to `depth` steps back and all paths below these, through a handful
 * of processes: whoever asks about many customers picks theirs.
 */
export async function contributionsTo(root: string, line: Line, depth: number, folders: readonly string[]): Promise<readonly Contribution[]> {
  const oldest = line.at(depth);
  const range = oldest === undefined ? [line.head] : [line.head, `^${oldest}`];
  // Without a path: what leads to a commit is needed, whatever it touches.
  const graph = new Map((await git(root, ['rev-list', '--parents', ...range])).split('\n').filter((row) => row !== '').map((row) => { const [id = '', ...parents] = row.split(' '); return [id, parents] as const; }));
  const steps = stepsOf(line, depth, graph);
  const merges = [...graph].filter(([, parents]) => parents.length > 1).map(([id]) => id);
  const changed = new Map([...await ownPaths(root, range, folders), ...await withOwnChanges(root, merges, folders)]);
  if (changed.size === 0) return [];
  const text = await git(root, ['log', '--no-walk=unsorted', '--stdin', '-z', '--format=%H%n%ae%n%ce%n%(trailers:key=Co-authored-by,valueonly)'], { stdin: `${[...changed.keys()].join('\n')}\n` });
  return text.split('\0').filter((entry) => entry !== '').map((entry) => {
    const [id = '', ...emails] = entry.split('\n').filter((each) => each !== '');
    return { step: steps.get(id) ?? 0, paths: changed.get(id) ?? [], emails: emails.map((each) => /<([^<>]+)>\s*$/.exec(each)?.[1] ?? each.trim()).filter((email) => email !== '') };
  });
}

/** By commit the first step of the line that holds it. */
function stepsOf(line: Line, depth: number, graph: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, number> {
  const steps = new Map<string, number>();
  for (let step = Math.min(depth, line.length) - 1; step >= 0; step -= 1) {
    const open = [line.at(step) ?? ''];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (steps.has(id) || !graph.has(id)) continue;
      steps.set(id, step);
      open.push(...graph.get(id) ?? []);
    }
  }
  return steps;
}

/** Of commits that are no merges. */
async function ownPaths(root: string, range: readonly string[], folders: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await git(root, ['log', '-z', '--full-history', '--no-merges', '--name-only', '--no-renames', '--no-color', '--format=%x01%H', ...range, '--', ...folders]);
  const found = new Map<string, string[]>();
  let paths: string[] = [];
  // Paths begin with one of the folders, so that only a commit begins with the mark.
  for (const part of text.split('\0').map((each) => each.replace(/^\n/, ''))) {
    if (part.startsWith('\u0001')) found.set(part.slice(1), paths = []);
    else if (part !== '') paths.push(part);
  }
  return found;
}
