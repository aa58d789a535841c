/**
 * Which secret was written, so that it is known without its value: the reference, and a salted hash that tells whether what is there is still that.
 * It stands beside the value itself, which the device keeps in the clear, so the hash gives nothing away that is not there. Pure.
 */
import { createHash } from 'node:crypto';
import type { JsonObject, SecretRef } from '#contract';
import { optionOf, type UciSection } from './uci.ts';

function hash(salt: string, value: string): string {
  return createHash('sha256').update(`${salt}:${value}`).digest('hex');
}

export function markOf({ $secret, version = 1 }: SecretRef, value: string, salt: string): string {
  return `${$secret}:${String(version)}:${salt}:${hash(salt, value)}`;
}

/** What is on the device and no reference stands for. A reference of this name never is (names have at most 63 characters; this one is not offered anywhere). */
const changed: JsonObject = { $secret: 'changed-on-the-device', version: 1 };

/** The reference, if each of the values is what was written for it. */
export function refOf(remembered: UciSection | undefined, option: string, values: readonly (string | undefined)[]): JsonObject {
  const [name, version, salt = '', sum] = (remembered === undefined ? undefined : optionOf(remembered, option))?.split(':') ?? [];
  if (name === undefined || !/^\d{1,7}$/.test(version ?? '') || values.length === 0) return changed;
  return values.every((value) => value !== undefined && hash(salt, value) === sum) ? { $secret: name, version: Number(version) } : changed;
}
