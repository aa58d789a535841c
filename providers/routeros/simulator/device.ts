/**
 * A RouterOS 7.20 that keeps its configuration, runs its scheduler, and forwards or drops the packets of whoever manages it. REST: help.mikrotik.com, REST API;
 * `place-before` only with PUT (terraform-provider-routeros issue 223), `move` with `numbers` and `destination` (issue 293), looked at 2026-11-28.
 */
import { isIP } from 'node:net';
import { models, type Around, type Entry, type Fields, type MenuModel } from './menus.ts';
import { runScript, ScriptError, Unknown, type Console } from './script.ts';

export interface Management {
  /** Where the packets of soll come in. */
  readonly port: string;
  /** Tagged with this number; absent: untagged. */
  readonly tag?: number;
  /** The interface that has the address that soll speaks to. */
  readonly interface: string;
}

export interface DeviceState {
  readonly menus: Record<string, Entry[]>;
  next: number;
  /** Fields of menus with one row. */
  readonly single: Record<string, Fields>;
  readonly management?: Management;
}

export interface Caller {
  readonly name: string;
  readonly policy: readonly string[];
}

export class Failure extends Error {
  readonly status: number;
  constructor(detail: string, status = 400) {
    super(detail);
    this.status = status;
  }
}

export class Device {
  readonly state: DeviceState;
  readonly #secondMs: number;
  readonly #changed: () => void;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Text of what a script stumbled over that this stand-in does not know. */
  unknown: string | undefined;

  constructor(state: DeviceState, secondMs: number, changed: () => void) {
    this.state = state;
    this.#secondMs = secondMs;
    this.#changed = changed;
    this.#schedule();
  }

  /** Power comes back: timers begin anew, and what waits for the startup runs. */
  boot(): void {
    for (const { fields } of [...this.rows('system/scheduler')]) if (fields['start-time'] === 'startup' && seconds(fields['interval'] ?? '0s') === 0 && fields['disabled'] === 'false') this.#event(fields);
    this.#schedule();
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearInterval(timer);
    this.#timers.clear();
  }

  rows(menu: string): Entry[] {
    return (this.state.menus[menu] ??= []);
  }

