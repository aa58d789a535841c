import { isObject } from '#core/canonical';
import type { Json, JsonObject } from '#contract';
import { applyToData, valueAt, type Edit, type Entry, type Path } from './edit.ts';
import type { DocumentFile, PlacedResource, PlaceInput } from './place-resource.ts';

export type CommentLanguage = 'en' | 'de';

export interface SectionsOf {
  readonly target: string;
  readonly site?: string;
  /** Kinds that the target manages. */
  readonly kinds: readonly string[];
  readonly resources: readonly PlacedResource[];
}

interface Section {
  readonly key: string;
  readonly kind: string;
  readonly empty: Json;
  readonly comment: Readonly<Record<CommentLanguage, string>>;
}

const firewallSections: readonly Section[] = [
  { key: 'zones', kind: 'zone', empty: {}, comment: { en: 'Parts of the network; self is the device and needs no entry.', de: 'Teile des Netzes; self ist das Gerät selbst und braucht keinen Eintrag.' } },
  { key: 'groups', kind: 'address-group', empty: {}, comment: { en: 'Addresses by name, used in rules as group:NAME.', de: 'Adressen mit Namen, in Regeln als group:NAME.' } },
  { key: 'services', kind: 'service', empty: {}, comment: { en: 'Ports by name.', de: 'Ports mit Namen.' } },
  { key: 'policies', kind: 'firewall-policy', empty: [], comment: { en: 'Who may speak to whom; in each pair the first rule that matches decides.', de: 'Wer mit wem sprechen darf; je Paar entscheidet die erste passende Regel.' } },
  { key: 'masquerade', kind: 'masquerade', empty: {}, comment: { en: 'Who appears outside under the address of the device.', de: 'Wer außen unter der Adresse des Geräts erscheint.' } },
  { key: 'portForwards', kind: 'port-forward', empty: {}, comment: { en: 'What is reachable from outside.', de: 'Was von außen erreichbar ist.' } },
  { key: 'vpnTunnels', kind: 'vpn-tunnel', empty: {}, comment: { en: 'Ends of WireGuard tunnels; private keys are secrets, public ones stand here.', de: 'Enden von WireGuard-Tunneln; private Schlüssel sind Geheimnisse, öffentliche stehen hier.' } },
  { key: 'vpnUsers', kind: 'vpn-user', empty: {}, comment: { en: 'Devices of people that come in by a tunnel.', de: 'Geräte von Personen, die durch einen Tunnel hereinkommen.' } },
];

const tenantSections: readonly Section[] = [
  { key: 'users', kind: 'user', empty: {}, comment: { en: 'People by sign-in name. A field that is not written is not managed.', de: 'Personen nach Anmeldename. Was nicht geschrieben ist, wird nicht verwaltet.' } },
  { key: 'groups', kind: 'group', empty: {}, comment: { en: 'Groups by mail nickname; lists of members are complete.', de: 'Gruppen nach Mail-Kurznamen; Mitgliederlisten sind vollständig.' } },
];

const siteSections: readonly Section[] = [
  { key: 'vlans', kind: 'vlan', empty: {}, comment: { en: 'VLANs of this site.', de: 'VLANs dieses Standorts.' } },
  { key: 'ssids', kind: 'ssid', empty: {}, comment: { en: 'WLANs of this site.', de: 'WLANs dieses Standorts.' } },
];

const portsSection: Section = { key: 'ports', kind: 'switch-port', empty: {}, comment: { en: 'Ports as the device calls them; one that is not written is not managed.', de: 'Ports, wie das Gerät sie nennt; was nicht geschrieben ist, wird nicht verwaltet.' } };

const domainsComment: Readonly<Record<CommentLanguage, string>> = { en: 'Domains of the sign-in names.', de: 'Domänen der Anmeldenamen.' };
const signInName = /^[a-z0-9][a-z0-9._'+-]*@([a-z0-9][a-z0-9.-]*\.[a-z]{2,})$/;

/** Sections that are not there yet, each with a line that says what it is: an empty one is managed, too, and says so. */
export function sectionEdits(given: PlaceInput, targets: readonly SectionsOf[], language: CommentLanguage): { readonly edits: ReadonlyMap<DocumentFile, readonly Edit[]>; readonly input: PlaceInput } {
  let input = given;
  const edits = new Map<DocumentFile, Edit[]>();
  const add = (file: DocumentFile, edit: Edit): void => {
    edits.set(file, [...(edits.get(file) ?? []), edit]);
    const data = applyToData(input.documents[file] ?? emptyDocument(file), edit);
    input = { ...input, documents: { ...input.documents, [file]: isObject(data) ? data : {} } };
  };
  const ensure = (file: DocumentFile, path: Path, entries: readonly Entry[]): void => {
    const document = input.documents[file] ?? emptyDocument(file);
    const key = String(path.at(-1));
    if (valueAt(document, path) === undefined) add(file, { op: 'add', path: path.slice(0, -1), entries: [{ key, value: {} }] });
    const now = valueAt(input.documents[file] ?? document, path);
    const missing = entries.filter((entry) => isObject(now) && now[entry.key] === undefined);
    if (missing.length > 0) add(file, { op: 'add', path, entries: missing });
  };
  for (const { target, site, kinds, resources } of targets) {
    const entriesOf = (sections: readonly Section[]): readonly Entry[] => sections.filter(({ kind }) => kinds.includes(kind)).map(({ key, empty, comment }) => ({ key, value: empty, comment: comment[language] }));
    const people = resources.some(({ kind }) => kind === 'user' || kind === 'group');
    const tenant = valueAt(input.documents['m365.yaml'] ?? {}, ['m365', target]);
    const domains = domainsOf(resources);
    const first = isObject(tenant) ? [] : [{ key: 'domains', value: domains, comment: domainsComment[language] }];
    if (entriesOf(firewallSections).length > 0) ensure('firewall.yaml', ['firewalls', target], entriesOf(firewallSections));
    if (people && (isObject(tenant) || domains.length > 0)) ensure('m365.yaml', ['m365', target], [...first, ...entriesOf(tenantSections)]);
    // Of what belongs to the site an empty section would speak for all its devices.
    const wanted = (sections: readonly Section[]): readonly Entry[] => entriesOf(sections.filter(({ kind }) => resources.some((each) => each.kind === kind)));
    if (site !== undefined && wanted(siteSections).length > 0) ensure('network.yaml', ['sites', site], wanted(siteSections));
    if (wanted([portsSection]).length > 0) {
      if (valueAt(input.documents['network.yaml'] ?? {}, ['switches']) === undefined) add('network.yaml', { op: 'add', path: [], entries: [{ key: 'switches', value: {} }] });
      ensure('network.yaml', ['switches', target], wanted([portsSection]));
    }
  }
  return { edits, input };
}

function emptyDocument(file: DocumentFile): JsonObject {
  return { [file === 'firewall.yaml' ? 'firewalls' : file === 'm365.yaml' ? 'm365' : 'sites']: {} };
}

/** The domain that most people have comes first. */
function domainsOf(resources: readonly PlacedResource[]): readonly string[] {
  const count = new Map<string, number>();
  for (const { kind, name } of resources) {
    const domain = kind === 'user' ? signInName.exec(name)?.[1] : undefined;
    if (domain !== undefined) count.set(domain, (count.get(domain) ?? 0) + 1);
  }
  return [...count].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1)).map(([domain]) => domain);
}
