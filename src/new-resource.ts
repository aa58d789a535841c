/** `soll new`: what must be known for something new, sensible values for it, and the edit that writes it. */
import type { Json, JsonObject, Problem } from '#contract';
import { isObject } from '#core/canonical';
import type { DesiredState } from '#core/model';
import { valueAt, type Edit } from './edit/edit.ts';
import { placeAll, type DocumentFile, type PlacedResource, type PlaceInput } from './edit/place-resource.ts';
import { sectionEdits, type CommentLanguage } from './edit/section-edits.ts';
import { asciiName, mostUsed, suggestGateway, suggestSignIn, suggestSubnet, suggestVlanId, suggestVpnAddress } from './edit/suggest-values.ts';
import { writeFiles, type FileChange } from './edit/write-files.ts';
import { checkProposal, editTexts, placeInputOf, readTexts, type CustomerTexts } from './proposal.ts';
import { asOfOf, openWorld, type World } from './world.ts';
import type { Workspace } from './workspace.ts';

export const newKinds = ['user', 'group', 'vlan', 'ssid', 'port', 'rule', 'service', 'address-group', 'port-forward', 'vpn-user'] as const;
export type NewKind = (typeof newKinds)[number];

/** By field; lists with commas. A field that was answered with nothing is an empty text. */
export type Answers = Readonly<Partial<Record<string, string>>>;

export interface Question {
  readonly field: string;
  readonly en: string;
  readonly de: string;
  readonly required: boolean;
  readonly suggestion?: string;
  /** What can be chosen, where that is known. */
  readonly choices?: readonly string[];
}

export interface NewContext {
  readonly world: World;
  readonly kind: NewKind;
  readonly customer: string;
  readonly state?: DesiredState;
  readonly input?: PlaceInput;
  readonly texts?: CustomerTexts;
  readonly problems: readonly Problem[];
  readonly frames: ReadonlyMap<string, string>;
}

const kindOf: Readonly<Record<NewKind, string>> = { user: 'user', group: 'group', vlan: 'vlan', ssid: 'ssid', port: 'switch-port', rule: 'firewall-rule', service: 'service', 'address-group': 'address-group', 'port-forward': 'port-forward', 'vpn-user': 'vpn-user' };

export async function openNew(ws: Workspace, kind: NewKind, customer: string): Promise<NewContext> {
  const world = await openWorld(ws, { customers: [customer], targets: [], concurrency: 1 }, (repo) => Promise.resolve({ source: repo.folderSource(), commit: '', heads: [], problems: [] }));
  const [state] = world.desired.states;
  const base = { world, kind, customer, problems: world.problems, frames: world.desired.texts };
  if (state === undefined || world.problems.some(({ severity }) => severity === 'error')) return base;
  const texts = await readTexts(world.tree.source, customer);
  return { ...base, state, texts, input: placeInputOf(texts, state) };
}

/** Written per site, not per target. */
function isOfSite(kind: NewKind): boolean {
  return kind === 'vlan' || kind === 'ssid';
}

interface Known {
  readonly answers: Answers;
  readonly kind: NewKind;
  readonly state: DesiredState;
  readonly target: string;
  readonly site: string;
  at(file: DocumentFile, ...path: readonly string[]): JsonObject;
}

function knownOf({ state, input, kind }: NewContext, answers: Answers): Known | undefined {
  if (state === undefined || input === undefined) return undefined;
  const target = answers['target'] ?? '';
  const site = answers['site'] ?? state.targets.find((each) => each.target.name === target)?.target.site ?? '';
  return {
    answers, kind, state, target, site,
    at: (file, ...path) => {
      const found = valueAt(input.documents[file] ?? {}, path);
      return isObject(found) ? found : {};
    },
  };
}

type Field = Omit<Question, 'suggestion' | 'choices' | 'required'> & {
  readonly required?: boolean | ((known: Known) => boolean);
  readonly only?: (known: Known) => boolean;
  readonly suggest?: (known: Known) => string | undefined;
  readonly choices?: (known: Known) => readonly string[];
};

const of = (known: Known, field: string): string => known.answers[field] ?? '';
const users = (known: Known): readonly JsonObject[] => Object.values(known.at('m365.yaml', 'm365', known.target, 'users')).filter(isObject);
const texts = (maps: readonly JsonObject[], field: string): readonly string[] => maps.flatMap((map) => (typeof map[field] === 'string' ? [map[field]] : []));
const keys = (known: Known, section: string): readonly string[] => Object.keys(known.at('firewall.yaml', 'firewalls', known.target, section));
const zones = (known: Known): readonly string[] => [...keys(known, 'zones'), 'self'];
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const lists = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);

