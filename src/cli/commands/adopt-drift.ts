import { join } from 'node:path';
import { adoptDrift, type AdoptedDrift } from '../../adopt-drift.ts';
import { showChanges } from '../../proposal.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderDiff } from '../../render/render-adopt.ts';
import { exitCodes, exitOfProblems, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface AdoptDriftFlags extends CommonFlags {
  readonly branch?: string;
  readonly here?: boolean;
  readonly adopt?: boolean;
  readonly pullRequest?: boolean;
  readonly platform?: 'github' | 'generic';
  readonly repository?: string;
  readonly issue?: boolean;
  readonly accept?: string;
}

const words = {
  en: { none: 'No drift: nothing to adopt.', left: 'not adopted', branch: 'branch', next: 'Push it and open a pull request', here: 'changed in the working tree; look at it with git diff', pull: 'pull request', opened: 'opened', updated: 'brought up to date', kept: 'is there already', closed: 'closed, because the drift is gone' },
  de: { none: 'Keine Drift: nichts zu übernehmen.', left: 'nicht übernommen', branch: 'Branch', next: 'Hochladen und einen Pull Request öffnen', here: 'im Arbeitsverzeichnis geändert; ansehen mit git diff', pull: 'Pull Request', opened: 'geöffnet', updated: 'auf den Stand gebracht', kept: 'besteht schon', closed: 'geschlossen, weil die Drift weg ist' },
};

export async function runAdoptDrift({ ws, output, redact }: CommandContext, customers: readonly string[], flags: AdoptDriftFlags): Promise<ExitCode> {
  const refused = whyNot(flags);
  if (refused !== undefined) {
    tell(`soll: ${refused}`, redact);
    return exitCodes.invalid;
  }
  const result = await adoptDrift(ws, {
    ...selectionOf(customers, flags), here: flags.here === true, ...(flags.branch === undefined ? {} : { branch: flags.branch }),
    ...(flags.pullRequest === true ? { pullRequest: { language: output.language, out: join(ws.root, '.soll', 'drift'), ...(flags.platform === undefined ? {} : { platform: flags.platform }), ...(flags.repository === undefined ? {} : { repository: flags.repository }) } } : {}),
  });
  const say = words[output.language];
  if (output.format === 'json') {
    await emit(toJsonDocument({ customers: result.customers.map(({ changes, ...rest }) => ({ ...rest, files: changes.map(({ path }) => path), diff: showChanges(changes) })), problems: result.problems }), output, redact);
  } else {
    showProblems(result.problems, result.texts, output, redact);
    const { paint } = viewOf(output);
    for (const each of result.customers) {
      if (each.leftOut.length > 0) tell(each.leftOut.map(({ address, why }) => `${escapeTerminal(address)} ${say.left}: ${escapeTerminal(why)}`).join('\n'), redact);
      await emit([...(each.changes.length === 0 && each.pullRequest !== undefined ? [] : [renderDiff(showChanges(each.changes), paint)]), ...nextSteps(each, say, flags.pullRequest === true)].join('\n'), output, redact);
    }
    if (result.customers.length === 0 && result.problems.length === 0) await emit(say.none, output, redact);
  }
  const problem = exitOfProblems(result.problems);
  return problem === exitCodes.ok && result.plans.some(({ summary }) => summary.unreachable > 0) ? exitCodes.unreachable : problem;
}

function whyNot({ adopt, pullRequest, here, issue, accept }: AdoptDriftFlags): string | undefined {
  if (adopt !== true) return '--pull-request opens one with what --adopt writes; give both';
  if (issue === true || accept !== undefined) return `--adopt and ${issue === true ? '--issue' : '--accept'} are two commands; run one after the other`;
  return pullRequest === true && here === true ? '--here writes into the working tree, and a pull request needs a branch; leave one out' : undefined;
}

function nextSteps({ branch, base, changes, pullRequest }: AdoptedDrift, say: (typeof words)['en'], asked: boolean): readonly string[] {
  if (pullRequest === undefined && (changes.length === 0 || asked)) return [];
  if (pullRequest !== undefined) return [`${say.branch}: ${branch ?? ''}`, `${say.pull}${pullRequest.number === 0 ? '' : ` ${String(pullRequest.number)}`} ${say[pullRequest.what]}: ${escapeTerminal(pullRequest.url)}`];
  if (branch === undefined) return [say.here];
  return [`${say.branch}: ${branch}`, `${say.next}:`, `  git push -u origin ${branch}`, `  gh pr create --head ${branch}${base === undefined ? '' : ` --base ${base}`} --fill`];
}
