import type { Problem } from '#contract';
import type { Plan } from '#core/model';
import type { ApplyRunResult, DoctorFinding, PlanRunResult } from '../workspace.ts';

/** Stable; scripts rely on them. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  changes: 2,
  invalid: 3,
  stale: 4,
  gate: 5,
  unreachable: 6,
  incomplete: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** In the order in which one reason hides another. */
export const exitMeanings: readonly (readonly [ExitCode, string])[] = [
  [0, 'nothing to do, or done'],
  [1, 'failure of soll, Git or the record; another run holds the lock'],
  [2, 'changes or drift present, or something waits (only with --detailed-exitcode)'],
  [3, 'invalid input or usage'],
  [4, 'stale or not approved'],
  [5, 'refused by a gate'],
  [6, 'some targets unreachable (authentication included): the plan is incomplete'],
  [7, 'held, reverted or partly applied'],
  [130, 'interrupted'],
];

export function exitOfProblems(problems: readonly Problem[]): ExitCode {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return exitCodes.ok;
  return errors.some(({ gate }) => gate !== true) ? exitCodes.invalid : exitCodes.gate;
}

function hasChanges(plans: readonly Plan[]): boolean {
  return plans.some(({ leaves }) => leaves.length > 0);
}

export function exitOfPlan({ plans, problems }: Pick<PlanRunResult, 'plans' | 'problems'>, detailed: boolean): ExitCode {
  const problem = exitOfProblems([...problems, ...plans.flatMap((plan) => plan.problems)]);
  if (problem !== exitCodes.ok) return problem;
  if (plans.some(({ summary }) => summary.unreachable > 0)) return exitCodes.unreachable;
  return detailed && hasChanges(plans) ? exitCodes.changes : exitCodes.ok;
}

export function exitOfDrift({ plans, problems }: Pick<PlanRunResult, 'plans' | 'problems'>, detailed: boolean): ExitCode {
  const errors = exitOfProblems(problems);
  if (errors !== exitCodes.ok) return errors;
  if (plans.some(({ summary }) => summary.unreachable > 0)) return exitCodes.unreachable;
  const drifted = plans.some(({ summary, targets }) => summary.drift + summary.conflict > 0 || targets.some(({ findings }) => findings.some(({ kind }) => kind === 'drift' || kind === 'missing')));
  return detailed && drifted ? exitCodes.changes : exitCodes.ok;
}

export function exitOfApply(result: ApplyRunResult, interrupted: boolean, detailed = false): ExitCode {
  const verdicts = result.runs.flatMap(({ targets }) => targets.map(({ verdict }) => verdict));
  if (verdicts.some((verdict) => verdict === 'held' || verdict === 'reverted' || verdict === 'partial')) return interrupted ? exitCodes.interrupted : exitCodes.incomplete;
  if (interrupted) return exitCodes.interrupted;
  const refused = new Set(result.refused.map(({ code }) => code));
  if (refused.has('record') || refused.has('locked') || result.runs.some(({ recorded }) => !recorded)) return exitCodes.failure;
  const problem = exitOfProblems(result.problems);
  if (problem !== exitCodes.ok) return problem;
  if (refused.has('invalid')) return exitCodes.invalid;
  if (refused.has('gate')) return exitCodes.gate;
  if (refused.has('stale') || refused.has('not-approved') || refused.has('older') || result.waiting.some(({ state }) => state === 'approval') || result.runs.some(({ stale }) => stale.length > 0)) return exitCodes.stale;
  if (result.plans.some(({ summary }) => summary.unreachable > 0)) return exitCodes.unreachable;
  return detailed && result.waiting.length > 0 ? exitCodes.changes : exitCodes.ok;
}

export function exitOfDoctor(findings: readonly DoctorFinding[], problems: readonly Problem[]): ExitCode {
  const problem = exitOfProblems(problems);
  if (problem !== exitCodes.ok) return problem;
  // A plan job rightly lacks the write credential; old firmware answers as well as new.
  return findings.some(({ ok, check }) => !ok && check !== 'write-credential' && check !== 'firmware') ? exitCodes.unreachable : exitCodes.ok;
}