function outside(known: Known): string | undefined {
  const to = Object.values(known.at('firewall.yaml', 'firewalls', known.target, 'masquerade')).filter(isObject);
  return mostUsed(texts(to, 'to')) ?? keys(known, 'zones').find((zone) => zone.startsWith('wan'));
}

function vlans(known: Known, site?: string): readonly JsonObject[] {
  const sites = known.at('network.yaml', 'sites');
  return Object.entries(sites).filter(([name]) => site === undefined || name === site).flatMap(([, value]) => (isObject(value) && isObject(value['vlans']) ? Object.values(value['vlans']).filter(isObject) : []));
}

function vlanNames(known: Known): readonly string[] {
  return Object.keys(known.at('network.yaml', 'sites', known.site, 'vlans'));
}

/** A WLAN is mostly called like the VLAN that its clients are in. */
function likelyVlan(known: Known): string | undefined {
  const names = vlanNames(known);
  return names.find((name) => name === of(known, 'name')) ?? (names.length === 1 ? names[0] : undefined);
}

function domainOf(known: Known): string {
  const names = Object.keys(known.at('m365.yaml', 'm365', known.target, 'users')).map((name) => name.split('@')[1] ?? '');
  return mostUsed(names) ?? String(lists(known.at('m365.yaml', 'm365', known.target)['domains'])[0] ?? '');
}

function signIn(known: Known): string | undefined {
  const domain = domainOf(known);
  if (domain === '' || of(known, 'givenName') + of(known, 'surname') === '') return undefined;
  return suggestSignIn(of(known, 'givenName'), of(known, 'surname'), domain, Object.keys(known.at('m365.yaml', 'm365', known.target, 'users')));
}

const named: Field = { field: 'name', en: 'Name', de: 'Name', required: true };
const comment: Field = { field: 'comment', en: 'Why it is there (ticket)', de: 'Warum es da ist (Ticket)' };
const source: Field = { field: 'source', en: 'Only from (addresses, group:NAME, vlan:NAME; empty: anywhere)', de: 'Nur von (Adressen, group:NAME, vlan:NAME; leer: überall)' };

