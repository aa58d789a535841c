/** The switch behind its command line: sign-in, what it shows, what is typed into it. */
import { ProviderError, type HostKeyPin, type ReadContext, type SshConnection, type Target } from '#contract';
import { openCli, printable, type Cli, type Question } from '#transport/open-cli';
import { sshOptions, sshUser } from '#transport/ssh-options';
import { parseSections, type Section } from './parse-config.ts';
import { settingsOf, type ProfileName, type Settings } from './settings.ts';
import { isRefusal, parsePrivilege, parseVersion, type Version } from './show.ts';

/** Old switches build their configuration for many seconds. */
const slowMs = 90_000;
const lineMs = 20_000;

const pagers = [
  { pattern: / ?--More-- ?$/, key: ' ' },
  { pattern: /More: <space>, {2}Quit: q(?: or CTRL\+Z)?, One line: <return> ?$/, key: ' ' },
];

export interface SwitchDevice {
  readonly target: Target;
  readonly settings: Settings;
  readonly hostKey: HostKeyPin;
  readonly version: Version;
  /** A show command. Throws `auth` or `unsupported` when the device refuses it; with `optional` gives `undefined` instead. */
  show(command: string): Promise<string>;
  showOptional(command: string): Promise<string | undefined>;
  running(): Promise<readonly Section[]>;
  /** The running configuration as a file that the switch takes back: without what is said about it. */
  runningText(): Promise<string>;
  startup(): Promise<readonly Section[]>;
  /** A command that does something. Gives what it printed. */
  act(command: string, questions?: readonly Question[]): Promise<string>;
  /**
   * Types lines in configuration mode, each after the one before was taken, and leaves it. `undefined`: all were taken. Otherwise what the
   * device said to the first that was not; those after it were not typed. Nothing is believed: the caller reads what is there.
   */
  configure(lines: readonly string[], enter?: string): Promise<string | undefined>;
  close(): Promise<void>;
}

export async function openSwitch(target: Target, context: ReadContext, scope: 'read' | 'write'): Promise<SwitchDevice> {
  const settings = settingsOf(target);
  const user = sshUser(target, scope, 'soll');
  const connection = await context.connectSsh({ ...(await sshOptions(target, context, scope, user)), ...(target.settings['oldKeyExchange'] === true ? { oldKeyExchange: true } : {}) });
  try {
    const cli = await openCli(await connection.openShell(), { where: target.name, comment: '!', pagers, nonce: () => Buffer.from(context.randomBytes(9)).toString('hex') });
    await prepare(cli, context, settings, scope, target.name);
    return make(target, settings, connection, cli, await versionOf(cli, settings.profile, target.name));
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw error;
  }
}

async function prepare(cli: Cli, context: ReadContext, { profile, enable }: Settings, scope: 'read' | 'write', where: string): Promise<void> {
  if (cli.prompt.endsWith('>')) {
    const secret = enable[scope];
    if (secret === undefined) throw new ProviderError('auth', `${where}: the account signs in without privilege`, { hint: 'privilege 15 for the account, or settings.enable; the provider\'s README has both' });
    await cli.run('enable', { questions: [{ pattern: /[Pp]assword: ?$/, answer: await context.reveal(secret) }] });
    if (!cli.prompt.endsWith('#')) throw new ProviderError('auth', `${where}: the enable secret was refused`);
  }
  // Whether the device took it is seen by whether it pages; pages are turned all the same.
  for (const command of profile === 'ios' ? ['terminal length 0', 'terminal width 0'] : ['terminal datadump']) await cli.run(command);
  const level = parsePrivilege(await cli.run('show privilege'));
  if (level !== undefined && level < 15) throw new ProviderError('auth', `${where}: the account has privilege ${String(level)}`, { hint: 'below 15 a switch shows only a part of its configuration, and what is missing would look deleted' });
}

async function versionOf(cli: Cli, profile: ProfileName, where: string): Promise<Version> {
  const version = parseVersion(await cli.run('show version'));
  if (version === undefined) throw new ProviderError('unsupported', `${where} is neither IOS, IOS-XE nor a small-business switch`);
  if (version.small !== (profile === 'small-business')) throw new ProviderError('unsupported', `${where} is ${version.product} ${printable(version.version, 40)}, not what settings.profile says`, { hint: `settings.profile: ${version.small ? 'small-business' : 'ios'}` });
  return { product: printable(version.product, 60), version: printable(version.version, 40), small: version.small };
}

/** What begins with % and is no refusal: notes of a device that has done what it was told. Recorded; see the simulator. */
const harmless = /^%\s*(Warning: portfast|Portfast has been configured|Portfast will be configured|Access VLAN does not exist\. Creating)/i;

/** The first line that says no. */
function refusalIn(output: string): string | undefined {
  const line = output.split('\n').map((each) => each.trim()).find((each) => (each.startsWith('%') && !harmless.test(each)) || /^Command rejected/i.test(each));
  return line === undefined ? undefined : printable(line);
}

function make(target: Target, settings: Settings, connection: SshConnection, cli: Cli, version: Version): SwitchDevice {
  const { profile } = settings;
  const showOptional = async (command: string): Promise<string | undefined> => {
    const text = await cli.run(command, { timeoutMs: slowMs });
    return isRefusal(text) ? undefined : text;
  };
  const show = async (command: string): Promise<string> => {
    const text = await showOptional(command);
    if (text === undefined) throw new ProviderError('auth', `${target.name} refuses ${command}`, { hint: 'may the account use it?' });
    return text;
  };
  return {
    target, settings, version, show, showOptional, hostKey: connection.hostKey,
    running: async () => parseSections(await show('show running-config'), profile),
    runningText: async () => {
      const text = await show('show running-config');
      parseSections(text, profile);
      return `${text.slice(Math.max(0, text.search(profile === 'ios' ? /^(!|version )/m : /^config-file-header/m))).trimEnd()}\n`;
    },
    startup: async () => {
      const text = await show('show startup-config');
      return /startup-config is not present|Empty configuration/i.test(text) ? [] : parseSections(text, profile, 'startup configuration');
    },
    act: (command, questions = []) => cli.run(command, { effect: 'write', timeoutMs: slowMs, questions }),
    async configure(lines, enter = 'configure terminal') {
      const entered = await cli.run(enter, { effect: 'write', timeoutMs: slowMs });
      if (!cli.prompt.includes('(config')) return refusalIn(entered) ?? 'configuration mode was not entered';
      let refusal: string | undefined;
      for (const line of lines) {
        refusal = refusalIn(await cli.run(line, { effect: 'write', timeoutMs: lineMs, exact: false }));
        if (refusal !== undefined) break;
      }
      // Leaving can be refused as well: VLANs are made then.
      const left = await cli.run('end', { effect: 'write', timeoutMs: lineMs });
      return refusal ?? refusalIn(left);
    },
    async close() {
      cli.close();
      await connection.close();
    },
  };
}
