import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openParseCache, type CachedDocument } from '../../src/desired/parse-cache.ts';

const blobOf = (number: number): string => number.toString(16).padStart(40, '0');
const documentOf = (number: number): CachedDocument => ({ value: { number, name: 'Müller\n€' }, spans: { '/name': [1, 2, 3, number] } });

function files(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('parse cache', () => {
  let folder = '';
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'soll-cache-')); });
  afterEach(() => { rmSync(folder, { recursive: true }); });

  const fill = (count: number): void => {
    const cache = openParseCache(folder);
    for (let number = 0; number < count; number += 1) cache.put(blobOf(number), documentOf(number));
    cache.save();
    cache.close();
  };

  it.each([
    { because: 'a few are files of their own', count: 3, stored: 3 },
    { because: 'many are one pack', count: 100, stored: 1 },
  ])('$because, and every one comes back as it was', ({ count, stored }) => {
    fill(count);
    expect(files(folder)).toHaveLength(stored);
    const cache = openParseCache(folder);
    for (let number = 0; number < count; number += 1) expect(cache.get(blobOf(number))).toEqual(documentOf(number));
    expect(cache.has(blobOf(count))).toBe(false);
    expect(cache.get(blobOf(count))).toBeUndefined();
    cache.close();
  });

  it('sees what another process packed only after looking again', () => {
    const cache = openParseCache(folder);
    fill(100);
    expect(cache.has(blobOf(7))).toBe(false);
    cache.refresh();
    expect(cache.get(blobOf(7))).toEqual(documentOf(7));
    cache.close();
  });

  it.each([
    { because: 'an altered file', count: 1, damage: (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('"number":0', '"number":9'), 'latin1') },
    { because: 'an altered pack', count: 100, damage: (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('"number":0', '"number":9'), 'latin1') },
    { because: 'a torn file', count: 1, damage: (bytes: Buffer) => bytes.subarray(0, 40) },
    { because: 'a pack torn inside its list', count: 100, damage: (bytes: Buffer) => bytes.subarray(0, 40) },
    { because: 'a pack torn before its first document', count: 100, damage: (bytes: Buffer) => bytes.subarray(0, bytes.indexOf(0x0a) + 20) },
    { because: 'a pack that is none', count: 100, damage: () => Buffer.from('PACK') },
    { because: 'an empty pack', count: 100, damage: () => Buffer.alloc(0) },
  ])('$because counts as not there', ({ count, damage }) => {
    fill(count);
    for (const file of files(folder)) writeFileSync(file, damage(readFileSync(file)));
    const cache = openParseCache(folder);
    expect(cache.get(blobOf(0))).toBeUndefined();
    cache.close();
  });

  it('is no error where it cannot be written', () => {
    writeFileSync(join(folder, 'file'), '');
    const cache = openParseCache(join(folder, 'file'));
    cache.put(blobOf(1), documentOf(1));
    expect(() => { cache.save(); }).not.toThrow();
    expect(cache.get(blobOf(1))).toBeUndefined();
    cache.close();
  });
});
