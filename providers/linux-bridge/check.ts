/** Offline: what this family cannot take. */
import { parseAddress, type Desired, type Problem } from '#contract';
import type { SwitchPortSpec } from '#generated/types';
import { interfaceName, maxAlias, plainText } from './limits.ts';

interface Finding {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export function checkBridge(desired: readonly Desired[]): readonly Problem[] {
  return desired.flatMap((resource): Problem[] => {
    const { kind, name } = parseAddress(resource.address);
    // A spec has passed the kind's schema.
    return kind === 'switch-port' ? checkPort(name, resource.spec as SwitchPortSpec).map(({ code, message, hint }): Problem => ({ code, severity: 'error', message, hint, address: resource.address, source: resource.source })) : [];
  });
}

function checkPort(name: string, { mode, vlan, native, tagged, description, enabled }: SwitchPortSpec): Finding[] {
  const found: Finding[] = [];
  const access = mode === 'access';
  if (!interfaceName.test(name)) found.push({ code: 'linux-bridge.port-name', message: `${JSON.stringify(name)} is no interface`, hint: 'as ip link shows it: at most 15 letters, digits, dots, - and _' });
  if (description !== undefined && (description === '' || description.trim() !== description || /\s\s/.test(description) || !plainText.test(description) || Buffer.byteLength(description) > maxAlias)) {
    found.push({ code: 'linux-bridge.description', message: `the description of ${JSON.stringify(name)} does not stay what it is in /etc/network/interfaces`, hint: 'letters, digits and punctuation without %, $ and \\; no space at its ends or two in a row' });
  }
  if (access ? native !== undefined || tagged !== undefined : vlan !== undefined) found.push({ code: 'linux-bridge.mode', message: `${name}: ${access ? 'native and tagged are for trunks' : 'vlan is for access ports'}`, hint: access ? 'vlan: 20' : 'native: 20, tagged: [30]' });
  if (!access && native !== undefined && tagged?.includes(native) === true) found.push({ code: 'linux-bridge.native', message: `${name}: VLAN ${String(native)} cannot be tagged and untagged at once`, hint: 'take it out of tagged' });
  if (!access && native === undefined && tagged === undefined && description === undefined && enabled !== false) found.push({ code: 'linux-bridge.factory', message: `${name}: this is a port as the bridge has it, and that is not managed`, hint: 'leave the port out, or write native, tagged or a description' });
  return found;
}
