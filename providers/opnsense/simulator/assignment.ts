/**
 * Interfaces and their settings, as they are in the API from 26.7.6 (core AssignmentController.php, NetworkInterface.php, NetworkInterfaceField.php 2026;
 * changelog 26.7.6 of 2026-10-08). A new interface stands in the configuration with device and description; the rest, and every change, waits in /tmp
 * until it is applied. The firewall chooses the identifier. Only fields that somebody here writes are played.
 */
import { isIPv4 } from 'node:net';
import type { HttpsServerAnswer } from '#testkit/https-server';
import { json, UserException } from './answers.ts';
import type { Call, Config, DeviceState, InterfaceEntry } from './state.ts';

const types = ['none', 'staticv4', 'dhcp', 'ppp', 'pppoe', 'pptp', 'l2tp'];
const fields = ['if', 'descr', 'lock', 'enable', 'type4', 'ipaddr'];

interface Assigning {
  readonly state: DeviceState;
  readonly call: Call;
  readonly command: string;
  readonly parameters: readonly string[];
  reload(): void;
}

export function addressesOf({ interfaces }: Config): Record<string, string> {
  return Object.fromEntries(Object.entries(interfaces).filter(([, { ipaddr, subnet }]) => ipaddr !== undefined && subnet !== undefined).map(([name, { ipaddr = '', subnet = '' }]) => [name, `${ipaddr}/${subnet}`]));
}

/** What the model in memory shows: the configuration with what waits over it. */
function assigned({ saved, todo }: DeviceState): readonly (readonly [string, InterfaceEntry])[] {
  return Object.entries(saved.interfaces).filter(([name, { group }]) => group !== true && todo[name] !== 'delete').map(([name, entry]) => [name, typeof todo[name] === 'object' ? todo[name] : entry] as const);
}

function show([identifier, { device, descr, ipaddr = '', subnet, enable = '1', lock = '0' }]: readonly [string, InterfaceEntry], pending: string): Record<string, string> {
  const fixed = isIPv4(ipaddr);
  return { identifier, pending_action: pending, if: device, descr, lock, enable, type4: fixed ? 'staticv4' : ipaddr === '' ? 'none' : ipaddr, ipaddr: fixed ? `${ipaddr}/${subnet ?? '24'}` : '', type6: 'none', ipaddrv6: '', mtu: '', gateway: '' };
}

export function assign({ state, call, command, parameters, reload }: Assigning): HttpsServerAnswer {
  const [identifier = ''] = parameters;
  const pendingOf = (name: string): string => (typeof state.todo[name] === 'object' ? 'update' : '');
  switch (command) {
    case 'searchItem': {
      const rows = assigned(state).map((each) => ({ uuid: each[0], ...show(each, pendingOf(each[0])) }));
      return json(200, { total: rows.length, rowCount: rows.length, current: 1, rows });
    }
    case 'getItem': {
      const found = assigned(state).find(([name]) => name === identifier);
      if (found === undefined) return json(200, []);
      const shown = show(found, pendingOf(identifier));
      return json(200, { interface: { ...shown, type4: Object.fromEntries(types.map((type) => [type, { value: type, selected: type === shown['type4'] ? 1 : 0 }])), if: { [shown['if'] ?? '']: { value: `${shown['if'] ?? ''} (00:00:5e:00:53:01)`, selected: 1 } } } });
    }
    case 'addItem': case 'setItem': return write(state, call, command === 'addItem' ? undefined : identifier);
    case 'delItem': return remove(state, call, identifier);
    case 'reconfigure': {
      if (call.method !== 'POST') return json(200, { status: 'failed' });
      call.onWrite(call.path);
      apply(state);
      reload();
      return json(200, { status: 'ok' });
    }
    default: return json(404, { errorMessage: 'Endpoint not found' });
  }
}

