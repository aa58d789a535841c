import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { editSecrets } from '../../secrets/edit-secrets.ts';
import { setSecret } from '../../secrets/set-secret.ts';
import { readAgeKey } from '../../secrets/read-age-key.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';

export interface SecretFlags extends CommonFlags {
  readonly write?: boolean;
  readonly recipient?: readonly string[];
}

function fileOf(root: string, customer: string, flags: SecretFlags): string {
  return join(root, 'customers', customer, `secrets.${flags.write === true ? 'write' : 'read'}.yaml`);
}

async function standardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  // The newline that a shell adds is not part of a one-line value; a PEM block keeps its own.
  const text = Buffer.concat(chunks).toString('utf8');
  return text.includes('\n', 0) && text.indexOf('\n') === text.length - 1 ? text.slice(0, -1) : text;
}

async function replaceFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.part`, text, { mode: 0o600 });
  await rename(`${file}.part`, file);
}

export async function runSecretSet({ ws }: CommandContext, customer: string, name: string, flags: SecretFlags): Promise<ExitCode> {
  const file = fileOf(ws.root, customer, flags);
  if (process.stdin.isTTY) process.stderr.write('Value, then Ctrl-D (it is shown while you type; better: < file):\n');
  const value = await standardInput();
  if (value === '') {
    process.stderr.write('standard input was empty; nothing was changed\n');
    return exitCodes.invalid;
  }
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const key = await readAgeKey(flags.write === true ? 'write' : 'read', ws.env);
  if (text === undefined && (flags.recipient ?? []).length === 0) {
    process.stderr.write(`${file} does not exist yet: give at least one --recipient age1…\n`);
    return exitCodes.invalid;
  }
  await replaceFile(file, await setSecret({ text, recipients: flags.recipient ?? [], key, name, value }));
  process.stdout.write(`${name} set for ${customer}\n`);
  return exitCodes.ok;
}

export async function runSecretEdit({ ws }: CommandContext, customer: string, flags: SecretFlags): Promise<ExitCode> {
  const file = fileOf(ws.root, customer, flags);
  const text = await readFile(file, 'utf8');
  const key = await readAgeKey(flags.write === true ? 'write' : 'read', ws.env);
  const edited = await editSecrets({ text, key, edit: (plain) => Promise.resolve(inEditor(plain, ws.env['EDITOR'] ?? 'vi')) });
  if (edited === text) process.stdout.write('nothing changed\n');
  else {
    await replaceFile(file, edited);
    process.stdout.write(`secrets of ${customer} written\n`);
  }
  return exitCodes.ok;
}

/** In a folder of its own that only this user can read; removed whatever happens. */
function inEditor(plain: string, editor: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'soll-secret-'));
  const path = join(folder, 'secrets.yaml');
  try {
    writeFileSync(path, plain, { mode: 0o600 });
    // The editor may hold arguments (`code --wait`): split at spaces, no shell.
    const [program = 'vi', ...args] = editor.split(' ').filter((part) => part !== '');
    const result = spawnSync(program, [...args, path], { stdio: 'inherit' });
    if (result.status !== 0) throw new Error(`${program} ended with ${String(result.status ?? result.error?.message)}; nothing was changed`);
    return readFileSync(path, 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
