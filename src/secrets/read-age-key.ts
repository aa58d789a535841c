import { readFile } from 'node:fs/promises';

/** Names of the two variables that hold a scope's age key: the key itself, or the file it stands in. */
export function ageKeyVariables(scope: 'read' | 'write'): { readonly key: string; readonly file: string } {
  return scope === 'read' ? { key: 'SOLL_AGE_KEY', file: 'SOLL_AGE_KEY_FILE' } : { key: 'SOLL_AGE_KEY_WRITE', file: 'SOLL_AGE_KEY_WRITE_FILE' };
}

/** The age key of this scope; `undefined` where none is set. Throws what reading the file throws. */
export async function readAgeKey(scope: 'read' | 'write', env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const { key, file } = ageKeyVariables(scope);
  const value = env[key];
  if (value !== undefined && value !== '') return value;
  const path = env[file];
  return path === undefined || path === '' ? undefined : readFile(path, 'utf8');
}