  #model(menu: string): MenuModel {
    const model = models[menu];
    if (model === undefined) throw new Failure(`no such command or directory (${menu.split('/').at(-1) ?? ''})`);
    return model;
  }

  #interfaces(without?: Entry): ReadonlySet<string> {
    return new Set(['interface/ethernet', 'interface/bridge', 'interface/vlan'].flatMap((menu) => this.rows(menu).filter((entry) => entry !== without).map(({ fields }) => fields['name'] ?? '')));
  }

  #around(without?: Entry): Around {
    return { rows: (menu) => this.rows(menu).filter((entry) => entry !== without).map(({ fields }) => fields), interfaces: this.#interfaces(without) };
  }

  /** As `print` shows it: what the device adds by itself stands beside. */
  print(menu: string): readonly Fields[] {
    if (menu === 'interface') return [...this.#interfaces()].map((name, index) => ({ '.id': `*${(index + 1).toString(16).toUpperCase()}`, name, type: 'any' }));
    const model = this.#model(menu);
    const own = this.rows(menu).map(({ id, fields }): Fields => ({ '.id': id, ...model.shown, ...fields, ...(menu === 'system/scheduler' && seconds(fields['interval'] ?? '') > 0 ? { 'next-run': '2026-11-28 12:00:20' } : {}) }));
    if (menu === 'ip/firewall/filter') return [{ '.id': '*FFFFFF', chain: 'forward', action: 'passthrough', comment: 'special dummy rule to show fasttrack counters', bytes: '0', packets: '0', dynamic: 'true', invalid: 'false', disabled: 'false', log: 'false', 'log-prefix': '' }, ...own];
    if (menu === 'interface/list') return [...['all', 'none', 'dynamic', 'static'].map((name, index): Fields => ({ '.id': `*200000${String(index)}`, name, builtin: 'true', dynamic: 'false', include: '', exclude: '' })), ...own];
    if (menu === 'interface/bridge/vlan') return [...own, ...this.#byPvid()];
    return own;
  }

  /** Untagged members come by themselves from the ports' numbers (Bridging and Switching, "Bridge VLAN table"). */
  #byPvid(): readonly Fields[] {
    const known = this.rows('interface/bridge/vlan').map(({ fields }) => `${fields['bridge'] ?? ''} ${fields['vlan-ids'] ?? ''}`);
    const filtering = this.rows('interface/bridge').filter(({ fields }) => fields['vlan-filtering'] === 'true').map(({ fields }) => fields['name'] ?? '');
    const numbers = [...new Set(this.rows('interface/bridge/port').filter(({ fields }) => filtering.includes(fields['bridge'] ?? '')).map(({ fields }) => `${fields['bridge'] ?? ''} ${fields['pvid'] ?? ''}`))].filter((each) => !known.includes(each));
    return numbers.map((each, index) => ({ '.id': `*8000000${String(index)}`, bridge: each.split(' ')[0] ?? '', 'vlan-ids': each.split(' ')[1] ?? '', tagged: '', untagged: '', dynamic: 'true', disabled: 'false', comment: 'added by pvid' }));
  }

  #entry(menu: string, id: string): Entry {
    const found = this.rows(menu).find((entry) => entry.id === id);
    if (found === undefined) throw new Failure(`no such item (4)`, 404);
    return found;
  }

  #checked(menu: string, fields: Fields, entry: Entry | undefined): void {
    const model = this.#model(menu);
    for (const name of model.required) if ((fields[name] ?? '') === '') throw new Failure(`failure: missing value(s) of argument(s) ${name}`);
    const said = model.check?.(fields, this.#around(entry));
    if (said !== undefined) throw new Failure(said);
  }

  #given(menu: string, values: Fields, extra: readonly string[] = []): Fields {
    const model = this.#model(menu);
    return Object.fromEntries(Object.entries(values).filter(([name]) => !extra.includes(name)).map(([name, value]) => {
      if (!model.properties.includes(name)) throw new Failure(`unknown parameter ${name}`);
      if (typeof value !== 'string') throw new Failure(`invalid value for argument ${name}`);
      if (model.flags?.includes(name) === true) {
        if (!['yes', 'no', 'true', 'false'].includes(value)) throw new Failure(`invalid value for argument ${name}`);
        return [name, ['yes', 'true'].includes(value) ? 'true' : 'false'];
      }
      return [name, value];
    }));
  }

  add(menu: string, values: Fields): Entry {
    const model = this.#model(menu);
    if (model.fixed === true) throw new Failure('no such command (add)');
    const fields = { ...model.defaults, ...this.#given(menu, values, ['place-before']) };
    this.#checked(menu, fields, undefined);
    const rows = this.rows(menu);
    const before = values['place-before'];
    const index = before === undefined ? rows.length : rows.indexOf(this.#entry(menu, before));
    if (before !== undefined && model.ordered !== true) throw new Failure('unknown parameter place-before');
    if (menu === 'ip/address') fields['network'] ??= networkOf(fields['address'] ?? '');
    const entry: Entry = { id: `*${(this.state.next += 1).toString(16).toUpperCase()}`, fields };
    rows.splice(index, 0, entry);
    this.#after(menu);
    return entry;
  }

  set(menu: string, id: string, values: Fields): Entry {
    const entry = this.#entry(menu, id);
    const model = this.#model(menu);
    const given = this.#given(menu, values);
    const next: Fields = { ...entry.fields, ...given };
    // Written empty is not there, unless it is shown empty.
    const kept = Object.fromEntries(Object.entries(next).filter(([name, value]) => value !== '' || model.defaults[name] !== undefined || !(name in given)));
    this.#checked(menu, kept, entry);
    const was = entry.fields['name'];
    entry.fields = kept;
    if (was !== undefined && kept['name'] !== was) this.#renamed(menu, was, kept['name'] ?? '');
    this.#after(menu);
    return entry;
  }

  /** Whoever refers to it by name goes with it. */
  #renamed(menu: string, was: string, name: string): void {
    if (menu === 'interface/vlan') for (const other of ['ip/address', 'ip/dhcp-server', 'interface/list/member']) for (const { fields } of this.rows(other)) if (fields['interface'] === was) fields['interface'] = name;
    if (menu === 'interface/list') throw new Unknown('the stand-in does not rename lists');
  }

  unset(menu: string, id: string, property: string): void {
    const entry = this.#entry(menu, id);
    if (!this.#model(menu).properties.includes(property)) throw new Failure('input does not match any value of value-name');
    const { [property]: _gone, ...rest } = entry.fields;
    const fields = { ...this.#model(menu).defaults, ...rest };
    this.#checked(menu, fields, entry);
    entry.fields = fields;
    this.#after(menu);
  }

  remove(menu: string, id: string): void {
    const model = this.#model(menu);
    const entry = this.#entry(menu, id);
    if (model.fixed === true) throw new Failure('no such command (remove)');
    const said = model.keep?.(entry.fields, this.#around(entry));
    if (said !== undefined) throw new Failure(said);
    this.rows(menu).splice(this.rows(menu).indexOf(entry), 1);
    this.#after(menu);
  }

  move(menu: string, id: string, destination: string | undefined): void {
    if (this.#model(menu).ordered !== true) throw new Failure('no such command (move)');
    const rows = this.rows(menu);
    const entry = this.#entry(menu, id);
    const target = destination === undefined ? undefined : this.#entry(menu, destination);
    if (target === entry) return;
    rows.splice(rows.indexOf(entry), 1);
    rows.splice(target === undefined ? rows.length : rows.indexOf(target), 0, entry);
  }

  #after(menu: string): void {
    if (menu === 'system/scheduler') this.#schedule();
  }

  /** An entry with start-time=startup runs at startup only, and only without an interval (Scheduler, "Note"). */
  #schedule(): void {
    const wanted = new Map(this.rows('system/scheduler').filter(({ fields }) => fields['start-time'] !== 'startup' && fields['disabled'] === 'false' && seconds(fields['interval'] ?? '') > 0).map((entry) => [`${entry.id} ${entry.fields['interval'] ?? ''}`, entry]));
    for (const [key, timer] of this.#timers) if (!wanted.has(key)) {
      clearInterval(timer);
      this.#timers.delete(key);
    }
    for (const [key, entry] of wanted) if (!this.#timers.has(key)) this.#timers.set(key, setInterval(() => { this.#event(entry.fields); }, seconds(entry.fields['interval'] ?? '') * this.#secondMs).unref());
  }

  #event(fields: Fields): void {
    try {
      this.execute(fields['on-event'] ?? '', { name: fields['name'] ?? '', policy: (fields['policy'] ?? '').split(',') });
    } catch (error) {
      if (error instanceof Unknown) this.unknown = error.message;
      else if (!(error instanceof ScriptError)) throw error;
    }
    this.#changed();
  }

  runStored(name: string, caller: Caller): void {
    const script = this.rows('system/script').find(({ fields, id }) => fields['name'] === name || id === name);
    if (script === undefined) throw new ScriptError('no such item');
    const needed = (script.fields['policy'] ?? '').split(',');
    if (script.fields['dont-require-permissions'] !== 'true' && !needed.every((each) => caller.policy.includes(each))) throw new ScriptError('not enough permissions to run script');
    this.execute(script.fields['source'] ?? '', { name: caller.name, policy: needed });
  }

  execute(text: string, caller: Caller): string {
    return runScript(text, this.#console(caller));
  }

  #console(caller: Caller): Console {
    const guarded = <T>(menu: string, run: () => T): T => {
      need(caller, menu, true);
      try {
        return run();
      } catch (error) {
        if (error instanceof Failure) throw new ScriptError(error.message);
        throw error;
      }
    };
    return {
      find: (menu, where) => this.print(menu).filter((row) => where.every(([name, value]) => row[name] === value)).map((row) => row['.id'] ?? ''),
      command: (menu, name, given) => {
        const { numbers, ...args }: Fields = Object.fromEntries(given);
        const ids = (numbers ?? '').split(',').filter((id) => id !== '');
        if (menu === 'system/script' && name === 'run') {
          const [stored = ''] = [...given.keys()].filter((key) => given.get(key) === '');
          this.runStored(stored, caller);
          return '';
        }
        return guarded(menu, () => {
          if (name === 'add') return this.add(menu, args).id;
          if (name === 'remove') for (const id of ids) this.remove(menu, id);
          else if (name === 'set') for (const id of ids) this.set(menu, id, args);
          else if (name === 'unset') for (const id of ids) this.unset(menu, id, args['value-name'] ?? '');
          else if (name === 'move') for (const id of ids) this.move(menu, id, args['destination'] === '' ? undefined : args['destination']);
          else throw new Unknown(`the stand-in knows no command ${menu}/${name}`);
          return '';
        });
      },
    };
  }

  /** The output of a command line, as `execute` with `as-string` gives it. */
  printed(script: string): string {
    const [, end] = /^\/export show-sensitive; :put "([a-z0-9-]+)"$/.exec(script) ?? [];
    if (end === undefined) throw new Unknown(`the stand-in does not print ${script}`);
    const lines = Object.keys(models).filter((menu) => this.rows(menu).length > 0).flatMap((menu) => [`/${menu.replaceAll('/', ' ')}`, ...this.rows(menu).map(({ fields }) => `add ${Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(' ')}`)]);
    return [`# 2026-11-28 12:00:00 by RouterOS 7.20.8`, `# software id = ${this.state.single['system/license']?.['software-id'] ?? ''}`, '#', ...lines, end].join('\r\n');
  }

  /** Do the packets of whoever manages it still come through? Each request is a new connection. */
  reaches(source: string): boolean {
    const { management } = this.state;
    if (management === undefined) return true;
    return this.#arrives(management) && this.#accepts(management.interface, source);
  }

  #arrives({ port, tag, interface: name }: Management): boolean {
    const isOn = (menu: string, wanted: string): Fields | undefined => this.rows(menu).map(({ fields }) => fields).find((fields) => fields['name'] === wanted && fields['disabled'] !== 'true');
    if (isOn('interface/ethernet', port) === undefined) return false;
    if (!this.rows('ip/address').some(({ fields }) => fields['interface'] === name && fields['disabled'] !== 'true')) return false;
    const member = this.rows('interface/bridge/port').map(({ fields }) => fields).find((fields) => fields['interface'] === port);
    if (member === undefined) return name === port;
    const bridge = isOn('interface/bridge', member['bridge'] ?? '');
    if (bridge === undefined) return false;
    const vlan = isOn('interface/vlan', name);
    const number = tag ?? Number(member['pvid'] ?? 1);
    const wanted = name === bridge['name'] ? Number(bridge['pvid'] ?? 1) : Number(vlan?.['vlan-id'] ?? 0);
    if (name !== bridge['name'] && vlan === undefined) return false;
    if (bridge['vlan-filtering'] !== 'true') return name === bridge['name'] ? tag === undefined : tag === wanted;
    const frames = member['frame-types'];
    if ((tag === undefined && frames === 'admit-only-vlan-tagged') || (tag !== undefined && frames === 'admit-only-untagged-and-priority-tagged')) return false;
    const table = this.rows('interface/bridge/vlan').map(({ fields }) => fields).find((fields) => fields['vlan-ids'] === String(number));
    const carries = (who: string): boolean => (table?.['tagged'] ?? '').split(',').includes(who);
    return number === wanted && (tag === undefined || carries(port)) && (name === bridge['name'] || carries(bridge['name'] ?? ''));
  }

  #accepts(name: string, source: string): boolean {
    const lists = new Set(this.rows('interface/list/member').filter(({ fields }) => fields['interface'] === name && fields['disabled'] !== 'true').map(({ fields }) => fields['list'] ?? ''));
    const members = (list: string): readonly string[] => this.rows('ip/firewall/address-list').filter(({ fields }) => fields['list'] === list && fields['disabled'] !== 'true').map(({ fields }) => fields['address'] ?? '');
    const negated = (text: string, test: (plain: string) => boolean): boolean => (text.startsWith('!') ? !test(text.slice(1)) : test(text));
    const matches = (fields: Fields): boolean => Object.entries(fields).every(([field, value]) => {
      switch (field) {
        case 'in-interface-list': return negated(value, (list) => lists.has(list));
        case 'in-interface': return negated(value, (each) => each === name);
        case 'connection-state': return value.split(',').includes('new');
        case 'connection-nat-state': return false;
        case 'protocol': return value === 'tcp';
        case 'dst-port': return value.split(',').some((part) => { const [from = 0, to = from] = part.split('-').map(Number); return from <= 443 && 443 <= to; });
        case 'src-address': return isInside(source, value);
        case 'src-address-list': return members(value).some((each) => isInside(source, each));
        case 'action': case 'chain': case 'comment': case 'disabled': case 'log': case 'log-prefix': case 'jump-target': case 'reject-with': return true;
        default: throw new Unknown(`the stand-in does not match ${field}`);
      }
    });
    const through = (chain: string): boolean | undefined => {
      for (const { fields } of this.rows('ip/firewall/filter')) {
        if (fields['chain'] !== chain || fields['disabled'] === 'true' || !matches(fields)) continue;
        if (fields['action'] === 'accept') return true;
        if (fields['action'] === 'drop' || fields['action'] === 'reject') return false;
        if (fields['action'] === 'return') return undefined;
        const result = fields['action'] === 'jump' ? through(fields['jump-target'] ?? '') : undefined;
        if (result !== undefined) return result;
      }
      return undefined;
    };
    return through('input') ?? true;
  }
}

/** Throws what somebody without the right is told. */
export function need(caller: Caller, path: string, write: boolean): void {
  const wanted = !write ? 'read' : path.startsWith('system/script') || path.startsWith('system/scheduler') ? 'policy' : 'write';
  if (!caller.policy.includes(wanted) || (write && !caller.policy.includes('write'))) throw new Failure('not enough permissions (9)', 500);
}

export function seconds(text: string): number {
  const found = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (found === null) return Number.NaN;
  const [weeks = 0, days = 0, hours = 0, minutes = 0, rest = 0] = found.slice(1).map((each: string | undefined) => Number(each ?? 0));
  return (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + rest;
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function networkOf(address: string): string {
  const [base = '', length = '32'] = address.split('/');
  const size = 2 ** (32 - Number(length));
  const first = Math.floor(numberOf(base) / size) * size;
  return [24, 16, 8, 0].map((shift) => String(Math.floor(first / 2 ** shift) % 256)).join('.');
}

function isInside(address: string, net: string): boolean {
  const [base = '', length = '32'] = net.split('/');
  if (isIP(base) !== 4) return false;
  const size = 2 ** (32 - Number(length));
  return Math.floor(numberOf(address) / size) === Math.floor(numberOf(base) / size);
}
