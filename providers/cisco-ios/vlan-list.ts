/** Lists of VLAN ids as Cisco writes them: `1,10-12,20`. */
import { ProviderError } from '#contract';

/** Throws `protocol` for anything else: a list that is half understood would be half written. */
export function parseVlanList(text: string): readonly number[] {
  const ids = new Set<number>();
  for (const part of text.split(',').map((each) => each.trim()).filter((each) => each !== '')) {
    const match = /^(\d{1,4})(?:\s*-\s*(\d{1,4}))?$/.exec(part);
    const from = Number(match?.[1] ?? 0);
    const to = Number(match?.[2] ?? from);
    if (match === null || from < 1 || to > 4094 || from > to) throw new ProviderError('protocol', 'the device shows a list of VLANs that cannot be read');
    for (let id = from; id <= to; id += 1) ids.add(id);
  }
  return [...ids].sort((a, b) => a - b);
}

function ranges(ids: Iterable<number>): string[] {
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let index = 0; index < sorted.length; ) {
    let end = index;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end += 1;
    parts.push(end === index ? String(sorted[index]) : `${String(sorted[index])}-${String(sorted[end])}`);
    index = end + 1;
  }
  return parts;
}

/** Compressed, in pieces of at most so many characters. */
export function foldVlanList(ids: Iterable<number>, width = 150): readonly string[] {
  const pieces: string[] = [];
  for (const part of ranges(ids)) {
    const last = pieces.at(-1);
    if (last === undefined || last.length + 1 + part.length > width) pieces.push(part);
    else pieces[pieces.length - 1] = `${last},${part}`;
  }
  return pieces;
}
