/** A command line over a real terminal: what is output, what is a prompt, what is only text that looks like one. */
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { isProviderError, SecretValue, type SshConnection } from '#contract';
import { makeHostKey, pinOf, startSshServer } from '#testkit/ssh-server';
import { connectSsh } from '#transport/connect-ssh';
import { makeScreen } from '#transport/screen';
import { openCli, type Cli, type CliRunOptions } from '#transport/open-cli';

const host = makeHostKey();
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => { for (const close of open.splice(0).reverse()) await close(); });

interface Script {
  readonly banner?: string;
  /** What the device does with a line; what it returns is printed before the prompt. `undefined`: no prompt comes. */
  line(text: string, stream: Duplex): string | undefined;
  prompt?(): string;
  /** While it prints, no line is taken; `echoes`: what is typed meanwhile is echoed all the same, which IOS does not. */
  readonly busy?: { until: Promise<void>; readonly echoes: boolean };
  /** Takes a key before it is part of a line. */
  key?(char: string, stream: Duplex): boolean;
}

/** Echoes what is typed, as a terminal does; a line with our nonce is a comment. */
function answer(stream: Duplex, { banner = '', line, prompt = () => 'sw1#', busy, key }: Script): void {
  let typed = '';
  const enter = (text: string): void => {
    const said = text.startsWith('!') || text === '' ? '' : line(text, stream);
    if (said !== undefined) stream.write(`${said.replaceAll('\n', '\r\n')}${prompt()}`);
  };
  const later = (run: () => void): void => { (busy?.until ?? Promise.resolve()).then(run).catch(() => undefined); };
  const take = (text: string): void => {
    for (const char of text) {
      if (key?.(char, stream) === true) continue;
      stream.write(char === '\n' ? '\r\n' : char);
      if (char !== '\n') typed += char;
      else {
        const whole = typed;
        typed = '';
        if (busy?.echoes === true) later(() => { enter(whole); });
        else enter(whole);
      }
    }
  };
  stream.on('data', (chunk: Buffer) => {
    if (busy === undefined || busy.echoes) take(chunk.toString('latin1'));
    else later(() => { take(chunk.toString('latin1')); });
  });
  stream.write(`${banner.replaceAll('\n', '\r\n')}${prompt()}`);
}

async function connect(script?: Script): Promise<SshConnection> {
  const server = await startSshServer({ hostKey: host.privateKey, allow: () => true, exec: () => Promise.resolve(0), ...(script === undefined ? {} : { shell: (stream) => { answer(stream, script); } }) });
  open.push(() => server.close());
  const connection = await connectSsh({ host: server.host, port: server.port, user: 'u', hostKeys: [pinOf(host.privateKey)], password: new SecretValue('p', 'p') }, new AbortController().signal);
  open.push(() => connection.close());
  return connection;
}

let counter = 0;
async function cli(script: Script, loginTimeoutMs = 60_000): Promise<Cli> {
  const connection = await connect(script);
  return openCli(await connection.openShell(), { where: 'sw1', comment: '!', nonce: () => `nonce${String(counter += 1)}x`, pagers: [{ pattern: / ?--More-- ?$/, key: ' ' }], loginTimeoutMs });
}

const code = (run: Promise<unknown>): Promise<unknown> => run.then(() => undefined, (error: unknown) => (isProviderError(error) ? error.code : error));

test.each([
  { because: 'a device that reads when it has printed', echoes: false, gives: 'first\nsw1# is not a prompt\nlast\n' },
  { because: 'a device that echoes at once cannot be told apart, and is not believed', echoes: true, gives: 'protocol' },
])('prompts inside the banner and inside output end nothing: $because', async ({ echoes, gives }) => {
  const busy = { until: Promise.resolve(), echoes };
  const device = await cli({ banner: 'Welcome\nsw1>\nsw1#\n', busy, line: (_text, stream) => {
    // Cut exactly behind what looks like the prompt.
    stream.write('first\r\nsw1#');
    busy.until = new Promise<void>((resolve) => { setTimeout(() => { stream.write(' is not a prompt\r\nlast\r\nsw1#'); resolve(); }, 300); });
    return undefined;
  } });
  expect(device.prompt).toBe('sw1#');
  expect(await device.run('show', { timeoutMs: 60_000 }).catch((error: unknown) => (isProviderError(error) ? error.code : error))).toBe(gives);
});

test('pages are turned, and what the pager wipes out is wiped out', async () => {
  const pages = ['one\r\n --More-- ', 'two\r\n --More-- ', 'three\r\nsw1#'];
  const device = await cli({
    line: (_text, stream) => { stream.write(pages.shift() ?? ''); return undefined; },
    key: (char, stream) => {
      const more = char === ' ' && pages.length > 0;
      if (more) stream.write(`${'\b'.repeat(11)}${' '.repeat(11)}${'\b'.repeat(11)}${pages.shift() ?? ''}`);
      return more;
    },
  });
  expect((await device.run('show', { timeoutMs: 60_000 })).split('\n').map((line) => line.trim())).toEqual(['one', 'two', 'three', '']);
});

