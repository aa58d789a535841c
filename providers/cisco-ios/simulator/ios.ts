/**
 * The command line of IOS and IOS-XE on a switch, as far as it is needed, written from Cisco's documents and recorded output:
 * - show commands: networktocode/ntc-templates d0bc5a48 (Apache-2.0), tests/cisco_ios
 * - `configure terminal revert timer`, `configure confirm`, `configure revert now`: "Configuration Rollback Confirmed Change", IOS XE 17
 *   Managing Configuration Files guide; messages as recorded from devices, looked up 2026-11-28
 * - `reload in`, SHUTDOWN broadcasts: hknutzen/Netspoc-Approve test data, looked up 2026-11-28
 * Words must be written out: an abbreviation is an unknown command here.
 */
import type { Device } from './device.ts';
import { foldList, parseList, printList, type Port, type Running } from './model.ts';
import { invalid, portCommand } from './port-commands.ts';
import type { Answer } from './terminal.ts';

export interface IosSession {
  readonly user: string;
  privilege: number;
  mode: 'exec' | 'config' | 'interface' | 'vlan' | 'archive';
  interface: string;
  /** Entered and not yet left: VLANs are made when their mode is left. */
  vlan: { ids: readonly number[]; name?: string } | undefined;
  length: number;
}

export function newSession(user: string, privilege: number): IosSession {
  return { user, privilege, mode: 'exec', interface: '', vlan: undefined, length: 24 };
}

export function iosPrompt(device: Device, session: IosSession): string {
  const suffix = { exec: '', config: '(config)', interface: '(config-if)', vlan: '(config-vlan)', archive: '(config-archive)' }[session.mode];
  const { hostname } = device.state.running;
  return `${session.mode === 'exec' ? hostname : hostname.slice(0, 20)}${suffix}${session.privilege > 1 ? '#' : '>'}`;
}

/** Abbreviated as in show commands. */
export function short(name: string): string {
  const match = /^([A-Za-z-]+)(\d.*)$/.exec(name);
  const type = match?.[1] ?? name;
  const letters = ({ TwoGigabitEthernet: 'Tw', TwentyFiveGigE: 'Twe' } as Record<string, string>)[type] ?? type.slice(0, 2);
  return `${letters}${match?.[2] ?? ''}`;
}

export function runIos(device: Device, session: IosSession, line: string): Answer {
  const text = line.trimStart();
  if (device.faults.hang) return { end: 'hang' };
  if (text === '' || text.startsWith('!')) return '';
  if (session.mode === 'exec') return exec(device, session, text.trimEnd());
  return configure(device, session, text);
}

function exec(device: Device, session: IosSession, line: string): Answer {
  const { state, seed } = device;
  const length = /^terminal length (\d{1,3})$/.exec(line);
  if (length !== null) session.length = Number(length[1]);
  if (length !== null || /^terminal width \d{1,3}$/.test(line)) return '';
  if (line === 'exit') return { end: 'bye' };
  if (line === 'show privilege') return `Current privilege level is ${String(session.privilege)}`;
  if (line === 'show version') return versionText(device);
  if (line === 'enable') return enable(device, session);
  if (session.privilege < 15) return invalid;
  if (line === 'show running-config') return device.faults.cut ? cut(configText(device, state.running)) : configText(device, state.running);
  const section = /^show running-config interface (\S+)$/.exec(line)?.[1];
  if (section !== undefined) return sectionText(device, section);
  if (line === 'show running-config | section ^vlan') return vlanText(state.running, seed.vtp).join('\n');
  if (line === 'show startup-config') return state.startup === null ? 'startup-config is not present' : `Using 4096 out of 524288 bytes\n${body(device, state.startup)}`;
  if (line === 'show vlan brief') return vlanBrief(device);
  if (line === 'show interfaces switchport') return Object.keys(state.running.ports).map((name) => switchport(device, name)).join('\n');
  if (line === 'show power inline') return powerInline(device);
  if (line === 'show vtp status') return vtpStatus(device);
  if (line === 'show archive') return archiveText(device);
  if (line === 'show archive config rollback timer') return timerText(device);
  if (line === 'show reload') return device.reload === undefined ? 'No reload is scheduled.' : `Reload scheduled for 10:00:00 UTC Sat Nov 28 2026 (in ${String(device.reload.minutes)} minutes) by ${device.reload.user} on vty0\nReload reason: Reload Command`;
  return act(device, session, line);
}

