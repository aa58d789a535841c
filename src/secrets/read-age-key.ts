import { readFile } from 'node:fs/promises';

/** Names of the two variables that hold a scope's age key: the key itself, or the file it stands in. */
export function ageKeyVariables(scope: 'read' | 'write'): { readonly key: string; readonly file: string } {
  return scope === 'read' ? { key: 'SOLL_AGE_KEY', file: 'SOLL_AGE_KEY_FILE' } : { key: 'SOLL_AGE_KEY_WRITE', file: 'SOLL_AGE_KEY_WRITE_FILE' };
}

/** Opens fetched configurations of devices; needed only to bring one back. */
export const backupKeyVariables = { key: 'SOLL_BACKUP_KEY', file: 'SOLL_BACKUP_KEY_FILE' } as const;

/** The age key of this scope; `undefined` where none is set. Throws what reading the file throws. */
export function readAgeKey(scope: 'read' | 'write', env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  return ageKeyAt(ageKeyVariables(scope), env);
}

/** The same of two variables by name. */
export async function ageKeyAt({ key, file }: { readonly key: string; readonly file: string }, env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const value = env[key];
  if (value !== undefined && value !== '') return value;
  const path = env[file];
  return path === undefined || path === '' ? undefined : readFile(path, 'utf8');
}
