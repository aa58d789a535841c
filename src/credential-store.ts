/** The secrets file of a customer as the place of a renewed credential: read where everybody reads it, written as a commit of that one file. */
import { ProviderError, SecretValue, type CredentialName } from '#contract';
import { makeCommit } from '#git/commit-files';
import { defaultBranch, mergeForward } from '#git/fast-forward';
import type { Repo } from '#git/open-repo';
import { pushCommit, PushRefused, remoteHead } from '#git/push-commit';
import { git, GitError, tryGit } from '#git/run-git';
import type { CredentialStore } from './apply/rotate-credential.ts';
import { effectOf } from './audit-of.ts';
import { readValues } from './secrets/open-secrets.ts';
import { ageKeyVariables, readAgeKey } from './secrets/read-age-key.ts';
import { setSecret } from './secrets/set-secret.ts';
import type { Workspace } from './workspace.ts';

export interface CredentialPlace {
  readonly ws: Workspace;
  readonly repo: Repo;
  readonly customer: string;
  readonly target: string;
  readonly credential: CredentialName;
  /** Name of the secret. */
  readonly secret: string;
}

export function secretsFile({ customer, credential }: Pick<CredentialPlace, 'customer' | 'credential'>): string {
  return `customers/${customer}/secrets.${credential}.yaml`;
}

/** Where a commit goes that may not go to the default branch. */
export function rotationBranch({ customer, target, credential }: Pick<CredentialPlace, 'customer' | 'target' | 'credential'>, run: string): string {
  return `rotate/${customer}-${target}-${credential}-${run}`;
}

export function secretsStore(place: CredentialPlace): CredentialStore {
  const { ws, repo } = place;
  const effect = effectOf(ws);
  return {
    async look(run) {
      const { tip, remote } = await tipOf(repo);
      const value = await valueAt(place, tip);
      if (remote === undefined || await remoteHead(repo.root, remote.name, rotationBranch(place, run)) === undefined) return { value };
      const branch = rotationBranch(place, run);
      return { value, proposed: { branch, value: await valueAt(place, await fetchHead(repo.root, remote.name, branch)) } };
    },
    async put(value, run) {
      const { tip, remote } = await tipOf(repo);
      const commit = await commitWith(place, tip, value, run);
      await effect('secrets.commit');
      if (remote === undefined) {
        await mergeForward(repo.root, commit);
        return { step: 'stored', commit };
      }
      const { name, branch } = remote;
      try {
        if (await pushCommit({ root: repo.root, remote: name, name: branch, commit }) === 'moved') throw new GitError(`somebody has pushed to ${branch} meanwhile; run it again`, 1);
      } catch (error) {
        if (!(error instanceof PushRefused)) throw error;
        return propose(place, name, commit, rotationBranch(place, run));
      }
      await effect('secrets.pushed');
      // Everybody has it by now: a checkout that cannot follow is only told.
      await mergeForward(repo.root, commit).catch((error: unknown) => { ws.log.warn(`this checkout is behind ${name}/${branch}: git pull`, { why: error instanceof Error ? error.message : '' }); });
      return { step: 'stored', commit, branch };
    },
  };
}

/** Where the default branch is protected the commit waits on one of its own, as durable as there. */
async function propose({ ws, repo }: CredentialPlace, remote: string, commit: string, branch: string): ReturnType<CredentialStore['put']> {
  if (await pushCommit({ root: repo.root, remote, name: branch, commit }) !== 'done') throw new GitError(`there is a branch ${branch} already`, 1);
  await effectOf(ws)('secrets.pushed');
  return { step: 'proposed', commit, branch };
}

/** The commit that everybody has, or will have with the next pull. */
async function tipOf(repo: Repo): Promise<{ readonly tip: string; readonly remote?: { readonly name: string; readonly branch: string } }> {
  const name = await repo.remote();
  if (name === undefined) return { tip: await repo.resolve('HEAD') };
  const branch = await defaultBranch(repo.root, name);
  return { tip: await fetchHead(repo.root, name, branch), remote: { name, branch } };
}

/** Under a ref of our own, so that nothing collects it as garbage. */
async function fetchHead(root: string, remote: string, branch: string): Promise<string> {
  const ref = `refs/soll/fetched/heads/${branch}`;
  await git(root, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, `+refs/heads/${branch}:${ref}`]);
  return git(root, ['rev-parse', '--verify', ref]);
}

async function textAt({ repo, ...place }: CredentialPlace, commit: string): Promise<string> {
  const found = await tryGit(repo.root, ['cat-file', 'blob', `${commit}:${secretsFile(place)}`]);
  if (found.code !== 0) throw new ProviderError('auth', `there is no ${secretsFile(place)}`, { hint: `store the present value first: soll secret set ${place.customer} ${place.secret}${place.credential === 'write' ? ' --write' : ''}` });
  return found.stdout.toString('utf8');
}

async function keyOf({ ws, credential, customer }: CredentialPlace): Promise<string> {
  const key = await readAgeKey(credential, ws.env).catch(() => undefined);
  const { key: variable, file } = ageKeyVariables(credential);
  if (key === undefined) throw new ProviderError('auth', `no age key for ${secretsFile({ customer, credential })}`, { hint: `set ${variable} or ${file}` });
  return key;
}

async function valueAt(place: CredentialPlace, commit: string): Promise<SecretValue> {
  const value = (await readValues(await textAt(place, commit), await keyOf(place))).get(place.secret);
  if (value === undefined || value === '') throw new ProviderError('auth', `${place.secret} is not in ${secretsFile(place)}`, { hint: `store the present value there first: soll secret set ${place.customer} ${place.secret}${place.credential === 'write' ? ' --write' : ''}` });
  place.ws.redactor.add(value);
  return new SecretValue(place.secret, value);
}

/** That file and nothing else, on top of what everybody has. */
async function commitWith(place: CredentialPlace, parent: string, value: SecretValue, run: string): Promise<string> {
  const { repo, customer, target, credential, secret } = place;
  const text = await setSecret({ text: await textAt(place, parent), recipients: [], key: await keyOf(place), name: secret, value: value.expose() });
  const message = `Renew the ${credential} credential of ${customer}/${target}\n\n${secret} in ${secretsFile(place)} holds the new value; the run removes the old one on the target.\n\nRun: ${run}\n`;
  return makeCommit({ root: repo.root, gitDir: repo.gitDir, parent, files: { [secretsFile(place)]: text }, message });
}
