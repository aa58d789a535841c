/** Pull requests that wait for a plan: how a CI that gets no events finds its work. */
import type { PullRequest } from '#core/platform';
import { openPlatform, type PlatformOptions } from './open-platform.ts';
import { pullFromEnvironment, statusContext } from './pr-plan.ts';
import { mostShards } from './rollout/shards-of.ts';
import type { Workspace } from './workspace.ts';

export interface WaitingPulls {
  readonly pulls: readonly Pick<PullRequest, 'number' | 'head'>[];
  /** Numbers of those that come from another repository: nothing of them is planned. */
  readonly forks: readonly number[];
}

/**
 * Open pull requests of this repository whose head has no plan, oldest first, as many as one matrix takes; what is left has its turn next time.
 * `pull`, or the one that the event of the CI job names: only this one, also when its head has a plan.
 */
export async function waitingPulls(ws: Workspace, options: PlatformOptions & { readonly pull?: number }): Promise<WaitingPulls> {
  const pull = options.pull ?? await pullFromEnvironment(ws.env);
  const opened = await openPlatform(ws, options);
  try {
    const { platform } = opened;
    const open = (await platform.openPullRequests()).filter(({ number }) => pull === undefined || number === pull).sort((a, b) => a.number - b.number);
    const own = open.filter(({ fork }) => !fork);
    const pulls: Pick<PullRequest, 'number' | 'head'>[] = [];
    for (const { number, head } of own) {
      if (pulls.length === mostShards) break;
      if (pull !== undefined || await platform.status(head, statusContext) === undefined) pulls.push({ number, head });
    }
    return { pulls, forks: open.filter(({ fork }) => fork).map(({ number }) => number) };
  } finally {
    await opened.close();
  }
}
