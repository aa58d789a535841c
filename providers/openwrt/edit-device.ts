/** Changes as edits of the configuration files, smallest first: a port is the lines of that port. */
import { createHash } from 'node:crypto';
import { ProviderError, parseAddress, type Change, type JsonObject, type SecretRef, type SecretValue, type Target } from '#contract';
import type { SsidSpec } from '#generated/types';
import { editFirewall, isFirewallKind } from './firewall.ts';
import { encryptions, packages, passphrase, radiusSecret, type PackageName } from './limits.ts';
import { ifaceSection, networkSection, vlanSection, wlanSection } from './names.ts';
import { mergePort, portEntries, portOf, readBridge } from './ports.ts';
import { stateOf, type DeviceState } from './read-device.ts';
import { markOf } from './secret-mark.ts';
import { settingsOf } from './settings.ts';
import { listOf, optionOf, parseUci, renderExport, UciFile, type UciSection } from './uci.ts';
import { radiosOf, type Radio } from './wlans.ts';

export interface EditTools {
  readonly target: Target;
  reveal(ref: SecretRef): Promise<SecretValue>;
  /** Hex, for the mark of a secret. */
  salt(): string;
}

export type Texts = Readonly<Partial<Record<PackageName, string>>>;

/** A change that cannot be written; all of them go back. */
export class EditRefused extends Error {
  readonly change: Change;
  constructor(change: Change, message: string) {
    super(message);
    this.change = change;
  }
}

export function sectionsOf(texts: Texts): DeviceState['sections'] {
  return Object.fromEntries(packages.map((name) => [name, parseUci(texts[name] ?? '')])) as Record<PackageName, readonly UciSection[]>;
}

/** What is built comes first, what goes last, so that what still stands on it has let go. */
const order: readonly (readonly [string, boolean])[] = [['vlan', false], ['switch-port', false], ['switch-port', true], ['ssid', false], ['ssid', true], ['vlan', true]];

/** Files that differ, as they shall be. */
export async function editDevice(texts: Texts, changes: readonly Change[], tools: EditTools): Promise<Texts> {
  let now = texts;
  const sorted = order.flatMap(([kind, removes]) => changes.filter((change) => parseAddress(change.address).kind === kind && (change.verb === 'delete') === removes));
  for (const change of sorted) {
    const files = new Map<PackageName, UciFile>();
    const file = (name: PackageName): UciFile => {
      const known = files.get(name) ?? new UciFile(now[name] ?? '');
      files.set(name, known);
      return known;
    };
    const state = stateOf(sectionsOf(now), tools.target);
    await editOne(change, { state, file, tools });
    now = { ...now, ...Object.fromEntries([...files].map(([name, each]) => [name, each.result()])) };
  }
  // A VLAN that got another id stands until its ports have left it.
  const moved = changes.filter(({ address, before, after }) => parseAddress(address).kind === 'vlan' && before !== undefined && after !== undefined && before['id'] !== after['id']);
  for (const { before } of moved) {
    const network = new UciFile(now.network ?? '');
    removeVlan(network, Number(before?.['id']));
    now = { ...now, network: network.result() };
  }
  const walls = changes.filter(({ address }) => isFirewallKind(parseAddress(address).kind));
  if (walls.length > 0) {
    const [firewall, soll] = [new UciFile(now.firewall ?? ''), new UciFile(now.soll ?? '')];
    editFirewall(walls, firewall, soll);
    now = { ...now, firewall: firewall.result(), soll: soll.result() };
  }
  return Object.fromEntries(packages.filter((name) => now[name] !== texts[name] && !(now[name] === '' && texts[name] === undefined)).map((name) => [name, now[name] === '' ? '\n' : now[name]]));
}

interface Work {
  readonly state: DeviceState;
  readonly file: (name: PackageName) => UciFile;
  readonly tools: EditTools;
}

function editOne(change: Change, work: Work): Promise<void> | void {
  const { kind } = parseAddress(change.address);
  if (kind === 'vlan') editVlan(change, work);
  else if (kind === 'switch-port') editPort(change, work);
  else if (kind === 'ssid') return editWlan(change, work);
  else throw new ProviderError('unsupported', `OpenWrt holds no ${kind} here`);
}