function act(device: Device, session: IosSession, line: string): Answer {
  if (line === 'configure terminal') {
    session.mode = 'config';
    return 'Enter configuration commands, one per line.  End with CNTL/Z.';
  }
  const minutes = /^configure terminal revert timer (\d{1,3})$/.exec(line)?.[1];
  if (minutes !== undefined) return armRevert(device, session, Number(minutes));
  if (line === 'configure confirm') return device.write(line, false, () => (device.confirm() ? '' : '%No Rollback Confirmed Change pending'));
  if (line === 'configure revert now') return device.write(line, false, () => (device.revertNow() ? 'Rollback Confirmed Change: rolling to the saved configuration\nTotal number of passes: 1\nRollback Done\n' : '%No Rollback Confirmed Change pending'));
  if (line === 'write memory' || line === 'copy running-config startup-config') return save(device, line);
  if (line === 'reload cancel') return device.reload === undefined ? '%No reload is scheduled.' : device.write(line, false, () => { device.cancel(); return { silent: '\n\n\n***\n*** --- SHUTDOWN ABORTED ---\n***\n' }; });
  const wait = /^reload in (\d{1,3})$/.exec(line)?.[1];
  if (wait !== undefined || line === 'reload') return reload(device, session, wait === undefined ? undefined : Number(wait));
  return invalid;
}

function save(device: Device, line: string): Answer {
  const write = (): Answer => device.write('write memory', false, () => {
    device.state.startup = structuredClone(device.state.running);
    return 'Building configuration...\n[OK]';
  });
  return line === 'write memory' ? write() : { ask: 'Destination filename [startup-config]? ', on: () => write() };
}

function enable(device: Device, session: IosSession): Answer {
  const { enable: secret } = device.seed;
  if (session.privilege === 15) return '';
  if (secret === undefined) return '% No password set';
  const ask = (left: number): Answer => ({
    ask: 'Password: ', secret: true,
    on: (typed) => {
      if (typed !== secret || device.faults.forbid) return left === 0 ? '% Bad secrets\n' : ask(left - 1);
      session.privilege = 15;
      return '';
    },
  });
  return ask(2);
}

function armRevert(device: Device, session: IosSession, minutes: number): Answer {
  const path = archivePath(device.state.running);
  if (minutes < 1 || minutes > 120) return invalid;
  if (path === undefined) return '%Turn config archive on before using Rollback Confirmed Change';
  if (device.revert !== undefined) return '%Rollback Confirmed Change is already pending';
  return device.write(`configure terminal revert timer ${String(minutes)}`, false, () => {
    device.arm(minutes, session.user, path);
    session.mode = 'config';
    return `Rollback Confirmed Change: Backing up current running config to ${device.revert?.backup ?? ''}\n\nEnter configuration commands, one per line.  End with CNTL/Z.`;
  });
}

function reload(device: Device, session: IosSession, minutes: number | undefined): Answer {
  const proceed = (): Answer => ({
    text: minutes === undefined ? '' : `Reload scheduled in ${String(minutes)} minutes by ${session.user} on vty0\nReload reason: Reload Command\n`, ask: 'Proceed with reload? [confirm]', key: true,
    on: (key) => {
      if (!/^[\ry\n]?$/i.test(key)) return '';
      return device.write(minutes === undefined ? 'reload' : `reload in ${String(minutes)}`, false, () => {
        if (minutes === undefined) device.reboot();
        else device.schedule(minutes, session.user);
        return minutes === undefined ? { end: 'drop' } : '';
      });
    },
  });
  if (JSON.stringify(device.state.running) === JSON.stringify(device.state.startup)) return proceed();
  const ask: Answer = {
    ask: 'System configuration has been modified. Save? [yes/no]: ',
    on: (typed) => {
      if (/^n(o)?$/i.test(typed)) return proceed();
      if (!/^y(es)?$/i.test(typed)) return { ...(ask as object), text: '% Please answer \'yes\' or \'no\'.\n' } as Answer;
      device.write('write memory', false, () => { device.state.startup = structuredClone(device.state.running); return ''; });
      return proceed();
    },
  };
  return ask;
}

/** VLANs come into being when their mode is left. */
function leaveVlan(device: Device, session: IosSession): Answer {
  const { vlan } = session;
  session.vlan = undefined;
  if (vlan === undefined) return '';
  const { vlans } = device.state.running;
  const taken = vlan.name === undefined ? undefined : ['default', 'fddi-default', 'token-ring-default', 'fddinet-default', 'trnet-default'].includes(vlan.name) || Object.entries(vlans).some(([id, { name }]) => name === vlan.name && !vlan.ids.includes(Number(id)));
  const missing = vlan.ids.filter((id) => vlans[String(id)] === undefined);
  if (missing.length === 0 && (vlan.name === undefined || vlans[String(vlan.ids[0])]?.name === vlan.name)) return '';
  return device.write(`vlan ${printList(vlan.ids)}${vlan.name === undefined ? '' : ` name ${vlan.name}`}`, true, () => {
    if (taken === true) return `% A VLAN with the name ${vlan.name ?? ''} exists already\n%Failed to commit VLAN changes`;
    for (const id of vlan.ids) {
      const now = (vlans[String(id)] ??= {});
      if (vlan.name !== undefined) now.name = vlan.name;
    }
    return '';
  });
}

