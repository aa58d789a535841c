/** Files of UCI to resources and back, and the exact lines that a change is. */
import { describe, expect, test } from 'vitest';
import { isProviderError, SecretValue, toAddress, type Change, type JsonObject, type Target, type Verb } from '#contract';
import { editDevice, EditRefused, loadParts, sectionsOf, type Texts } from './edit-device.ts';
import { decodeName, encodeName } from './names.ts';
import { portOf, readBridge } from './ports.ts';
import { parseReading, parseStatus } from './reading.ts';
import { stateOf } from './read-device.ts';
import { board, defaults } from './simulator/defaults.ts';
import { parseUci, renderExport, UciFile } from './uci.ts';

const target: Target = { customer: 'c', name: 't', provider: 'openwrt', address: '192.0.2.1', identity: [], credentials: { read: { $secret: 'r' }, write: { $secret: 'w' } }, manages: {}, settings: {} };
const texts: Texts = { network: defaults['network'] ?? '', wireless: defaults['wireless'] ?? '', firewall: defaults['firewall'] ?? '' };
const tools = (revealed: string[] = []): Parameters<typeof editDevice>[2] => ({ target, salt: () => 'aa', reveal: ({ $secret }) => { revealed.push($secret); return Promise.resolve(new SecretValue($secret, `value of ${$secret}`)); } });
const change = (verb: Verb, kind: string, name: string, after?: JsonObject, before?: JsonObject): Change => ({ verb, address: toAddress({ customer: 'c', target: 't', kind, name }), reason: 'new', ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) });

/** Lines that go and lines that come, in order. */
function diff(before: string, after: string): readonly string[] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const lines: string[] = [];
  let at = 0;
  for (const line of old) {
    const found = now.indexOf(line, at);
    if (found < 0) lines.push(`-${line}`);
    else {
      lines.push(...now.slice(at, found).map((each) => `+${each}`));
      at = found + 1;
    }
  }
  return [...lines, ...now.slice(at).map((each) => `+${each}`)].filter((line) => line !== '+' && line !== '-');
}

describe('grammar', () => {
  test.each([
    { because: 'three ways of quoting', text: "config a b\n\toption x 'it'\\''s'\n option y \"a \\\"b\\\" c\"\n\toption z plain\\ word\n", exported: "package p\n\nconfig a 'b'\n\toption x 'it'\\''s'\n\toption y 'a \"b\" c'\n\toption z 'plain word'\n\n" },
    { because: 'values over several lines, comments, one letter for a word', text: "#x\nc a\n\to x 'one\ntwo' # three\n\tl y 1\n\tl y 2\n\to x 'last'\n", exported: "package p\n\nconfig a\n\toption x 'last'\n\tlist y '1'\n\tlist y '2'\n\n" },
    { because: 'a name of its own file, an empty option', text: "package p\nconfig a\n\toption x 'v'\n\toption x ''\n", exported: 'package p\n\nconfig a\n\n' },
    { because: 'no end of line at the end', text: "config a\n\toption x '#;'", exported: "package p\n\nconfig a\n\toption x '#;'\n\n" },
  ])('$because', ({ text, exported }) => {
    expect(renderExport('p', parseUci(text))).toBe(exported);
  });

  test.each(["option x 'before a section'\n", 'config a; option x 1\n', "config a\n\toption x 'no end\n", 'nonsense\n', 'config\n', 'config a b c\n', "package p\nconfig a\npackage q\nconfig b\n"])('%j is refused', (text) => {
    expect(() => parseUci(text)).toThrow(expect.objectContaining({ code: 'protocol' }));
  });

  test('what is edited is the line, and what is added to a last line without an end does not join it', () => {
    const file = new UciFile("# a\nconfig x 'y' # b\n\tlist p '1'\n\tlist p '2' # c\n\n# d\nconfig z\n\toption q 'r'");
    const [x] = file.sections;
    if (x === undefined) throw new Error('no section');
    file.putList(x, 'p', ['2', '3']);
    file.put({ type: 'n', name: 'new', options: { e: '1' } });
    expect(file.result()).toBe("# a\nconfig x 'y' # b\n\tlist p '2' # c\n\tlist p '3'\n\n# d\nconfig z\n\toption q 'r'\n\nconfig n 'new'\n\toption e '1'\n");
  });
});

