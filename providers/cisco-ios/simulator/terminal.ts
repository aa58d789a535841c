/**
 * The line discipline of a Cisco terminal: echo, `?` as a key, backspace, paging, questions that wait for an answer. IOS 15.2 and later
 * (Cisco IOS Configuration Fundamentals, "Using the Command-Line Interface"): `?` gives help at once and leaves the line as it was;
 * `--More--` takes space, return or q.
 */
import type { Duplex } from 'node:stream';

export type Answer =
  | string
  | { readonly text?: string; readonly ask: string; readonly secret?: true; readonly key?: true; on(answer: string): Answer | Promise<Answer> }
  /** The prompt does not come back by itself (IOS after a shout). */
  | { readonly silent: string }
  /** Never answers; cuts the connection; says goodbye. */
  | { readonly end: 'hang' | 'drop' | 'bye' };

export interface TerminalOptions {
  readonly banner: string;
  /** What a full page says; where it is not IOS's. */
  readonly more: string;
  prompt(): string;
  /** Lines of a page; 0: no paging. */
  pageLength(): number;
  execute(line: string): Answer | Promise<Answer>;
  drop(): void;
}

export interface Terminal {
  /** Text in the middle of whatever is there, as for a scheduled reload. */
  shout(text: string): void;
  close(): void;
}

type Waiting = Extract<Answer, { readonly ask: string }>;

export function serveTerminal(stream: Duplex, options: TerminalOptions): Terminal {
  let line = '';
  let page: string[] | undefined;
  let asking: Waiting | undefined;
  let dead = false;
  const write = (text: string): void => { if (!dead && stream.writable) stream.write(text.replaceAll(/\r?\n/g, '\r\n')); };
  const prompt = (): void => { write(options.prompt()); };
  const show = (lines: string[]): void => {
    const length = options.pageLength();
    if (length === 0 || lines.length < length) {
      write(lines.length === 0 ? '' : `${lines.join('\n')}\n`);
      page = undefined;
      prompt();
      return;
    }
    write(`${lines.slice(0, length - 1).join('\n')}\n${options.more}`);
    page = lines.slice(length - 1);
  };
  const give = (answer: Answer): void => {
    if (typeof answer === 'string') show(answer === '' ? [] : answer.replace(/\n$/, '').split('\n'));
    else if ('end' in answer) {
      if (answer.end === 'hang') dead = true;
      else if (answer.end === 'drop') options.drop();
      else stream.end();
    }
    else if ('silent' in answer) write(answer.silent);
    else {
      write(`${answer.text ?? ''}${answer.ask}`);
      asking = answer;
    }
  };
  const enter = async (): Promise<void> => {
    const typed = line;
    line = '';
    const question = asking;
    asking = undefined;
    write('\n');
    give(await (question !== undefined ? question.on(typed) : options.execute(typed)));
  };
  const key = async (char: string): Promise<void> => {
    if (page !== undefined) {
      write(`${'\b'.repeat(options.more.length)}${' '.repeat(options.more.length)}${'\b'.repeat(options.more.length)}`);
      const rest = page;
      page = undefined;
      if (char === ' ') show(rest);
      else if (char === '\r' || char === '\n') {
        write(`${rest[0] ?? ''}\n${rest.length > 1 ? options.more : ''}`);
        page = rest.length > 1 ? rest.slice(1) : undefined;
        if (page === undefined) prompt();
      } else prompt();
      return;
    }
    if (asking?.key === true) {
      line = char;
      await enter();
    } else if (char === '\r' || char === '\n') await enter();
    else if (char === '\b' || char === '\u007f') line = line.slice(0, -1);
    else if (char === '\u0003' || char === '\u001a') {
      line = '';
      write('\n');
      prompt();
    } else if (char === '?' && asking === undefined) {
      write(`?\n  <cr>\n${options.prompt()}${line}`);
    } else {
      line += char;
      if (asking?.secret !== true) write(char);
    }
  };
  let turn: Promise<void> = Promise.resolve();
  let carriage = false;
  stream.on('data', (chunk: Buffer) => {
    // Bytes above 127 lose their eighth bit on a terminal line (default-character-bits 7).
    for (const byte of chunk) {
      const char = String.fromCharCode(byte & 0x7f);
      if (char === '\n' && carriage) {
        carriage = false;
        continue;
      }
      carriage = char === '\r';
      turn = turn.then(() => (dead ? undefined : key(char))).catch((error: unknown) => { write(`\nstand-in failed: ${error instanceof Error ? error.message : String(error)}\n`); options.drop(); });
    }
  });
  write(options.banner);
  prompt();
  return { shout: (text) => { write(text); }, close: () => { dead = true; stream.end(); } };
}
