/** Renewed credentials of stand-ins: the lab knows the new value, no secrets file of a customer is touched. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CredentialName } from '#contract';
import { labFolder, labStateFile, readLabState, type LabState, type LabTarget } from './lab-state.ts';

type Kept = Partial<Record<CredentialName, string>>;

function fileOf(root: string, customer: string, target: string): string {
  return join(labFolder(root), customer, target, 'credentials.json');
}

async function replace(file: string, value: object): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(value), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** What a stand-in was told to accept since it was made; a start of the lab asks for it. */
export async function keptCredentials(root: string, customer: string, target: string): Promise<Kept> {
  try {
    return JSON.parse(await readFile(fileOf(root, customer, target), 'utf8')) as Kept;
  } catch {
    return {};
  }
}

/** Throws RangeError when no lab is running here. */
export async function keepCredential(root: string, { customer, target, credential }: { readonly customer: string; readonly target: string; readonly credential: CredentialName }, value: string): Promise<void> {
  const state = await readLabState(root);
  const name = `${customer}/${target}`;
  const found = state?.targets[name];
  if (state === undefined || found === undefined) throw new RangeError(`no lab is running for ${name}`);
  await replace(fileOf(root, customer, target), { ...await keptCredentials(root, customer, target), [credential]: value });
  const changed: LabTarget = { ...found, credentials: { ...found.credentials, [credential]: value } };
  const next: LabState = { ...state, targets: { ...state.targets, [name]: changed } };
  await replace(labStateFile(root), next);
}
