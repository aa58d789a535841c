/** WLANs as they will be on the air: what a way of signing in needs, what a band allows, what clients can tell apart. */
import type { Target } from '#contract';
import type { NetworkDocument } from '#generated/types';
import { realisedOn } from './build-network.ts';
import type { CustomerFiles } from './customer-files.ts';
import { checkItemTargets, checkVlanName, readHost } from './check-network.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';

type Site = NetworkDocument['sites'][string];
type Wlan = NonNullable<Site['ssids']>[string];
type At = (field: string, part?: Place['part']) => Place;

/** A rule of thumb, no device's limit: each WLAN is announced on every channel about ten times a second, at the slowest rate that is allowed. */
const manyWlans = 8;

export function checkWlans({ network }: CustomerFiles, targets: readonly Target[]): readonly PendingProblem[] {
  if (network === undefined) return [];
  return Object.entries(network.value.sites).flatMap(([site, { vlans = {}, ssids = {} }]) => {
    const problems: PendingProblem[] = [];
    const place = (name: string): At => (field, part = 'value') => ({ file: network.file, pointer: `/sites/${escapePointer(site)}/ssids/${escapePointer(name)}${field}`, part });
    const first = new Map<string, string>();
    for (const [name, wlan] of Object.entries(ssids)) {
      const at = place(name);
      const twin = first.get(wlan.ssid);
      if (twin !== undefined) problems.push({ code: 'network.duplicate-ssid', severity: 'error', message: `the SSID ${wlan.ssid} is also that of ${twin}`, hint: 'clients could not tell them apart; one SSID per WLAN and site', at: at('/ssid'), related: [{ message: `${twin} here`, at: place(twin)('/ssid') }] });
      else first.set(wlan.ssid, name);
      if (wlan.vlan !== undefined) checkVlanName(vlans, wlan.vlan, site, at('/vlan'), problems);
      checkItemTargets({ targets, site, kind: 'ssid', name, named: wlan.targets, place: (suffix) => at(`/targets${suffix}`) }, problems);
      if (realisedOn(targets, site, 'ssid').length === 0) problems.push({ code: 'network.ssid-nowhere', severity: 'error', message: `no target of ${site} manages ssid, so ${name} would be nowhere on the air`, hint: 'add ssid: merge to the manages of its access points or their controller in targets.yaml', at: at('', 'key'), needs: 'targets.yaml' });
      checkWlan(wlan, at, problems);
    }
    for (const target of realisedOn(targets, site, 'ssid')) {
      const on = Object.entries(ssids).filter(([, { targets: named, enabled }]) => enabled !== false && named?.includes(target.name) !== false);
      const [last] = on.at(-1) ?? [];
      if (on.length > manyWlans && last !== undefined) problems.push({ code: 'network.many-ssids', severity: 'warning', target: target.name, message: `${target.name} would announce ${String(on.length)} WLANs; more than ${String(manyWlans)} slow all of them down`, hint: 'join some of them, or name the targets of each', at: place(last)('', 'key') });
    }
    return problems;
  });
}

function checkWlan(wlan: Wlan, at: At, problems: PendingProblem[]): void {
  const tell = (code: string, message: string, hint: string, where: Place): void => void problems.push({ code, severity: 'error', message, hint, at: where });
  const { security } = wlan;
  if (Buffer.byteLength(wlan.ssid, 'utf8') > 32) tell('network.ssid-length', `the SSID has ${String(Buffer.byteLength(wlan.ssid, 'utf8'))} bytes; 32 is the limit`, 'letters beyond ASCII count two bytes or more', at('/ssid'));
  const personal = security.endsWith('-personal');
  if (personal && wlan.passphrase === undefined) tell('network.passphrase', `${security} needs a passphrase`, 'passphrase: { $secret: NAME }, its value in secrets.write.yaml (soll secret set)', at('', 'key'));
  if (!personal && wlan.passphrase !== undefined) tell('network.passphrase', `${security} has no passphrase`, security === 'open' ? 'remove it, or choose wpa2-wpa3-personal' : 'remove it; people sign in at the RADIUS server', at('/passphrase', 'key'));
  const enterprise = security.endsWith('-enterprise');
  if (enterprise && wlan.radius === undefined) tell('network.radius', `${security} needs a RADIUS server`, 'radius: [{ address: 192.168.10.5, secret: { $secret: radius } }]', at('', 'key'));
  if (!enterprise && wlan.radius !== undefined) tell('network.radius', `${security} asks no RADIUS server`, 'remove it, or choose wpa2-enterprise or wpa3-enterprise', at('/radius', 'key'));
  wlan.radius?.forEach(({ address }, index) => readHost(address, at(`/radius/${String(index)}/address`), problems));
  if (wlan.bands?.includes('6') === true && !security.startsWith('wpa3-')) tell('network.wpa3', `6 GHz needs WPA3, and ${security} lets others in`, 'security: wpa3-personal or wpa3-enterprise, or leave "6" out of bands', at(`/bands/${String(wlan.bands.indexOf('6'))}`));
  const ids = new Set<string>();
  wlan.schedule?.forEach(({ id, from, to }, index) => {
    if (ids.has(id)) tell('network.schedule', `there are two entries ${id}`, 'choose another id', at(`/schedule/${String(index)}/id`));
    ids.add(id);
    if (from >= to) tell('network.schedule', `${to} is not after ${from}`, 'over midnight: two entries, one until 24:00 and one from 00:00', at(`/schedule/${String(index)}/to`));
  });
}
