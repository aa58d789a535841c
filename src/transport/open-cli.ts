/** Commands and their output over a terminal: for devices that have a command line and nothing else. */
import { isProviderError, ProviderError, type SecretValue, type SshShell } from '#contract';
import { makeScreen, type Screen } from './screen.ts';

export interface CliOptions {
  /** For messages. */
  readonly where: string;
  /** Unguessable; makes the line that tells the end of an output from text that looks like it. */
  nonce(): string;
  /** A line that the device takes as a comment; it stands before the nonce. */
  readonly comment: string;
  /** What a device says when a page is full, at the end of what has come, and the key that goes on. */
  readonly pagers: readonly { readonly pattern: RegExp; readonly key: string }[];
  /** Milliseconds until the first prompt. Default 15 000. */
  readonly loginTimeoutMs?: number;
}

/** Something that the device may ask during a command; each is answered once. */
export interface Question {
  readonly pattern: RegExp;
  /** Sent as it is; a secret with a line end. */
  readonly answer: string | SecretValue;
  /** Not always asked. */
  readonly optional?: true;
}

export interface CliRunOptions {
  /** In all, milliseconds. Default 30 000. */
  readonly timeoutMs?: number;
  /** As in RunOptions. Default `read`. */
  readonly effect?: 'read' | 'write';
  readonly questions?: readonly Question[];
  /**
   * The output is data: its end is proven by a line that nobody can guess, so a prompt inside it ends nothing. Default true. Without, the
   * first prompt ends it.
   */
  readonly exact?: boolean;
}

export interface Cli {
  /** As the device prompts: `sw1#`, `sw1(config-if)#`. */
  readonly prompt: string;
  /**
   * Types one line and gives what the device printed, without echo and prompts. Throws `rejected` for what cannot be typed as data: control
   * characters, what is not ASCII, and `?`, which a command line takes as a key.
   */
  run(command: string, options?: CliRunOptions): Promise<string>;
  close(): void;
}

/** Characters that one command may print. */
const maxOutput = 4 * 1024 * 1024;

/** A prompt that nothing follows for so long is taken for one, until it is proven. */
const breathMs = 10;

const typeable = /^[ -~]*$/;
const promptLine = /^[^\s#>]{1,80}[#>] ?$/;
/** How a device waits for an answer that nobody foresaw. */
const asksSomething = /(\[confirm\]|\[yes\/no\]:?|\(y\/n\)\s*(\[[yn]\])?\s*\??|\]\s*\?|[Pp]assword:|[Uu]ser ?[Nn]ame:|\?)\s*$/i;

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1);
}

export function printable(text: string, length = 160): string {
  return text.replaceAll(/[^ -~]+/g, ' ').trim().slice(0, length);
}

