import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { lstat, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ProviderError } from '#contract';
import { withoutSecrets } from '#core/without-secrets';
import { editSecrets } from '../../secrets/edit-secrets.ts';
import { encryptFor } from '../../secrets/encrypt-for.ts';
import { setSecret } from '../../secrets/set-secret.ts';
import { ageKeyVariables, readAgeKey } from '../../secrets/read-age-key.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';

export interface SecretFlags extends CommonFlags {
  readonly write?: boolean;
  readonly recipient?: readonly string[];
}

/** Something that the operator can mend: wrong input, exit 3. */
class Refused extends Error {}

type Context = Pick<CommandContext, 'ws' | 'redact'>;

async function refusable(context: Context, action: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof ProviderError)) throw error;
    const hint = error instanceof ProviderError && error.hint !== undefined ? `\n  mend: ${error.hint}` : '';
    process.stderr.write(`${context.redact(`soll: ${escapeTerminal(error.message)}${hint}`)}\n`);
    return exitCodes.invalid;
  }
}

/** The customer's file; refuses names that are none, and whatever is not a plain file in a plain folder. */
async function fileOf(root: string, customer: string, flags: SecretFlags): Promise<string> {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(customer)) throw new Refused(`not a name of a customer: ${customer.slice(0, 80)}`);
  const folder = join(root, 'customers', customer);
  for (const path of [join(root, 'customers'), folder]) {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) throw new Refused(`there is no customer ${customer}: ${path} is ${found === undefined ? 'not there' : 'not a folder'}`);
  }
  const file = join(folder, `secrets.${flags.write === true ? 'write' : 'read'}.yaml`);
  const found = await lstat(file).catch(() => undefined);
  if (found !== undefined && !found.isFile()) throw new Refused(`${file} is not a plain file; links are not followed`);
  return file;
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Refused(`${file} cannot be read: ${error instanceof Error ? error.message.split(',')[0] ?? '' : 'unknown reason'}`);
  }
}

async function keyOf(flags: SecretFlags, { env }: CommandContext['ws']): Promise<string | undefined> {
  const scope = flags.write === true ? 'write' : 'read';
  const variable = ageKeyVariables(scope).file;
  return readAgeKey(scope, env).catch(() => { throw new Refused(`the age key file that ${variable} names cannot be read`); });
}

async function standardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new Refused('the value is not UTF-8 text; nothing was changed');
  }
  // The newline that a shell adds is not part of a one-line value; a PEM block keeps its own.
  return text.indexOf('\n') === text.length - 1 ? text.slice(0, -1) : text;
}

/** All or nothing, and durable: beside the file under a name that nobody could have laid a link at. */
async function replaceFile(file: string, text: string): Promise<void> {
  const part = `${file}.${randomBytes(6).toString('hex')}.part`;
  try {
    const handle = await open(part, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  const folder = await open(dirname(file), 'r');
  await folder.sync();
  await folder.close();
}

export function runSecretSet(context: CommandContext, customer: string, name: string, flags: SecretFlags): Promise<ExitCode> {
  return refusable(context, async () => {
    const { ws } = context;
    const file = await fileOf(ws.root, customer, flags);
    const text = await textOf(file);
    const recipients = flags.recipient ?? [];
    if (text === undefined && recipients.length === 0) throw new Refused(`${file} does not exist yet: give at least one --recipient age1…`);
    if (text !== undefined && recipients.length > 0) throw new Refused(`${file} exists and keeps its recipients; change them with \`sops updatekeys\``);
    const key = await keyOf(flags, ws);
    if (process.stdin.isTTY) process.stderr.write('Value, then Ctrl-D (it is shown while you type; better: < file):\n');
    const value = await standardInput();
    if (value === '') throw new Refused('standard input was empty; nothing was changed');
    ws.redactor.add(value);
    await replaceFile(file, await setSecret({ text, recipients, key, name, value }));
    process.stdout.write(`${name} set for ${customer}\n`);
    return exitCodes.ok;
  });
}

export function runSecretEdit(context: CommandContext, customer: string, flags: SecretFlags): Promise<ExitCode> {
  return refusable(context, async () => {
    const { ws } = context;
    const file = await fileOf(ws.root, customer, flags);
    const text = await textOf(file);
    if (text === undefined) throw new Refused(`${file} does not exist yet: soll secret set ${customer} NAME --recipient age1…`);
    const key = await keyOf(flags, ws);
    const edited = await editSecrets({ text, key, keep: keepEncrypted, edit: (plain) => Promise.resolve(inEditor(plain, ws.env)) });
    if (edited === text) process.stdout.write('nothing changed\n');
    else {
      await replaceFile(file, edited);
      process.stdout.write(`secrets of ${customer} written\n`);
    }
    return exitCodes.ok;
  });
}

async function keepEncrypted(edited: string, recipients: readonly string[]): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'soll-edited-')), 'secrets.yaml.age');
  await writeFile(path, await encryptFor(recipients, edited), { mode: 0o600, flag: 'wx' });
  return path;
}

/** In memory where the system has such a folder, so that plain text never comes to a disk. */
function plainFolder(): string {
  for (const folder of [process.env['XDG_RUNTIME_DIR'], '/dev/shm']) {
    if (folder === undefined || folder === '') continue;
    try {
      accessSync(folder, constants.W_OK);
      return folder;
    } catch {
      // Not here.
    }
  }
  return tmpdir();
}

/** In a folder of its own that only this user can read; removed whatever happens. */
function inEditor(plain: string, env: CommandContext['ws']['env']): string {
  const folder = mkdtempSync(join(plainFolder(), 'soll-secret-'));
  const path = join(folder, 'secrets.yaml');
  try {
    writeFileSync(path, plain, { mode: 0o600, flag: 'wx' });
    // The editor may hold arguments (`code --wait`): split at spaces, no shell.
    const [program = 'vi', ...args] = (env['EDITOR'] ?? 'vi').split(' ').filter((part) => part !== '');
    const result = spawnSync(program, [...args, path], { stdio: 'inherit', env: withoutSecrets(env) });
    if (result.status !== 0) throw new Refused(`${program} ended with ${String(result.status ?? result.signal ?? result.error?.message)}; nothing was changed`);
    return readFileSync(path, 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
