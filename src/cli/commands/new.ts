import { createInterface, type Interface } from 'node:readline/promises';
import { newKinds, nextQuestion, openNew, proposeNew, writeNew, type Answers, type NewContext, type NewKind, type Question } from '../../new-resource.ts';
import { showChanges } from '../../proposal.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderDiff } from '../../render/render-adopt.ts';
import { exitCodes, exitOfProblems, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface NewFlags extends CommonFlags {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly log?: boolean;
}

interface Wanted {
  readonly kind: string;
  readonly customer: string;
  readonly name?: string;
}

const words = {
  en: { empty: 'empty: nothing; - leaves a suggestion out', write: 'Write this? [y/n] ', yes: /^(y|yes)$/i, missing: 'is missing', known: 'known', kept: 'Nothing was written.', needs: 'nothing was written: --yes writes it', later: 'soll does not manage this yet; it can make', written: 'written; now commit it and open a pull request' },
  de: { empty: 'leer: nichts; - lässt einen Vorschlag weg', write: 'So schreiben? [j/n] ', yes: /^(j|ja|y|yes)$/i, missing: 'fehlt', known: 'bekannt', kept: 'Nichts wurde geschrieben.', needs: 'nichts wurde geschrieben: --yes schreibt es', later: 'soll verwaltet das noch nicht; angelegt werden kann', written: 'geschrieben; jetzt committen und einen Pull Request öffnen' },
};

function isNewKind(kind: string): kind is NewKind {
  return (newKinds as readonly string[]).includes(kind);
}

/** Flags of commander that are answers, by field. */
function answersFrom({ name }: Wanted, flags: NewFlags): Answers {
  const given = Object.entries(flags as Readonly<Record<string, unknown>>).flatMap(([field, value]): (readonly [string, string])[] => (typeof value === 'string' ? [[field, value]] : Array.isArray(value) ? [[field, value.join(',')]] : []));
  return { ...Object.fromEntries(given), ...(flags.target?.[0] === undefined ? {} : { target: flags.target[0] }), ...(name === undefined ? {} : { name }), ...(flags.log === true ? { log: 'true' } : {}) };
}

export async function runNew(context: CommandContext, wanted: Wanted, flags: NewFlags): Promise<ExitCode> {
  const { ws, output, redact } = context;
  const say = words[output.language];
  if (!isNewKind(wanted.kind)) {
    tell(`${escapeTerminal(wanted.kind)}: ${say.later} ${newKinds.join(', ')}`, redact);
    return exitCodes.invalid;
  }
  const opened = await openNew(ws, wanted.kind, wanted.customer);
  const asks = process.stdin.isTTY && flags.yes !== true && output.format !== 'json';
  const terminal = asks ? createInterface({ input: process.stdin, output: process.stderr }) : undefined;
  // In raw mode Ctrl-C is a key: it is made the signal again that everybody listens to.
  terminal?.on('SIGINT', () => { process.kill(process.pid, 'SIGINT'); });
  try {
    if (terminal !== undefined) tell(`(${say.empty})`, redact);
    const answers = await answerAll(context, opened, answersFrom(wanted, flags), terminal);
    if (answers === undefined) return exitCodes.invalid;
    return await finish(context, opened, answers, flags, terminal);
  } catch (error) {
    // The question was closed, by Ctrl-D or by the signal.
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
    tell(`\n${say.kept}`, redact);
    return context.interrupted() ? exitCodes.interrupted : exitCodes.invalid;
  } finally {
    terminal?.close();
  }
}

/** `undefined`: something is missing and nobody can be asked. */
async function answerAll({ output, redact, ws }: CommandContext, opened: NewContext, given: Answers, terminal: Interface | undefined): Promise<Answers | undefined> {
  let answers = given;
  const missing: string[] = [];
  for (let question = nextQuestion(opened, answers); question !== undefined; question = nextQuestion(opened, answers)) {
    const answer = terminal === undefined ? question.suggestion ?? '' : await ask(terminal, question, output.language, ws.signal);
    // Without a target nobody can say what else is missing; that there is none is told with the rest.
    if (answer === '' && question.required && !(question.field === 'target' && question.choices === undefined)) {
      if (terminal !== undefined) continue;
      missing.push(`${flagOf(question)} ${words[output.language].missing}${question.choices === undefined ? '' : ` (${words[output.language].known}: ${question.choices.join(', ')})`}`);
    }
    answers = { ...answers, [question.field]: answer };
  }
  if (missing.length > 0) tell(missing.map(escapeTerminal).join('\n'), redact);
  return missing.length > 0 ? undefined : answers;
}

function flagOf({ field }: Question): string {
  return field === 'name' ? 'NAME' : `--${field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

async function ask(terminal: Interface, question: Question, language: 'en' | 'de', signal: AbortSignal): Promise<string> {
  const choices = question.choices === undefined ? '' : ` (${question.choices.slice(0, 12).join(', ')}${question.choices.length > 12 ? ', …' : ''})`;
  const answer = (await terminal.question(escapeTerminal(`${question[language]}${choices}${question.suggestion === undefined ? '' : ` [${question.suggestion}]`}: `), { signal })).trim();
  return answer === '-' ? '' : answer === '' ? question.suggestion ?? '' : answer;
}

async function finish({ output, redact, ws }: CommandContext, opened: NewContext, answers: Answers, flags: NewFlags, terminal: Interface | undefined): Promise<ExitCode> {
  const say = words[output.language];
  const result = await proposeNew(opened, answers, output.language);
  const diff = showChanges(result.changes);
  const code = exitOfProblems(result.problems);
  const { paint } = viewOf(output);
  const json = output.format === 'json';
  if (!json) {
    showProblems(result.problems, result.texts, output, redact);
    if (code === exitCodes.ok) await emit(renderDiff(diff, paint), output, redact);
  }
  const agreed = code === exitCodes.ok && flags.dryRun !== true && (flags.yes === true || (terminal !== undefined && say.yes.test((await terminal.question(say.write, { signal: ws.signal })).trim())));
  if (agreed) await writeNew(opened, result);
  if (json) await emit(toJsonDocument({ diff, files: result.changes.map(({ path }) => path), written: agreed, problems: result.problems }), output, redact);
  else if (code === exitCodes.ok && flags.dryRun !== true) tell(agreed ? say.written : terminal === undefined ? say.needs : say.kept, redact);
  return code === exitCodes.ok && !agreed && flags.dryRun !== true && terminal === undefined ? exitCodes.invalid : code;
}
