/** Offline: what this family cannot take. */
import { parseAddress, type Desired, type Problem, type Target } from '#contract';
import { maxDescription, maxVlanName, reservedVlanNames } from './limits.ts';
import { isReserved, type PortSpec } from './ports.ts';
import { settingsOf, type ProfileName } from './settings.ts';
import { longName } from './show.ts';
import { defaultName } from './vlans.ts';

const portNames: Readonly<Record<ProfileName, RegExp>> = {
  ios: /^(FastEthernet|GigabitEthernet|TwoGigabitEthernet|FiveGigabitEthernet|TenGigabitEthernet|TwentyFiveGigE|FortyGigabitEthernet|HundredGigE|Ethernet)\d{1,3}(\/\d{1,3}){0,2}$|^Port-channel\d{1,3}$/,
  'small-business': /^(FastEthernet|GigabitEthernet|TwoPointFiveGigabitEthernet|TwoGigabitEthernet|FiveGigabitEthernet|TenGigabitEthernet)\d{1,3}(\/\d{1,3}){0,2}$|^Port-[Cc]hannel\d{1,3}$/,
};

interface Finding {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export function checkSwitch(desired: readonly Desired[], target: Target): readonly Problem[] {
  const { profile, guard } = settingsOf(target);
  const tell = (resource: Desired) => ({ code, message, hint }: Finding): Problem => ({ code, severity: 'error', message, hint, address: resource.address, source: resource.source });
  const problems = desired.flatMap((resource): Problem[] => {
    const { kind, name } = parseAddress(resource.address);
    if (kind === 'vlan') return checkVlan(name, Number(resource.spec['id']), profile).map(tell(resource));
    // A spec has passed the kind's schema.
    return kind === 'switch-port' ? checkPort(name, resource.spec as PortSpec, profile).map(tell(resource)) : [];
  });
  if (profile === 'small-business' && guard === 'revert-timer') problems.push({ code: 'cisco.guard', severity: 'error', target: target.name, customer: target.customer, message: `${target.name}: a small-business switch has no rollback timer`, hint: 'settings.guard: reload, or none' });
  return problems;
}

/** What a terminal hands on as it is: IOS knows no quotation, and takes `?` as a key and eight-bit characters as seven. */
function isTypeable(text: string): boolean {
  return /^[ -~]*$/.test(text) && !text.includes('?');
}

function checkVlan(name: string, id: number, profile: ProfileName): Finding[] {
  const found: Finding[] = [];
  if (!/^[!-~]+$/.test(name) || /["?]/.test(name) || name.length > maxVlanName) found.push({ code: 'cisco.vlan-name', message: `VLAN name ${JSON.stringify(name)} cannot be typed on this switch`, hint: `1 to ${String(maxVlanName)} ASCII characters without spaces, quotation marks and ?` });
  if (isReserved(id)) found.push({ code: 'cisco.reserved-vlan', message: `VLAN ${String(id)} belongs to the system`, hint: '1002 to 1005 are FDDI and Token Ring on every Cisco switch' });
  if (reservedVlanNames.includes(name) || (/^VLAN\d{4}$/.test(name) && profile === 'ios' && name !== defaultName(id, profile)) || (/^\d+$/.test(name) && profile === 'small-business' && name !== defaultName(id, profile))) found.push({ code: 'cisco.vlan-name', message: `${name} is the name that the switch itself gives to another VLAN`, hint: 'another name' });
  return found;
}

function checkPort(name: string, spec: PortSpec, profile: ProfileName): Finding[] {
  return [...checkPortName(name, profile), ...checkDescription(name, spec, profile), ...checkMode(name, spec), ...(profile === 'small-business' ? checkSmall(name, spec) : [])];
}

function checkPortName(name: string, profile: ProfileName): Finding[] {
  if (portNames[profile].test(name)) return [];
  const full = longName(name);
  return [{ code: 'cisco.port-name', message: `${JSON.stringify(name)} is no port as the switch spells it`, hint: full !== undefined && full !== name && portNames[profile].test(full) ? `write ${full}` : `in full, as in the running configuration: ${profile === 'ios' ? 'GigabitEthernet1/0/1' : 'GigabitEthernet1'}` }];
}

function checkDescription(name: string, { description }: PortSpec, profile: ProfileName): Finding[] {
  if (description === undefined) return [];
  const fits = description !== '' && description.trim() === description && description.length <= maxDescription && isTypeable(description) && !(profile === 'small-business' && description.includes('"'));
  return fits ? [] : [{ code: 'cisco.description', message: `the description of ${JSON.stringify(name)} cannot be typed on this switch`, hint: 'ASCII without ? and control characters, no space at its ends (a terminal has no quotation: a line break would be a command)' }];
}

function checkMode(name: string, spec: PortSpec): Finding[] {
  const found: Finding[] = [];
  const access = spec.mode === 'access';
  if (access ? spec.native !== undefined || spec.tagged !== undefined : spec.vlan !== undefined) found.push({ code: 'cisco.mode', message: `${name}: ${access ? 'native and tagged are for trunks' : 'vlan is for access ports'}`, hint: access ? 'vlan: 20' : 'native: 20, tagged: [30]' });
  const untagged = spec.native ?? 1;
  if (!access && spec.tagged?.includes(untagged) === true) found.push({ code: 'cisco.native', message: `${name}: VLAN ${String(untagged)} cannot be tagged and untagged at once`, hint: spec.native === undefined ? 'VLAN 1 goes untagged where no native VLAN is written' : 'take it out of tagged' });
  const reserved = [spec.vlan, spec.native, ...(spec.tagged ?? [])].find((id) => id !== undefined && isReserved(id));
  if (reserved !== undefined) found.push({ code: 'cisco.reserved-vlan', message: `${name}: VLAN ${String(reserved)} belongs to the system`, hint: '1002 to 1005 are FDDI and Token Ring on every Cisco switch' });
  return found;
}

function checkSmall(name: string, { role, mode, vlan, description, enabled, poe }: PortSpec): Finding[] {
  const factory = mode === 'access' && (vlan ?? 1) === 1 && description === undefined && enabled !== false && poe !== false;
  return [
    ...(role === undefined ? [] : [{ code: 'cisco.role', message: `${name}: role cannot be held on a small-business switch`, hint: 'leave it out: its edge ports are found by the switch itself (auto), and how a fixed one is shown differs by firmware' }]),
    ...(factory ? [{ code: 'cisco.factory', message: `${name}: these are factory settings, and a port at factory settings is not managed`, hint: 'leave the port out, or write a description' }] : []),
  ];
}
