/** What stands in the way of a change on the host, what a change sends, and what ends a guard: through the provider, on the stand-in. */
import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseAddress, type WriteSession } from '#contract';
import type { RunningSimulator } from '#testkit/simulator';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { edit } from './convert.ts';
import { provider } from './index.ts';
import { parseInterfaces } from './interfaces-file.ts';
import { simulator } from './simulator.ts';
import { defaultInterfaces } from './simulator/conformance.ts';

const target = (running: RunningSimulator): Parameters<typeof provider.open>[0] => ({
  customer: 'c', name: 't', provider: 'linux-bridge', address: `${running.host}:${String(running.port)}`, identity: running.identity, credentials: { read: { $secret: 'target-read' }, write: { $secret: 'target-write' } },
  manages: { vlan: 'merge', 'switch-port': 'merge' }, settings: {},
});

let folder: string;
let running: RunningSimulator;
const file = (name: string): string => join(folder, 'root/etc/network', name);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'soll-bridge-'));
  running = await simulator.start({ customer: 'c', target: 't', folder });
});
afterEach(async () => {
  await running.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

const change = { verb: 'create', address: 'c/t/switch-port/eno2', reason: 'new', after: { mode: 'access', vlan: 99 } } as const;
const batch = { id: 't/build', target: 't', phase: 'build', changes: [change], result: [], after: [], atomicity: 'confirmed' } as const;

async function write(use: (session: WriteSession, token: string) => Promise<void>): Promise<void> {
  const context = writeContextFor(running, 'c');
  const session = await provider.openForWrite(target(running), context);
  try {
    await use(session, context.guardToken);
  } finally {
    await session.close();
  }
}

/** Arms and loads; the outcomes. */
async function load(session: WriteSession, token: string): Promise<readonly string[]> {
  const outcomes: string[] = [];
  await session.guard?.arm(token, 600);
  await session.apply(batch, { before: () => Promise.resolve(), after: (_change, outcome) => { outcomes.push(outcome.status === 'rejected' ? outcome.code : outcome.status); return Promise.resolve(); } });
  return outcomes;
}

test.each([
  { because: 'changes of the web interface wait for being applied', code: 'linux-bridge.pending', spoil: () => writeFile(file('interfaces.new'), 'auto lo\n') },
  { because: 'a file was edited and never loaded', code: 'linux-bridge.unloaded', spoil: () => utimes(file('interfaces.d/sdn'), new Date(Date.now() + 60_000), new Date(Date.now() + 60_000)) },
])('when $because, the plan says so and no guard is armed', async ({ code, spoil }) => {
  const before = await readFile(file('interfaces'), 'latin1');
  await spoil();
  const session = await provider.open(target(running), readContextFor(running, 'c'));
  expect((await session.review?.([change]))?.map((problem) => [problem.code, problem.severity])).toEqual([[code, 'error']]);
  await session.close();
  await write(async (writing, token) => {
    await expect(writing.guard?.arm(token, 600)).rejects.toMatchObject({ code: 'conflict' });
    expect(await writing.guard?.state(token)).toBe('absent');
  });
  expect(await readFile(file('interfaces'), 'latin1')).toBe(before);
});

test.each([
  { because: 'the web interface has made changes of its own', spoil: () => writeFile(file('interfaces.new'), 'auto lo\n') },
  { because: 'somebody has edited a file', spoil: async () => writeFile(file('interfaces'), `${await readFile(file('interfaces'), 'latin1')}# late\n`, 'latin1') },
])('when $because inside the window, nothing is confirmed and all goes back', async ({ spoil }) => {
  const before = await readFile(file('interfaces'), 'latin1');
  await write(async (session, token) => {
    expect(await load(session, token)).toEqual(['done']);
    await spoil();
    await expect(session.guard?.confirm(token)).rejects.toMatchObject({ code: 'conflict' });
    expect([await session.guard?.recover(token), await session.guard?.state(token)]).toEqual(['fired', 'fired']);
  });
  expect(await readFile(file('interfaces'), 'latin1')).toBe(before);
});

test('a restart inside the window ends in the files before; a confirmed change survives one', async () => {
  const before = await readFile(file('interfaces'), 'latin1');
  await write(async (session, token) => { expect(await load(session, token)).toEqual(['done']); });
  expect(await readFile(file('interfaces'), 'latin1')).not.toBe(before);
  await running.reboot();
  expect(await readFile(file('interfaces'), 'latin1')).toBe(before);
  await write(async (session, token) => {
    expect(await load(session, token)).toEqual(['done']);
    await session.guard?.confirm(token);
  });
  await running.reboot();
  expect(await readFile(file('interfaces'), 'latin1')).toBe(before.replace('iface eno2 inet manual\n', 'iface eno2 inet manual\n\tbridge-access 99\n'));
});

const main = [{ path: '/etc/network/interfaces', text: defaultInterfaces }];
test.each([
  { because: 'a port that has attributes keeps their white space and comments', change: { verb: 'update', name: 'eno5', after: { mode: 'trunk', native: 20, tagged: [10, 99] } }, from: '\tbridge_vids   99   20\n', to: '\tbridge_vids   10 99\n' },
  { because: 'nothing is rewritten that says it already', change: { verb: 'update', name: 'eno5', after: { mode: 'trunk', native: 20, tagged: [99] } }, from: '', to: '' },
  { because: 'a port goes back to what the bridge has', change: { verb: 'delete', name: 'eno5' }, from: '\tbridge_vids   99   20\n\tbridge-pvid 20\n', to: '' },
  { because: 'a port without a stanza gets one at the end', change: { verb: 'create', name: 'eno4', after: { mode: 'access', vlan: 10 } }, from: 'interfaces.d/*\n', to: 'interfaces.d/*\n\niface eno4 inet manual\n\tbridge-access 10\n' },
  { because: 'a VLAN is one word more', change: { verb: 'create', kind: 'vlan', name: 'office', after: { id: 10 } }, from: 'bridge-vids 99 1000-1009', to: 'bridge-vids 99 1000-1009 10' },
  { because: 'a VLAN of a range is there', change: { verb: 'create', kind: 'vlan', name: 'lab', after: { id: 1003 } }, from: '', to: '' },
] as const)('$because', ({ change: { name, ...rest }, from, to }) => {
  const kind = 'kind' in rest ? rest.kind : 'switch-port';
  const [after] = edit(main, undefined, { address: `c/t/${kind}/${name}`, verb: rest.verb, ...('after' in rest ? { after: rest.after } : {}) });
  expect(parseAddress(`c/t/${kind}/${name}`).name).toBe(name);
  expect(after?.text).toBe(defaultInterfaces.replace(from, to));
});

test.each([
  { because: 'not UTF-8', text: '# B\xfcro\n' }, { because: 'continued', text: 'iface a inet manual\n\tup echo \\\n  x\n' }, { because: 'continued in a comment', text: '# what \\\nauto lo\n' }, { because: 'a template', text: '%for x in y:\niface a\n%endfor\n' },
  { because: 'sources by a relative pattern', text: 'source interfaces.d/*\n' },
])('a file that is $because is not read line by line', ({ text }) => {
  expect(() => parseInterfaces([{ path: '/etc/network/interfaces', text }])).toThrow(expect.objectContaining({ code: 'unsupported' }));
});
