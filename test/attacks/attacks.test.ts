/**
 * The attack list of the product (bad input, hostile devices, hostile repositories), by its numbers. R: refused before any write. E: shown escaped, exact.
 * H: held, no plan. What another file tries stands in `covered`, and that file must say so by number.
 */
import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toAddress, type Problem, type Target } from '#contract';
import { folderSource } from '#git/file-sources';
import { kinds } from '#kinds/registry';
import { startHttpsServer, type HttpsServer } from '#testkit/https-server';
import { makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import { readContextFor } from '#testkit/test-context';
import type { ConformanceMaterial, RunningSimulator } from '#testkit/simulator';
import { createHttpClient } from '#transport/create-http-client';
import { systemClock } from '#transport/system-clock';
import { makeGraphClient } from '../../providers/m365/graph-client.ts';
import { loadDesired } from '../../src/desired/load-desired.ts';
import { readTarget } from '../../src/live/read-target.ts';
import { planCustomer } from '../../src/plan/plan-customer.ts';
import { checkCustomer } from '../../src/plan-state.ts';
import { loadProviders } from '../../src/providers.ts';
import { plain } from '../../src/render/paint.ts';
import { renderPlan } from '../../src/render/render-plan.ts';
import { renderPlanMarkdown } from '../../src/render/render-plan-markdown.ts';
import { renderAnnotations, renderProblems } from '../../src/render/render-problems.ts';
import { wordsOf } from '../../src/render/words.ts';
import { base, edited, load, type Files } from '../harness/desired.ts';
import { makeEngine } from '../harness/engine.ts';
import { entry, live, planInput } from '../plan/plan-fixture.ts';

const fw = (from: string, to: string): Files => edited('firewall.yaml', from, to);
const rule = (text: string): Files => fw('            services: [ssh]\n', `            services: [ssh]\n            ${text}\n`);
const member = (text: string): Files => fw('[198.51.100.0/28]', `[${JSON.stringify(text)}]`);
const address = (text: string): Files => edited('targets.yaml', 'address: 203.0.113.1', `address: ${JSON.stringify(text)}`);
const vlanId = (id: string): Files => edited('network.yaml', 'id: 10', `id: ${id}`);

async function problemsOf(files: Files): Promise<readonly Problem[]> {
  const providers = new Map([...await loadProviders()].map(([name, { provider }]) => [name, provider]));
  const loaded = await load(files);
  return [...loaded.problems, ...loaded.states.flatMap((state) => checkCustomer(state, providers))].filter(({ severity }) => severity === 'error');
}

const written: readonly { readonly item: number; readonly attack: string; readonly files: () => Files; readonly code: RegExp }[] = [
  ...['a\naccept', 'a\raccept', 'a\u2028accept'].map((text) => ({ item: 29, attack: JSON.stringify(text), files: () => rule(`comment: ${JSON.stringify(text)}`), code: /schema\.|text\.|yaml\./ })),
  ...['"; accept; #', '} chain evil {', 'a"b', 'a\\', "'", '@set', '$var', '`id`'].map((text) => ({ item: 30, attack: text, files: () => rule(`comment: ${JSON.stringify(text)}`), code: /schema\.|nftables\.|text\./ })),
  ...['10.0.0.1 accept\n accept #', '10.0.0.1, 0.0.0.0/0', '10.0.0.1;accept', '@set', '$x', '10.0.0.0-10.0.0.255', '!10.0.0.1'].map((text) => ({ item: 31, attack: text, files: () => member(text), code: /ip\.|schema\.|text\./ })),
  ...['$(reboot)', '`reboot`', '${IFS}'].map((text) => ({ item: 32, attack: text, files: () => rule(`comment: ${JSON.stringify(text)}`), code: /schema\.|nftables\./ })),
  ...["x.y='z'", '@rule[0]', 'a b', 'a.b', 'a/b', '-x', 'A', 'a}b', '_', 'a'.repeat(33)].map((text) => ({ item: 33, attack: text, files: () => fw('name: admin-ssh', `name: ${JSON.stringify(text)}`), code: /schema\.|firewall\.|nftables\./ })),
  { item: 34, attack: '129 bytes', files: () => rule(`comment: ${'x'.repeat(129)}`), code: /schema\.|nftables\./ },
  { item: 34, attack: '49 letters of two bytes', files: () => rule(`comment: ${'ü'.repeat(49)}`), code: /schema\.|nftables\./ },
  ...['admin.example', 'localhost', 'a'.repeat(63), 'xn--80ak6aa92e.com'].map((text) => ({ item: 35, attack: text, files: () => member(text), code: /ip\.invalid|schema\./ })),
  ...['0.0.0.0/0', '::/0', '0.0.0.0/1', '2000::/3'].map((text) => ({ item: 36, attack: text, files: () => member(text), code: /firewall\.open-management/ })),
  { item: 36, attack: 'both halves of the world', files: () => fw('[198.51.100.0/28]', '[0.0.0.0/1, 128.0.0.0/1]'), code: /firewall\.open-management/ },
  { item: 36, attack: 'no source at all', files: () => fw('            sources: [group:admins]\n', ''), code: /firewall\.open-management/ },
  { item: 36, attack: 'by default', files: () => fw('to: self\n        default: drop', 'to: self\n        default: accept'), code: /firewall\.open-management/ },
  ...['198.51.100.1/28', '010.0.0.1', '::ffff:10.0.0.1', '::ffff:0a00:1', 'fe80::1%eth0', '10.1', '167772161', '0x0a000001', '10.0.0.1/33', '10.0.0.1/+8', '10.0.0.0/8/8', '１０.0.0.1', ' 10.0.0.1'].map((text) => ({ item: 37, attack: text, files: () => member(text), code: /ip\.|schema\.|text\./ })),
  ...['0', '1', '4095', '4096', '-5', '10.5', '"10"'].map((id) => ({ item: 38, attack: `VLAN ${id}`, files: () => vlanId(id), code: /schema\.|yaml\./ })),
  { item: 40, attack: 'a deny above the management rule', files: () => fw('          - name: admin-ssh\n', '          - name: deny-all\n            action: drop\n          - name: admin-ssh\n'), code: /firewall\.shadowed-rule|lock-out/ },
  { item: 40, attack: 'the management rule turned round', files: () => fw('          - name: admin-ssh\n            action: accept', '          - name: admin-ssh\n            action: drop'), code: /lock-out/ },
  { item: 41, attack: 'an address that is an option', files: () => address('-oProxyCommand=id'), code: /schema\./ },
  { item: 41, attack: 'a sign-in name that is an option', files: () => edited('m365.yaml', 'ben@acme.example:', '--upload-pack@acme.example:'), code: /schema\./ },
  { item: 41, attack: 'a remote that is an option', files: () => ({ 'soll.yaml': 'version: 1\naudit:\n  remote: --upload-pack=id\n' }), code: /schema\./ },
  { item: 41, attack: 'a remote that runs a program', files: () => ({ 'soll.yaml': 'version: 1\naudit:\n  remote: ext::sh -c id\n' }), code: /schema\./ },
  ...['-x', '../x', 'a..b', 'x.lock', '@', 'heads/x'].map((prefix) => ({ item: 41, attack: `a branch ${prefix}`, files: () => ({ 'soll.yaml': `version: 1\naudit:\n  branchPrefix: "${prefix}"\n` }), code: /schema\./ })),
  ...['\u0003', 'banner ^C', 'end\ndo reload'].map((text) => ({ item: 42, attack: JSON.stringify(text), files: () => rule(`comment: ${JSON.stringify(text)}`), code: /schema\.|text\.|nftables\./ })),
  ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '017700000001', '0', '0.0.0.0', 'localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'ip6-localhost', '[::1]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:127.0.0.1]:22', '[::]', '169.254.169.254', '169.254.169.254:80', '[fe80::1]', '[fd00:ec2::254]', '[::ffff:a9fe:a9fe]', 'metadata.google.internal', 'metadata.google.internal.', '100.100.100.200', '168.63.129.16', '1.0x7f', 'user@127.0.0.1'].map((text) => ({ item: 43, attack: text, files: () => address(text), code: /target\.address|schema\./ })),
  { item: 46, attack: 'the protection one level too deep', files: () => ({ 'customers/acme/customer.yaml': 'name: Acme\nlimits:\n  protected: [a/b/c]\n' }), code: /schema\./ },
  ...['CON', 'con', 'nul', 'a_b', 'a.', 'a b', 'Acme', '-x', 'a'.repeat(300), '%2e%2e', 'ａcme'].map((name) => ({ item: 48, attack: name, files: () => ({ [`customers/${name}/customer.yaml`]: 'name: x\n' }), code: /customer\.name/ })),
  { item: 49, attack: 'twins that differ in case', files: () => ({ 'customers/ACME/customer.yaml': 'name: x\n' }), code: /customer\.name/ },
  ...(['symlink', 'submodule', 'other'] as const).map((what) => ({ item: 50, attack: what, files: () => ({ 'customers/acme/network.yaml': what }), code: /file\.type/ })),
  ...['-----BEGIN PRIVATE KEY-----MIIcanary-----END PRIVATE KEY-----', `AGE-SECRET-KEY-1${'Q'.repeat(58)}`, `ghp_${'a1'.repeat(20)}`].map((text) => ({ item: 60, attack: text.slice(0, 20), files: () => edited('network.yaml', 'gateway: 192.168.10.1', `gateway: 192.168.10.1\n        description: "${text}"`), code: /secret\.in-file/ })),
];