/** Both texts; what is no text comes alone. */
function together(a: Answer, b: Answer): Answer {
  if (typeof a !== 'string') return a;
  return typeof b === 'string' ? `${a}${a === '' || a.endsWith('\n') ? '' : '\n'}${b}` : b;
}

function configure(device: Device, session: IosSession, line: string): Answer {
  const command = line.trimEnd();
  if (command === 'end' || command === 'exit') {
    const left = leaveVlan(device, session);
    session.mode = command === 'end' || session.mode === 'config' ? 'exec' : 'config';
    return left;
  }
  if (session.mode === 'interface') {
    const port = device.state.running.ports[session.interface];
    const draft = structuredClone(port);
    const probe = port === undefined || draft === undefined ? undefined : portCommand({ ...device, state: structuredClone(device.state) }, session.interface, draft, line);
    if (port !== undefined && probe !== undefined) return device.write(`${session.interface}: ${command}`, true, () => portCommand(device, session.interface, port, line) ?? '');
  }
  if (session.mode === 'vlan' && session.vlan !== undefined) {
    const name = /^name (\S+)$/.exec(command)?.[1];
    if (name !== undefined && session.vlan.ids.length === 1 && name.length <= 32) {
      session.vlan = { ...session.vlan, name };
      return '';
    }
    if (command === 'no name') {
      for (const id of session.vlan.ids) delete device.state.running.vlans[String(id)]?.name;
      return device.write(`vlan ${printList(session.vlan.ids)} no name`, true, () => '');
    }
  }
  return globalCommand(device, session, command);
}

function globalCommand(device: Device, session: IosSession, command: string): Answer {
  const { running } = device.state;
  const port = /^interface (\S+)$/.exec(command)?.[1];
  if (port !== undefined && running.ports[port] !== undefined) {
    const left = leaveVlan(device, session);
    session.mode = 'interface';
    session.interface = port;
    return left;
  }
  const list = /^(no )?vlan ([\d,-]+)$/.exec(command);
  const ids = parseList(list?.[2] ?? '');
  if (list !== null && ids !== undefined) {
    const left = leaveVlan(device, session);
    if (device.seed.vtp === 'client') return together(left, '% VTP VLAN configuration not allowed when device is in CLIENT mode.');
    const fixed = ids.find((id) => id === 1 || (id >= 1002 && id <= 1005));
    if (fixed !== undefined && list[1] !== undefined) return together(left, `%Default VLAN ${String(fixed)} may not be deleted.`);
    if (list[1] === undefined) {
      session.mode = 'vlan';
      session.vlan = { ids };
      return left;
    }
    session.mode = 'config';
    return together(left, device.write(command, true, () => {
      for (const id of ids) running.vlans = Object.fromEntries(Object.entries(running.vlans).filter(([key]) => key !== String(id)));
      return '';
    }));
  }
  const alias = /^(no )?alias exec (\S+)(?: (.+))?$/.exec(command);
  if (alias !== null) {
    const left = leaveVlan(device, session);
    session.mode = 'config';
    return together(left, device.write(command, false, () => {
      running.aliases = Object.fromEntries(Object.entries(running.aliases).filter(([name]) => name !== alias[2]));
      if (alias[1] === undefined) running.aliases = { ...running.aliases, [alias[2] ?? '']: alias[3] ?? '' };
      return '';
    }));
  }
  return invalid;
}

function archivePath({ before }: Running): string | undefined {
  return before.flatMap((section) => (section.startsWith('archive\n') ? [/^ path (\S+)$/m.exec(section)?.[1]] : [])).find((path) => path !== undefined);
}