const fields: Readonly<Record<NewKind, readonly Field[]>> = {
  user: [
    { field: 'givenName', en: 'First name', de: 'Vorname', required: ({ answers }) => (answers['name'] ?? '') === '' },
    { field: 'surname', en: 'Last name', de: 'Nachname', required: ({ answers }) => (answers['name'] ?? '') === '' },
    { field: 'name', en: 'Sign-in name', de: 'Anmeldename', required: true, suggest: signIn },
    { field: 'displayName', en: 'Name as shown', de: 'Anzeigename', required: true, suggest: (known) => [of(known, 'givenName'), of(known, 'surname')].filter((part) => part !== '').join(' ') || undefined },
    { field: 'jobTitle', en: 'Job title', de: 'Position' },
    { field: 'department', en: 'Department', de: 'Abteilung', choices: (known) => [...new Set(texts(users(known), 'department'))] },
    { field: 'officeLocation', en: 'Office', de: 'Büro', suggest: (known) => mostUsed(texts(users(known), 'officeLocation')) },
    { field: 'usageLocation', en: 'Country', de: 'Land', suggest: (known) => mostUsed(texts(users(known), 'usageLocation')) ?? 'DE' },
    { field: 'licence', en: 'Licences', de: 'Lizenzen', suggest: (known) => mostUsed(skus(known)), choices: (known) => [...new Set(skus(known))] },
    { field: 'manager', en: 'Manager (sign-in name)', de: 'Vorgesetzt (Anmeldename)' },
    { field: 'group', en: 'Groups', de: 'Gruppen', choices: (known) => Object.keys(known.at('m365.yaml', 'm365', known.target, 'groups')) },
  ],
  group: [
    { field: 'displayName', en: 'Name as shown', de: 'Anzeigename', required: ({ answers }) => (answers['name'] ?? '') === '', suggest: (known) => (of(known, 'name') === '' ? undefined : capital(of(known, 'name'))) },
    { ...named, en: 'Mail nickname', de: 'Mail-Kurzname', suggest: (known) => asciiName(of(known, 'displayName')) || undefined },
    { field: 'type', en: 'Type', de: 'Art', required: true, suggest: () => 'security', choices: () => ['security', 'microsoft365'] },
    { field: 'description', en: 'What it is for', de: 'Wofür' },
    { field: 'visibility', en: 'Who may see the content', de: 'Wer den Inhalt sehen darf', only: (known) => of(known, 'type') === 'microsoft365', suggest: () => 'private', choices: () => ['private', 'public'] },
    { field: 'member', en: 'Members (sign-in names)', de: 'Mitglieder (Anmeldenamen)' },
    { field: 'owner', en: 'Owners (sign-in names)', de: 'Besitzer (Anmeldenamen)', required: (known) => of(known, 'type') === 'microsoft365' },
  ],
  vlan: [
    named,
    { field: 'id', en: 'VLAN id', de: 'VLAN-Nummer', required: true, suggest: (known) => text(suggestVlanId(vlans(known, known.site).flatMap(({ id }) => (typeof id === 'number' ? [id] : [])))) },
    { field: 'subnet', en: 'Network', de: 'Netz', suggest: (known) => suggestSubnet(Number(of(known, 'id')), texts(vlans(known, known.site), 'subnet'), texts(vlans(known), 'subnet')) },
    { field: 'gateway', en: 'Gateway', de: 'Gateway', only: (known) => of(known, 'subnet') !== '', suggest: (known) => suggestGateway(of(known, 'subnet')) },
    { field: 'dhcpFrom', en: 'First address given out (empty: none)', de: 'Erste vergebene Adresse (leer: keine)', only: (known) => of(known, 'subnet') !== '' },
    { field: 'dhcpTo', en: 'Last address given out', de: 'Letzte vergebene Adresse', only: (known) => of(known, 'dhcpFrom') !== '', required: true },
    { field: 'isolated', en: 'Internet only', de: 'Nur Internet', choices: () => ['yes', 'no'] },
    { field: 'description', en: 'What it is for', de: 'Wofür' },
  ],
  ssid: [
    named,
    { field: 'ssid', en: 'SSID (what clients see)', de: 'SSID (was Geräte sehen)', required: true, suggest: (known) => of(known, 'name') || undefined },
    { field: 'vlan', en: 'VLAN of its clients', de: 'VLAN seiner Geräte', suggest: likelyVlan, choices: vlanNames },
    { field: 'security', en: 'How clients sign in', de: 'Wie sich Geräte anmelden', required: true, suggest: () => 'wpa2-wpa3-personal', choices: () => ['open', 'wpa2-personal', 'wpa2-wpa3-personal', 'wpa3-personal', 'wpa2-enterprise', 'wpa3-enterprise'] },
    { field: 'passphrase', en: 'Name of the secret with the passphrase', de: 'Name des Geheimnisses mit dem Kennwort', required: true, only: (known) => of(known, 'security').endsWith('-personal'), suggest: (known) => `wlan-${asciiName(of(known, 'name'))}` },
    { field: 'radius', en: 'Address of the RADIUS server', de: 'Adresse des RADIUS-Servers', required: true, only: (known) => of(known, 'security').endsWith('-enterprise') },
    { field: 'radiusSecret', en: 'Name of the secret shared with it', de: 'Name des Geheimnisses mit ihm', required: true, only: (known) => of(known, 'security').endsWith('-enterprise'), suggest: () => 'radius' },
    { field: 'isolated', en: 'Clients do not reach each other', de: 'Geräte erreichen einander nicht', choices: () => ['yes', 'no'], suggest: (known) => (of(known, 'security') === 'open' ? 'yes' : undefined) },
  ],
  port: [
    { ...named, en: 'Port, as the device calls it', de: 'Port, wie das Gerät ihn nennt' },
    { field: 'mode', en: 'Mode', de: 'Art', required: true, suggest: () => 'access', choices: () => ['access', 'trunk'] },
    { field: 'vlan', en: 'VLAN (1: the default of the switch)', de: 'VLAN (1: das des Switches)', required: true, only: (known) => of(known, 'mode') !== 'trunk', choices: vlanNames },
    { field: 'native', en: 'VLAN that goes untagged (1: the default of the switch)', de: 'VLAN ohne Tag (1: das des Switches)', only: (known) => of(known, 'mode') === 'trunk', choices: vlanNames },
    { field: 'tagged', en: 'VLANs that go tagged (all: every other one of the site)', de: 'VLANs mit Tag (all: alle anderen des Standorts)', only: (known) => of(known, 'mode') === 'trunk', suggest: () => 'all', choices: vlanNames },
    { field: 'role', en: 'What is connected', de: 'Was dort hängt', suggest: (known) => (of(known, 'mode') === 'trunk' ? 'uplink' : 'edge'), choices: () => ['edge', 'uplink'] },
    { field: 'description', en: 'Description', de: 'Beschreibung' },
  ],
  rule: [
    { field: 'from', en: 'From zone', de: 'Von Zone', required: true, choices: zones },
    { field: 'to', en: 'To zone', de: 'Nach Zone', required: true, choices: zones },
    named,
    { field: 'action', en: 'Action', de: 'Aktion', required: true, suggest: () => 'accept', choices: () => ['accept', 'drop', 'reject'] },
    source,
    { field: 'destination', en: 'Only to (addresses, group:NAME, vlan:NAME; empty: anywhere)', de: 'Nur nach (Adressen, group:NAME, vlan:NAME; leer: überall)' },
    { field: 'service', en: 'Services (empty: all)', de: 'Dienste (leer: alle)', choices: (known) => keys(known, 'services') },
    comment,
  ],
  service: [named, { field: 'port', en: 'Ports (tcp/443, udp/5060, tcp/8000-8100)', de: 'Ports (tcp/443, udp/5060, tcp/8000-8100)', required: true }],
  'address-group': [named, { field: 'member', en: 'Addresses and networks', de: 'Adressen und Netze', required: true }],
  'port-forward': [
    named,
    { field: 'from', en: 'From zone', de: 'Von Zone', required: true, suggest: outside, choices: zones },
    { field: 'protocol', en: 'Protocol', de: 'Protokoll', required: true, suggest: () => 'tcp', choices: () => ['tcp', 'udp'] },
    { field: 'port', en: 'Port outside', de: 'Port außen', required: true },
    { field: 'destination', en: 'Host inside', de: 'Rechner innen', required: true },
    { field: 'destinationPort', en: 'Port on the host', de: 'Port am Rechner', suggest: (known) => of(known, 'port') || undefined },
    source, comment,
  ],
  'vpn-user': [
    { ...named, en: 'Name of the device (anna-laptop)', de: 'Name des Geräts (anna-laptop)' },
    { field: 'tunnel', en: 'Tunnel it comes in by', de: 'Tunnel, durch den es hereinkommt', required: true, suggest: onlyTunnel, choices: (known) => keys(known, 'vpnTunnels') },
    { field: 'publicKey', en: 'Public key of the device (its own WireGuard shows it)', de: 'Öffentlicher Schlüssel des Geräts (sein WireGuard zeigt ihn)', required: true },
    { field: 'address', en: 'Address in the tunnel', de: 'Adresse im Tunnel', required: true, suggest: nextVpnAddress },
    { field: 'presharedKey', en: 'Name of a second, shared secret (empty: none)', de: 'Name eines zweiten, gemeinsamen Geheimnisses (leer: keines)' },
  ],
};

