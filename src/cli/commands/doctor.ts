import { doctor } from '../../pipeline.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { firmwareText } from '../../render/render-firmware.ts';
import type { View } from '../../render/render-plan.ts';
import type { DoctorFinding } from '../../workspace.ts';
import { exitOfDoctor, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export async function runDoctor({ ws, output, redact }: CommandContext, customers: readonly string[], flags: CommonFlags): Promise<ExitCode> {
  const { findings, problems, texts } = await doctor(ws, selectionOf(customers, flags));
  if (output.format === 'json') await emit(toJsonDocument({ findings, problems }), output, redact);
  else {
    showProblems(problems, texts, output, redact);
    const text = renderFindings(findings, viewOf(output), output.quiet);
    if (text !== '') await emit(text, output, redact);
  }
  return exitOfDoctor(findings, problems);
}

/** A plan job rightly lacks the write credential, and old firmware keeps nobody out: worth a word, no fault. */
function isFault({ ok, check }: DoctorFinding): boolean {
  return !ok && check !== 'write-credential' && check !== 'firmware';
}

function renderFindings(findings: readonly DoctorFinding[], view: View, quiet: boolean): string {
  const { paint, words } = view;
  const names = [...new Set(findings.map(({ customer, target }) => `${customer}/${target}`))];
  const targets = new Map(names.map((name) => [name, findings.filter(({ customer, target }) => `${customer}/${target}` === name)]));
  if (targets.size === 0) return '';
  const faulty = [...targets.values()].filter((own) => own.some(isFault)).length;
  const blocks = [...targets].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([name, own]) => {
    const shown = quiet ? own.filter(({ ok }) => !ok) : own;
    return shown.length === 0 ? [] : [[paint('bold', escapeTerminal(name)), ...shown.map((finding) => findingLine(finding, view))].join('\n')];
  });
  const summary = `${words.nTargets(targets.size)}: ${faulty === 0 ? paint('green', words.allWell) : paint('red', `${String(faulty)} ${words.withFaults}`)}`;
  return [...blocks, ...(quiet ? [] : ['', summary])].join('\n');
}

function findingLine(finding: DoctorFinding, { paint, words, language }: View): string {
  const { check, ok, hint, firmware } = finding;
  const text = firmware === undefined ? finding.text : firmwareText(firmware, language);
  const sign = ok ? paint('green', '✓') : isFault(finding) ? paint('red', '✗') : paint('yellow', '!');
  return `  ${sign} ${words[check].padEnd(17)} ${escapeTerminal(text)}${ok || hint === undefined ? '' : `\n    ${paint('cyan', `${words.hint}:`)} ${escapeTerminal(hint)}`}`;
}