test('a shout over the prompt costs an empty line, not the session', async () => {
  const device = await cli({ line: (text, stream) => {
    stream.write(text === 'reload cancel' ? '\r\n\r\n***\r\n*** --- SHUTDOWN ABORTED ---\r\n***\r\n' : '');
    return text === 'reload cancel' ? undefined : 'fine\n';
  } });
  await device.run('reload cancel', { effect: 'write', timeoutMs: 60_000 });
  expect(await device.run('show', { timeoutMs: 60_000 })).toBe('fine\n');
});

test('questions that are foreseen are answered once, a secret among them', async () => {
  let asked = '';
  let prompt = 'sw1>';
  const device = await cli({ prompt: () => prompt, line: (text, stream) => {
    if (text === 'enable') {
      asked = 'enable';
      stream.write('Password: ');
      return undefined;
    }
    if (asked === 'enable') {
      asked = '';
      if (text === 'geheim') prompt = 'sw1#';
      return text === 'geheim' ? '' : '% Bad secrets\n';
    }
    return '';
  } });
  await device.run('enable', { timeoutMs: 60_000, questions: [{ pattern: /Password: $/, answer: new SecretValue('enable', 'geheim') }] });
  expect(device.prompt).toBe('sw1#');
});

describe('what cannot be trusted ends the session', () => {
  test.each<{ readonly because: string; readonly says: string; readonly run: CliRunOptions; readonly code: string }>([
    { because: 'a question that nobody foresaw, while reading', says: 'Destination filename [startup-config]? ', run: {}, code: 'protocol' },
    { because: 'a question that nobody foresaw, while writing', says: 'Delete everything? [confirm]', run: { effect: 'write' }, code: 'unknown-outcome' },
    { because: 'a password is asked again', says: 'Password: ', run: {}, code: 'auth' },
    { because: 'no answer to a read', says: 'working', run: { timeoutMs: 1500 }, code: 'timeout' },
    { because: 'no answer to a write', says: 'working', run: { timeoutMs: 1500, effect: 'write' }, code: 'unknown-outcome' },
  ])('$because', async ({ says, run, code: expected }) => {
    const typed: string[] = [];
    const device = await cli({ line: (text, stream) => {
      typed.push(text);
      stream.write(says);
      return undefined;
    } });
    expect(await code(device.run('do it', run))).toBe(expected);
    expect(await code(device.run('and more'))).toBe('unreachable');
    expect(typed).toEqual(['do it']);
  });

  test('the device hangs up in the middle of a write', async () => {
    const device = await cli({ line: (_text, stream) => { stream.end(); return undefined; } });
    expect(await code(device.run('write', { effect: 'write' }))).toBe('unknown-outcome');
  });

  test('an output without end', async () => {
    const device = await cli({ line: (_text, stream) => {
      let going = true;
      stream.on('close', () => { going = false; }).on('error', () => { going = false; });
      const more = (): void => { if (going) stream.write('x'.repeat(65_536) + '\r\n', () => { setImmediate(more); }); };
      more();
      return undefined;
    } });
    expect(await code(device.run('show', { timeoutMs: 100_000 }))).toBe('protocol');
  });

  test('no prompt at all', async () => {
    expect(await code(cli({ prompt: () => '', line: () => '' }, 1500))).toBe('timeout');
  });

  test('a device without a terminal', async () => {
    const connection = await connect();
    expect(await code(connection.openShell())).toBe('unreachable');
  });
});

test.each(['line\nend', 'a\u0003b', 'what?', 'Büro', 'tab\tbed', '\u001b[2K'])('%j is not typed', async (line) => {
  const typed: string[] = [];
  const device = await cli({ line: (text) => { typed.push(text); return ''; } });
  expect(await code(device.run(line))).toBe('rejected');
  expect(typed).toEqual([]);
});

test.each([
  { because: 'colours and cursor moves', chunks: ['a\u001b[31mb\u001b[0m\u001b[2Kc'], text: 'abc' },
  { because: 'a sequence that is cut between two chunks', chunks: ['a\u001b', '[3', '1mb'], text: 'ab' },
  { because: 'a window title', chunks: ['a\u001b]0;owned\u0007b'], text: 'ab' },
  { because: 'backspaces stop at the line', chunks: ['one\ntwx\bo\b\b\b\b\bdue'], text: 'one\ndue' },
  { because: 'bells, NULs and eight-bit controls', chunks: ['a\u0007\u0000\u009bb\r\n'], text: 'ab\n' },
])('a terminal shows $because as plain text', ({ chunks, text }) => {
  const screen = makeScreen();
  for (const chunk of chunks) screen.feed(chunk);
  expect(screen.text).toBe(text);
});
