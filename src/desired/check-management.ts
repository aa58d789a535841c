/** How targets are reached: VLANs and targets that are there, no way that leads in a ring. */
import type { ManagementPath } from '#core/model';
import { vlanIdOf, type VlansByName } from '#core/vlan-names';
import type { TargetsDocument } from '#generated/types';
import { checkVlanName } from './check-network.ts';
import type { CustomerFiles } from './customer-files.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';
import { didYouMean } from './suggest.ts';

type TargetDocument = TargetsDocument['targets'][string];

function vlansOf({ network }: CustomerFiles, { site }: TargetDocument): VlansByName {
  return network?.value.sites[site ?? '']?.vlans ?? {};
}

/** As far as it can be understood; the rest is told by the check. */
export function managementOf(files: CustomerFiles, target: TargetDocument): ManagementPath | undefined {
  const { management } = target;
  if (management === undefined) return undefined;
  const id = management.vlan === undefined ? undefined : vlanIdOf(vlansOf(files, target), management.vlan);
  return { ...(id === undefined ? {} : { vlan: { name: String(management.vlan), id } }), through: management.through ?? [] };
}

export function checkManagement(files: CustomerFiles): readonly PendingProblem[] {
  const document = files.targets;
  if (document === undefined) return [];
  const { targets } = document.value;
  return Object.entries(targets).flatMap(([name, target]) => {
    const { management, site } = target;
    if (management === undefined) return [];
    const problems: PendingProblem[] = [];
    const at = (field: string, part: Place['part'] = 'value'): Place => ({ file: document.file, pointer: `/targets/${escapePointer(name)}/management${field}`, part });
    if (management.vlan !== undefined) {
      if (site === undefined) problems.push({ code: 'target.management-site', severity: 'error', message: `${name} has no site, so ${String(management.vlan)} is no name of a VLAN`, hint: 'write its site', at: at('/vlan') });
      else checkVlanName(vlansOf(files, target), management.vlan, site, at('/vlan'), problems, 'network.yaml');
    }
    management.through?.forEach((hop, index) => {
      if (targets[hop.target] === undefined) problems.push({ code: 'target.unknown', severity: 'error', message: `there is no target ${hop.target} in targets.yaml`, hint: didYouMean(hop.target, Object.keys(targets)), at: at(`/through/${String(index)}/target`) });
    });
    const ring = ringOf(targets, name);
    if (ring !== undefined) problems.push({ code: 'target.management-ring', severity: 'error', message: `the way to ${name} leads back to it: ${ring.join(' → ')}`, hint: 'the way of each target comes from us and ends at it', at: at('/through') });
    return problems.map((problem) => ({ ...problem, target: name }));
  });
}

/** Targets whose way passes one that is reached through them. */
function ringOf(targets: TargetsDocument['targets'], name: string): readonly string[] | undefined {
  const before = (of: string): readonly string[] => (targets[of]?.management?.through ?? []).map(({ target }) => target).filter((target) => target !== of);
  const search = (path: readonly string[]): readonly string[] | undefined => {
    for (const next of before(path.at(-1) ?? '')) {
      if (next === name) return [...path, next];
      const found = path.includes(next) ? undefined : search([...path, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return search([name]);
}
