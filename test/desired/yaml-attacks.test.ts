/** What YAML can do to a reader: each is refused, quickly, with a code and a place, and nothing of the customer is planned. */
import { describe, expect, it } from 'vitest';
import { errorsOf, edited, load, type Files } from '../harness/desired.ts';

const network = 'customers/acme/network.yaml';
const customer = 'customers/acme/customer.yaml';
const vlan = (id: string): Files => edited('network.yaml', 'id: 10', `id: ${id}`);
const named = (name: string): Files => edited('network.yaml', 'gateway: 192.168.10.1', `gateway: 192.168.10.1\n        description: ${name}`);

const attacks: readonly { readonly attack: string; readonly files: Files; readonly code: string | RegExp; readonly at?: string }[] = [
  { attack: '1 alias bomb', files: { [network]: `a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: &d [*c,*c]\nsites: *d\n` }, code: /yaml\.(anchor|alias)/, at: '1:7' },
  { attack: '2 alias of itself', files: { [network]: 'sites: &a\n  hq: *a\n' }, code: /yaml\.(anchor|alias)/, at: '2:7' },
  { attack: '3 a hundred thousand keys', files: { [network]: `sites:\n${Array.from({ length: 100_000 }, (_, index) => `  s${String(index)}: {}`).join('\n')}\n` }, code: /file\.too-large|yaml\.too-many-keys|yaml\./ },
  { attack: '4 nesting of twenty thousand', files: { [network]: `sites: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n` }, code: /yaml\.(depth|nesting|too-deep)/ },
  { attack: '5 duplicate key', files: { [network]: 'sites:\n  hq:\n    vlans: {}\n  hq:\n    vlans: {}\n' }, code: 'yaml.duplicate-key', at: '4:3' },
  { attack: '6 number and text as one key', files: { [network]: 'sites:\n  1: {}\n  "1": {}\n' }, code: /yaml\./ },
  { attack: '7 merge key', files: { [network]: 'sites:\n  hq:\n    <<: {vlans: {}}\n' }, code: /yaml\./, at: '3:5' },
  { attack: '8 tag that runs code', files: { [network]: 'sites: !!js/function "x"\n' }, code: /yaml\.tag/, at: '1:8' },
  { attack: '8 tag that reads the surroundings', files: { [network]: 'sites: !env HOME\n' }, code: /yaml\.tag/, at: '1:8' },
  { attack: '9 binary', files: { [network]: 'sites: !!binary aGVsbG8=\n' }, code: /yaml\.tag/ },
  { attack: '9 set', files: { [network]: 'sites: !!set {a}\n' }, code: /yaml\.tag/ },
  { attack: '10 directive', files: { [network]: '%YAML 1.1\n---\nsites: {}\n' }, code: /yaml\.directive/, at: '1:1' },
  { attack: '11 second document', files: { [network]: 'sites: {}\n---\nsites: {}\n' }, code: 'yaml.several-documents', at: '2:1' },
  { attack: '12 empty file', files: { [network]: '' }, code: /yaml\.empty|file\.empty/ },
  { attack: '12 comments only', files: { [network]: '# nothing\n# here\n' }, code: /yaml\.empty|file\.empty/ },
  { attack: '13 cut at a key', files: edited('firewall.yaml', '        rules:\n          - name: surf\n            action: accept\n            sources: [vlan:office]\n            services: [web]\n    masquerade: {}\n    portForwards: {}\n', '        rules:\n'), code: /schema\./ },
  { attack: '14 __proto__', files: { [network]: 'sites:\n  __proto__:\n    vlans: {}\n' }, code: /yaml\.|schema\./, at: '2:3' },
  { attack: '14 constructor', files: { [network]: 'sites:\n  constructor:\n    prototype: {}\n' }, code: /yaml\.|schema\./, at: '2:3' },
  ...['012', '0o12', '1e3', '0x1F'].map((id) => ({ attack: `15 VLAN ${id}`, files: vlan(id), code: /yaml\.number|schema\./, at: '5:13' })),
  ...['.inf', '.nan', '-0'].map((id) => ({ attack: `16 ${id}`, files: vlan(id), code: /yaml\.number|schema\./, at: '5:13' })),
  { attack: '17 1.10 without quotes', files: named('1.10'), code: 'yaml.number', at: '8:22' },
  { attack: '19 twenty digits', files: vlan('12345678901234567890'), code: 'yaml.number', at: '5:13' },
  ...[['NUL', '\u0000'], ['ESC', '\u001b'], ['DEL', '\u007f']].map(([name = '', letter = '']) => ({ attack: `20 ${name}`, files: named(`a${letter}b`), code: /text\.|file\.|yaml\./ })),
  ...[['right-to-left override', '\u202e'], ['zero-width space', '\u200b'], ['isolate', '\u2066']].flatMap(([name = '', letter = '']) => [
    { attack: `21 ${name} in a text`, files: named(`a${letter}b`), code: /text\.|file\.|yaml\./ },
    { attack: `21 ${name} in a comment`, files: named(`x # ${letter}`), code: /text\.|file\.|yaml\./ },
  ]),
  { attack: '22 bad UTF-8', files: { [network]: new Uint8Array([...Buffer.from('sites: {} # '), 0xff, 0xfe, 0x0a]) }, code: /text\.|file\.|yaml\./ },
  { attack: '22 UTF-8 of a lone surrogate', files: { [network]: new Uint8Array([...Buffer.from('sites: {} # '), 0xed, 0xa0, 0x80, 0x0a]) }, code: /text\.|file\.|yaml\./ },
  { attack: '22 UTF-16', files: { [network]: Buffer.from('\ufeffsites: {}\n', 'utf16le') }, code: /text\.|file\.|yaml\./ },
  { attack: '22 byte order mark inside', files: named('a\ufeffb'), code: /text\.|file\.|yaml\./ },
  { attack: '23 NEL', files: named('a\u0085b'), code: /text\.|file\.|yaml\./ },
  { attack: '23 line separator', files: named('a\u2028b'), code: /text\.|file\.|yaml\./ },
  { attack: '24 Cyrillic a in a sign-in name', files: edited('m365.yaml', '      ben@acme.example:', '      b\u0430n@acme.example:'), code: /schema\.|m365\./ },
  { attack: '24 Cyrillic a in a customer\'s name', files: { 'customers/\u0430cme/customer.yaml': 'name: x\n' }, code: 'customer.name' },
  { attack: '25 unknown field', files: { [customer]: 'name: Acme GmbH\nprotcted: [a/b/c]\n' }, code: /schema\./, at: '2:1' },
  { attack: '26 safety flag one level too deep', files: { [customer]: 'name: Acme GmbH\nsites:\n  hq:\n    name: x\n    protected: [a/b/c]\n' }, code: /schema\./, at: '5:5' },
  { attack: '28 ten megabytes of text', files: named('x'.repeat(10_000_000)), code: /file\./ },
];

