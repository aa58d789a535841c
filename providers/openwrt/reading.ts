/** What the device prints, to what it says. Pure. */
import { createHash } from 'node:crypto';
import { ProviderError, type Json } from '#contract';
import { isObject } from '#core/canonical';
import type { Texts } from './edit-device.ts';
import { packages, type PackageName } from './limits.ts';
import type { DeviceState } from './read-device.ts';
import { parsePackages, parseUci, renderExport } from './uci.ts';

/**
 * All that is read, in one command without quotation marks, so that it can stand in authorized_keys as the only one that a key may run. Staged
 * changes are counted and left out of what is read.
 */
export const readCommand = 'ubus call system board && c=$(uci changes) && echo ${#c} && uci -t /var/run/soll-none export && echo soll-end';

export interface DeviceReading {
  readonly model: string;
  readonly version: string;
  /** Somebody has changes staged that nobody has committed. */
  readonly staged: boolean;
  readonly sections: DeviceState['sections'];
  /** The whole configuration, as `uci export` prints it. */
  readonly text: string;
}

const end = '\nsoll-end\n';

function cut(): ProviderError {
  return new ProviderError('protocol', 'the device\'s answer has no end or makes no sense', { hint: 'read again; does the key run the command of the README?', retryable: true });
}

export function parseReading(stdout: string): DeviceReading {
  const board = /^\{\n[\s\S]*?\n\}\n(\d+)\n/.exec(stdout);
  if (board === null || !stdout.endsWith(end)) throw cut();
  const text = stdout.slice(board[0].length, stdout.length - end.length + 1);
  const { model, release } = boardOf(board[0]);
  const found = parsePackages(text);
  for (const name of ['network', 'firewall']) if (!found.has(name)) throw new ProviderError('protocol', `the device shows no configuration ${name}`);
  const sections = Object.fromEntries(packages.map((name) => [name, found.get(name) ?? []])) as unknown as DeviceState['sections'];
  // What is not printed again as it was read was not understood.
  if ([...found].filter(([name]) => name !== '').map(([name, each]) => renderExport(name, each)).join('') !== text) throw new ProviderError('protocol', 'the device\'s configuration was not understood', { hint: 'bytes that are not UTF-8? uci export shows them' });
  return { model, version: release, staged: board[1] !== '0', sections, text };
}

/** What `ubus call system board` prints; more may follow. */
export function boardOf(text: string): { readonly model: string; readonly release: string } {
  let board: Json;
  try {
    board = JSON.parse(text.slice(0, text.lastIndexOf('}') + 1)) as Json;
  } catch {
    throw cut();
  }
  const release = isObject(board) ? board['release'] : undefined;
  if (!isObject(board) || !isObject(release) || release['distribution'] !== 'OpenWrt') throw new ProviderError('unsupported', 'this is no OpenWrt, or one of a vendor that goes its own way');
  return { model: typeof board['model'] === 'string' ? board['model'] : 'OpenWrt', release: typeof release['version'] === 'string' ? release['version'] : 'unknown' };
}

export interface DeviceStatus {
  readonly texts: Texts;
  /** As the script puts them together: each package with the SHA-256 of its file. */
  readonly sums: string;
}

/** Frames of `NAME PACKAGE BYTES`, and the sums. What uci makes of a file must be what soll makes of it. */
export function parseStatus(stdout: string): DeviceStatus {
  const bytes = Buffer.from(stdout, 'utf8');
  const files = new Map<string, string>();
  const exported = new Map<string, string>();
  let at = 0;
  for (;;) {
    const next = bytes.indexOf('\n', at);
    if (next < 0) throw cut();
    const head = bytes.toString('utf8', at, next);
    const frame = /^(file|export) ([a-z]+) (\d+)$/.exec(head);
    if (frame === null) break;
    const size = Number(frame[3]);
    if (next + 1 + size >= bytes.length) throw cut();
    (frame[1] === 'file' ? files : exported).set(frame[2] ?? '', bytes.toString('utf8', next + 1, next + 1 + size));
    at = next + 1 + size + 1;
  }
  const tail = /^sums\n([\s\S]*)\nend\n/.exec(bytes.toString('utf8', at));
  if (tail === null) throw cut();
  const sums = tail[1] ?? '';
  const texts = Object.fromEntries(packages.flatMap((name): [PackageName, string][] => {
    const text = files.get(name);
    const sum = new RegExp(`^${name} (\\S+)$`, 'm').exec(sums)?.[1];
    if (sum === undefined || (text === undefined) !== (sum === 'absent')) throw cut();
    if (text === undefined) return [];
    if (createHash('sha256').update(text).digest('hex') !== sum) throw new ProviderError('protocol', `the file ${name} holds bytes that are not UTF-8, or came damaged`, { hint: 'uci export shows it' });
    if (renderExport(name, parseUci(text)) !== exported.get(name)) throw new ProviderError('unsupported', `the file ${name} says something that soll reads otherwise than the device`, { hint: `on the device: uci commit ${name} writes it anew in plain form, without comments` });
    return [[name, text]];
  }));
  return { texts, sums };
}