function removeVlan(network: UciFile, id: number): void {
  for (const name of [vlanSection(id), networkSection(id)]) {
    const section = network.named(name);
    if (section !== undefined) network.remove(section);
  }
}

function editVlan(change: Change, { state, file, tools: { target } }: Work): void {
  const network = file('network');
  const { bridge } = settingsOf(target);
  if (change.verb === 'delete') {
    removeVlan(network, Number(change.before?.['id']));
    return;
  }
  const id = Number(change.after?.['id']);
  if (state.bridge === undefined) throw new EditRefused(change, `the device has no bridge ${bridge}`);
  if (!state.bridge.vlans.has(id)) network.put({ type: 'bridge-vlan', name: vlanSection(id), options: { device: bridge, vlan: String(id) } });
  if (state.networksOn(id).length === 0) network.put({ type: 'interface', name: networkSection(id), options: { device: `${bridge}.${String(id)}`, proto: 'none' } });
}

function editPort(change: Change, { file, tools: { target } }: Work): void {
  const { name } = parseAddress(change.address);
  const network = file('network');
  const bridge = readBridge(network.sections, settingsOf(target).bridge);
  if (bridge?.ports.includes(name) !== true) throw new EditRefused(change, 'the bridge has no such port');
  // Untagged in VLAN 1 and nothing else is not there as a resource, and stays a native VLAN all the same.
  const now = portOf(bridge, name)?.spec ?? (portEntries(bridge, name, { mode: 'trunk' }).has(1) ? { mode: 'access', vlan: 1 } : undefined);
  const wanted = mergePort(now, change.after);
  for (const [id, entry] of portEntries(bridge, name, wanted)) {
    const vlan = bridge.vlans.get(id);
    if (vlan === undefined) throw new EditRefused(change, `the device has no VLAN ${String(id)}`);
    const old = listOf(vlan.section, 'ports');
    const values = [...old.filter((each) => each.split(':')[0] !== name), ...(entry === undefined ? [] : [entry])];
    if (values.length !== old.length || values.some((each) => !old.includes(each))) network.putList(vlan.section, 'ports', values);
  }
}

type Options = Record<string, string | readonly string[]>;

async function editWlan(change: Change, work: Work): Promise<void> {
  const { state, file } = work;
  const { name } = parseAddress(change.address);
  const was = change.was === undefined ? name : parseAddress(change.was).name;
  const ifaces = state.wlans.find((each) => each.ours && each.name === was)?.ifaces ?? [];
  const [wireless, soll] = [file('wireless'), file('soll')];
  const remembered = soll.named(wlanSection(was));
  const goes = change.verb === 'delete' || change.after === undefined;
  const spec = { ...state.live.find(({ address }) => address === (change.was ?? change.address))?.spec, ...change.after } as unknown as SsidSpec;
  const radios = goes ? [] : radiosFor(change, spec, state);
  const { own, mark } = goes ? { own: {}, mark: {} } : await secretsOf(change, spec, ifaces[0], remembered, work);
  for (const section of ifaces) if (was !== name || !radios.some((radio) => radio.name === optionOf(section, 'device'))) wireless.remove(section);
  if (remembered !== undefined && (was !== name || Object.keys(mark).length === 0)) soll.remove(remembered);
  if (goes) return;
  const network = networkOf(change, spec, work);
  for (const radio of radios) {
    const old = ifaces.find((section) => optionOf(section, 'device') === radio.name) ?? ifaces[0];
    wireless.put({ type: 'wifi-iface', name: ifaceSection(name, radio.name), options: { ...kept(old, network !== undefined), ...managedOptions(spec, radio, network), ...own } });
  }
  if (Object.keys(mark).length > 0) soll.put({ type: 'wlan', name: wlanSection(name), options: mark });
}

function radiosFor(change: Change, spec: SsidSpec, { radios }: DeviceState): readonly Radio[] {
  const own = radiosOf(spec, radios);
  const missing = (spec.bands ?? []).filter((band) => !own.some((radio) => radio.band === band));
  if (missing.length > 0 || own.length === 0) throw new EditRefused(change, `the device has no radio for ${missing.length === 0 ? 'it' : missing.map((band) => `${band} GHz`).join(' and ')}`);
  return own;
}

