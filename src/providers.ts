/** Finds `providers/<name>/index` at run time: a new provider is one new folder, nothing is registered anywhere. */
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import type { JsonObject, Provider } from '#contract';

export interface LoadedProvider {
  readonly provider: Provider;
  /** `target.schema.json` of the folder. */
  readonly settingsSchema: JsonObject;
}

const here = fileURLToPath(import.meta.url);
/** `.ts` when run from the sources (tests), `.js` from dist. */
const extension = here.endsWith('.ts') ? '.ts' : '.js';
const modules = fileURLToPath(new URL('../providers/', import.meta.url));

/** Root of the installed package: where `schemas/` and `providers/<name>/target.schema.json` are, also when run from dist. */
export const packageRoot = fileURLToPath(new URL(extension === '.ts' ? '..' : '../..', import.meta.url));

/** Sorted names of all provider folders. */
export function listProviders(): readonly string[] {
  return readdirSync(modules, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(modules, entry.name, `index${extension}`)))
    .map((entry) => entry.name)
    .sort();
}

/** The file of a provider's simulator, for the lab; `undefined` where there is none. */
export function simulatorModule(name: string): string | undefined {
  const path = join(modules, name, `simulator${extension}`);
  return existsSync(path) ? path : undefined;
}

function isProvider(value: unknown): value is Provider {
  return typeof value === 'object' && value !== null && 'openForWrite' in value && 'capabilities' in value;
}

/** Throws when the folder does not export `provider`: a defect of the folder, not of a customer's file. */
export async function loadProvider(name: string): Promise<LoadedProvider> {
  const module: unknown = await import(join(modules, name, `index${extension}`));
  const provider: unknown = typeof module === 'object' && module !== null && 'provider' in module ? module.provider : undefined;
  if (!isProvider(provider) || provider.name !== name) throw new Error(`providers/${name}/index must export \`provider\` named ${name}`);
  const schema: unknown = JSON.parse(readFileSync(join(packageRoot, 'providers', name, 'target.schema.json'), 'utf8'));
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) throw new Error(`providers/${name}/target.schema.json is not an object`);
  // A schema file is JSON by construction of JSON.parse.
  return { provider, settingsSchema: schema as JsonObject };
}

export async function loadProviders(): Promise<ReadonlyMap<string, LoadedProvider>> {
  const names = listProviders();
  const loaded = await Promise.all(names.map(loadProvider));
  return new Map(names.map((name, index) => [name, loaded[index] as LoadedProvider]));
}
