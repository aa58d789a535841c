import { callLab } from '../../lab/start-lab.ts';
import { readLabState } from '../../lab/lab-state.ts';
import { lab } from '../../pipeline.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { exitCodes, exitOfProblems, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, toJsonText } from '../output.ts';
import { showProblems } from '../show-problems.ts';

/** Runs until Ctrl-C. */
export async function runLab({ ws, output, redact }: CommandContext, customers: readonly string[], flags: CommonFlags): Promise<ExitCode> {
  const started = await lab(ws, selectionOf(customers, flags));
  showProblems(started.problems, started.texts, output, redact);
  if (started.lab === undefined) return exitOfProblems(started.problems);
  const lines = [...started.lab.targets].map(([name, { host, port }]) => `  ${name.padEnd(32)} ${host}:${String(port)}`).sort();
  const edits = started.lab.edits.map(({ target, name, en, de }) => `  soll lab edit ${target} ${name}`.padEnd(56) + (output.language === 'de' ? de : en));
  process.stdout.write(`${escapeTerminal('Stand-ins on loopback:')}\n${lines.join('\n')}\nChange a device by hand:\n${edits.join('\n')}\nLab is running. In another terminal: soll plan --lab. Ctrl-C ends it.\n`);
  await new Promise<void>((resolve) => {
    if (ws.signal.aborted) resolve();
    ws.signal.addEventListener('abort', () => { resolve(); });
  });
  await started.lab.stop();
  return exitCodes.ok;
}

/** Somebody changes a device by hand. */
export async function runLabEdit({ ws, output, redact }: CommandContext, target: string | undefined, edit: string | undefined): Promise<ExitCode> {
  const state = await readLabState(ws.root);
  if (state === undefined) {
    process.stderr.write('no lab is running here; start it in another terminal: soll lab\n');
    return exitCodes.unreachable;
  }
  if (target === undefined || edit === undefined) {
    await emit(toJsonText(await callLab(state, 'GET', ['edits'])), output, redact);
    return exitCodes.ok;
  }
  await callLab(state, 'POST', ['edits', ...target.split('/'), edit]);
  await emit(`${target}: ${edit} done`, output, redact);
  return exitCodes.ok;
}
