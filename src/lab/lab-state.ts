import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#contract';

/** Where one stand-in listens; what `--lab` puts in place of address, identity and credentials. */
export interface LabTarget {
  readonly host: string;
  readonly port: number;
  readonly ca?: string;
  readonly address?: string;
  readonly identity: readonly string[];
  readonly credentials: { readonly read: string; readonly write: string };
  /** Values of further secrets for writing, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly settings?: JsonObject;
}

export interface LabState {
  readonly pid: number;
  /** Control socket on loopback, with a token that only this file holds. */
  readonly control: { readonly port: number; readonly token: string };
  /** By `customer/target`. */
  readonly targets: Readonly<Record<string, LabTarget>>;
}

/** Folder of the lab inside a configuration repository; ignored by Git. */
export function labFolder(root: string): string {
  return join(root, '.soll', 'lab');
}

export function labStateFile(root: string): string {
  return join(labFolder(root), 'state.json');
}

/** `undefined` when no lab is running here. */
export async function readLabState(root: string): Promise<LabState | undefined> {
  let text: string;
  try {
    text = await readFile(labStateFile(root), 'utf8');
  } catch {
    return undefined;
  }
  // Written by startLab in the same version, mode 0600: our own data.
  const state = JSON.parse(text) as LabState;
  try {
    process.kill(state.pid, 0);
  } catch {
    return undefined;
  }
  return state;
}
