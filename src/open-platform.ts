/** Which code host a command speaks to, by flags, environment and remote. */
import { join } from 'node:path';
import { ProviderError } from '#contract';
import type { Platform } from '#core/platform';
import { git } from '#git/run-git';
import { openGeneric } from './platform/generic.ts';
import { openGithub } from './platform/github.ts';
import type { ApplyOptions, Workspace } from './workspace.ts';

export interface PlatformOptions {
  readonly platform?: 'github' | 'generic';
  /** `owner/name`, where it is not the one whose workflow runs. */
  readonly repository?: string;
  /** Folder for `generic`. */
  readonly out: string;
}

export interface OpenPlatform {
  readonly platform: Platform;
  close(): Promise<void>;
}

/** GitHub inside GitHub Actions or with a token, files otherwise. */
export async function openPlatform(ws: Workspace, options: PlatformOptions): Promise<OpenPlatform> {
  const { env } = ws;
  const token = env['GITHUB_TOKEN'] ?? '';
  const name = options.platform ?? (env['GITHUB_ACTIONS'] === 'true' || token !== '' ? 'github' : 'generic');
  if (name === 'generic') return { platform: openGeneric(options.out), close: () => Promise.resolve() };
  ws.redactor.add(token);
  const api = env['GITHUB_API_URL'] ?? '';
  const account = env['SOLL_GITHUB_ACCOUNT'] ?? '';
  return openGithub({
    repository: options.repository ?? env['GITHUB_REPOSITORY'] ?? await repositoryOf(ws), token, clock: ws.clock, signal: ws.signal,
    ...(api === '' ? {} : { api }), ...(account === '' ? {} : { account }),
  });
}

/** The code host is asked only where somebody named it, and when there is something to ask: a signature needs none. */
export async function withPlatform<T>(ws: Workspace, platform: ApplyOptions['platform'], action: (platform: (() => Promise<Platform>) | undefined) => Promise<T>): Promise<T> {
  if (platform === undefined) return action(undefined);
  let opened: Promise<OpenPlatform> | undefined;
  try {
    return await action(async () => {
      opened ??= openPlatform(ws, { out: join(ws.root, '.soll', 'pr'), ...(platform.name === undefined ? {} : { platform: platform.name }), ...(platform.repository === undefined ? {} : { repository: platform.repository }) });
      return (await opened).platform;
    });
  } finally {
    await opened?.then((each) => each.close(), () => undefined);
  }
}

/** `owner/name` of the address of `origin`, in any of Git's spellings. */
async function repositoryOf({ root, env }: Workspace): Promise<string> {
  const url = await git(root, ['remote', 'get-url', 'origin']).catch(() => '');
  const host = new URL(env['GITHUB_SERVER_URL'] ?? 'https://github.com').host;
  const match = /^(?:https:\/\/|ssh:\/\/)?(?:[^@/]+@)?([^/:]+)(?::\d+)?[:/]([A-Za-z0-9-]+\/[A-Za-z0-9._-]+?)(?:\.git)?\/?$/.exec(url);
  if (match?.[1] !== host || match[2] === undefined) throw new ProviderError('rejected', 'it is not known which repository on GitHub this is', { hint: 'set GITHUB_REPOSITORY=owner/name, or use --platform generic' });
  return match[2];
}
