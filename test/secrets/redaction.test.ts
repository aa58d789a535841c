/** A secret that reaches a sink in whatever spelling leaves it masked. */
import fc from 'fast-check';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SecretValue, type Address, type Problem } from '#contract';
import { git } from '#git/run-git';
import { emit, tell, toJsonText } from '../../src/cli/output.ts';
import { makeWorkspace } from '../../src/cli/make-workspace.ts';
import { codeSpan, escapeMarkdown } from '../../src/render/escape-markdown.ts';
import { escapeTerminal } from '../../src/render/escape-terminal.ts';
import { plain } from '../../src/render/paint.ts';
import { renderAnnotations, renderProblems } from '../../src/render/render-problems.ts';
import { wordsOf } from '../../src/render/words.ts';

const pem = generateKeyPairSync('ed25519', { privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey;

/** Texts as people and machines make passwords. */
const password = fc.string({ unit: fc.constantFrom(...Array.from('abcXYZ0189!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~ äöüß木😀\u200b')), minLength: 10, maxLength: 40 }).filter((text) => text.trim().length >= 10);
const canary = fc.oneof(
  { weight: 5, arbitrary: password },
  { weight: 2, arbitrary: fc.array(password, { minLength: 2, maxLength: 4 }).map((lines) => lines.join('\n')) },
  fc.constantFrom(pem, rsa, rsa.replaceAll('\n', '\r\n'), JSON.stringify({ clientId: 'd9ea0d06-d52c-4c39-afe0-37759571a9aa', certificate: 'public', privateKey: rsa }), JSON.stringify({ clientId: 'x', federatedToken: randomBytes(40).toString('base64url') }, null, 2)),
);

/** What a value could be found as; short pieces would be found by chance. */
function spellings(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const lines = value.split(/\r?\n/).map((line) => line.trim()).filter((line) => line.length >= 10 && !line.startsWith('-----') && !line.includes('clientId') && !/^[{}]/.test(line));
  return [value, ...lines].flatMap((text) => [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text), escapeTerminal(text), escapeMarkdown(text)]).concat([bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex'), bytes.toString('hex').toUpperCase()]);
}

const wrapped: Readonly<Record<string, (value: string) => string>> = {
  plain: (value) => `device said: ${value}.`,
  'JSON in JSON': (value) => JSON.stringify({ error: JSON.stringify({ echo: value }) }),
  'URL query': (value) => `GET /login?p=${encodeURIComponent(value)}&x=1`,
  'URL form': (value) => new URLSearchParams({ p: value }).toString(),
  'basic authorization': (value) => `authorization: Basic ${Buffer.from(`admin:${value}`).toString('base64')}`,
  'inside base64, shifted': (value) => Buffer.from(`xx${value}yyy`).toString('base64url'),
  hexadecimal: (value) => Buffer.from(value).toString('hex'),
  'line by line': (value) => value.split('\n').map((line) => `> ${line}`).join('\n'),
  'a stack': (value) => new Error(`no: ${value}`).stack ?? '',
};

function problemOf(text: string): Problem {
  return { code: 'x.y', severity: 'error', message: text, hint: text, customer: 'acme', target: text, source: { file: 'f.yaml', line: 1, column: 1 }, address: `acme/t/user/${encodeURIComponent(text)}` as Address };
}

/** Every way out of the program; each gets a text that already holds the secret. */
const sinks: Readonly<Record<string, (text: string) => string>> = {
  raw: (text) => text,
  terminal: escapeTerminal,
  'terminal, problems with frame': (text) => renderProblems({ problems: [problemOf(text)], texts: new Map([['f.yaml', text]]), paint: plain, words: wordsOf('en') }),
  Markdown: escapeMarkdown,
  'Markdown code': codeSpan,
  JSON: (text) => toJsonText({ plans: [{ why: text }], problems: [problemOf(text)] }),
  annotations: (text) => renderAnnotations([problemOf(text)]),
  'log data': (text) => `debug request ${JSON.stringify({ header: text })}`,
};

afterEach(() => { vi.restoreAllMocks(); });

describe('a revealed value', () => {
  it.each(Object.keys(sinks).flatMap((sink) => Object.keys(wrapped).map((how) => [sink, how] as const)))('is not in %s as %s', (sink, how) => {
    fc.assert(fc.property(canary, (value) => {
      const context = makeWorkspace({});
      context.done();
      context.ws.redactor.add(value);
      const out = context.redact(sinks[sink]?.(wrapped[how]?.(value) ?? '') ?? '');
      for (const spelling of spellings(value)) if (spelling.trim().length >= 10 && out.includes(spelling)) throw new Error(`found ${JSON.stringify(spelling)} in ${JSON.stringify(out)}`);
      if (how === 'basic authorization' || how.startsWith('inside')) {
        // Whoever decodes what is left finds no more than the neighbours of the value.
        const left = Buffer.from(out.replaceAll('***', ' ').split(' ').sort((a, b) => b.length - a.length)[0] ?? '', 'base64').toString('utf8');
        expect(left).not.toContain(value);
      }
    }), { numRuns: 25 });
  });

  it('what stands openly in a JSON credential may be told', () => {
    const { redact, ws, done } = makeWorkspace({});
    done();
    ws.redactor.add(JSON.stringify({ clientId: 'd9ea0d06-d52c-4c39-afe0-37759571a9aa', privateKey: pem }));
    expect(redact('application d9ea0d06-d52c-4c39-afe0-37759571a9aa is unknown')).toContain('d9ea0d06');
    expect(redact(pem.split('\n')[1] ?? '')).toBe('***');
  });

  it('is not in --out files, standard output, standard error, log lines or progress', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'soll-out-'));
    let written = '';
    for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockImplementation((chunk) => { written += String(chunk); return true; });
    const { redact, ws, output, done } = makeWorkspace({ verbose: true });
    const value = 'K7"ä|%\\x`#9-canary';
    ws.redactor.add(value);
    const texts = Object.values(wrapped).map((wrap) => wrap(value));
    for (const text of texts) {
      tell(escapeTerminal(text), redact);
      await emit(toJsonText({ text }), output, redact);
      await emit(escapeMarkdown(text), { ...output, out: join(folder, 'out.md') }, redact);
      written += await readFile(join(folder, 'out.md'), 'utf8');
      ws.log.debug(text, { text });
      ws.log.warn(text);
      ws.progress({ type: 'unreachable', customer: 'acme', target: 'fw', why: text });
    }
    done();
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
    expect(written.length).toBeGreaterThan(1000);
    for (const spelling of spellings(value)) expect(written).not.toContain(spelling);
  });

  it('prints as *** whatever is done with the object itself', async () => {
    const { inspect } = await import('node:util');
    const secret = new SecretValue('fw', 'canary-value');
    const ways = [String(secret), JSON.stringify({ secret }), inspect({ secret }, { depth: 9, showHidden: true }), Object.keys(secret).join(), secret.toString(), JSON.stringify(Object.entries(secret)), new Error(`no ${String(secret)}`).stack ?? ''];
    for (const text of ways) expect(text).not.toContain('canary');
  });
});

describe('child processes', () => {
  it('Git gets no secret and no key to one', async () => {
    const names = ['SOLL_SECRET_ACME_FW', 'SOLL_SECRET_WRITE_ACME_FW', 'SOLL_AGE_KEY', 'SOLL_AGE_KEY_FILE', 'SOLL_AGE_KEY_WRITE', 'SOLL_AGE_KEY_WRITE_FILE'];
    for (const name of names) vi.stubEnv(name, 'canary');
    vi.stubEnv('SOLL_TEST_OPEN', 'open');
    // An alias of Git is run by a shell in Git's own surroundings.
    const env = await git('.', ['-c', 'alias.show-env=!env', 'show-env']);
    vi.unstubAllEnvs();
    expect(env).toContain('SOLL_TEST_OPEN=open');
    expect(env).not.toContain('canary');
    expect(env).not.toMatch(/SOLL_(SECRET|AGE)/);
  });
});