function portLines(port: Port): string[] {
  const allowed = port.allowed === undefined ? [] : port.allowed.length === 0 ? ['switchport trunk allowed vlan none'] : foldList(printList(port.allowed), 60).map((part, index) => `switchport trunk allowed vlan ${index === 0 ? '' : 'add '}${part}`);
  return [
    ...(port.description === undefined ? [] : [`description ${port.description}`]),
    ...(port.routed === true ? ['no switchport'] : []),
    ...(port.accessVlan === undefined ? [] : [`switchport access vlan ${String(port.accessVlan)}`]),
    ...(port.encapsulation === undefined ? [] : [`switchport trunk encapsulation ${port.encapsulation}`]),
    ...(port.native === undefined ? [] : [`switchport trunk native vlan ${String(port.native)}`]),
    ...allowed,
    ...(port.mode === undefined ? [] : [`switchport mode ${port.mode}`]),
    ...(port.other ?? []),
    ...(port.power === undefined ? [] : [`power inline ${port.power}`]),
    ...(port.shutdown === undefined ? [] : ['shutdown']),
    ...(port.channelGroup === undefined ? [] : [`channel-group ${port.channelGroup}`]),
    ...(port.portfast === undefined ? [] : [`spanning-tree ${port.portfast}`]),
    ...(port.bpduguard === undefined ? [] : [`spanning-tree bpduguard ${port.bpduguard}`]),
  ].map((line) => ` ${line}`);
}

function vlanText({ vlans }: Running, vtp: string): string[] {
  if (vtp === 'server' || vtp === 'client') return [];
  const named = Object.entries(vlans).filter(([, { name }]) => name !== undefined);
  const plain = Object.keys(vlans).filter((id) => vlans[id]?.name === undefined).map(Number);
  return [...(plain.length === 0 ? [] : [`vlan ${printList(plain)} `, '!']), ...named.flatMap(([id, { name }]) => [`vlan ${id}`, ` name ${name ?? ''}`, '!'])];
}

function body(device: Device, running: Running): string {
  const { vtp } = device.seed;
  return [
    '!', '! Last configuration change at 09:12:44 UTC Sat Nov 28 2026 by admin', '!', 'version 15.2', 'no service pad', 'service timestamps log datetime msec', '!',
    `hostname ${running.hostname}`, '!', 'enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0', '!',
    ...(vtp === 'transparent' || vtp === 'off' ? [`vtp mode ${vtp}`, '!'] : []),
    ...running.before.flatMap((section) => [...section.split('\n'), '!']),
    ...vlanText(running, vtp),
    ...Object.entries(running.ports).flatMap(([name, port]) => [`interface ${name}`, ...portLines(port), '!']),
    ...running.after.flatMap((section) => [...section.split('\n'), '!']),
    ...Object.entries(running.aliases).map(([name, text]) => `alias exec ${name} ${text}`),
    'line con 0', 'line vty 0 4', ' transport input ssh', '!', 'end',
  ].join('\n');
}

function configText(device: Device, running: Running): string {
  const text = body(device, running);
  return `Building configuration...\n\nCurrent configuration : ${String(text.length)} bytes\n${text}\n`;
}

function cut(text: string): string {
  return text.slice(0, text.length >> 1);
}

function sectionText(device: Device, name: string): string {
  const port = device.state.running.ports[name];
  if (port === undefined) return invalid;
  const lines = [`interface ${name}`, ...portLines(port), 'end'].join('\n');
  return `Building configuration...\n\nCurrent configuration : ${String(lines.length)} bytes\n!\n${lines}\n`;
}

function versionText({ seed, state }: Device): string {
  return `Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version ${seed.version}, RELEASE SOFTWARE (fc3)
Technical Support: http://www.cisco.com/techsupport
ROM: Bootstrap program is C2960X boot loader
${state.running.hostname} uptime is 2 weeks, 1 day, 3 hours, 7 minutes
System image file is "flash:/c2960x-universalk9-mz.152-7.E8.bin"
cisco WS-C2960X-24PS-L (APM86XXX) processor (revision A0) with 524288K bytes of memory.
Processor board ID FOC1234X5YZ
Configuration register is 0xF
`;
}

function vlanBrief({ state: { running } }: Device): string {
  const row = (id: number | string, name: string, status: string, ports = ''): string => `${String(id).padEnd(4)} ${name.padEnd(32)} ${status.padEnd(9)} ${ports}`;
  const members = (id: number): string => Object.entries(running.ports).filter(([, port]) => port.mode !== 'trunk' && port.routed !== true && (port.accessVlan ?? 1) === id).map(([name]) => short(name)).slice(0, 4).join(', ');
  return [
    '', 'VLAN Name                             Status    Ports', '---- -------------------------------- --------- -------------------------------',
    row(1, 'default', 'active', members(1)),
    ...Object.entries(running.vlans).filter(([id]) => Number(id) < 1002).map(([id, { name }]) => row(id, name ?? `VLAN${id.padStart(4, '0')}`, 'active', members(Number(id)))),
    row(1002, 'fddi-default', 'act/unsup'), row(1003, 'token-ring-default', 'act/unsup'), row(1004, 'fddinet-default', 'act/unsup'), row(1005, 'trnet-default', 'act/unsup'),
    ...Object.entries(running.vlans).filter(([id]) => Number(id) > 1005).map(([id, { name }]) => row(id, name ?? `VLAN${id.padStart(4, '0')}`, 'active', members(Number(id)))), '',
  ].join('\n');
}