test.each(['a', 'a-b', 'a--b', 'wan.self.no-mail', 'a-.b', 'x-'])('name %s comes back from the name of a section', (name) => {
  expect(encodeName(name)).toMatch(/^\w+$/);
  expect(decodeName(encodeName(name))).toBe(name);
});

describe('ports', () => {
  const bridge = (...vlans: readonly string[]): ReturnType<typeof readBridge> => readBridge(parseUci(`config device\n option name br-lan\n option type bridge\n list ports lan1\n${vlans.join('')}`), 'br-lan');
  const vlan = (id: number, ...ports: readonly string[]): string => `config bridge-vlan\n option device br-lan\n option vlan ${String(id)}\n${ports.map((port) => ` list ports '${port}'\n`).join('')}`;
  test.each([
    { because: 'nobody set it up', vlans: [vlan(1, 'lan1:u*')], state: undefined },
    { because: 'in no VLAN', vlans: [vlan(10, 'lan10:u*')], state: undefined },
    { because: 'access', vlans: [vlan(10, 'lan1:u*'), vlan(20, 'lan2')], state: { spec: { mode: 'access', vlan: 10 } } },
    { because: 'access without flags', vlans: [vlan(10, 'lan1')], state: { spec: { mode: 'access', vlan: 10 } } },
    { because: 'trunk with a native VLAN', vlans: [vlan(1, 'lan1:u*'), vlan(20, 'lan1:t'), vlan(10, 'lan1:t')], state: { spec: { mode: 'trunk', native: 1, tagged: [10, 20] } } },
    { because: 'trunk without one', vlans: [vlan(20, 'lan1:t')], state: { spec: { mode: 'trunk', tagged: [20] } } },
    { because: 'two leave it untagged', vlans: [vlan(1, 'lan1:u*'), vlan(20, 'lan1:u')], state: { spec: { mode: 'access', vlan: 1 }, odd: expect.any(String) as string } },
    { because: 'what comes in untagged leaves tagged', vlans: [vlan(20, 'lan1:t*')], state: { spec: { mode: 'trunk', tagged: [20] }, odd: expect.any(String) as string } },
  ])('$because', ({ vlans, state }) => {
    const found = bridge(...vlans);
    expect(found === undefined ? 'no bridge' : portOf(found, 'lan1')).toEqual(state);
  });
});