/** Where everybody comes in by the same, or there is one that is no tunnel to another site. */
function onlyTunnel(known: Known): string | undefined {
  const used = mostUsed(texts(Object.values(known.at('firewall.yaml', 'firewalls', known.target, 'vpnUsers')).filter(isObject), 'tunnel'));
  const open = keys(known, 'vpnTunnels').filter((name) => known.at('firewall.yaml', 'firewalls', known.target, 'vpnTunnels', name)['peerKey'] === undefined);
  return used ?? (open.length === 1 ? open[0] : undefined);
}

function nextVpnAddress(known: Known): string | undefined {
  const tunnel = of(known, 'tunnel');
  const others = Object.values(known.at('firewall.yaml', 'firewalls', known.target, 'vpnUsers')).filter(isObject).filter((user) => user['tunnel'] === tunnel);
  const own = lists(known.at('firewall.yaml', 'firewalls', known.target, 'vpnTunnels', tunnel)['addresses']).map(String);
  return suggestVpnAddress(own, others.flatMap(({ addresses }) => lists(addresses).map(String)));
}

function text(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function skus(known: Known): readonly string[] {
  return users(known).flatMap(({ licences }) => lists(licences).flatMap((licence) => (isObject(licence) && typeof licence['sku'] === 'string' ? [licence['sku']] : [])));
}

/** What has to be asked next; `undefined`: everything is known. Where it goes comes first. */
export function nextQuestion(context: NewContext, answers: Answers): Question | undefined {
  const known = knownOf(context, answers);
  if (known === undefined) return undefined;
  const places = placesOf(known);
  const place = isOfSite(context.kind) ? { field: 'site', en: 'Site', de: 'Standort' } : { field: 'target', en: 'Target', de: 'Ziel' };
  if (answers[place.field] === undefined) return { ...place, required: true, choices: places, ...(places.length === 1 && places[0] !== undefined ? { suggestion: places[0] } : {}) };
  const field = fields[context.kind].find((each) => answers[each.field] === undefined && each.only?.(known) !== false);
  if (field === undefined) return undefined;
  const suggestion = field.suggest?.(known);
  const choices = field.choices?.(known) ?? [];
  return {
    field: field.field, en: field.en, de: field.de, required: typeof field.required === 'function' ? field.required(known) : field.required === true,
    ...(suggestion === undefined || suggestion === '' ? {} : { suggestion }), ...(choices.length === 0 ? {} : { choices }),
  };
}

/** Targets that manage the kind, or sites: a VLAN can be written for any, a WLAN where something can send it. */
export function placesOf({ state, kind }: Pick<Known, 'state' | 'kind'>): readonly string[] {
  const document = state.customer.document['sites'];
  const sites = Object.keys(isObject(document) ? document : {});
  const managing = state.targets.map(({ target }) => target).filter(({ manages }) => manages[kindOf[kind]] !== undefined);
  if (kind === 'vlan') return sites;
  return kind === 'ssid' ? sites.filter((site) => managing.some((target) => target.site === site)) : managing.map(({ name }) => name);
}

export interface NewResult {
  readonly changes: readonly FileChange[];
  /** Errors: nothing may be written. */
  readonly problems: readonly Problem[];
  readonly texts: ReadonlyMap<string, string>;
}

/** The edit for these answers, checked as `soll validate` would. Writes nothing. Throws EditError. */
export async function proposeNew(context: NewContext, answers: Answers, language: CommentLanguage): Promise<NewResult> {
  const known = knownOf(context, answers);
  const { input, texts: files, world, customer } = context;
  if (known === undefined || input === undefined || files === undefined) return { changes: [], problems: context.problems, texts: context.frames };
  const refusal = refuse(context, known);
  if (refusal !== undefined) return { changes: [], problems: [refusal], texts: context.frames };
  const wanted = resourcesOf(known, input);
  const sections = sectionEdits(input, [{ target: known.target, ...(known.site === '' ? {} : { site: known.site }), kinds: wanted.map(({ kind }) => kind), resources: wanted }], language);
  const all = placeAll({ ...sections.input, targets: isOfSite(context.kind) ? [{ name: '', site: known.site }] : input.targets }, wanted);
  const edits = new Map<DocumentFile, readonly Edit[]>([...new Set([...sections.edits.keys(), ...all.edits.keys()])].map((file) => [file, [...(sections.edits.get(file) ?? []), ...(all.edits.get(file) ?? []), ...(file === 'm365.yaml' ? memberships(known) : []), ...(file === 'firewall.yaml' ? position(known, input) : [])]]));
  const refused = all.refused.map(({ why }): Problem => ({ code: 'new.place', severity: 'error', customer, message: why }));
  if (refused.length > 0) return { changes: [], problems: refused, texts: context.frames };
  const changes = editTexts(files, edits);
  const checked = await checkProposal({ source: world.tree.source, customer, providers: world.providers, lab: world.ws.lab, asOf: asOfOf(world.ws) }, changes);
  return { changes, problems: checked.problems, texts: checked.texts };
}

export async function writeNew({ world }: NewContext, { changes }: NewResult): Promise<void> {
  await writeFiles(world.ws.root, changes);
}

function refuse(context: NewContext, known: Known): Problem | undefined {
  const problem = (code: string, message: string, hint: string): Problem => ({ code, severity: 'error', customer: context.customer, message, hint });
  const places = placesOf(known);
  const place = isOfSite(context.kind) ? known.site : known.target;
  if (!places.includes(place)) return problem(`new.${isOfSite(context.kind) ? 'site' : 'target'}`, place === '' ? `no target of ${context.customer} manages ${kindOf[context.kind]}` : `${place} is no place for a new ${context.kind}`, places.length === 0 ? `add ${kindOf[context.kind]} to \`manages\` of a target in targets.yaml` : `known: ${places.join(', ')}`);
  if (exists(known)) return problem('new.exists', `${of(known, 'name')} is written already`, 'choose another name, or edit what is there');
  const missing = split(of(known, 'group')).find((group) => !Array.isArray(groupOf(known, group)?.[1]['members']));
  if (context.kind === 'user' && missing !== undefined) return problem('new.group', `the members of a group ${missing} are not written here`, `known: ${Object.keys(known.at('m365.yaml', 'm365', known.target, 'groups')).join(', ')}`);
  const before = of(known, 'before');
  if (context.kind === 'rule' && before !== '' && !rulesBetween(known).includes(before)) return problem('new.before', `there is no rule ${before} from ${of(known, 'from')} to ${of(known, 'to')}`, `known: ${rulesBetween(known).join(', ')}`);
  return undefined;
}

function exists(known: Known): boolean {
  const name = of(known, 'name').toLowerCase();
  const within = (map: JsonObject): boolean => Object.keys(map).some((key) => key.toLowerCase() === name);
  const firewall = (section: string): JsonObject => known.at('firewall.yaml', 'firewalls', known.target, section);
  switch (known.kind) {
    case 'user': return within(known.at('m365.yaml', 'm365', known.target, 'users'));
    case 'group': return within(known.at('m365.yaml', 'm365', known.target, 'groups'));
    case 'vlan': return within(known.at('network.yaml', 'sites', known.site, 'vlans'));
    case 'ssid': return within(known.at('network.yaml', 'sites', known.site, 'ssids'));
    case 'port': return within(known.at('network.yaml', 'switches', known.target, 'ports'));
    case 'service': return within(firewall('services'));
    case 'address-group': return within(firewall('groups'));
    case 'port-forward': return within(firewall('portForwards'));
    case 'vpn-user': return within(firewall('vpnUsers'));
    case 'rule': return rulesBetween(known).includes(name);
  }
}

function rulesBetween(known: Known): readonly string[] {
  const policies = lists(known.at('firewall.yaml', 'firewalls', known.target)['policies']).filter(isObject);
  const policy = policies.find((each) => each['from'] === of(known, 'from') && each['to'] === of(known, 'to'));
  return texts(lists(policy?.['rules']).filter(isObject), 'name');
}

function split(list: string): readonly string[] {
  return list.split(',').map((part) => part.trim()).filter((part) => part !== '');
}

/** What is no number stays a text, so that the schema tells it at its place. */
function numeric(value: string): Json {
  return /^(0|[1-9]\d{0,14})$/.test(value) ? Number(value) : value;
}

function withoutEmpty(map: Readonly<Record<string, Json>>): JsonObject {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== '' && !(Array.isArray(value) && value.length === 0)));
}

