import { ProviderError, SecretValue, type SecretRef } from '#contract';
import { ageKeyVariables, readAgeKey } from './read-age-key.ts';
import { decryptLeaves, openDataKey, parseSops, SopsError } from './sops.ts';

type Scope = 'read' | 'write';

export interface OpenSecretsInput {
  readonly customer: string;
  /** `write` may use both files; `read` never opens the write one. */
  readonly scope: Scope;
  /** Reads a file of the configuration repository; `undefined`: not there. */
  readonly readFile: (path: string) => Promise<string | undefined>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly redactor: { add(value: string): void };
}

export interface Secrets {
  /** Throws ProviderError `auth`, naming the variable and the file that were looked at. */
  reveal(ref: SecretRef): Promise<SecretValue>;
}

/** Environment variable that a secret of this name comes from, where it is set. */
export function secretVariable(scope: Scope, customer: string, name: string): string {
  const upper = (text: string): string => text.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
  return `SOLL_SECRET_${scope === 'write' ? 'WRITE_' : ''}${upper(customer)}_${upper(name)}`;
}

/** Environment variables first, then the scope's SOPS file. */
export async function openSecrets(input: OpenSecretsInput): Promise<Secrets> {
  const { customer, scope, env, redactor } = input;
  const scopes: readonly Scope[] = scope === 'write' ? ['write', 'read'] : ['read'];
  const files = new Map<Scope, ReturnType<typeof loadFile>>();
  const fileOf = (which: Scope): ReturnType<typeof loadFile> => {
    const loaded = files.get(which) ?? loadFile(input, which);
    files.set(which, loaded);
    return loaded;
  };
  return Promise.resolve({
    async reveal({ $secret: name }) {
      const tried: string[] = [];
      for (const which of scopes) {
        const fromEnv = env[secretVariable(which, customer, name)];
        const found = fromEnv !== undefined && fromEnv !== '' ? fromEnv : await lookUp(fileOf, which, name, tried);
        if (found === undefined) continue;
        // The MAC does not see an empty value that was added; nothing signs in with one either.
        if (found === '') throw new ProviderError('auth', `the secret ${name} of ${customer} is empty`, { hint: `soll secret set ${customer} ${name}${which === 'write' ? ' --write' : ''}` });
        redactor.add(found);
        return new SecretValue(name, found);
      }
      throw new ProviderError('auth', `the secret ${name} of ${customer} is not available (${tried.join('; ')})`, {
        hint: `set ${secretVariable(scope, customer, name)}, or: soll secret set ${customer} ${name}${scope === 'write' ? ' --write' : ''}`,
      });
    },
  });
}

/** Top-level values of a secrets file by name. Throws SopsError. */
export async function readValues(text: string, key: string): Promise<ReadonlyMap<string, string>> {
  const document = parseSops(text);
  const leaves = decryptLeaves(document, await openDataKey(document, key));
  return new Map(leaves.filter(({ leaf }) => leaf.path.length === 1 && document.get(leaf.path[0], true) === leaf.node).map(({ leaf, plain }) => [leaf.path[0] ?? '', plain]));
}

type Loaded = { readonly values: ReadonlyMap<string, string> } | { readonly missing: string };

async function lookUp(fileOf: (which: Scope) => Promise<Loaded>, which: Scope, name: string, tried: string[]): Promise<string | undefined> {
  const file = await fileOf(which);
  if ('missing' in file) {
    tried.push(file.missing);
    return undefined;
  }
  const value = file.values.get(name);
  if (value === undefined) tried.push(`not in secrets.${which}.yaml`);
  return value;
}

async function loadFile({ customer, readFile, env }: OpenSecretsInput, scope: Scope): Promise<Loaded> {
  const path = `customers/${customer}/secrets.${scope}.yaml`;
  const text = await readFile(path);
  if (text === undefined) return { missing: `${path} does not exist` };
  const variables = ageKeyVariables(scope);
  const key = await readAgeKey(scope, env).catch(() => undefined);
  if (key === undefined) return { missing: `no age key for ${path}: set ${variables.key} or ${variables.file}` };
  try {
    return { values: await readValues(text, key) };
  } catch (error) {
    if (error instanceof SopsError) throw new ProviderError('auth', `${path}: ${error.message}`, error.hint === undefined ? {} : { hint: error.hint });
    throw error;
  }
}