function switchport({ state: { running }, seed }: Device, name: string): string {
  const port = running.ports[name] ?? {};
  if (port.routed === true) return `Name: ${short(name)}\nSwitchport: Disabled\n`;
  const vlanName = (id: number): string => (id === 1 ? 'default' : running.vlans[String(id)]?.name ?? (running.vlans[String(id)] === undefined ? 'Inactive' : `VLAN${String(id).padStart(4, '0')}`));
  const admin = { access: 'static access', trunk: 'trunk', 'dynamic desirable': 'dynamic desirable' }[port.mode ?? ''] ?? 'dynamic auto';
  const folded = port.allowed === undefined ? ['ALL'] : port.allowed.length === 0 ? ['NONE'] : foldList(printList(port.allowed), 54);
  return [
    `Name: ${short(name)}`, 'Switchport: Enabled', `Administrative Mode: ${admin}`, `Operational Mode: ${port.shutdown === true ? 'down' : admin === 'trunk' ? 'trunk' : 'static access'}`,
    `Administrative Trunking Encapsulation: ${seed.hardware.negotiate.includes(name) && port.encapsulation === undefined ? 'negotiate' : 'dot1q'}`, `Negotiation of Trunking: ${admin === 'static access' ? 'Off' : 'On'}`,
    `Access Mode VLAN: ${String(port.accessVlan ?? 1)} (${vlanName(port.accessVlan ?? 1)})`, `Trunking Native Mode VLAN: ${String(port.native ?? 1)} (${vlanName(port.native ?? 1)})`,
    'Administrative Native VLAN tagging: enabled', 'Voice VLAN: none', 'Administrative private-vlan host-association: none ',
    `Trunking VLANs Enabled: ${folded.join(',\n     ')}`, 'Pruning VLANs Enabled: 2-1001', 'Capture Mode Disabled', 'Capture VLANs Allowed: ALL', '', 'Protected: false', '',
  ].join('\n');
}

function powerInline({ seed, state }: Device): string {
  if (seed.hardware.power.length === 0) return '%No inline power card on switch';
  const head = '\nModule   Available     Used     Remaining\n          (Watts)     (Watts)    (Watts)\n------   ---------   --------   ---------\n1           370.0       15.4       354.6\nInterface Admin  Oper       Power   Device              Class Max\n                            (Watts)\n--------- ------ ---------- ------- ------------------- ----- ----\n';
  return `${head}${seed.hardware.power.map((name) => `${short(name).padEnd(9)} ${(state.running.ports[name]?.power ?? 'auto').padEnd(6)} off        0.0     n/a                 n/a   30.0`).join('\n')}\n`;
}

function vtpStatus({ seed, state }: Device): string {
  const mode = { transparent: 'Transparent', off: 'Off', server: 'Server', client: 'Client' }[seed.vtp];
  return `VTP Version capable             : 1 to 3\nVTP version running             : 1\nVTP Domain Name                 : lab\nVTP Pruning Mode                : Disabled\nVTP Traps Generation            : Disabled\nDevice ID                       : 0015.c6bf.1080\n\nFeature VLAN:\n--------------\nVTP Operating Mode                : ${mode}\nMaximum VLANs supported locally   : 1005\nNumber of existing VLANs          : ${String(5 + Object.keys(state.running.vlans).length)}\nConfiguration Revision            : 0\n`;
}

function archiveText({ state }: Device): string {
  const path = archivePath(state.running);
  return path === undefined ? ' Archive feature not enabled' : `The maximum archive configurations allowed is 10.\nThere are currently 0 archive configurations saved.\nThe next archive file will be named ${path}-<timestamp>-0\n Archive #  Name\n   1\n   2\n`;
}

function timerText({ revert }: Device): string {
  if (revert === undefined) return '%No Rollback Confirmed Change pending';
  return `Time configured(or reconfigured): 10:00:00 UTC Sat Nov 28 2026\nTimer type: absolute timer\nTimer value: ${String(revert.minutes)} min\nUser: ${revert.user}\n`;
}