describe('the exact lines', () => {
  test('a port that moves is its line in two VLANs, one of them made by hand', async () => {
    const next = await editDevice(texts, [change('create', 'switch-port', 'lan1', { mode: 'access', vlan: 99 })], tools());
    expect(Object.keys(next)).toEqual(['network']);
    expect(diff(texts.network ?? '', next.network ?? '')).toEqual(["-\tlist ports 'lan1:u*'   # office", "+\tlist ports 'lan1:u*'"]);
  });

  test('a trunk keeps the VLAN that goes untagged, where nobody says otherwise', async () => {
    const next = await editDevice(texts, [change('create', 'switch-port', 'lan1', { mode: 'trunk', tagged: [99] })], tools());
    expect(diff(texts.network ?? '', next.network ?? '')).toEqual(["+\tlist ports 'lan1:t'"]);
  });

  test('a VLAN is two sections, a WLAN one for each radio and what was written for its secret', async () => {
    const revealed: string[] = [];
    const next = await editDevice(texts, [change('create', 'ssid', 'office', { ssid: "it's", security: 'wpa2-wpa3-personal', passphrase: { $secret: 'wlan', version: 1 }, vlan: 10, bands: ['5'] }), change('create', 'vlan', 'office', { id: 10 })], tools(revealed));
    expect(diff(texts.network ?? '', next.network ?? '')).toEqual(["+config bridge-vlan 'soll_v10'", "+\toption device 'br-lan'", "+\toption vlan '10'", "+config interface 'soll_n10'", "+\toption device 'br-lan.10'", "+\toption proto 'none'"]);
    expect(diff(texts.wireless ?? '', next.wireless ?? '')).toEqual([
      "+config wifi-iface 'soll_w_office_radio1'", "+\toption device 'radio1'", "+\toption mode 'ap'", "+\toption network 'soll_n10'", "+\toption ssid 'it'\\''s'", "+\toption encryption 'sae-mixed'", "+\toption hidden '0'", "+\toption isolate '0'", "+\toption disabled '0'", "+\toption key 'value of wlan'",
    ]);
    expect(next.soll).toMatch(/^config wlan 'soll_w_office'\n\toption passphrase 'wlan:1:aa:[0-9a-f]{64}'\n$/);
    expect(revealed).toEqual(['wlan']);
    const state = stateOf(sectionsOf({ ...texts, ...next }), target);
    expect(state.live.find(({ address }) => address === 'c/t/ssid/office')?.spec).toEqual({ ssid: "it's", security: 'wpa2-wpa3-personal', passphrase: { $secret: 'wlan', version: 1 }, vlan: 10, enabled: true, bands: ['5'], hidden: false, isolated: false });
    // What is not about the secret does not ask for it, and leaves what somebody added.
    const added = (next.wireless ?? '').replace("\toption key 'value", "\toption ieee80211r '1'\n\toption key 'value");
    const again = await editDevice({ ...texts, ...next, wireless: added }, [change('update', 'ssid', 'office', { hidden: true, passphrase: { $secret: 'wlan', version: 1 } }, { hidden: false, passphrase: { $secret: 'wlan', version: 1 } })], tools(revealed));
    expect(revealed).toEqual(['wlan']);
    const options = (text: string): Readonly<Record<string, string>> => Object.fromEntries(parseUci(text).find(({ name }) => name === 'soll_w_office_radio1')?.options.map(({ name, value }) => [name, value]) ?? []);
    expect(options(again.wireless ?? '')).toEqual({ ...options(added), hidden: '1' });
    expect(options(added)).toMatchObject({ hidden: '0', ieee80211r: '1', key: 'value of wlan' });
  });

  const walls = [
    change('create', 'service', 'web', { ports: ['tcp/443', 'udp/443'] }), change('create', 'address-group', 'admins', { members: ['198.51.100.7', '2001:db8::7'] }),
    change('create', 'firewall-policy', 'lan.wan', { from: 'lan', to: 'wan', default: 'drop', log: false, order: ['surf', 'rest'] }),
    change('create', 'firewall-rule', 'lan.wan.surf', { from: 'lan', to: 'wan', action: 'accept', services: ['web'], sources: ['group:admins'], log: false }), change('create', 'firewall-rule', 'lan.wan.rest', { from: 'lan', to: 'wan', action: 'reject', log: true }),
  ];
  const names = (text: string): readonly string[] => parseUci(text).flatMap(({ name }) => (name?.startsWith('soll_') === true ? [name] : []));

  test('a rule is a section for each protocol and family; one that moves is put behind the others', async () => {
    const next = await editDevice(texts, walls, tools());
    expect((next.firewall ?? '').startsWith(texts.firewall ?? 'x')).toBe(true);
    expect(names(next.firewall ?? '')).toEqual(['soll_r_lan_wan_surf_t4', 'soll_r_lan_wan_surf_t6', 'soll_r_lan_wan_surf_u4', 'soll_r_lan_wan_surf_u6', 'soll_r_lan_wan_rest_a', 'soll_p_lan_wan']);
    expect(next.firewall).toContain("config rule 'soll_r_lan_wan_surf_t6'\n\toption name 'lan.wan.surf'\n\toption src 'lan'\n\toption dest 'wan'\n\toption family 'ipv6'\n\toption proto 'tcp'\n\tlist dest_port '443'\n\tlist src_ip '2001:db8::7'\n\toption target 'ACCEPT'\n");
    const moved = await editDevice({ ...texts, ...next }, [change('update', 'firewall-policy', 'lan.wan', { from: 'lan', to: 'wan', default: 'drop', log: false, order: ['rest', 'surf'] })], tools());
    expect(names(moved.firewall ?? '')).toEqual(['soll_r_lan_wan_rest_a', 'soll_r_lan_wan_surf_t4', 'soll_r_lan_wan_surf_t6', 'soll_r_lan_wan_surf_u4', 'soll_r_lan_wan_surf_u6', 'soll_p_lan_wan']);
    expect((moved.firewall ?? '').startsWith(texts.firewall ?? 'x')).toBe(true);
  });

  test.each([
    { because: 'an option of a rule', edit: (text: string) => text.replace("list dest_port '443'", "list dest_port '3389'"), address: 'firewall-rule/lan.wan.surf' },
    { because: 'a section of a rule is gone', edit: (text: string) => text.replace(/config rule 'soll_r_lan_wan_surf_u6'[^]*?\n\n/, ''), address: 'firewall-rule/lan.wan.surf' },
    { because: 'a section too many', edit: (text: string) => `${text}\nconfig rule 'soll_r_lan_wan_surf_x'\n\toption src 'wan'\n\toption target 'ACCEPT'\n`, address: 'firewall-rule/lan.wan.surf' },
    { because: 'the default', edit: (text: string) => text.replace(/(config rule 'soll_p_lan_wan'[^]*?)DROP/, '$1ACCEPT'), address: 'firewall-policy/lan.wan' },
    { because: 'the order', edit: (text: string) => { const parts = text.split(/^(?=config )/m); return [...parts.slice(0, -2), `${parts.at(-1) ?? ''}\n`, parts.at(-2) ?? ''].join(''); }, address: 'firewall-policy/lan.wan' },
  ])('by hand: $because shows', async ({ edit, address }) => {
    const next = await editDevice(texts, walls, tools());
    const specs = (given: Texts): ReadonlyMap<string, JsonObject> => new Map(stateOf(sectionsOf(given), target).live.map((live) => [live.address, live.spec]));
    const before = specs({ ...texts, ...next });
    const after = specs({ ...texts, ...next, firewall: edit(next.firewall ?? '') });
    expect(next.firewall).not.toBe(edit(next.firewall ?? ''));
    expect([...before].filter(([key, spec]) => JSON.stringify(after.get(key)) !== JSON.stringify(spec)).map(([key]) => key)).toEqual([`c/t/${address}`]);
  });

  test('everything taken away again leaves every byte as it was', async () => {
    const wanted = [change('create', 'vlan', 'office', { id: 10 }), change('create', 'switch-port', 'lan2', { mode: 'access', vlan: 10 }), change('create', 'ssid', 'office', { ssid: 'x', security: 'open', vlan: 10 }), ...walls];
    const next = { ...texts, ...await editDevice(texts, wanted, tools()) };
    const gone = { ...next, ...await editDevice(next, wanted.map(({ address, after }) => ({ verb: 'delete', address, reason: 'removed', before: after ?? {} })), tools()) };
    const trimmed = (given: Texts): unknown => Object.fromEntries(Object.entries(given).filter(([name]) => name !== 'soll').map(([name, text]) => [name, text.trimEnd()]));
    expect(trimmed({ wireless: gone.wireless ?? '', firewall: gone.firewall ?? '' })).toEqual(trimmed({ wireless: texts.wireless ?? '', firewall: texts.firewall ?? '' }));
    // The port is back where it was; its line stands behind the others of its VLAN now.
    expect((gone.network ?? '').trimEnd().split('\n').toSorted()).toEqual((texts.network ?? '').trimEnd().split('\n').toSorted());
    expect(renderExport('soll', parseUci(gone.soll ?? ''))).toBe('package soll\n\n');
  });

  test('a value that is no passphrase is refused before anything is sent', async () => {
    const weak = { ...tools(), reveal: () => Promise.resolve(new SecretValue('wlan', 'a\nwpa=0')) };
    const failure: unknown = await editDevice(texts, [change('create', 'ssid', 'office', { ssid: 'x', security: 'wpa3-personal', passphrase: { $secret: 'wlan', version: 1 } })], weak).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EditRefused);
    expect(failure instanceof Error ? failure.message : '').not.toContain('wpa=0');
  });

  test('lines are counted as the script counts them', () => {
    const [part] = loadParts({ network: "config a\n\toption x 'one\ntwo'" });
    expect(part?.argument).toMatch(/^network:3:[0-9a-f]{64}:[0-9a-f]{64}$/);
    expect(part?.text.endsWith('\n')).toBe(true);
  });
});

