/** Cisco switches over their command line: VLANs and ports. Changes go into the running configuration, under a guard of the device where there is one. */
import {
  ProviderError, parseAddress, type ApplySteps, type Batch, type Capabilities, type Change, type ChangeOutcome, type ConfigurationExport, type Identity, type Live, type Problem, type Provider, type ReadSession, type Target,
  type WriteContext, type WriteSession,
} from '#contract';
import { equalJson } from '#core/canonical-json';
import { projectOwned } from '#core/project-owned';
import { kinds } from '#kinds/registry';
import { checkSwitch } from './check.ts';
import { differences, lastingText } from './compare-config.ts';
import { openSwitch, type SwitchDevice } from './device.ts';
import { makeGuard, mechanismOf, type SwitchGuard } from './guard.ts';
import { factoryPort, parsePort, parseSections, parseVlans, portSections, type PortConfig } from './parse-config.ts';
import { factoryLines, isReserved, portLines, type PortSpec } from './ports.ts';
import { liveOf, livePort, liveVlan, readSwitch, systemPort, type SwitchState } from './read-switch.ts';
import { defaultName, vlanLines } from './vlans.ts';

const capabilities: Capabilities = {
  atomicity: 'confirmed', rollback: 'native', concurrency: 1,
  configuration: {
    format: 'cisco-running-config',
    restore: {
      en: 'copy FILE to flash: (scp), then configure replace flash:FILE force; small business: copy scp://HOST/FILE startup-config, then reload',
      de: 'FILE nach flash: kopieren (scp), dann configure replace flash:FILE force; Small Business: copy scp://HOST/FILE startup-config, dann reload',
    },
  },
  variants: [{ setting: 'guard', is: 'none', atomicity: 'object', guard: 'unguarded' }],
  kinds: {
    vlan: { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes: ['observe', 'merge', 'exclusive'], createKey: 'unique', fields: ['id'] },
    'switch-port': { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes: ['observe', 'merge'], why: 'a port is set back only when it was ours: nobody writes down every uplink', createKey: 'unique' },
  },
};

export const provider: Provider = {
  name: 'cisco-ios',
  capabilities,
  check: checkSwitch,
  open: async (target, context) => new ReadingSession(await openSwitch(target, context, 'read')),
  openForWrite: async (target, context) => new WritingSession(await openSwitch(target, context, 'write'), context),
};

class ReadingSession implements ReadSession {
  protected readonly device: SwitchDevice;
  protected readonly target: Target;
  #state: SwitchState | undefined;

  constructor(device: SwitchDevice) {
    this.device = device;
    this.target = device.target;
  }

  identify(): Promise<Identity> {
    // The pin was checked by the transport before anything was sent.
    const { product, version } = this.device.version;
    return Promise.resolve({ pin: `ssh:${this.device.hostKey}`, product, version });
  }

