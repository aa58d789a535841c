/** Pull mode: fetch, go forward, apply what is approved. For a machine near the devices that runs no code of a CI. */
import type { Problem } from '#contract';
import { fastForward, type FastForwarded } from '#git/fast-forward';
import { openRepo } from '#git/open-repo';
import { apply } from './pipeline.ts';
import type { ApplyOptions, ApplyRunResult, Workspace } from './workspace.ts';

export interface AgentResult extends ApplyRunResult {
  /** Where the checkout stood and stands; absent when it was refused. */
  readonly moved?: FastForwarded;
}

/** One round. Where the checkout cannot go forward nothing is applied, not even what was approved for the old commit. */
export async function agentOnce(ws: Workspace, options: Omit<ApplyOptions, 'confirm'>): Promise<AgentResult> {
  const repo = await openRepo(ws.root);
  const remote = await repo.remote();
  if (remote === undefined) return nothing({ code: 'agent.remote', severity: 'error', message: 'there is no remote named origin to fetch from', hint: 'git remote add origin URL' });
  const moved = await fastForward(repo, remote);
  if (!('branch' in moved)) return nothing(moved);
  return { ...await apply(ws, options), moved };
}

function nothing(problem: Problem): AgentResult {
  return { plans: [], approvals: [], runs: [], refused: [], waiting: [], problems: [problem], texts: new Map() };
}
