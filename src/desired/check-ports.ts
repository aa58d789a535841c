/** Ports of switches: what a mode can have, VLANs that are there. */
import type { Target } from '#contract';
import { vlanIdOf, type VlansByName } from '#core/vlan-names';
import type { NetworkDocument } from '#generated/types';
import { checkVlanName } from './check-network.ts';
import type { CustomerFiles } from './customer-files.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';

type Port = NonNullable<NonNullable<NetworkDocument['switches']>[string]['ports']>[string];
type Vlans = NonNullable<NetworkDocument['sites'][string]['vlans']>;

export function checkPorts({ network }: CustomerFiles, targets: readonly Target[]): readonly PendingProblem[] {
  if (network === undefined) return [];
  return Object.entries(network.value.switches ?? {}).flatMap(([name, { ports = {} }]) => {
    const target = targets.find((each) => each.name === name);
    // That there is no such target is told by what looks at targets.
    if (target === undefined) return [];
    const base = `/switches/${escapePointer(name)}`;
    const { site } = target;
    const problems: PendingProblem[] = [];
    if (site === undefined) problems.push({ code: 'switch.site', severity: 'error', message: `${name} has no site in targets.yaml, so its VLANs have no names`, hint: 'write its site in targets.yaml', at: { file: network.file, pointer: base, part: 'key' } });
    else {
      const vlans = network.value.sites[site]?.vlans ?? {};
      for (const [port, spec] of Object.entries(ports)) checkPort({ port, spec, vlans, site, target, problems, at: (field, part = 'value') => ({ file: network.file, pointer: `${base}/ports/${escapePointer(port)}${field}`, part }) });
    }
    return problems.map((problem) => ({ ...problem, target: name }));
  });
}

interface Checked {
  readonly port: string;
  readonly spec: Port;
  readonly vlans: Vlans;
  readonly site: string;
  readonly target: Target;
  readonly problems: PendingProblem[];
  readonly at: (field: string, part?: Place['part']) => Place;
}

function checkPort(checked: Checked): void {
  const { port, spec, at, problems } = checked;
  const { mode, vlan, native, tagged } = spec;
  const tell = (code: string, message: string, hint: string, where: Place): void => void problems.push({ code, severity: 'error', message, hint, at: where });
  if (mode === 'access') {
    if (vlan === undefined) tell('switch.access-vlan', `the access port ${port} has no VLAN`, 'vlan: NAME; vlan: 1 is the switch\'s own default VLAN', at('', 'key'));
    for (const field of ['native', 'tagged'] as const) if (spec[field] !== undefined) tell('switch.mode-field', `${field} belongs to a trunk, and ${port} is an access port`, 'mode: trunk, or remove it', at(`/${field}`, 'key'));
  } else if (vlan !== undefined) tell('switch.mode-field', `vlan belongs to an access port, and ${port} is a trunk`, 'native: NAME for what goes untagged, or mode: access', at('/vlan', 'key'));
  if (vlan !== undefined && mode === 'access') checkUse(checked, vlan, at('/vlan'));
  if (native !== undefined && mode === 'trunk') checkUse(checked, native, at('/native'));
  if (mode !== 'trunk' || !Array.isArray(tagged)) return;
  tagged.forEach((name, index) => {
    checkUse(checked, name, at(`/tagged/${String(index)}`));
    const [id, outside] = [vlanIdOf(checked.vlans, name), native === undefined ? undefined : vlanIdOf(checked.vlans, native)];
    if (id !== undefined && id === outside) tell('switch.tagged-native', `${String(name)} goes untagged on ${port}, so it cannot go tagged as well`, 'leave it out of tagged, or choose another native VLAN', at(`/tagged/${String(index)}`));
  });
}

function checkUse({ vlans, site, target, problems }: Checked, name: string | number, at: Place): void {
  if (!checkVlanName(vlans, name, site, at, problems) || typeof name === 'number') return;
  const only = ownTargets(vlans, name);
  if (target.manages['vlan'] !== undefined && only?.includes(target.name) === false) problems.push({ code: 'switch.vlan-elsewhere', severity: 'warning', message: `the VLAN ${name} is only on ${only.join(', ')}, and this port uses it on ${target.name}`, hint: `add ${target.name} to its targets`, at });
}

function ownTargets(vlans: VlansByName & Vlans, name: string): readonly string[] | undefined {
  return vlans[name]?.targets;
}