describe('an attack by YAML', () => {
  it.each(attacks)('is refused: $attack', async ({ files, code, at }) => {
    const started = performance.now();
    const loaded = await load(files);
    const errors = errorsOf(loaded);
    expect(errors.map((each) => each.code)).toContainEqual(expect.stringMatching(code));
    if (at !== undefined) expect(errors.map(({ source }) => `${String(source?.line)}:${String(source?.column)}`)).toContain(at);
    // What is broken is not planned, not even in part.
    if (Object.keys(files).some((path) => path.startsWith('customers/acme/'))) expect(loaded.states).toEqual([]);
    for (const error of errors) expect(error.hint ?? '').not.toBe('');
    // No bench: a reader that hangs takes minutes.
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(({} as Record<string, unknown>)['vlans']).toBeUndefined();
  });

  it.each(['no', 'off', 'yes', 'on', '1_000', '~x', '2026-11-24'])('18 is no attack: %s stays a text and comes back as written', async (text) => {
    const loaded = await load(named(text));
    expect(errorsOf(loaded)).toEqual([]);
  });

  it('27 a value made to keep patterns busy is refused at once', async () => {
    const loaded = await load(edited('m365.yaml', '      ben@acme.example:', `      ${'a'.repeat(50_000)}!@acme.example:`));
    expect(errorsOf(loaded).length).toBeGreaterThan(0);
  });

  it.each(['symlink', 'submodule', 'other'] as const)('a %s in place of a file is told and not followed', async (type) => {
    const loaded = await load({ [network]: type });
    expect(errorsOf(loaded).map(({ code }) => code)).toContain('file.type');
    expect(loaded.states).toEqual([]);
  });

  it.each(['con', 'a_b', 'Acme', '-x', 'a'.repeat(64), 'a.b'])('a folder named %s is no customer', async (name) => {
    const loaded = await load({ [`customers/${name}/customer.yaml`]: 'name: x\n' });
    expect(errorsOf(loaded).map(({ code }) => code)).toContain('customer.name');
  });

  it('every problem of every file is told in one run', async () => {
    const loaded = await load({ ...vlan('012'), [customer]: 'name: Acme GmbH\nprotcted: []\nsites:\n  hq:\n    name: x\n', ...edited('m365.yaml', 'usageLocation: DE', 'usageLocation: de') });
    expect(new Set(errorsOf(loaded).map(({ source }) => source?.file))).toEqual(new Set([network, customer, 'customers/acme/m365.yaml']));
  });
});