function resourcesOf(known: Known, input: PlaceInput): readonly PlacedResource[] {
  const name = known.kind === 'user' || known.kind === 'group' ? of(known, 'name').toLowerCase() : of(known, 'name');
  const plain = (...names: readonly string[]): Readonly<Record<string, Json>> => Object.fromEntries(names.map((field) => [field, of(known, field)]));
  const one = (spec: JsonObject, as = name): PlacedResource => ({ target: isOfSite(known.kind) ? '' : known.target, kind: kindOf[known.kind], name: as, spec });
  switch (known.kind) {
    case 'user': return [one(withoutEmpty({ ...plain('displayName', 'givenName', 'surname', 'jobTitle', 'department', 'officeLocation', 'usageLocation'), enabled: true, manager: of(known, 'manager'), licences: split(of(known, 'licence')).map((sku) => ({ sku })) }))];
    case 'group': return [one({ ...withoutEmpty({ ...plain('type', 'displayName', 'description', 'visibility'), owners: split(of(known, 'owner')) }), members: split(of(known, 'member')) })];
    case 'vlan': return [one({ ...withoutEmpty({ id: numeric(of(known, 'id')), ...plain('subnet', 'gateway', 'description') }), ...dhcpOf(known), ...flag(known, 'isolated') })];
    case 'ssid': return [one({ ...withoutEmpty(plain('ssid', 'vlan', 'security')), ...signingIn(known), ...flag(known, 'isolated') })];
    case 'port': return [one(withoutEmpty({ ...plain('mode', 'description', 'role'), ...lines(known) }))];
    case 'service': return [one({ ports: split(of(known, 'port')) })];
    case 'address-group': return [one({ members: split(of(known, 'member')) })];
    case 'vpn-user': return [one(withoutEmpty({ ...plain('tunnel', 'publicKey'), addresses: split(of(known, 'address')), ...(of(known, 'presharedKey') === '' ? {} : { presharedKey: { $secret: of(known, 'presharedKey') } }) }))];
    case 'port-forward': {
      const inside = of(known, 'destinationPort') === of(known, 'port') ? '' : numeric(of(known, 'destinationPort'));
      return [one(withoutEmpty({ ...plain('from', 'protocol'), port: numeric(of(known, 'port')), destination: of(known, 'destination'), destinationPort: inside, sources: split(of(known, 'source')), ...(of(known, 'log') === '' ? {} : { log: true }), comment: of(known, 'comment') }))];
    }
    case 'rule': {
      const [from, to] = [of(known, 'from'), of(known, 'to')];
      const rule = one(withoutEmpty({ from, to, action: of(known, 'action'), sources: split(of(known, 'source')), destinations: split(of(known, 'destination')), services: split(of(known, 'service')), ...(of(known, 'log') === '' ? {} : { log: true }), comment: of(known, 'comment') }), `${from}.${to}.${name}`);
      const policies = lists(valueAt(input.documents['firewall.yaml'] ?? {}, ['firewalls', known.target, 'policies'])).filter(isObject);
      // What has no policy is dropped; so is what this one does not let through.
      return policies.some((each) => each['from'] === from && each['to'] === to) ? [rule] : [{ target: known.target, kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: 'drop', log: false, order: [] } }, rule];
    }
  }
}

