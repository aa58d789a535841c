/**
 * What takes a batch back, as a script of RouterOS. Each statement does what it does once however often it runs, and does nothing where its step was never
 * done. Pure. Language: help.mikrotik.com, Scripting ("Constant Escape Sequences", "Loops and conditional statements", "on-error"), looked at 2026-11-28.
 */
import { guardBoot, guardScript, guardTimer } from './limits.ts';
import { isMatcher, isStatic, lasting, orderedMenus, type Menu, type Row, type State, type Values } from './model.ts';
import { parseMarker } from './names.ts';
import type { Step } from './step.ts';

/** A quoted string in which nothing is anything but itself: what is not a plain character is written as its bytes. */
export function quoteText(text: string): string {
  return `"${[...Buffer.from(text, 'utf8')].map((byte) => (/[A-Za-z0-9 .,:;/()<>=+*@#!%&'_|~{}[\]^-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`)).join('')}"`;
}

function assignments(values: Values): string {
  return Object.entries(values).filter(([, value]) => value !== '').map(([name, value]) => ` ${name}=${quoteText(value)}`).join('');
}

/** How a row is found again: by the comment that only it has, else by what it is. Internal numbers are not relied upon beyond a restart. */
function finder(menu: Menu, values: Values): string {
  const by = (...fields: readonly string[]): string => `[find where ${fields.map((field) => `${field}=${quoteText(values[field] ?? '')}`).join(' and ')}]`;
  if (parseMarker(values['comment']) !== undefined && menu !== 'interface/bridge/port') return by('comment');
  switch (menu) {
    case 'interface/bridge/port': return by('interface');
    case 'interface/ethernet': case 'interface/bridge': case 'interface/vlan': case 'ip/pool': case 'ip/dhcp-server': case 'interface/list': return by('name');
    // A number: the property is one, or a list of them.
    case 'interface/bridge/vlan': return `[find where bridge=${quoteText(values['bridge'] ?? '')} and vlan-ids=${/^\d+$/.exec(values['vlan-ids'] ?? '')?.[0] ?? '0'}]`;
    case 'interface/list/member': return by('list', 'interface');
    case 'ip/address': return by('interface', 'address');
    case 'ip/dhcp-server/network': return by('address');
    case 'ip/firewall/address-list': case 'ipv6/firewall/address-list': return by('list', 'address');
    case 'ip/firewall/filter': case 'ipv6/firewall/filter': case 'ip/firewall/nat': return by('comment');
  }
}

function undoOf(step: Step, state: State): readonly string[] {
  const path = `/${step.menu}`;
  switch (step.verb) {
    case 'add': return [`${path}/remove ${finder(step.menu, step.values)}`];
    case 'remove': {
      const before = lasting(step.row);
      const twins = state[step.menu].filter((row) => isStatic(row) && finder(row.menu, row.values) === finder(step.menu, step.row.values)).length;
      return [`:if ([:len [${path}/${finder(step.menu, step.row.values).slice(1)}] < ${String(twins)}) do={ ${path}/add${assignments(before)} }`];
    }
    case 'set': {
      const { row, values } = step;
      const after = finder(step.menu, { ...row.values, ...values });
      const before = Object.fromEntries(Object.keys(values).map((name) => [name, row.values[name] ?? '']));
      const set = Object.fromEntries(Object.entries(before).filter(([, value]) => value !== ''));
      const away = Object.keys(before).filter((name) => before[name] === '');
      return [
        ...(isMatcher(step.menu) ? away.map((name) => `${path}/unset ${after} value-name=${quoteText(name)}`) : []),
        ...(isMatcher(step.menu) && Object.keys(set).length === 0 ? [] : [`${path}/set ${after}${assignments(set)}${isMatcher(step.menu) ? '' : away.map((name) => ` ${name}=""`).join('')}`]),
      ];
    }
    case 'move': return [];
  }
}

function reference(row: Row, state: State): string {
  const { comment } = row.values;
  const alone = comment !== undefined && state[row.menu].filter(({ values }) => values['comment'] === comment).length === 1;
  return alone ? `[find where comment=${quoteText(comment)}]` : row.id;
}

/** Whatever was moved, removed or added in a chain: ours stand again where they stood. */
function orderOf(steps: readonly Step[], state: State): readonly string[] {
  const chains = new Set(steps.flatMap((step) => (isMatcher(step.menu) && (step.verb === 'move' || step.verb === 'remove') ? [`${step.menu} ${step.row.values['chain'] ?? ''}`] : [])));
  return orderedMenus.flatMap((menu) => {
    const rows = state[menu].filter(isStatic);
    return rows.map((row, index) => ({ row, next: rows[index + 1] })).reverse().filter(({ row }) => parseMarker(row.values['comment']) !== undefined && chains.has(`${menu} ${row.values['chain'] ?? ''}`))
      .map(({ row, next }) => `/${menu}/move numbers=${reference(row, state)}${next === undefined ? '' : ` destination=${reference(next, state)}`}`);
  });
}

export interface Mark {
  readonly token: string;
  readonly fence: number;
  /** `armed`: nothing written; `open`: being written; `done`: written to its end; `confirmed`, `fired`: the guard is over. */
  readonly phase: 'armed' | 'open' | 'done' | 'confirmed' | 'fired';
  /** Of the configuration after the change. */
  readonly hash: string;
}

function markLine({ token, fence, phase, hash }: Mark): string {
  return `# soll ${token} ${String(fence)} ${phase} ${hash === '' ? '-' : hash}`;
}

export function parseMark(source: string): Mark | undefined {
  const [, token = '', fence = '', phase = '', hash = ''] = /^# soll ([0-9a-f]{1,128}) (\d+) (armed|open|done|confirmed|fired) (\S+)/.exec(source) ?? [];
  return token === '' ? undefined : { token, fence: Number(fence), phase: phase as Mark['phase'], hash: hash === '-' ? '' : hash };
}

const takeAway = [guardBoot, guardTimer].map((name) => `/system/scheduler/remove [find where name=${quoteText(name)}]`);

/** The steps back; empty before anything is written. */
export function undoBody(steps: readonly Step[], state: State): readonly string[] {
  return [...[...steps].reverse().flatMap((step) => undoOf(step, state)), ...orderOf(steps, state)];
}

/** The whole script. Once it is confirmed it takes nothing back, whoever still runs it: confirming is this one write. */
export function guardSource(mark: Mark, body: readonly string[]): string {
  if (mark.phase === 'confirmed' || mark.phase === 'fired') return [markLine(mark), ...takeAway].join('\n');
  const fired = [markLine({ ...mark, phase: 'fired' }), ...takeAway].join('\n');
  return [
    markLine(mark), ':local bad 0', ...attempt(`/system/scheduler/set [find where name=${quoteText(guardTimer)}] comment="firing"`), ...body.flatMap(attempt),
    `:if ($bad = 0) do={ /system/script/set [find where name=${quoteText(guardScript)}] source=${quoteText(fired)}; ${takeAway.join('; ')} }`,
  ].join('\n');
}

/** One that fails does not keep the others from being done; then the timer tries all of it again. */
function attempt(statement: string): readonly string[] {
  return [`:do { ${statement} } on-error={ :set bad 1 }`];
}