describe('answers', () => {
  const exported = ['firewall', 'network', 'wireless'].map((name) => renderExport(name, parseUci(defaults[name] ?? ''))).join('');
  const answer = `${board}0\n${exported}soll-end\n`;
  test('a whole one', () => {
    expect(parseReading(answer)).toMatchObject({ model: 'Zyxel NWA50AX Pro', staged: false });
    expect(parseReading(answer.replace('}\n0\n', '}\n27\n')).staged).toBe(true);
  });

  test.each([
    { because: 'cut at a section', text: answer.slice(0, answer.indexOf("\nconfig interface 'lan'")) },
    { because: 'cut inside a value', text: `${answer.slice(0, answer.indexOf('192.0.2.1'))}\nsoll-end\n` },
    { because: 'a banner before it', text: `BusyBox v1.36.1\n${answer}` },
    { because: 'a page of something else', text: '<html><body>Login</body></html>' },
    { because: 'without the firewall', text: answer.replace(/package firewall[^]*?(?=package network)/, '') },
    { because: 'bytes that are not UTF-8', text: answer.replace("'lo'", "'\u{FFFD}'\n\tgarbage") },
    { because: 'a package twice', text: answer.replace('soll-end\n', "package network\n\nconfig a\n\nsoll-end\n") },
    { because: 'nothing', text: '' },
  ])('$because is no reading', ({ text }) => {
    let failure: unknown;
    try { parseReading(text); } catch (error) { failure = error; }
    expect(isProviderError(failure) ? failure.code : failure).toBe('protocol');
  });

  test('a device that is something else is not spoken to', () => {
    expect(() => parseReading(answer.replace('"OpenWrt",', '"TP-Link",'))).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  test('a file that uci reads otherwise, or that came damaged, is not written over', () => {
    const text = "config a 'x'\n\toption b '1'\n";
    const frame = (kind: string, body: string): string => `${kind} network ${String(Buffer.byteLength(body))}\n${body}\n`;
    const status = (file: string, read: string, sum: string): string => `${frame('file', file)}${frame('export', read)}sums\nnetwork ${sum}\nwireless absent\nfirewall absent\nsoll absent\nend\n`;
    const sum = loadParts({ network: text })[0]?.argument.split(':')[2] ?? '';
    expect(parseStatus(status(text, renderExport('network', parseUci(text)), sum)).texts).toEqual({ network: text });
    expect(() => parseStatus(status(text, "package network\n\nconfig a 'x'\n\n", sum))).toThrow(expect.objectContaining({ code: 'unsupported' }));
    expect(() => parseStatus(status(text.replace('1', '2'), renderExport('network', parseUci(text)), sum))).toThrow(expect.objectContaining({ code: 'protocol' }));
    expect(() => parseStatus(status(text, '', sum).slice(0, -4))).toThrow(expect.objectContaining({ code: 'protocol' }));
  });
});