function write(state: DeviceState, { method, body, path, user, onWrite }: Call, identifier: string | undefined): HttpsServerAnswer {
  const posted = method === 'POST' ? (body as { readonly interface?: Readonly<Record<string, string>> }).interface : undefined;
  const before = assigned(state).find(([name]) => name === identifier);
  if (posted === undefined || (identifier !== undefined && before === undefined)) return json(200, { result: 'failed' });
  const unknown = Object.keys(posted).filter((field) => !fields.includes(field) && !['mtu', 'gateway', 'type6', 'ipaddrv6'].includes(field));
  if (unknown.length > 0) throw new Error(`the stand-in knows no ${unknown.join(', ')} of an interface`);
  const after: Record<string, string> = { lock: '1', enable: '1', type4: 'none', ipaddr: '', descr: '', ...(before === undefined ? {} : show(before, '')), ...posted };
  const refused = { ...validate(state, after, identifier), ...onWrite(`${path} ${JSON.stringify(posted)}`) };
  if (Object.keys(refused).length > 0) return json(200, { result: 'failed', validations: Object.fromEntries(Object.entries(refused).map(([field, message]) => [`interface.${field}`, message])) });
  if (user.readOnly) throw new UserException(`User ${user.name} denied for write access (user-config-readonly set)`);
  const [ipaddr = '', subnet] = (after['ipaddr'] ?? '').split('/');
  const { if: device = '', descr = '', lock = '', enable = '', type4 = '' } = after;
  const entry: InterfaceEntry = { device, descr, lock, enable, ...(type4 === 'staticv4' && subnet !== undefined ? { ipaddr, subnet } : type4 === 'none' ? {} : { ipaddr: type4 }) };
  const name = identifier ?? nextOf(state);
  const { interfaces } = state.saved;
  interfaces[name] = identifier === undefined ? { device, descr } : { ...(interfaces[name] as InterfaceEntry), descr, lock };
  state.todo[name] = entry;
  state.saved.revision += 1;
  return json(200, { result: 'saved', ...(identifier === undefined ? { uuid: name } : {}) });
}

function nextOf({ saved, todo }: DeviceState): string {
  let index = 1;
  while (saved.interfaces[`opt${String(index)}`] !== undefined && todo[`opt${String(index)}`] !== 'delete') index += 1;
  return `opt${String(index)}`;
}

function validate(state: DeviceState, after: Readonly<Record<string, string>>, identifier: string | undefined): Record<string, string> {
  const { if: device = '', descr = '', type4 = '', ipaddr = '' } = after;
  const devices = [...state.saved.devices, ...Object.values(state.saved.objects.vlan).map(({ vlanif = '' }) => vlanif)];
  return {
    ...(devices.includes(device) ? {} : { if: 'Please specify a valid device.' }),
    ...(assigned(state).some(([name, entry]) => name !== identifier && entry.device === device) ? { if: 'Can not assign a device to more interfaces.' } : {}),
    ...(/^[a-z_0-9]{0,255}$/i.test(descr) ? {} : { descr: 'Please provide a valid description.' }),
    ...(types.includes(type4) ? {} : { type4: 'Option not in list.' }),
    ...(type4 !== 'staticv4' ? {} : ipaddr === '' ? { ipaddr: 'An address is required when configuring static mode' } : /^\d+(\.\d+){3}\/([1-9]|[12]\d|3[0-2])$/.test(ipaddr) ? {} : { ipaddr: 'Please enter a valid address with its mask.' }),
  };
}

function remove(state: DeviceState, { method, path, user, onWrite }: Call, identifier: string): HttpsServerAnswer {
  if (method !== 'POST') return json(200, { status: 'failed' });
  const found = assigned(state).find(([name]) => name === identifier);
  if (found === undefined) return json(200, { result: 'not found' });
  if (Object.values(state.saved.objects.group).some(({ members = '' }) => members.split(',').includes(identifier))) throw new UserException('The interface is part of a group. Please remove it from the group to continue');
  if (found[1].lock === '1') throw new UserException('Interface locked, unset lock first before removal');
  if (user.readOnly) throw new UserException(`User ${user.name} denied for write access (user-config-readonly set)`);
  const refused = onWrite(path);
  if (refused !== undefined && Object.keys(refused).length > 0) throw new UserException(Object.values(refused).join(' '));
  state.todo[identifier] = 'delete';
  state.saved.revision += 1;
  return json(200, { result: 'deleted' });
}

/** Only now does the configuration say it; an interface takes its rules with it. */
function apply(state: DeviceState): void {
  const { saved } = state;
  for (const [name, todo] of Object.entries(state.todo)) {
    if (saved.interfaces[name] === undefined) continue;
    if (todo !== 'delete') {
      saved.interfaces[name] = todo;
      continue;
    }
    saved.interfaces = Object.fromEntries(Object.entries(saved.interfaces).filter(([other]) => other !== name));
    for (const model of ['rule', 'snat'] as const) {
      saved.objects[model] = Object.fromEntries(Object.entries(saved.objects[model]).flatMap(([uuid, rule]) => {
        const on = (rule['interface'] ?? '').split(',');
        const left = on.filter((each) => each !== name);
        return left.length === 0 ? [] : [[uuid, left.length === on.length ? rule : { ...rule, interface: left.join(',') }]];
      }));
    }
  }
  state.todo = {};
  state.running.addresses = addressesOf(saved);
  saved.revision += 1;
}