  async read(wanted: readonly string[]): Promise<readonly Live[]> {
    this.#state = await readSwitch(this.device);
    return liveOf(this.target, this.#state, wanted);
  }

  async review(changes: readonly Change[]): Promise<readonly Problem[]> {
    try {
      return await this.#review(changes);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return [{ code: 'cisco.review', severity: 'error', message: `what the switch will say to the changes could not be found out: ${error.message}`, ...(error.hint === undefined ? {} : { hint: error.hint }) }];
    }
  }

  async #review(changes: readonly Change[]): Promise<readonly Problem[]> {
    const state = (this.#state ??= await readSwitch(this.device));
    const problems = changes.flatMap((change) => reviewChange(change, state));
    const strange = differences(state.sections, await this.device.startup()).filter((label) => !touched(changes).has(label));
    if (strange.length > 0) problems.push(unsaved(strange));
    if (this.device.settings.guard !== 'none') {
      const obstacle = await mechanismOf(this.device).obstacle();
      if (obstacle !== undefined) problems.push({ code: 'cisco.guard', severity: 'error', message: obstacle, hint: 'see settings.guard in the provider\'s README' });
    }
    return problems;
  }

  async exportConfiguration(): Promise<ConfigurationExport> {
    const text = await this.device.runningText();
    return { text, comparable: lastingText(parseSections(text, this.device.settings.profile)) };
  }

  async diagnose(): Promise<readonly Problem[]> {
    const state = (this.#state ??= await readSwitch(this.device));
    const found: Problem[] = [];
    if (this.device.settings.guard === 'none') found.push({ code: 'cisco.guard', severity: 'warning', message: 'settings.guard is none: nothing takes a change back that cuts the way to the switch' });
    else {
      const obstacle = await mechanismOf(this.device).obstacle();
      if (obstacle !== undefined) found.push({ code: 'cisco.guard', severity: 'error', message: obstacle });
    }
    if (state.vlansOf !== undefined) found.push({ code: 'cisco.vtp', severity: 'warning', message: state.vlansOf });
    const strange = differences(state.sections, await this.device.startup());
    if (strange.length > 0) found.push({ ...unsaved(strange), severity: 'warning' });
    found.push({ code: 'cisco.privilege', severity: 'info', message: 'the reading account has privilege 15, as it must to see the whole configuration', hint: 'command authorization (TACACS+) keeps it from writing; see the provider\'s README' });
    return found;
  }

  close(): Promise<void> {
    return this.device.close();
  }
}

function unsaved(labels: readonly string[]): Problem {
  return {
    code: 'cisco.unsaved', severity: 'error', message: `the switch has changes that were never saved (${labels.slice(0, 4).join(', ')}${labels.length > 4 ? ' and more' : ''}), and saving ours would save them too`,
    hint: 'on the switch: write memory, or take them back; then plan again',
  };
}

/** Sections of the configuration that these changes may touch, as `differences` calls them. */
function touched(changes: readonly Change[]): ReadonlySet<string> {
  return new Set(changes.map(({ address }) => parseAddress(address)).flatMap(({ kind, name }) => (kind === 'vlan' ? ['vlan'] : [`interface ${name}`])));
}

function reviewChange({ address, verb, after, before, was }: Change, state: SwitchState): Problem[] {
  const { kind, name } = parseAddress(address);
  const tell = (code: string, message: string, hint: string): Problem[] => [{ code, severity: 'error', address, message, hint }];
  if (kind === 'vlan') {
    if (state.vlansOf !== undefined) return tell('cisco.vtp', `VLAN ${name} cannot be changed here: ${state.vlansOf}`, 'manage the VLANs where VTP has them, or leave vlan out of manages');
    const id = Number(before?.['id']);
    if ((verb === 'delete' || (after !== undefined && Number(after['id']) !== id)) && before !== undefined && state.addressed.has(id)) return tell('cisco.addressed-vlan', `VLAN ${String(id)} carries an address of the switch itself`, `remove the address on the switch first (interface Vlan${String(id)})`);
    const taken = verb === 'delete' ? undefined : [...state.vlans].find(([each, known]) => known === name && each !== Number(after?.['id']) && each !== id);
    return taken === undefined ? [] : tell('cisco.vlan-name', `VLAN ${String(taken[0])} has the name ${name} already`, was === undefined ? 'rename one of the two' : 'rename the other one first');
  }
  const port = state.ports.get(name);
  if (port === undefined) return tell('cisco.no-such-port', `the switch has no port ${name}`, `it has ${[...state.ports.keys()].slice(0, 3).join(', ')} …`);
  const spec = (after ?? {}) as PortSpec;
  const system = systemPort(port);
  if (system !== undefined) return tell('cisco.system-port', `${name} cannot be changed: ${system}`, 'leave it out');
  if (spec.poe !== undefined && !state.facts(name).givesPower) return tell('cisco.no-power', `${name} gives no power`, 'leave poe out');
  const native = spec.native ?? port.native;
  if (spec.tagged !== undefined && native !== undefined && spec.tagged.includes(native)) return tell('cisco.native', `${name}: VLAN ${String(native)} goes untagged on the switch and cannot be tagged as well`, `native: another VLAN, or take ${String(native)} out of tagged`);
  return [];
}

class WritingSession extends ReadingSession implements WriteSession {
  readonly #context: WriteContext;
  readonly #guard: SwitchGuard;
  readonly guard?: SwitchGuard;
  /** As it was before our first write: what is true of ports beyond their own configuration. */
  #before: SwitchState | undefined;

  constructor(device: SwitchDevice, context: WriteContext) {
    super(device);
    this.#context = context;
    this.#guard = makeGuard(device, context);
    if (device.settings.guard !== 'none') this.guard = this.#guard;
  }

  async apply(batch: Batch, steps: ApplySteps): Promise<void> {
    const state = this.#before ?? await readSwitch(this.device);
    if (this.#before === undefined) await this.#requireSaved(batch.changes, state);
    this.#before = state;
    if (batch.atomicity === 'object') {
      for (const change of batch.changes) await steps.after(change, await this.#change(change, state, steps));
      return;
    }
    await this.#guard.requireArmed(state.sections);
    await this.#commit(batch.changes, state, steps);
  }

  async #requireSaved(changes: readonly Change[], { sections }: SwitchState): Promise<void> {
    const strange = differences(sections, await this.device.startup()).filter((label) => !touched(changes).has(label));
    if (strange.length > 0) throw new ProviderError('conflict', unsaved(strange).message, { hint: 'plan again' });
  }

  /** All of them or none: what is refused stops the rest, and the guard takes back what was written. */
  async #commit(changes: readonly Change[], state: SwitchState, steps: ApplySteps): Promise<void> {
    const ordered = inOrder(changes);
    for (const change of ordered) {
      const outcome = await this.#change(change, state, steps);
      if (outcome.status === 'done') continue;
      for (const each of ordered) await steps.after(each, each === change ? outcome : { status: 'skipped', why: `${parseAddress(change.address).name} was not done, so everything goes back` });
      return;
    }
    await this.#guard.noteWritten();
    for (const change of ordered) await steps.after(change, { status: 'done' });
  }

  /** Looks, writes, looks again. Throws what the engine throws from `before`, and when the session is lost. */
  async #change(change: Change, state: SwitchState, steps: ApplySteps): Promise<ChangeOutcome> {
    const { kind } = parseAddress(change.address);
    const now = kind === 'vlan' ? await this.#vlanNow(change, state) : await this.#portNow(change, state);
    await steps.before(change, now.live);
    this.#context.assertLease(60_000);
    if (now.readOnly !== undefined) return { status: 'rejected', code: 'rejected', why: now.readOnly };
    const lines = now.lines();
    const refused = lines.length === 0 ? undefined : await this.device.configure(lines);
    const seen = kind === 'vlan' ? await this.#vlanNow(change, state) : await this.#portNow(change, state);
    if (isThere(change, seen.live)) return { status: 'done' };
    return { status: 'rejected', code: refused === undefined ? 'not-verified' : 'rejected', why: refused === undefined ? 'the switch took the commands, and shows something else' : `the switch says: ${refused}` };
  }

  /** The section of the port, read just now. */
  async #portNow({ address, verb, after }: Change, state: SwitchState): Promise<Now> {
    const { name } = parseAddress(address);
    if (!state.ports.has(name)) return { live: undefined, readOnly: 'the switch has no such port', lines: () => [] };
    const port = await this.#readPort(name);
    const live = livePort(this.target, name, port, state);
    const lines = (): readonly string[] => (verb === 'delete' ? factoryLines(port) : portLines(port, (after ?? {}), state.facts(name)));
    return { live, readOnly: live?.readOnly, lines: () => { const inside = lines(); return inside.length === 0 ? [] : [`interface ${name}`, ...inside]; } };
  }

