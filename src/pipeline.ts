/**
 * The whole product on one page.
 *
 *   load -> validate -> resolve -> check -> read -> canonical -> diff -> order -> batch -> gate -> digest      = plan
 *   the same line again from the commit; what was approved and is still identical:
 *   recover -> open record -> guard -> apply -> verify over a new session -> confirm -> save -> close record   = apply
 *
 * The only file that imports all stages; what one stage needs of another comes in from here.
 */
import pLimit from 'p-limit';
import { parseAddress, type Problem, type Provider, type Target } from '#contract';
import type { Approval, DesiredState, Ledger, Plan, Reading, RunResult } from '#core/model';
import { kinds } from '#kinds/registry';
import { openRepo, type Repo } from '#git/open-repo';
import { executeRun } from './apply/execute-run.ts';
import { recoverRun } from './apply/recover-run.ts';
import { openAudit, type Audit } from './audit/open-audit.ts';
import { loadDesired, type LoadedDesired } from './desired/load-desired.ts';
import { readLabState, type LabState } from './lab/lab-state.ts';
import { readTarget, type OpenReading } from './live/read-target.ts';
import { gateFleet } from './plan/gate-fleet.ts';
import { matchApproval } from './plan/match-approval.ts';
import { planCustomer } from './plan/plan-customer.ts';
import { loadProviders, type LoadedProvider } from './providers.ts';
import { makeSessions, type Sessions } from './sessions.ts';
import { treeForApply, treeForPlan, type Tree } from './tree.ts';
import type { ApplyOptions, ApplyRunResult, PlanOptions, PlanRunResult, Selection, ValidateResult, Workspace } from './workspace.ts';

export type * from './workspace.ts';
