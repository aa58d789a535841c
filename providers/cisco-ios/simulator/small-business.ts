/**
 * The command line of Cisco's small-business switches (CBS350, Catalyst 1200/1300, firmware 3.x and 4.x), as far as it is needed:
 * - configuration as a CBS350 with 3.2.1.1 prints it (recorded, looked up 2026-11-28): the VLANs in `vlan database`, names in `interface vlan`,
 *   in quotation marks where they hold spaces, ports at factory settings left out, `exit` at the end
 * - `show vlan`, `show version`: networktocode/ntc-templates, tests/cisco_s300 (SF300, SG350)
 * - `reload in`, its questions, `write memory` and its question: recorded dialogues, looked up 2026-11-28
 * What `show reload` prints and how `ip host` is shown is not verified.
 */
import type { Device } from './device.ts';
import { parseList, printList, type Port, type Running } from './model.ts';
import { portCommand, unrecognized } from './port-commands.ts';
import type { Answer } from './terminal.ts';

export interface SmallSession {
  readonly user: string;
  readonly privilege: number;
  mode: 'exec' | 'config' | 'interface' | 'vlan-interface' | 'vlan';
  interface: string;
  paging: boolean;
}

export function newSmallSession(user: string, privilege: number): SmallSession {
  return { user, privilege, mode: 'exec', interface: '', paging: true };
}

export function smallPrompt(device: Device, session: SmallSession): string {
  const suffix = { exec: '', config: '(config)', interface: '(config-if)', 'vlan-interface': '(config-if)', vlan: '(config-vlan)' }[session.mode];
  return `${device.state.running.hostname}${suffix}${session.privilege === 15 ? '#' : '>'}`;
}

function short(name: string): string {
  return name.replace(/^GigabitEthernet/, 'gi').replace(/^TenGigabitEthernet/, 'te');
}

function fullName(running: Running, text: string): string | undefined {
  return Object.keys(running.ports).find((name) => name.toLowerCase() === text.toLowerCase());
}

export function runSmall(device: Device, session: SmallSession, line: string): Answer {
  const text = line.trim();
  if (device.faults.hang) return { end: 'hang' };
  if (text === '') return '';
  if (session.mode === 'exec') return exec(device, session, text);
  return configure(device, session, text);
}

function exec(device: Device, session: SmallSession, line: string): Answer {
  const { state } = device;
  if (line === 'terminal datadump') {
    session.paging = false;
    return '';
  }
  if (line === 'exit') return { end: 'bye' };
  if (line === 'show privilege') return `Current privilege level is ${String(session.privilege)}`;
  if (line === 'show version') return `Active-image: flash://system/images/image_cbs_ros_${device.seed.version}_release_cisco_signed.bin\n  Version: ${device.seed.version}\n  MD5 Digest: 6f5be217100f34929986f2e93dd2d5e9\nInactive-image: flash://system/images/_image_cbs.bin\n  Version: ${device.seed.version}\n`;
  if (session.privilege < 15) return unrecognized;
  if (line === 'show running-config') return device.faults.cut ? configText(device, state.running).slice(0, 200) : configText(device, state.running);
  const section = /^show running-config interface (\S+)$/.exec(line)?.[1];
  const port = section === undefined ? undefined : fullName(state.running, section);
  if (port !== undefined) return [`interface ${port}`, ...portLines(state.running.ports[port] ?? {}), '!'].join('\n');
  if (line === 'show startup-config') return state.startup === null ? 'Empty configuration' : configText(device, state.startup);
  if (line === 'show vlan') return vlanTable(device);
  if (line === 'show interfaces status') return statusTable(device);
  if (line === 'show power inline') return powerTable(device);
  if (line === 'show reload') return device.reload === undefined ? 'No scheduled reload' : `Reload scheduled for 10:00:00 UTC Sat Nov 28 2026 (in ${String(device.reload.minutes)} minutes)`;
  if (line === 'configure terminal') {
    session.mode = 'config';
    return '';
  }
  if (line === 'write memory') return question('Overwrite file [startup-config].... (Y/N)[N] ?', () => device.write('write memory', false, () => {
    state.startup = structuredClone(state.running);
    return 'Copy: 1234 bytes copied in 00:00:01 [hh:mm:ss]';
  }));
  const minutes = /^reload in (\d{1,3})$/.exec(line)?.[1];
  if (minutes !== undefined || line === 'reload') return reload(device, session, minutes === undefined ? undefined : Number(minutes));
  if (line === 'reload cancel') return device.reload === undefined ? '% There is no scheduled reload' : device.write(line, false, () => { device.cancel(); return 'Reload cancelled.'; });
  return unrecognized;
}

function question(ask: string, yes: () => Answer): Answer {
  return { ask: `${ask} `, key: true, on: (key) => (/^y$/i.test(key) ? yes() : '') };
}

