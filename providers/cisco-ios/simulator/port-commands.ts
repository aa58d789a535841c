/** Commands inside an interface. What IOS and small-business switches have in common, and where they differ. */
import type { Device } from './device.ts';
import { changeAllowed, parseList, type Port } from './model.ts';

export const invalid = '          ^\n% Invalid input detected at \'^\' marker.\n';
export const unrecognized = '% Unrecognized command\n';
const portfastWarning = '%Warning: portfast should only be enabled on ports connected to a single\n host. Connecting hubs, concentrators, switches, bridges, etc... to this\n interface when portfast is enabled, can cause temporary bridging loops.\n Use with CAUTION\n\n';

/** `undefined`: no such command here. Otherwise what is printed; an error begins with `%` or `Command rejected`. */
export function portCommand(device: Device, name: string, port: Port, line: string): string | undefined {
  const { seed, state } = device;
  const ios = seed.profile === 'ios';
  const negated = line.startsWith('no ');
  const text = negated ? line.slice(3) : line;
  const bad = ios ? invalid : unrecognized;
  const description = /^description(?: (.*))?$/.exec(text);
  if (description !== null) return describe(port, negated, description[1], ios);
  const words = text.trim().split(/\s+/);
  const [first, second, ...rest] = words;
  if (text.trim() === 'shutdown') {
    if (negated) delete port.shutdown;
    else port.shutdown = true;
    return '';
  }
  if (first === 'power' && second === 'inline') return setPower(device, name, port, negated ? 'auto' : rest.join(' '), bad);
  if (first === 'switchport' && port.routed === true) return ios ? 'Command rejected: not a switching port.\n' : bad;
  if (first === 'switchport' && second === 'mode') return setMode(device, name, port, negated ? undefined : rest.join(' '), bad);
  if (first === 'switchport' && second === 'access' && rest[0] === 'vlan') {
    if (negated) {
      delete port.accessVlan;
      return '';
    }
    const id = parseList(rest[1] ?? '')?.[0];
    if (id === undefined || rest.length !== 2) return bad;
    const missing = id !== 1 && state.running.vlans[String(id)] === undefined;
    if (missing && !ios) return '% VLAN was not created by user.\n';
    if (missing && (seed.vtp === 'client')) return '% VTP VLAN configuration not allowed when device is in CLIENT mode.\n';
    if (missing) state.running.vlans[String(id)] = {};
    if (id === 1) delete port.accessVlan;
    else port.accessVlan = id;
    return missing ? `% Access VLAN does not exist. Creating vlan ${String(id)}\n` : '';
  }
  if (first === 'switchport' && second === 'trunk') return trunk(port, negated, rest, bad, ios && device.seed.hardware.negotiate.includes(name));
  if (first === 'spanning-tree' && second === 'portfast') {
    if (negated) delete port.portfast;
    else if (!['', 'edge', 'trunk', 'edge trunk', 'disable', 'network', 'auto'].includes(rest.join(' '))) return bad;
    else port.portfast = ['portfast', ...rest].join(' ');
    return !negated && ios && rest[0] !== 'disable' ? portfastWarning : '';
  }
  if (first === 'spanning-tree' && second === 'bpduguard') {
    if (negated) delete port.bpduguard;
    else if (rest.length !== 1 || !['enable', 'disable'].includes(rest[0] ?? '')) return bad;
    else port.bpduguard = rest[0] ?? '';
    return '';
  }
  return undefined;
}

/** IOS: the rest of the line, at most 240 characters. Small business: 64, in quotation marks where it has spaces. */
function describe(port: Port, negated: boolean, rest: string | undefined, ios: boolean): string {
  if (negated) {
    delete port.description;
    return '';
  }
  if (rest === undefined || rest.trim() === '') return '% Incomplete command.\n';
  const quoted = /^"([^"]*)"$/.exec(rest.trim());
  if (!ios && quoted === null && /[\s"]/.test(rest.trim())) return '% Wrong number of parameters or invalid range, size or characters entered\n';
  const text = ios ? rest.trim() : (quoted?.[1] ?? rest.trim());
  if (text.length > (ios ? 240 : 64)) return ios ? invalid : '% Wrong number of parameters or invalid range, size or characters entered\n';
  port.description = text;
  return '';
}

function setPower(device: Device, name: string, port: Port, what: string, bad: string): string {
  if (!device.seed.hardware.power.includes(name)) return bad;
  if (what === 'auto') delete port.power;
  else if (what === 'never') port.power = 'never';
  else return bad;
  return '';
}

function setMode(device: Device, name: string, port: Port, mode: string | undefined, bad: string): string {
  const ios = device.seed.profile === 'ios';
  if (mode === undefined || (!ios && mode === 'access')) {
    delete port.mode;
    return '';
  }
  if (!(ios ? ['access', 'trunk', 'dynamic auto', 'dynamic desirable'] : ['access', 'trunk', 'general']).includes(mode)) return bad;
  if (ios && mode === 'trunk' && device.seed.hardware.negotiate.includes(name) && port.encapsulation !== 'dot1q') return 'Command rejected: An interface whose trunk encapsulation is "Auto" can not be configured to "trunk" mode.\n';
  if (mode === 'dynamic auto') delete port.mode;
  else port.mode = mode;
  return '';
}

function trunk(port: Port, negated: boolean, [what, vlan, ...values]: readonly string[], bad: string, negotiates: boolean): string {
  if (what === 'encapsulation') {
    if (!negotiates || (!negated && vlan !== 'dot1q')) return bad;
    if (negated) delete port.encapsulation;
    else port.encapsulation = 'dot1q';
    return '';
  }
  if (vlan !== 'vlan') return bad;
  if (what === 'native') {
    const id = negated ? 1 : parseList(values[0] ?? '')?.[0];
    if (id === undefined || values.length > 1) return bad;
    if (id === 1) delete port.native;
    else port.native = id;
    return '';
  }
  if (what !== 'allowed') return bad;
  if (negated || values.join(' ') === 'all') {
    delete port.allowed;
    return '';
  }
  if (values.join(' ') === 'none') {
    port.allowed = [];
    return '';
  }
  const how = values.length === 2 ? values[0] : undefined;
  const ids = parseList(values.at(-1) ?? '');
  if (ids === undefined || values.length > 2 || (values.length === 2 && !['add', 'remove', 'except'].includes(how ?? ''))) return 'Command rejected: Bad VLAN list\n';
  changeAllowed(port, how, ids);
  return '';
}