  async #readPort(name: string): Promise<PortConfig> {
    const { profile } = this.device.settings;
    const text = await this.device.show(`show running-config interface ${name}`);
    // Ports at factory settings may have no section of their own.
    const whole = profile === 'ios' ? text : `config-file-header\n!\n${text.trimEnd()}\nexit`;
    const found = [...portSections(parseSections(whole, profile, `section of ${name}`))].find(([each]) => each.toLowerCase() === name.toLowerCase());
    if (found === undefined && profile === 'ios') throw new ProviderError('protocol', `the switch does not show the section of ${name}`);
    return found === undefined ? factoryPort(profile) : parsePort(found[1].lines, profile);
  }

  /** The VLANs, read just now. Found by name, and for a new one by id as well: what has come into being since has another name. */
  async #vlanNow({ address, verb, after, was, before }: Change, { vlansOf }: SwitchState): Promise<Now> {
    const { profile } = this.device.settings;
    const { name } = parseAddress(address);
    const vlans = await this.#readVlans();
    const wanted = [...vlans].find(([, each]) => each === name);
    const old = was === undefined ? undefined : [...vlans].find(([, each]) => each === parseAddress(was).name);
    const twin = verb === 'create' && before === undefined ? [...vlans].find(([id]) => id === Number(after?.['id'])) : undefined;
    const found = wanted ?? old ?? twin;
    const state = found === undefined ? undefined : { id: found[0], name: found[1] };
    const target = verb === 'delete' || after === undefined ? undefined : { id: Number(after['id']), name };
    return {
      live: found === undefined ? undefined : liveVlan(this.target, found[0], found[1], vlansOf), readOnly: vlansOf ?? (target !== undefined && isReserved(target.id) ? 'the VLAN belongs to the system' : undefined),
      lines: () => vlanLines(state, target, profile),
    };
  }

  async #readVlans(): Promise<ReadonlyMap<number, string>> {
    const { profile } = this.device.settings;
    const sections = profile === 'ios' ? parseSections(`!\n${await this.device.show('show running-config | section ^vlan')}\nend`, 'ios') : await this.device.running();
    return new Map([...parseVlans(sections, profile)].filter(([id]) => id !== 1 && !isReserved(id)).map(([id, name]) => [id, name ?? defaultName(id, profile)]));
  }

  async save(): Promise<void> {
    const sections = await this.device.running();
    this.guard?.requireConfirmed(sections);
    this.#context.assertLease(60_000);
    const said = await this.device.act('write memory', [{ pattern: /Overwrite file [^\n]*\?\s*$/, answer: 'Y', optional: true }]);
    const left = differences(await this.device.running(), await this.device.startup());
    if (left.length > 0) throw new ProviderError('rejected', `the configuration was not saved: ${left.slice(0, 3).join(', ')} differs from the startup configuration${said.includes('%') ? ', and the switch complained' : ''}`);
  }
}

interface Now {
  readonly live: Live | undefined;
  readonly readOnly: string | undefined;
  lines(): readonly string[];
}

/** VLANs before the ports that need them, and gone after them. */
function inOrder(changes: readonly Change[]): readonly Change[] {
  const rank = ({ address, verb }: Change): number => (parseAddress(address).kind !== 'vlan' ? 1 : verb === 'delete' ? 2 : 0);
  return [...changes].sort((a, b) => rank(a) - rank(b));
}

/** The change is in what was just read. */
function isThere({ address, verb, after }: Change, live: Live | undefined): boolean {
  if (verb === 'delete') return live === undefined;
  const kind = kinds.get(parseAddress(address).kind);
  if (live?.address !== address || after === undefined || kind === undefined) return false;
  const wanted = kind.canonical(after);
  return equalJson(projectOwned(kind.schema, kind.canonical(live.spec), wanted), wanted);
}