/** A field that is answered with yes or no, or not at all. */
function flag(known: Known, field: string): JsonObject {
  const answer = of(known, field).toLowerCase();
  return answer === '' ? {} : { [field]: answer === 'yes' || answer === 'true' ? true : answer === 'no' || answer === 'false' ? false : answer };
}

function dhcpOf(known: Known): JsonObject {
  return of(known, 'dhcpFrom') === '' ? {} : { dhcp: { from: of(known, 'dhcpFrom'), to: of(known, 'dhcpTo') } };
}

function signingIn(known: Known): JsonObject {
  const radius = of(known, 'radius');
  return { ...(of(known, 'passphrase') === '' ? {} : { passphrase: { $secret: of(known, 'passphrase') } }), ...(radius === '' ? {} : { radius: [{ address: radius, secret: { $secret: of(known, 'radiusSecret') } }] }) };
}

/** VLANs of a port, as written: by name, or 1. */
function lines(known: Known): Readonly<Record<string, Json>> {
  const tagged = split(of(known, 'tagged')).map(numeric);
  return { vlan: numeric(of(known, 'vlan')), native: numeric(of(known, 'native')), tagged: tagged.length === 1 && tagged[0] === 'all' ? 'all' : tagged };
}

function groupOf(known: Known, name: string): readonly [string, JsonObject] | undefined {
  const found = Object.entries(known.at('m365.yaml', 'm365', known.target, 'groups')).find(([key]) => key.toLowerCase() === name.toLowerCase());
  return found !== undefined && isObject(found[1]) ? [found[0], found[1]] : undefined;
}

function memberships(known: Known): readonly Edit[] {
  if (known.kind !== 'user') return [];
  return split(of(known, 'group')).flatMap((name): readonly Edit[] => {
    const group = groupOf(known, name);
    return group === undefined ? [] : [{ op: 'insert', path: ['m365', known.target, 'groups', group[0], 'members'], at: lists(group[1]['members']).length, value: of(known, 'name').toLowerCase() }];
  });
}

/** A rule is added behind the others; `before` puts it in front of one. */
function position(known: Known, input: PlaceInput): readonly Edit[] {
  const rules = rulesBetween(known);
  const to = rules.indexOf(of(known, 'before'));
  if (known.kind !== 'rule' || to < 0) return [];
  const policies = lists(valueAt(input.documents['firewall.yaml'] ?? {}, ['firewalls', known.target, 'policies']));
  const index = policies.findIndex((each) => isObject(each) && each['from'] === of(known, 'from') && each['to'] === of(known, 'to'));
  return [{ op: 'move', path: ['firewalls', known.target, 'policies', index, 'rules'], from: rules.length, to }];
}