function reload(device: Device, session: SmallSession, minutes: number | undefined): Answer {
  const go = (): Answer => question('This command will reset the whole system and disconnect your current session. Do you want to continue ? (Y/N)[N]', () => device.write(minutes === undefined ? 'reload' : `reload in ${String(minutes)}`, false, () => {
    if (minutes === undefined) device.reboot();
    else device.schedule(minutes, session.user);
    return minutes === undefined ? { end: 'drop' } : '';
  }));
  const saved = JSON.stringify(device.state.running) === JSON.stringify(device.state.startup);
  return saved ? go() : question("You haven't saved your changes. Are you sure you want to continue ? (Y/N)[N]", go);
}

function configure(device: Device, session: SmallSession, line: string): Answer {
  const { running } = device.state;
  if (line === 'end') {
    session.mode = 'exec';
    return '';
  }
  if (line === 'exit') {
    session.mode = session.mode === 'config' ? 'exec' : 'config';
    return '';
  }
  if (session.mode === 'vlan') return vlanDatabase(device, line);
  if (session.mode === 'vlan-interface') {
    const vlan = running.vlans[session.interface];
    const name = /^name (?:"([^"]{1,32})"|([^\s"]{1,32}))$/.exec(line);
    if (vlan !== undefined && (name !== null || line === 'no name')) return device.write(`vlan ${session.interface}: ${line}`, true, () => {
      if (name === null) delete vlan.name;
      else vlan.name = name[1] ?? name[2] ?? '';
      return '';
    });
  }
  const port = running.ports[session.interface];
  if (session.mode === 'interface' && port !== undefined) {
    const probe = portCommand({ ...device, state: structuredClone(device.state) }, session.interface, structuredClone(port), line);
    if (probe !== undefined) return device.write(`${session.interface}: ${line}`, true, () => portCommand(device, session.interface, port, line) ?? '');
  }
  if (line === 'vlan database') {
    session.mode = 'vlan';
    return '';
  }
  const svi = /^interface vlan (\d{1,4})$/.exec(line)?.[1];
  if (svi !== undefined) {
    if (svi !== '1' && running.vlans[svi] === undefined) return '% VLAN was not created by user.\n';
    session.mode = 'vlan-interface';
    session.interface = svi;
    return '';
  }
  const name = fullName(running, /^interface (\S+)$/.exec(line)?.[1] ?? '');
  if (name !== undefined) {
    session.mode = 'interface';
    session.interface = name;
    return '';
  }
  const host = /^(no )?ip host (\S{1,158})(?: ([\d.]+))?$/.exec(line);
  if (host !== null) {
    session.mode = 'config';
    return device.write(line, false, () => {
      running.hosts = Object.fromEntries(Object.entries(running.hosts).filter(([each]) => each !== host[2]));
      if (host[1] === undefined) running.hosts = { ...running.hosts, [host[2] ?? '']: host[3] ?? '' };
      return '';
    });
  }
  return unrecognized;
}

function vlanDatabase(device: Device, line: string): Answer {
  const { running } = device.state;
  const match = /^(no )?vlan ([\d,-]+)$/.exec(line);
  const ids = parseList(match?.[2] ?? '');
  if (match === null || ids === undefined) return unrecognized;
  if (ids.includes(1)) return '% Default VLAN cannot be changed.\n';
  return device.write(line, true, () => {
    for (const id of ids) {
      if (match[1] === undefined) running.vlans[String(id)] ??= {};
      else running.vlans = Object.fromEntries(Object.entries(running.vlans).filter(([key]) => key !== String(id)));
    }
    return '';
  });
}

function quote(text: string): string {
  return /[\s()]/.test(text) ? `"${text}"` : text;
}

function portLines(port: Port): string[] {
  return [
    ...(port.description === undefined ? [] : [`description ${quote(port.description)}`]),
    ...(port.shutdown === undefined ? [] : ['shutdown']),
    ...(port.power === undefined ? [] : [`power inline ${port.power}`]),
    ...(port.other ?? []),
    ...(port.portfast === undefined ? [] : [`spanning-tree ${port.portfast}`]),
    ...(port.bpduguard === undefined ? [] : [`spanning-tree bpduguard ${port.bpduguard}`]),
    ...(port.mode === undefined ? [] : [`switchport mode ${port.mode}`]),
    ...(port.accessVlan === undefined ? [] : [`switchport access vlan ${String(port.accessVlan)}`]),
    ...(port.native === undefined ? [] : [`switchport trunk native vlan ${String(port.native)}`]),
    ...(port.allowed === undefined ? [] : [`switchport trunk allowed vlan ${port.allowed.length === 0 ? 'none' : printList(port.allowed, true)}`]),
    ...(port.channelGroup === undefined ? [] : [`channel-group ${port.channelGroup}`]),
  ].map((each) => ` ${each}`);
}

