/** A firewall's configuration, what of it is in force, and the API over it. Paths may be spelled in either way (`setItem`, `set_item`). */
import { createHash } from 'node:crypto';
import type { HttpsServerAnswer } from '#testkit/https-server';
import { json, UserException } from './answers.ts';
import { addressesOf, assign } from './assignment.ts';
import { toXml } from './config-xml.ts';
import { familyOf, fieldsOf, isAddress, isSubnet, validate, type Fields, type ModelName, type Surroundings } from './models.ts';
import type { Call, DeviceState } from './state.ts';

interface Action {
  readonly model: ModelName;
  readonly verb: 'search' | 'get' | 'set' | 'add' | 'del';
}

interface Controller {
  readonly model: ModelName;
  readonly noun: 'Item' | 'Rule' | 'Range' | 'Option';
  readonly key: string;
}

const controllers: Readonly<Record<string, Controller>> = {
  'firewall/alias': { model: 'alias', noun: 'Item', key: 'alias' }, 'firewall/group': { model: 'group', noun: 'Item', key: 'group' }, 'firewall/filter': { model: 'rule', noun: 'Rule', key: 'rule' },
  'firewall/d_nat': { model: 'dnat', noun: 'Rule', key: 'rule' }, 'firewall/source_nat': { model: 'snat', noun: 'Rule', key: 'rule' }, 'interfaces/vlan_settings': { model: 'vlan', noun: 'Item', key: 'vlan' },
};

const dnsmasqControllers: readonly Controller[] = [{ model: 'range', noun: 'Range', key: 'range' }, { model: 'option', noun: 'Option', key: 'option' }];

