import { suggest } from '../../desired/suggest.ts';
import { callLab, type Lab, type LabEdit } from '../../lab/start-lab.ts';
import { readLabState } from '../../lab/lab-state.ts';
import { lab } from '../../pipeline.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import type { View } from '../../render/render-plan.ts';
import { exitCodes, exitOfProblems, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

/** Runs until Ctrl-C. */
export async function runLab({ ws, output, redact }: CommandContext, customers: readonly string[], flags: CommonFlags): Promise<ExitCode> {
  const started = await lab(ws, selectionOf(customers, flags));
  showProblems(started.problems, started.texts, output, redact);
  if (started.lab === undefined) return exitOfProblems(started.problems);
  process.stdout.write(`${renderLab(started.lab, viewOf(output))}\n`);
  await new Promise<void>((resolve) => {
    if (ws.signal.aborted) resolve();
    ws.signal.addEventListener('abort', () => { resolve(); });
  });
  await started.lab.stop();
  return exitCodes.ok;
}

function renderLab({ targets, edits }: Lab, { paint, words }: View): string {
  const names = [...targets.keys()].sort();
  const width = Math.max(0, ...names.map((name) => name.length));
  const lines = names.flatMap((name) => {
    const own = edits.filter(({ target }) => target === name).map((edit) => edit.name);
    const running = targets.get(name);
    return [`  ${paint('bold', escapeTerminal(name.padEnd(width)))}  ${running === undefined ? '' : `${running.host}:${String(running.port)}`}`, ...(own.length === 0 ? [] : [`    ${paint('dim', `${words.byHand}:`)} ${escapeTerminal(own.join(', '))}`])];
  });
  return [words.standIns, ...lines, words.labHow, words.labRunning].join('\n');
}

function renderEdits(edits: readonly LabEdit[], { paint, language }: View): string {
  const width = Math.max(0, ...edits.map(({ name }) => name.length));
  return [...new Set(edits.map(({ target }) => target))].map((target) => [
    paint('bold', escapeTerminal(target)), ...edits.filter((edit) => edit.target === target).map((edit) => `  ${escapeTerminal(edit.name.padEnd(width))}  ${escapeTerminal(edit[language])}`),
  ].join('\n')).join('\n');
}

/** Somebody changes a device by hand. */
export async function runLabEdit({ ws, output, redact }: CommandContext, target: string | undefined, name: string | undefined): Promise<ExitCode> {
  const view = viewOf(output);
  const state = await readLabState(ws.root);
  if (state === undefined) {
    tell(view.words.noLab, redact);
    return exitCodes.unreachable;
  }
  // Our own lab of the same version answers with its edits.
  const edits = await callLab(state, 'GET', ['edits']) as readonly LabEdit[];
  const own = edits.filter((edit) => target === undefined || edit.target === target);
  if (name === undefined && own.length > 0) {
    await emit(output.format === 'json' ? toJsonDocument({ edits: own }) : renderEdits(own, view), output, redact);
    return exitCodes.ok;
  }
  if (target === undefined || name === undefined || !own.some((edit) => edit.name === name)) {
    const near = suggest(`${target ?? ''} ${name ?? ''}`, edits.map((edit) => `${edit.target} ${edit.name}`));
    tell(`${view.words.unknownEdit}: ${escapeTerminal(`${target ?? ''} ${name ?? ''}`.trim())}\n  ${view.words.hint}: soll lab edit${near === undefined ? '' : ` ${escapeTerminal(near)}`}`, redact);
    return exitCodes.invalid;
  }
  await callLab(state, 'POST', ['edits', ...target.split('/'), name]);
  await emit(output.format === 'json' ? toJsonDocument({ target, edit: name }) : `${target}: ${name}, ${view.words.done}`, output, redact);
  return exitCodes.ok;
}
