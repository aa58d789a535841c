/**
 * What a code host is to a rehearsal: a bare repository, GitHub's REST API in front of it, and what people do in the browser. Nothing here decides
 * anything; who may approve what is soll's business.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bareHeads } from '#testkit/bare-heads';
import { startGithubServer, type GithubPullState, type GithubServer, type GithubUser } from '#testkit/github-server';
import { DemoFailure, must } from './make-stage.ts';

export interface CodeHost {
  /** Address for `git clone`. */
  readonly url: string;
  /** What a CI job of this code host has in its environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly state: GithubServer['state'];
  /** In the browser, for a branch that was pushed. Resolves to its number. */
  open(by: string, branch: string, title: string): Promise<number>;
  pull(number: number): Promise<GithubPullState>;
  /** In the browser: approves the commit that is the head now. */
  review(number: number, by: string): Promise<void>;
  /** In the browser: a merge commit on main. */
  merge(number: number, by: { readonly name: string; readonly mail: string }): Promise<void>;
  close(): Promise<void>;
}

const repository = 'msp/customers';
const token = 'ghs_rehearsal';

/** `accounts`: by mail address. `folder` holds the repository and the certificate. */
export async function startCodeHost(folder: string, bot: string, accounts: Readonly<Record<string, string>>): Promise<CodeHost> {
  const bare = join(folder, 'customers.git');
  await must('git', ['init', '-q', '--bare', '-b', 'main', bare], folder);
  const headOf = bareHeads(bare);
  const hub = await startGithubServer({ repository, token, account: { login: bot, type: 'Bot' }, headOf });
  const certificate = join(folder, 'code-host.pem');
  await writeFile(certificate, hub.cert);
  const user = (login: string): GithubUser => ({ login, type: login === bot ? 'Bot' : 'User' });
  const accountOf = (mail: string): GithubUser | null => (accounts[mail] === undefined ? null : user(accounts[mail]));
  const tip = (branch: string): string => {
    const found = headOf(branch);
    if (found === undefined) throw new DemoFailure(`nobody has pushed ${branch}`);
    return found;
  };
  const commitsOf = async (base: string, head: string): Promise<GithubPullState['commits']> => (await must('git', ['log', '--reverse', '--format=%H %ae %ce', `${base}..${head}`], bare)).split('\n').map((line) => {
    const [sha = '', author = '', committer = ''] = line.split(' ');
    return { sha, author: accountOf(author), committer: accountOf(committer) };
  });
  /** As the repository stands now: a push moves the head of an open pull request. */
  const pull = async (number: number): Promise<GithubPullState> => {
    const found = hub.state.pulls.find((each) => each.number === number);
    if (found === undefined) throw new DemoFailure(`there is no pull request ${String(number)}`);
    if (found.state === 'open') {
      found.head.sha = tip(found.head.ref);
      found.commits.splice(0, found.commits.length, ...await commitsOf(found.base.sha, found.head.sha));
    }
    return found;
  };
  return {
    url: bare, state: hub.state, pull,
    env: { GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: repository, GITHUB_API_URL: hub.api, GITHUB_TOKEN: token, SOLL_GITHUB_ACCOUNT: bot, NODE_EXTRA_CA_CERTS: certificate },
    async open(by, branch, title) {
      const number = hub.state.pulls.length + hub.state.issues.length + 1;
      const [base, head] = [tip('main'), tip(branch)];
      hub.state.pulls.push({ number, title, user: user(by), head: { ref: branch, sha: head, repo: repository }, base: { ref: 'main', sha: base }, state: 'open', merged: false, merge_commit_sha: null, commits: await commitsOf(base, head), reviews: [] });
      return number;
    },
    async review(number, by) {
      const { reviews, head } = await pull(number);
      // GitHub tells whole seconds; nobody reads a plan within the one in which it was written.
      reviews.push({ user: user(by), state: 'APPROVED', commit_id: head.sha, submitted_at: new Date(Math.ceil(Date.now() / 1000) * 1000).toISOString() });
    },
    async merge(number, { name, mail }) {
      const found = await pull(number);
      const base = tip('main');
      const { sha: head, ref } = found.head;
      // The rehearsal has no two branches at once: the merge holds what the head holds.
      await must('git', ['merge-base', '--is-ancestor', base, head], bare);
      const merge = await must('git', ['-c', `user.name=${name}`, '-c', `user.email=${mail}`, 'commit-tree', `${head}^{tree}`, '-p', base, '-p', head, '-m', `Merge pull request #${String(number)} from ${ref}\n\n${found.title}`], bare);
      await must('git', ['update-ref', 'refs/heads/main', merge, base], bare);
      Object.assign(found, { state: 'closed', merged: true, merge_commit_sha: merge });
    },
    close: () => hub.close(),
  };
}