/** Waits for the prompt, proves it with a line of our own. Throws ProviderError. */
export async function openCli(shell: SshShell, options: CliOptions): Promise<Cli> {
  const login: Reader = { shell, options, effect: 'read', deadline: performance.now() + (options.loginTimeoutMs ?? 15_000), questions: [], isPrompt: (line) => promptLine.test(line) };
  const first = await readUntil(login, '');
  let { prompt } = await prove(login, first.complete ? first.text : overdue(login, first.text));
  // In configuration mode a long host name is shown shortened.
  const stem = prompt.slice(0, -1).slice(0, 16);
  const isPrompt = (line: string): boolean => line.startsWith(stem) && /^[^\s#>()]{1,80}(\([^()\s]{1,60}\))?[#>] ?$/.test(line);
  return {
    get prompt() { return prompt; },
    async run(command, run = {}) {
      if (!typeable.test(command) || command.includes('?')) throw new ProviderError('rejected', 'a line for the device holds characters that cannot be typed as data');
      const reader: Reader = { shell, options, isPrompt, effect: run.effect ?? 'read', deadline: performance.now() + (run.timeoutMs ?? 30_000), questions: [...(run.questions ?? [])] };
      // What was shouted since the last prompt belongs to nothing.
      shell.take();
      shell.send(`${command}\n`);
      const { text, complete } = await readUntil(reader, '');
      if (!complete) overdue(reader, text);
      if (run.exact === false) {
        prompt = lastLine(text).trim();
        return withoutEcho(text.slice(0, text.length - lastLine(text).length), command);
      }
      const proven = await prove(reader, text);
      prompt = proven.prompt;
      return withoutEcho(proven.output, command);
    },
    close: () => { shell.close(); },
  };
}

interface Reader {
  readonly shell: SshShell;
  readonly options: CliOptions;
  readonly effect: 'read' | 'write';
  readonly deadline: number;
  /** Still to be asked. */
  readonly questions: Question[];
  /** The last line is where the device waits for a command. */
  isPrompt(line: string): boolean;
}

/** What was sent may have been done. */
function lost(error: unknown, { effect }: Reader): unknown {
  return isProviderError(error) && effect === 'write' ? new ProviderError('unknown-outcome', error.message) : error;
}

interface ReadText {
  readonly text: string;
  /** `false`: the time was over first. */
  readonly complete: boolean;
}

/**
 * Reads on until the last line is a prompt (and the proof is there), or the time is over. Pages are turned, foreseen questions
 * answered; one that nobody foresaw ends the session.
 */
async function readUntil(reader: Reader, from: string, until = reader.deadline, proof?: RegExp): Promise<ReadText> {
  const { shell } = reader;
  const screen = makeScreen();
  screen.text = from;
  let quietSince = performance.now();
  let nudges = 0;
  for (;;) {
    const now = performance.now();
    if (now >= until) return { text: screen.text, complete: false };
    const came = await shell.wait(Math.min(until - now, 500)).catch((error: unknown) => { throw lost(error, reader); });
    if (came) {
      screen.feed(shell.take());
      quietSince = performance.now();
      if (screen.text.length > maxOutput) throw endless(reader);
    }
    const last = lastLine(screen.text);
    if (answer(reader, screen, last)) continue;
    if (reader.isPrompt(last) && proof?.test(screen.text) !== false) {
      // What comes in the same breath belongs to it.
      if (proof !== undefined || !(await shell.wait(breathMs).catch(() => false))) return { text: screen.text, complete: true };
      continue;
    }
    const quiet = performance.now() - quietSince;
    if (quiet >= 500 && asksSomething.test(last)) throw unforeseen(reader, last);
    // Somebody shouted over the prompt; an empty line brings it back. Not while a question must come.
    if (quiet >= 1500 && last.trim() === '' && reader.questions.every(({ optional }) => optional === true) && nudges < 5) {
      nudges += 1;
      quietSince = performance.now();
      shell.send('\n');
    }
  }
}

/** Turns a page or answers a question, if the device waits for that. */
function answer({ shell, options, questions }: Reader, screen: Screen, last: string): boolean {
  const pager = options.pagers.find(({ pattern }) => pattern.test(last));
  if (pager !== undefined) {
    screen.text = screen.text.slice(0, screen.text.length - last.length) + last.replace(pager.pattern, '');
    shell.send(pager.key);
    return true;
  }
  const asked = questions.findIndex(({ pattern }) => pattern.test(last));
  if (asked < 0) return false;
  const [question] = questions.splice(asked, 1);
  // What was asked is no longer the last line.
  screen.text += '\n';
  const said = question?.answer ?? '';
  shell.send(typeof said === 'string' ? said : `${said.expose()}\n`);
  return true;
}

function endless({ options, shell, effect }: Reader): ProviderError {
  shell.close();
  return new ProviderError(effect === 'write' ? 'unknown-outcome' : 'protocol', `${options.where} printed more than ${String(maxOutput)} characters`);
}

function overdue({ options, shell, effect }: Reader, text: string): never {
  shell.close();
  const last = lastLine(text);
  throw new ProviderError(effect === 'write' ? 'unknown-outcome' : 'timeout', `${options.where}: no prompt in time${last === '' ? '' : ` (last: ${printable(last, 60)})`}`, { retryable: effect === 'read' });
}

function unforeseen({ options, shell, effect }: Reader, last: string): ProviderError {
  // Closing the terminal answers nothing.
  shell.close();
  if (/user ?name:\s*$/i.test(last)) return new ProviderError('auth', `${options.where} asks for the user again inside the terminal`, { hint: 'on a small-business switch: ip ssh password-auth' });
  if (/password:\s*$/i.test(last)) return new ProviderError('auth', `${options.where} asks for a password`, { hint: 'is the enable secret right?' });
  return new ProviderError(effect === 'write' ? 'unknown-outcome' : 'protocol', `${options.where} asks something that is not foreseen: ${printable(last, 100)}`);
}

/** A comment with an unguessable word, and its echo behind a prompt: all that stands before it is output. */
async function prove(reader: Reader, before: string): Promise<{ readonly output: string; readonly prompt: string }> {
  const { options, shell } = reader;
  let text = before;
  for (const patience of [3000, 3000, Number.POSITIVE_INFINITY]) {
    const line = `${options.comment}${options.nonce()}`;
    const echo = new RegExp(`^([^\\s#>]{1,80}[#>]) ?${line.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)} *$`, 'm');
    shell.send(`${line}\n`);
    const read = await readUntil(reader, text, Math.min(reader.deadline, performance.now() + patience), echo);
    const match = read.complete ? echo.exec(read.text) : null;
    if (match !== null) {
      // A comment says nothing, or is complained about. Anything else was still output when it was typed.
      const after = read.text.slice(match.index + match[0].length).split('\n').slice(0, -1);
      if (after.some((each) => !/^\s*(\^\s*|%.*)?$/.test(each))) throw new ProviderError('protocol', `${options.where}: the output went on behind its prompt`);
      return { output: read.text.slice(0, match.index), prompt: match[1] ?? '' };
    }
    if (read.text.includes(line)) throw new ProviderError('protocol', `${options.where}: the output went on behind its prompt`);
    // Somebody shouted into the echo: another word.
    ({ text } = read);
    if (performance.now() >= reader.deadline) break;
  }
  return overdue(reader, text);
}

/** The echo goes, and what was shouted before it. */
function withoutEcho(text: string, command: string): string {
  const lines = text.split('\n');
  const echo = lines.slice(0, 8).findIndex((line) => line.trimEnd().endsWith(command.trimEnd()));
  return lines.slice(echo + 1).join('\n');
}