describe('what is written (R)', () => {
  it.each(written)('#$item $attack', async ({ files, code }) => {
    const problems = await problemsOf(files());
    expect(problems.map((problem) => problem.code)).toContainEqual(expect.stringMatching(code));
    for (const problem of problems) expect(problem.hint ?? '').not.toBe('');
    expect(await problemsOf({})).toEqual([]);
  });

  it('#39 two customers with one target stop both', async () => {
    const other = Object.fromEntries(Object.entries(base).map(([path, text]) => [path.replace('/acme/', '/zwei/'), text]));
    const problems = await problemsOf(other);
    expect(new Set(problems.map(({ customer }) => customer))).toEqual(new Set(['acme', 'zwei']));
  });

  it('#50 a link, a pipe and a device file in a real folder are told and not opened; a hard link is a file like any other', async () => {
    const root = await mkdtemp(join(tmpdir(), 'soll-attack-'));
    try {
      for (const [path, text] of Object.entries(base)) {
        await mkdir(join(root, path, '..'), { recursive: true });
        await writeFile(join(root, path), text);
      }
      const put = async (make: (path: string) => Promise<unknown>): Promise<readonly string[]> => {
        const path = join(root, 'customers/acme/network.yaml');
        await rm(path, { force: true });
        await make(path);
        const providers = new Map([...await loadProviders()].map(([name, { provider, settingsSchema }]) => [name, { settingsSchema, capabilities: provider.capabilities }]));
        return (await loadDesired({ source: folderSource(root), kinds, providers, lab: false, asOf: new Date().toISOString() })).problems.filter(({ severity }) => severity === 'error').map(({ code }) => code);
      };
      expect(await put((path) => symlink('/etc/passwd', path))).toContain('file.type');
      // Opening a pipe would wait for ever.
      expect(await put((path) => { execFileSync('mkfifo', [path]); return Promise.resolve(); })).toContain('file.type');
      expect(await put((path) => symlink('/dev/zero', path))).toContain('file.type');
      await writeFile(join(root, 'outside.yaml'), base['customers/acme/network.yaml'] ?? '');
      expect(await put((path) => link(join(root, 'outside.yaml'), path))).toEqual([]);
      await rm(join(root, 'customers/acme'), { recursive: true });
      await symlink('/etc', join(root, 'customers/acme'));
      expect(await put(() => Promise.resolve()).catch((error: unknown) => String(error))).not.toEqual([]);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});

const hostileNames: readonly { readonly item: number; readonly name: string; readonly never?: RegExp }[] = [
  { item: 86, name: 'a\u001b[2K\u001b[1Ab', never: /\u001b/ },
  { item: 86, name: 'a\u001b]0;title\u0007\u001b]8;;http://evil\u0007\u001b]52;c;aGk=\u0007', never: /[\u001b\u0007]/ },
  { item: 86, name: 'real\rfake', never: /\r/ },
  { item: 86, name: 'a\u009b31mb', never: /\u009b/ },
  { item: 89, name: 'x\n::set-output name=a::b', never: /^::set-output/m },
  { item: 89, name: '::add-mask::e', never: /^::add-mask/m },
  { item: 89, name: 'x\n##vso[task.setvariable variable=a]b', never: /^##vso/m },
  { item: 91, name: '***' },
  { item: 91, name: 'x\nfw1 converged\nNo changes', never: /^(fw1 converged|No changes)/m },
  { item: 91, name: 'sha256:0000' },
];
const hostileMarkdown: readonly { readonly item: number; readonly name: string; readonly never?: RegExp }[] = [
  { item: 87, name: '```\n# heading', never: /^# heading|^```$/m },
  { item: 87, name: '`````', never: /^`{3,}/m },
  { item: 87, name: '@team/all', never: /(^|[^`])@team\/all(?!`)[^`]*$/m },
  { item: 87, name: '![x](https://evil.example/p.png)', never: /!\[x\]\((?![^`\n]*`)/ },
  { item: 87, name: '</details><details>', never: /<\/details><details>(?![^`\n]*`)/ },
  { item: 87, name: '<!-- hidden', never: /<!--(?![^`\n]*`)/ },
  { item: 88, name: '<script>alert(1)</script>', never: /<script>(?![^`\n]*`)/ },
  { item: 88, name: '"><svg onload=x>', never: /<svg(?![^`\n]*`)/ },
  { item: 87, name: 'a | b | c' },
];

describe('what devices are called (E)', () => {
  const planWith = (name: string): ReturnType<typeof planCustomer> => {
    const mine = toAddress({ customer: 'nord', target: 'fw1', kind: 'address-group', name });
    const foreign = toAddress({ customer: 'nord', target: 'm365', kind: 'group', name });
    return planCustomer(planInput({ mode: 'merge', live: [live(mine, { members: ['10.0.0.1'] }), live(foreign, { type: 'security', displayName: name, members: [] }, { origin: 'foreign' })], ledger: { entries: entry(mine, { members: ['10.0.0.1'] }) } }));
  };
  it.each([...hostileNames, ...hostileMarkdown])('#$item $name', ({ name, never }) => {
    const plan = planWith(name);
    const problem: Problem = { code: 'x.y', severity: 'error', message: `bad: ${name}`, hint: name, target: name, source: { file: `customers/${name}.yaml`, line: 1, column: 1 } };
    const view = { paint: plain, words: wordsOf('en'), language: 'en' as const, width: Number.POSITIVE_INFINITY };
    const terminal = [renderPlan(plan, view), renderProblems({ problems: [problem], texts: new Map([[`customers/${name}.yaml`, name]]), ...view })].join('\n');
    const markdown = renderPlanMarkdown({ ...plan, problems: [problem] }, wordsOf('en'), 'en');
    const annotation = renderAnnotations([problem]);
    expect(terminal).toContain('address-group');
    expect(markdown).toContain('address-group');
    for (const text of [terminal, markdown, annotation]) expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
    // Runners look for their commands behind white space, too.
    expect(terminal).not.toMatch(/^\s*(::|##)/m);
    expect(annotation.split('\n')).toHaveLength(1);
    if (never !== undefined) expect(hostileMarkdown.some((each) => each.name === name) ? markdown : terminal).not.toMatch(never);
    // Every row of a table has the same number of cells, whatever stands in one.
    const rows = markdown.split('\n').filter((line) => line.startsWith('|')).map((line) => line.replaceAll('\\|', '').split('|').length);
    expect(new Set(rows).size).toBeLessThanOrEqual(1);
  });

  it('#92 a plan larger than a comment keeps every deletion and its whole digest', () => {
    const addresses = Array.from({ length: 900 }, (_, index) => toAddress({ customer: 'nord', target: 'fw1', kind: 'address-group', name: `group-with-a-rather-long-name-${String(index)}` }));
    const plan = planCustomer(planInput({ live: addresses.map((each) => live(each, { members: ['10.0.0.1'] })), ledger: { entries: Object.assign({}, ...addresses.map((each) => entry(each, { members: ['10.0.0.1'] }))) as ReturnType<typeof entry> }, allowDeletes: 900 }));
    const markdown = renderPlanMarkdown(plan, wordsOf('en'), 'en');
    expect(markdown.length).toBeGreaterThan(65_536);
    for (let index = 0; index < 900; index += 1) expect(markdown).toContain(`group-with-a-rather-long-name-${String(index)}\``);
    expect(markdown).toContain(plan.digest);
  });
});

describe('what devices answer (H)', () => {
  let identity: SelfSigned;
  let server: HttpsServer;
  let answer: (url: string) => { status: number; body: string; type?: string };
  beforeAll(async () => {
    identity = await makeSelfSigned('device');
    server = await startHttpsServer({ ...identity, handle: ({ url }) => {
      const { status, body, type } = answer(url);
      return Promise.resolve({ status, body, headers: { 'content-type': type ?? 'application/json' } });
    } });
  });
  afterAll(() => server.close());

  const store = async (): Promise<Awaited<ReturnType<typeof readTarget>>['reading']> => {
    const provider = (await loadProviders()).get('memory')?.provider;
    if (provider === undefined) throw new Error('no memory provider');
    const running = { host: server.host, port: server.port, identity: [`tls:${identity.fingerprint256}`], credentials: { read: 'token', write: 'token' } } as unknown as RunningSimulator;
    const target: Target = { customer: 'acme', name: 'store', provider: 'memory', address: `127.0.0.1:${String(server.port)}`, identity: running.identity, credentials: { read: { $secret: 'target-read' }, write: { $secret: 'target-write' } }, manages: { vlan: 'merge' }, settings: {} };
    return (await readTarget({ target, kinds, open: () => provider.open(target, readContextFor(running, 'acme')) })).reading;
  };
  const graph = (): ReturnType<typeof makeGraphClient> => makeGraphClient(
    createHttpClient({ origin: 'https://graph.microsoft.com', tls: { fingerprint256: identity.fingerprint256 }, connectTo: { host: server.host, port: server.port } }, { signal: new AbortController().signal, clock: systemClock }),
    { token: () => Promise.resolve('canary-token') }, readContextFor({ credentials: { read: '', write: '' } } as unknown as RunningSimulator, 'acme'),
  );
  const page = (value: unknown, next?: string): string => JSON.stringify({ value, ...(next === undefined ? {} : { '@odata.nextLink': next }) });

  it.each([
    { item: 77, attack: 'cut JSON', body: '{"items":[{"name":"a"' }, { item: 77, attack: 'nothing', body: '' }, { item: 77, attack: 'null', body: 'null' }, { item: 77, attack: 'a list', body: '[]' }, { item: 77, attack: 'a text', body: '"ok"' },
    { item: 77, attack: 'nesting of a hundred thousand', body: `${'['.repeat(100_000)}${']'.repeat(100_000)}` }, { item: 77, attack: 'an object without its list', body: '{}' }, { item: 77, attack: 'a list that is none', body: '{"items":"x","count":1,"total":1,"product":"p","version":"1"}' },
    { item: 77, attack: '__proto__', body: '{"__proto__":{"items":[],"total":0}}' }, { item: 77, attack: 'items that are none', body: '{"items":[null,1,"x"],"total":3,"product":"p","version":"1"}' },
    { item: 77, attack: 'an item without a name', body: '{"items":[{"spec":{},"revision":"1","owner":null}],"total":1,"product":"p","version":"1"}' }, { item: 79, attack: 'a cursor that leads on for ever', body: '{"items":[],"next":"x","total":1,"product":"p","version":"1"}' },
    { item: 78, attack: 'a login page', body: '<html><form>password</form></html>', type: 'text/html' }, { item: 78, attack: 'a login page that says it is JSON', body: '<html>' },
    { item: 81, attack: 'nothing after 403', status: 403, body: '{"items":[],"total":0}' }, { item: 81, attack: 'nothing after 500', status: 500, body: '{"items":[],"total":0}' },
  ])('#$item $attack: no plan, never an empty one', async ({ body, type, status }) => {
    answer = () => ({ status: status ?? 200, body, ...(type === undefined ? {} : { type }) });
    const reading = await store();
    expect(reading.status).toBe('unreachable');
    expect(({} as Record<string, unknown>)['items']).toBeUndefined();
  });

  it.each([
    { item: 79, attack: 'a next page at another host', pages: [page([{ id: '1' }], 'https://evil.example/v1.0/users?page=2')] },
    { item: 79, attack: 'a host that only begins alike', pages: [page([{ id: '1' }], 'https://graph.microsoft.com.evil.example/v1.0/users')] },
    { item: 79, attack: 'a next page in plain text', pages: [page([{ id: '1' }], 'http://graph.microsoft.com/v1.0/users?page=2')] },
    { item: 79, attack: 'a next page that is no text', pages: [JSON.stringify({ value: [], '@odata.nextLink': 7 })] },
    { item: 79, attack: 'a page that leads to itself', pages: [page([{ id: '1' }], 'https://graph.microsoft.com/v1.0/users?page=2'), page([{ id: '2' }], 'https://graph.microsoft.com/v1.0/users?page=2')] },
    { item: 82, attack: 'an object on two pages', pages: [page([{ id: '1' }], 'https://graph.microsoft.com/v1.0/users?page=2'), page([{ id: '1' }])] },
    { item: 80, attack: 'a second page that fails', pages: [page([{ id: '1' }], 'https://graph.microsoft.com/v1.0/users?page=2'), '{"value":'] },
    { item: 77, attack: 'a page without its list', pages: ['{"@odata.count":0}'] },
    { item: 77, attack: 'objects that are none', pages: ['{"value":[null,1]}'] },
    { item: 77, attack: 'a list that is an object', pages: ['{"value":{"length":0}}'] },
    { item: 78, attack: 'a page of HTML', pages: ['<html>'] },
  ])('#$item Graph: $attack', async ({ pages }) => {
    const asked: string[] = [];
    answer = (url) => {
      asked.push(url);
      return { status: 200, body: pages[Math.min(asked.length, pages.length) - 1] ?? '' };
    };
    const client = graph();
    await expect(client.list('/users')).rejects.toMatchObject({ code: expect.stringMatching(/protocol|unreachable/) as string });
    await client.close();
    expect(asked.length).toBeLessThanOrEqual(8);
  });
});

describe('a device that lies (H)', () => {
  it('#83 says yes to every write and keeps nothing: nothing is called done', async () => {
    const identity = await makeSelfSigned('liar');
    const puts: string[] = [];
    const liar = await startHttpsServer({ ...identity, handle: ({ method, url }) => {
      if (method === 'PUT') puts.push(url);
      const [status, body] = url === '/identity' ? [200, { product: 'liar', version: '1' }] : method === 'PUT' ? [200, { name: 'x', spec: {}, revision: '1', owner: 'soll' }] : url.includes('limit=') ? [200, { items: [], total: 0 }] : [200, { object: null }];
      return Promise.resolve({ status, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    } });
    try {
      const provider = (await loadProviders()).get('memory')?.provider;
      if (provider === undefined) throw new Error('no memory provider');
      const running = { host: liar.host, port: liar.port, identity: [`tls:${identity.fingerprint256}`], credentials: { read: 'token', write: 'token' } } as unknown as RunningSimulator;
      const material = { target: { manages: { vlan: 'merge' }, settings: {} } } as unknown as ConformanceMaterial;
      const engine = makeEngine(provider, running, material);
      const vlan = { kind: 'vlan', name: 'office', spec: { id: 10 } };
      const results = await engine.apply(await engine.plan([vlan]));
      expect(puts).toHaveLength(1);
      expect(results.map(({ verdict }) => verdict)).not.toContain('converged');
      expect(engine.ledger.entries).toEqual({});
    } finally {
      await liar.close();
    }
  });
});

/** By number: the file, and what it must hold. */
const covered: Readonly<Record<number, readonly [file: string, proof: string]>> = {
  32: ['test/transport/ssh.test.ts', '#32'], 41: ['test/transport/ssh.test.ts', '#41'], 44: ['test/transport/http.test.ts', '#44'],
  47: ['test/e2e/cli.test.ts', 'a protected object is not deleted'],
  51: ['test/attacks/repository.test.ts', '#51'], 52: ['test/attacks/repository.test.ts', '#52'],
  53: ['test/attacks/approval.test.ts', '#53'], 54: ['test/attacks/approval.test.ts', '#54'], 55: ['test/attacks/approval.test.ts', '#55'], 56: ['test/e2e/pr-plan.test.ts', 'of a fork is not planned'], 57: ['test/attacks/approval.test.ts', '#57'], 58: ['test/attacks/approval.test.ts', '#58'], 59: ['test/attacks/approval.test.ts', '#59'],
  61: ['test/attacks/approval.test.ts', '#61'], 62: ['test/attacks/approval.test.ts', '#62'], 64: ['test/attacks/approval.test.ts', '#64'], 69: ['test/attacks/approval.test.ts', '#69'], 60: ['test/attacks/repository.test.ts', '#60'],
  63: ['test/attacks/repository.test.ts', '#63'], 65: ['test/attacks/repository.test.ts', '#65'], 66: ['test/attacks/repository.test.ts', '#66'], 67: ['test/attacks/repository.test.ts', '#67'], 68: ['test/attacks/repository.test.ts', '#68'],
  70: ['test/attacks/repository.test.ts', '#70'], 71: ['test/attacks/repository.test.ts', '#71'], 72: ['test/attacks/repository.test.ts', '#72'], 73: ['test/attacks/repository.test.ts', '#73'],
  74: ['test/audit/open-audit.test.ts', '#74'],
  75: ['test/transport/http.test.ts', '#75'], 76: ['test/transport/http.test.ts', '#76'], 84: ['test/transport/ssh.test.ts', '#84'], 85: ['test/transport/ssh.test.ts', 'a prompt in the output'],
  93: ['test/transport/http.test.ts', '#93'], 94: ['test/conformance/conformance.test.ts', 'no credential appears in a plan, a record or an error'],
};

/** Not there yet, with the reason. */
const absent: Readonly<Record<number, string>> = {
  45: 'no kind with an exclusion list', 46: 'no conditional access; the row above tries a protection in the wrong place', 90: 'nothing is written as CSV', 95: 'no decision reads the clock of a device; a guard counts seconds on the device itself',
};

it('every number of the list is tried, covered by name elsewhere, or absent with a reason', async () => {
  const inScope = Array.from({ length: 67 }, (_, index) => 29 + index);
  const own = new Set([...(await readFile(new URL(import.meta.url), 'utf8')).matchAll(/item: (\d+)|#(\d+) /g)].map((match) => Number(match[1] ?? match[2])));
  expect(inScope.filter((item) => !own.has(item) && covered[item] === undefined && absent[item] === undefined)).toEqual([]);
  for (const [file, proof] of Object.values(covered)) {
    const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
    const item = /^#(\d+)$/.exec(proof)?.[1];
    expect(text.includes(proof) || (item !== undefined && text.includes(`item: ${item},`)), `${file} says nothing of ${proof}`).toBe(true);
  }
});
