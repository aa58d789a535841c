import type { Target } from '#contract';
import type { LabState } from './lab-state.ts';

/** Swaps address, identity and credentials for the lab's; everything else stays, so the code path is the same. `undefined`: not in the lab. */
export function overlayTarget(target: Target, lab: LabState): Target | undefined {
  const found = lab.targets[`${target.customer}/${target.name}`];
  if (found === undefined) return undefined;
  // The stand-in is on this machine: no bastion leads there.
  const { via: _via, ...settings } = target.settings;
  return {
    ...target,
    address: found.address ?? `${found.host}:${String(found.port)}`,
    identity: found.identity,
    settings: { ...settings, ...found.settings },
    lab: { host: found.host, port: found.port, ...(found.ca === undefined ? {} : { ca: found.ca }) },
  };
}