function managedOptions(spec: SsidSpec, radio: Radio, network: string | undefined): Options {
  const flag = (value: boolean): string => (value ? '1' : '0');
  return {
    device: radio.name, mode: 'ap', ...(network === undefined ? {} : { network }), ssid: spec.ssid, encryption: encryptions[spec.security],
    hidden: flag(spec.hidden === true), isolate: flag(spec.isolated === true), disabled: flag(spec.enabled === false),
  };
}

const decides: readonly string[] = ['device', 'mode', 'ssid', 'encryption', 'key', 'auth_server', 'auth_port', 'auth_secret', 'hidden', 'isolate', 'disabled'];

/** What somebody has added to a section of ours (fast roaming, limits) stays. */
function kept(section: UciSection | undefined, moves: boolean): Options {
  const others = (section?.options ?? []).filter(({ name }) => !decides.includes(name) && !(moves && name === 'network'));
  return Object.fromEntries([...new Set(others.map(({ name }) => name))].map((name): [string, string | readonly string[]] => {
    const values = others.filter((option) => option.name === name);
    return [name, values.some(({ list }) => list) ? values.map(({ value }) => value) : values.at(-1)?.value ?? ''];
  }));
}

/** `undefined`: it stays where it is. */
function networkOf(change: Change, { vlan }: SsidSpec, { state, tools: { target } }: Work): string | undefined {
  const { network } = settingsOf(target);
  if (change.after?.['vlan'] === undefined) return change.verb === 'create' ? network : undefined;
  const [first] = state.networksOn(Number(vlan));
  if (first === undefined) throw new EditRefused(change, `no network of the device is in VLAN ${String(vlan)}`);
  return first;
}

interface Secrets {
  readonly own: Options;
  readonly mark: Options;
}

/** What is there already is not revealed again: only a reference that is another one is written. */
async function secretsOf(change: Change, spec: SsidSpec, now: UciSection | undefined, remembered: UciSection | undefined, { tools }: Work): Promise<Secrets> {
  const value = async (field: string, ref: SecretRef, before: unknown, there: string | undefined, fits: RegExp, what: string): Promise<readonly [string, string]> => {
    const known = remembered === undefined ? undefined : optionOf(remembered, field);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(ref) && there !== undefined && known !== undefined) return [there, known];
    const secret = await tools.reveal(ref);
    if (!fits.test(secret.expose())) throw new EditRefused(change, `the value of ${ref.$secret} ${what}`);
    return [secret.expose(), markOf(ref, secret.expose(), tools.salt())];
  };
  if (spec.security.endsWith('-personal')) {
    if (spec.passphrase === undefined) throw new EditRefused(change, 'it has no passphrase');
    const [key, mark] = await value('passphrase', spec.passphrase, change.before?.['passphrase'] ?? (change.after?.['passphrase'] === undefined ? spec.passphrase : undefined), now === undefined ? undefined : optionOf(now, 'key'), passphrase, 'is no passphrase: 8 to 63 printable ASCII characters');
    return { own: { key }, mark: { passphrase: mark } };
  }
  if (!spec.security.endsWith('-enterprise')) return { own: {}, mark: {} };
  const [server] = spec.radius ?? [];
  if (server === undefined) throw new EditRefused(change, 'it has no RADIUS server');
  const before = (change.before?.['radius'] ?? (change.after?.['radius'] === undefined ? spec.radius : undefined)) as readonly JsonObject[] | undefined;
  const [secret, mark] = await value('radius', server.secret, before?.[0]?.['secret'], now === undefined ? undefined : optionOf(now, 'auth_secret'), radiusSecret, 'is no RADIUS secret: printable ASCII characters without spaces');
  return { own: { auth_server: server.address, auth_port: String(server.port ?? 1812), auth_secret: secret }, mark: { radius: mark } };
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export interface LoadPart {
  readonly name: PackageName;
  readonly text: string;
  /** As the script takes it: name, lines, sum of the text, sum of what uci makes of it. */
  readonly argument: string;
}

/** Lines are what the script counts, so the last one is ended. */
export function loadParts(changed: Texts): readonly LoadPart[] {
  return packages.flatMap((name): LoadPart[] => {
    const given = changed[name];
    if (given === undefined) return [];
    const text = given.endsWith('\n') ? given : `${given}\n`;
    return [{ name, text, argument: [name, text.split('\n').length - 1, sha256(text), sha256(renderExport(name, parseUci(text)))].join(':') }];
  });
}