function configText(device: Device, running: Running): string {
  const ids = Object.keys(running.vlans).map(Number);
  return [
    'config-file-header', running.hostname, `v${device.seed.version} / RCBS3.2_950_377_136`, 'CLI v1.0', 'file SSD indicator encrypted', '@', 'ssd-control-start', 'ssd config', 'ssd file passphrase control unrestricted', 'no ssd file integrity control', 'ssd-control-end cb0a3fdb1f3a1af4e4430033719968c0', '!', '!',
    'unit-type-control-start', 'unit-type unit 1 network gi uplink none', 'unit-type-control-end', '!',
    ...(ids.length === 0 ? [] : ['vlan database', `vlan ${printList(ids, true)}`, 'exit']),
    'voice vlan state auto-triggered', 'voice vlan oui-table add 0001e3 Siemens_AG_phone', `hostname ${running.hostname}`, ...running.before.flatMap((section) => section.split('\n')),
    'username admin password encrypted $99$RRRRRRRRRRRRRRRR privilege 15', 'ip ssh server', 'ip ssh password-auth', ...Object.entries(running.hosts).map(([name, address]) => `ip host ${name} ${address}`), '!',
    ...running.after.flatMap((section) => [...section.split('\n'), '!']),
    ...Object.entries(running.vlans).filter(([, { name }]) => name !== undefined).flatMap(([id, { name }]) => [`interface vlan ${id}`, ` name ${quote(name ?? '')}`, '!']),
    ...Object.entries(running.ports).filter(([, port]) => portLines(port).length > 0).flatMap(([name, port]) => [`interface ${name}`, ...portLines(port), '!']),
    'exit', '',
  ].join('\n');
}

/** Centred, names folded at 17 characters, ports at 27, as recorded. */
function vlanTable({ state: { running } }: Device): string {
  const centre = (text: string, width: number): string => text.padStart(Math.floor((width + text.length) / 2)).padEnd(width);
  const members = (id: number): string => Object.entries(running.ports).filter(([, port]) => (port.mode === 'trunk' ? port.allowed?.includes(id) ?? true : (port.accessVlan ?? 1) === id)).map(([name]) => short(name)).join(',');
  const rows = [[1, '1', 'D'] as const, ...Object.entries(running.vlans).map(([id, { name }]) => [Number(id), name ?? id, 'S'] as const)].flatMap(([id, name, by]) => {
    const parts = name.match(/.{1,17}/g) ?? [''];
    const ports = members(id).match(/.{1,26}(,|$)/g) ?? [''];
    return Array.from({ length: Math.max(parts.length, ports.length) }, (_, index) => `${index === 0 ? centre(String(id), 4) : '    '} ${parts.length === 1 && index === 0 ? centre(name, 17) : (parts[index] ?? '').padEnd(17)} ${centre(ports[index] ?? '', 27)} ${index === 0 ? centre(by, 16) : ''}`.trimEnd());
  });
  return ['Created by: D-Default, S-Static, G-GVRP, R-Radius Assigned VLAN, V-Voice VLAN', '', 'Vlan       Name           Tagged Ports      UnTagged Ports      Created by    ', '---- ----------------- --------------------------- ----------------', ...rows, ''].join('\n');
}

function statusTable({ state: { running } }: Device): string {
  return ['                                             Flow Link          Back   Mdix', 'Port     Type         Duplex  Speed Neg      ctrl State       Pressure Mode', '-------- ------------ ------  ----- -------- ---- ----------- -------- -------', ...Object.keys(running.ports).map((name) => `${short(name).padEnd(8)} 1G-Copper      --      --     --     --  Down           --     --    `), '',
    '                                          Flow    Link', 'Ch       Type    Duplex  Speed  Neg      control  State', '-------- ------- ------  -----  -------- -------  -----------', 'Po1         --     --      --     --       --     Not Present ', ''].join('\n');
}

function powerTable({ seed, state }: Device): string {
  if (seed.hardware.power.length === 0) return unrecognized;
  return ['Port based power-limit mode', '', 'Unit Power  Nominal Power    Allocated Power   Temp (C) PoE Version', '---- ------ ---------------- ----------------- -------- -------------------', ' 1     On   195 Watts          0 Watts (0%)     52       80211.af/at', '', '  Port      Powered Device         State          Status    Priority   Class', '-------- -------------------- ----------------- ----------- -------- -----------',
    ...seed.hardware.power.map((name) => `${short(name).padEnd(8)} ${''.padEnd(20)} ${(state.running.ports[name]?.power === 'never' ? 'Never' : 'Auto').padEnd(17)} Off         low      class0`), ''].join('\n');
}