const camel = (text: string): string => text.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export class Device {
  readonly state: DeviceState;

  constructor(state: DeviceState) {
    this.state = state;
  }

  handle(call: Call): HttpsServerAnswer {
    const [module = '', controllerName = '', action = '', ...parameters] = call.path.replace(/^\/api\//, '').split('/').map(decodeURIComponent);
    const name = `${module}/${controllerName}`;
    const command = camel(action);
    if (name === 'diagnostics/system' && command === 'systemInformation') return json(200, { name: 'fw.example.internal', versions: this.state.saved.old === true ? ['OPNsense 26.1.6-amd64', 'FreeBSD 14.3-RELEASE-p7', 'OpenSSL 3.0.19'] : ['OPNsense 26.7.6-amd64', 'FreeBSD 15.1-RELEASE-p4', 'OpenSSL 3.5.9'], updates: 'Click to check for updates.' });
    if (name === 'core/backup' && command === 'download' && parameters.join('/') === 'this') return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: toXml(this.state.saved) };
    if (name === 'interfaces/assignment' && this.state.saved.old !== true) return assign({ state: this.state, call, command, parameters, reload: () => { this.reloadFilter(); } });
    if (name === 'dnsmasq/settings' && command === 'get') return json(200, { dnsmasq: { enable: this.state.saved.dnsmasq === 'off' ? '0' : '1', interface: {} } });
    if (name === 'dnsmasq/service' && command === 'reconfigure') {
      if (call.method !== 'POST') return json(200, { status: 'failed' });
      call.onWrite(call.path);
      this.#serveDhcp();
      return json(200, { status: 'ok' });
    }
    const controller = name === 'dnsmasq/settings' ? dnsmasqControllers.find(({ noun }) => command.endsWith(noun)) : controllers[name];
    if (controller === undefined) return json(404, { errorMessage: 'Endpoint not found' });
    if (name === 'firewall/source_nat' && command === 'get' && parameters.length === 0) return json(200, { filter: { general: { snat_mode: Object.fromEntries(['automatic', 'hybrid', 'advanced', 'disabled'].map((mode) => [mode, { value: mode, selected: mode === this.state.saved.natMode ? 1 : 0 }])) } } });
    if ((command === 'apply' && controller.noun === 'Rule') || (command === 'reconfigure' && controller.noun === 'Item')) return this.#activate(call, controller, command);
    const found = new RegExp(`^(search|get|set|add|del)${controller.noun}$`).exec(command)?.[1] as Action['verb'] | undefined;
    if (found === undefined) return json(404, { errorMessage: 'Endpoint not found' });
    const [uuid = '', ...rest] = parameters;
    if (rest.length > 0) return json(400, { message: 'too many parameters', status: 400 });
    switch (found) {
      case 'search': return json(200, this.#search(call, controller));
      case 'get': return json(200, this.#get(controller, uuid));
      case 'add': return this.#write(call, controller, 'add', this.#newUuid());
      case 'set': return this.#write(call, controller, 'set', uuid);
      case 'del': return this.#delete(call, controller, uuid);
    }
  }

  /** Power on: what is saved is in force. */
  boot(): void {
    this.#register();
    this.reloadFilter();
    this.#refreshTables();
    this.#configureVlans();
    this.#serveDhcp();
    this.state.running.addresses = addressesOf(this.state.saved);
  }

  #serveDhcp(): void {
    const { range, option } = this.state.saved.objects;
    this.state.running.dhcp = structuredClone({ range, option });
  }

  reloadFilter(): void {
    const { rule, dnat, snat } = this.state.saved.objects;
    for (const fields of [...Object.values(rule), ...Object.values(snat)]) this.#mustLoad(fields);
    this.state.running.filter = structuredClone({ rule, dnat, snat });
  }

  /** pf refuses the whole ruleset where a rule has an address of the other family; the API would not have told. Nobody should come so far. */
  #mustLoad(fields: Fields): void {
    for (const field of ['source_net', 'destination_net']) {
      for (const part of (fields[field] ?? '').split(',')) {
        if ((isAddress(part) || isSubnet(part)) && familyOf(part) !== fields['ipprotocol']) throw new Error(`pf would not load this rule: ${part} in ${fields['ipprotocol'] ?? ''} (${fields['description'] ?? ''})`);
      }
    }
    for (const part of (fields['interface'] ?? '').split(',').filter((each) => each !== '')) if (this.state.saved.interfaces[part] === undefined) throw new Error(`a rule is on the interface ${part}, which does not exist`);
    const port = fields['destination_port'] ?? '';
    const alias = Object.values(this.state.saved.objects.alias).find(({ name }) => name === port);
    if (alias !== undefined && alias['content'] === '') throw new Error(`a rule uses the empty port alias ${port}: it would be switched off`);
  }

  #refreshTables(): void {
    this.state.running.tables = Object.fromEntries(Object.values(this.state.saved.objects.alias).filter(({ enabled, type }) => enabled === '1' && type !== 'port').map(({ name = '', content = '' }) => [name, content]));
  }

  #configureVlans(): void {
    this.state.running.vlans = structuredClone(this.state.saved.objects.vlan);
  }

  /** Interface groups become entries among the interfaces only here (core GroupController.php: interface invoke registration). */
  #register(): void {
    const { saved } = this.state;
    saved.interfaces = {
      ...Object.fromEntries(Object.entries(saved.interfaces).filter(([, { group }]) => group !== true)),
      ...Object.fromEntries(Object.values(saved.objects.group).map(({ ifname = '' }) => [ifname, { device: ifname, descr: ifname, group: true as const }])),
    };
  }

  #activate({ method, onWrite, path }: Call, { model }: Controller, command: string): HttpsServerAnswer {
    if (method !== 'POST') return json(200, { status: command === 'apply' ? 'error' : 'failed' });
    onWrite(path);
    if (model === 'vlan') this.#configureVlans();
    else this.reloadFilter();
    if (model === 'alias') this.#refreshTables();
    if (model === 'group') this.#register();
    return json(200, { status: command === 'apply' ? 'OK\n\n' : 'ok' });
  }

  #newUuid(): string {
    this.state.saved.revision += 1;
    const id = createHash('sha256').update(`new ${String(this.state.saved.revision)}`).digest('hex');
    return `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13, 16)}-a${id.slice(17, 20)}-${id.slice(20, 32)}`;
  }

  #around(model: ModelName, uuid: string): Surroundings {
    const { saved } = this.state;
    return {
      uuid, devices: saved.devices,
      interfaces: new Map(Object.entries(saved.interfaces).map(([name, { group }]) => [name, { group: group === true }])),
      aliases: new Map([['bogons', 'external'], ['virusprot', 'external'], ['__lan_network', 'internal'], ...Object.values(saved.objects.alias).map(({ name = '', type = '' }) => [name, type] as const)] as const),
      others: Object.entries(saved.objects[model]).filter(([id]) => id !== uuid).map(([, fields]) => fields),
    };
  }

  #posted({ method, body }: Call, { model, key }: Controller): Fields | undefined {
    const object = method === 'POST' && typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[key] : undefined;
    if (typeof object !== 'object' || object === null) return undefined;
    const flat: Record<string, unknown> = Object.fromEntries(Object.entries(object).flatMap(([name, value]: [string, unknown]): [string, unknown][] => (typeof value === 'object' && value !== null ? Object.entries(value).map(([inner, each]) => [`${name}.${inner}`, each]) : [[name, value]])));
    // A real one ignores what its model does not have. Here it is a mistake of whoever wrote it.
    const unknown = Object.keys(flat).filter((name) => fieldsOf[model][name] === undefined);
    if (unknown.length > 0) throw new Error(`${model} has no ${unknown.join(', ')}`);
    const odd = Object.entries(flat).find(([, value]) => typeof value !== 'string');
    // Measured on 26.7: anything but text is answered with 500.
    if (odd !== undefined) throw new Error(`${odd[0]} is not text`);
    return flat as Fields;
  }

  #write(call: Call, controller: Controller, verb: 'add' | 'set', uuid: string): HttpsServerAnswer {
    const { model, key } = controller;
    const posted = this.#posted(call, controller);
    const objects = this.state.saved.objects[model];
    const before = objects[uuid];
    if (posted === undefined || (verb === 'set' && before === undefined && !/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid))) return json(200, { result: 'failed' });
    const defaults = Object.fromEntries(Object.entries(fieldsOf[model]).map(([name, field]) => [name, field.default ?? '']));
    const after: Fields = { ...(before ?? defaults), ...posted, ...(model === 'vlan' ? { vlanif: (posted['vlanif'] ?? '') === '' ? this.#vlanName(before) : posted['vlanif'] ?? '' } : {}) };
    if (after['protocol'] !== undefined && model !== 'dnat' && after['protocol'] !== 'any') after['protocol'] = after['protocol'].toUpperCase();
    if (model === 'dnat' && after['protocol'] !== undefined) after['protocol'] = after['protocol'].toLowerCase();
    const refused = { ...validate(model, after, this.#around(model, uuid)), ...call.onWrite(`${call.path} ${JSON.stringify(posted)}`) };
    if (Object.keys(refused).length > 0) return json(200, { result: 'failed', validations: Object.fromEntries(Object.entries(refused).map(([field, message]) => [`${key}.${field}`, message])) });
    this.#denyReaders(call);
    if (before?.['name'] !== undefined && model === 'alias' && before['name'] !== after['name']) this.#renameAlias(before['name'], after['name'] ?? '');
    objects[uuid] = after;
    this.state.saved.revision += 1;
    return json(200, { result: 'saved', ...(verb === 'add' ? { uuid } : {}) });
  }

  #denyReaders({ user }: Call): void {
    if (user.readOnly) throw new UserException(`User ${user.name} denied for write access (user-config-readonly set)`);
  }

  #vlanName(before: Fields | undefined): string {
    if (before?.['vlanif'] !== undefined) return before['vlanif'];
    const used = Object.values(this.state.saved.objects.vlan).map(({ vlanif = '' }) => Number(vlanif.replaceAll(/\D/g, '')));
    return `vlan0${String(Math.max(0, ...used) + 1)}`;
  }

  /** Alias.php, refactor: everything that names it follows. */
  #renameAlias(from: string, to: string): void {
    for (const model of ['rule', 'snat', 'dnat', 'alias'] as const) {
      for (const fields of Object.values(this.state.saved.objects[model])) {
        for (const field of ['source_net', 'destination_net', 'destination_port', 'source.network', 'content']) {
          const separator = field === 'content' ? '\n' : ',';
          if (fields[field] !== undefined) fields[field] = fields[field].split(separator).map((each) => (each === from ? to : each)).join(separator);
        }
      }
    }
  }

  #delete(call: Call, { model }: Controller, uuid: string): HttpsServerAnswer {
    if (call.method !== 'POST') return json(200, { result: 'failed' });
    const { objects, interfaces } = this.state.saved;
    const found = objects[model][uuid];
    if (model === 'alias' && found !== undefined) {
      const uses = this.#uses(found['name'] ?? '');
      if (uses.length > 0) throw new UserException(`Cannot delete alias. Currently in use by ${uses.join(' ')}`);
    }
    if (model === 'group' && found !== undefined && Object.values(objects.rule).some((rule) => (rule['interface'] ?? '').split(',').includes(found['ifname'] ?? ''))) throw new UserException(`Cannot delete group. Currently in use by ${found['ifname'] ?? ''}`);
    if (model === 'vlan' && found !== undefined && Object.values(interfaces).some(({ device }) => device === found['vlanif'])) throw new UserException('This VLAN cannot be deleted because it is assigned as an interface.');
    if (found === undefined) return json(200, { result: 'not found' });
    this.#denyReaders(call);
    const refused = call.onWrite(call.path);
    if (refused !== undefined && Object.keys(refused).length > 0) throw new UserException(Object.values(refused).join(' '));
    objects[model] = Object.fromEntries(Object.entries(objects[model]).filter(([id]) => id !== uuid));
    this.state.saved.revision += 1;
    return json(200, { result: 'deleted' });
  }

  #uses(name: string): readonly string[] {
    const { objects } = this.state.saved;
    const speaks = (fields: Fields): boolean => ['source_net', 'destination_net', 'destination_port', 'source_port', 'source.network', 'destination.port', 'target', 'local-port'].some((field) => (fields[field] ?? '').split(',').includes(name));
    return [
      ...(['rule', 'snat', 'dnat'] as const).flatMap((model) => Object.entries(objects[model]).filter(([, fields]) => speaks(fields)).map(([id]) => `[${model}.${id}]`)),
      ...Object.entries(objects.alias).filter(([, { content = '' }]) => content.split('\n').includes(name)).map(([id]) => `[alias.${id}]`),
    ];
  }

  /** Options as `{ key: { value, selected } }`, a list of aliases among an alias's content, nested source and destination. */
  #get({ model, key }: Controller, uuid: string): unknown {
    const found = uuid === '' ? Object.fromEntries(Object.entries(fieldsOf[model]).map(([name, field]) => [name, field.default ?? ''])) : this.state.saved.objects[model][uuid];
    if (found === undefined) return [];
    const shown: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fieldsOf[model])) {
      const value = found[name] ?? '';
      const options = field.shownAs === 'interfaces' ? Object.entries(this.state.saved.interfaces).filter(([, { group }]) => model !== 'group' || group !== true).map(([id, { descr }]) => [id, descr] as const)
        : field.shownAs === 'devices' ? this.state.saved.devices.map((device) => [device, `${device} (00:00:5e:00:53:01)`] as const) : field.options !== undefined && field.options[0] !== '0' ? field.options.map((option) => [option, option === '' ? 'none' : option] as const) : undefined;
      const text = options === undefined ? value : Object.fromEntries(options.map(([option, label]) => [option, { value: label, selected: value.split(',').includes(option) ? 1 : 0 }]));
      const [outer = '', inner] = name.split('.');
      if (inner === undefined) shown[outer] = text;
      else shown[outer] = { ...(shown[outer] as Record<string, unknown> | undefined), [inner]: text };
    }
    return { [key]: shown };
  }

  /** Flat: the value, and beside it what people see of options. */
  #row(model: ModelName, uuid: string, fields: Fields): Record<string, unknown> {
    const described = (text: string): string => text.split(',').map((each) => this.state.saved.interfaces[each]?.descr ?? each).join(',');
    const shown = Object.fromEntries(Object.entries(fieldsOf[model]).filter(([, { options, shownAs }]) => shownAs !== undefined || (options !== undefined && options[0] !== '0')).map(([name]) => [`%${name}`, described(fields[name] ?? '')]));
    return { uuid, ...fields, ...shown };
  }

  #search({ body }: Call, { model }: Controller): unknown {
    const { current = 1, rowCount = -1, searchPhrase = '', sort = {}, ...rest } = (body ?? {}) as Record<string, unknown>;
    if (Object.keys(rest).length > 0 || searchPhrase !== '' || JSON.stringify(sort) !== '{}') throw new Error(`the search does not know ${JSON.stringify(body)}`);
    const { saved } = this.state;
    const own = Object.entries(saved.objects[model]).map(([uuid, fields]) => this.#row(model, uuid, fields));
    const all = model === 'rule' ? this.#allRules(own) : model === 'alias' ? [...this.#internalAliases(), ...own].sort((a, b) => (String(a['name']) < String(b['name']) ? -1 : 1))
      : model === 'group' ? [...own, ...['enc0', 'openvpn'].map((ifname) => ({ uuid: ifname, ifname, descr: ifname, members: '', sequence: '10' }))]
      : model === 'vlan' ? own.map((row) => ({ ...row, vlanif: this.#decorated(String(row['vlanif'])) })) : own.sort((a, b) => Number(a['sequence']) - Number(b['sequence']));
    const size = Number(rowCount) === -1 ? all.length : Number(rowCount);
    const page = all.slice((Number(current) - 1) * size, Number(current) * size);
    const rows = model === 'dnat' ? [...this.#lockoutRows(), ...page] : model === 'snat' ? [...page, ...this.#automaticNat()] : page;
    return { total: all.length, rowCount: page.length, current: Number(current), rows };
  }

  #decorated(device: string): string {
    const assigned = Object.values(this.state.saved.interfaces).find((each) => each.device === device);
    return assigned === undefined ? device : `${device} [${assigned.descr}]`;
  }

  #internalAliases(): readonly Record<string, unknown>[] {
    return [['__lan_network', 'internal'], ['bogons', 'external'], ['virusprot', 'external']].map(([name = '', type = '']) => ({ uuid: name, enabled: '1', name, type, content: '', description: `${name} (automatic)`, current_items: '0' }));
  }

  /** By priority of what the rule is on, then by number; internal and older rules stand among them. */
  #allRules(own: readonly Record<string, unknown>[]): Record<string, unknown>[] {
    const priority = (row: Record<string, unknown>): number => {
      const on = String(row['interface'] ?? '').split(',').filter((each) => each !== '');
      if (on.length !== 1) return 200_000;
      if (this.state.saved.interfaces[on[0] ?? '']?.group !== true) return 400_000;
      return 300_000 + Number(Object.values(this.state.saved.objects.group).find(({ ifname }) => ifname === on[0])?.['sequence'] ?? 0);
    };
    const sorted = own.map((row) => ({ ...row, prio_group: String(priority(row)), sort_order: `${String(priority(row))}.0${String(row['sequence']).padStart(6, '0')}`, category_colors: [] }));
    const automatic = this.state.saved.automaticRules.map((fields, index) => ({ ...fields, is_automatic: true, sort_order: `100000.0${String(index).padStart(6, '0')}`, prio_group: '100000' }));
    const legacy = this.state.saved.legacyRules.map((fields, index) => ({ ...fields, legacy: true, sort_order: `400000.1${String(index).padStart(6, '0')}`, prio_group: '400000' }));
    return [...automatic, ...sorted, ...legacy].sort((a, b) => (a.sort_order < b.sort_order ? -1 : a.sort_order > b.sort_order ? 1 : 0));
  }

  /** DNatController.php: in front of every page, and not counted. */
  #lockoutRows(): readonly Record<string, unknown>[] {
    return ['80', '443'].map((port, index) => ({ uuid: `lockout_${String(index)}`, ipprotocol: '', protocol: 'tcp', disabled: '0', nordr: '1', interface: 'lan', 'destination.network': 'lanip', 'destination.port': port, descr: 'Anti-Lockout Rule', is_automatic: true }));
  }

  /** SourceNatController.php: behind every page, and not counted. */
  #automaticNat(): readonly Record<string, unknown>[] {
    if (!['automatic', 'hybrid'].includes(this.state.saved.natMode)) return [];
    const inside = Object.entries(this.state.saved.interfaces).filter(([, { group, gateway, ipaddr }]) => group !== true && gateway === undefined && ipaddr !== 'dhcp');
    return inside.map(([name], index) => ({ uuid: `automatic_wan_${name}`, enabled: '1', sequence: String(index + 1), interface: 'wan', source_net: name, destination_net: 'any', target: 'wanip', description: 'Auto created rule', is_automatic: true }));
  }
}
