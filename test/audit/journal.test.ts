/** What the local journal says after a crash: a torn end had not begun, a damaged middle proves nothing. */
import { appendFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Address } from '#contract';
import { openJournal, readJournal, removeJournal } from '../../src/audit/journal.ts';

let folder: string;
let file: string;
const address = (name: string): Address => `acme/store/vlan/${name}` as Address;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soll-journal-'));
  const journal = await openJournal(folder, 'acme', 'run-1');
  await Promise.all(['a', 'b'].map((name) => journal.append({ step: 'intent', address: address(name) })));
  await journal.append({ step: 'outcome', address: address('a'), status: 'done' });
  await journal.close();
  const [name = ''] = await readdir(join(folder, 'soll', 'journal'));
  file = join(folder, 'soll', 'journal', name);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const read = async (): Promise<readonly string[] | undefined> => (await readJournal(folder, 'acme', 'run-1'))?.map(({ step, address: each }) => `${step} ${each.split('/')[3] ?? ''}`);
const whole = ['intent a', 'intent b', 'outcome a'];

it('has its lines in order, also when they were appended at once', async () => {
  expect(await read()).toEqual(whole);
});

it.each([
  { because: 'half a line', tail: '{"step":"intent","addr' },
  { because: 'a line without its end', tail: JSON.stringify({ step: 'intent', address: 'acme/store/vlan/c' }) },
  { because: 'zeros of a file system that lost the data', tail: '\0'.repeat(40) },
])('a torn tail is left out: $because', async ({ tail }) => {
  await appendFile(file, tail);
  expect(await read()).toEqual(whole);
});

it.each([
  { because: 'a line is garbled', edit: (text: string) => text.replace('"intent"', '"in') },
  { because: 'a line is zeros', edit: (text: string) => text.replace(/^.*\n/, `${'\0'.repeat(30)}\n`) },
  { because: 'a line is something else', edit: (text: string) => text.replace(/^.*\n/, '[1]\n') },
  { because: 'an address is missing', edit: (text: string) => text.replace('"address"', '"adresse"') },
])('a damaged journal is none, so everything may have begun: $because', async ({ edit }) => {
  await writeFile(file, edit(await readFile(file, 'utf8')));
  expect(await read()).toBeUndefined();
});

it('of another run or machine there is none', async () => {
  expect(await readJournal(folder, 'acme', 'run-2')).toBeUndefined();
  await removeJournal(folder, 'acme', 'run-1');
  expect(await read()).toBeUndefined();
});

it('that cannot be written says so before anything else is', async () => {
  await writeFile(join(folder, 'blocked'), '');
  await expect(openJournal(join(folder, 'blocked'), 'acme', 'run-1')).rejects.toMatchObject({ code: 'ENOTDIR' });
});
