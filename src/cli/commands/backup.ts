import { chmod, open, rm } from 'node:fs/promises';
import { configBackups, getBackup, NotOpened } from '../../config-backup.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderBackups } from '../../render/render-backups.ts';
import { ageKeyAt, backupKeyVariables } from '../../secrets/read-age-key.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { describeFileError, emit, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface BackupFlags extends CommonFlags {
  readonly due?: boolean;
  readonly detailedExitcode?: boolean;
}

export async function runBackup({ ws, output, redact }: CommandContext, act: 'run' | 'list', customers: readonly string[], flags: BackupFlags): Promise<ExitCode> {
  const { entries, problems, texts } = await configBackups(ws, { ...selectionOf(customers, flags), act, ...(flags.due === undefined ? {} : { due: flags.due }) });
  showProblems(problems, texts, output, redact);
  await emit(output.format === 'json' ? toJsonDocument({ backups: entries }) : renderBackups(entries, viewOf(output)), output, redact);
  if (problems.some(({ severity }) => severity === 'error')) return exitCodes.invalid;
  if (entries.some(({ state }) => state === 'failed')) return exitCodes.unreachable;
  return flags.detailedExitcode === true && entries.some(({ state }) => state === 'due' || state === 'never') ? exitCodes.changes : exitCodes.ok;
}

export interface BackupGetFlags {
  readonly at?: string;
  readonly out: string;
}

/** Into a file that only its owner reads, never to the terminal: a device's configuration holds its secrets. */
export async function runBackupGet({ ws, output, redact }: CommandContext, customer: string, target: string, flags: BackupGetFlags): Promise<ExitCode> {
  const { key: variable, file } = backupKeyVariables;
  const key = await ageKeyAt(backupKeyVariables, ws.env);
  const refuse = (why: string, code: ExitCode): ExitCode => {
    tell(`soll: ${escapeTerminal(why)}\n  hint: put the age key of one of configBackup.recipients into ${variable} or its path into ${file}`, redact);
    return code;
  };
  if (key === undefined) return refuse('no key to open it with', exitCodes.invalid);
  ws.redactor.add(key.trim());
  const got = await getBackup(ws, { customer, target, key, ...(flags.at === undefined ? {} : { at: flags.at }) }).catch((error: unknown) => {
    if (error instanceof NotOpened) return error;
    throw error;
  });
  if (got instanceof NotOpened) return refuse(got.message, exitCodes.failure);
  const { text, meta, restore } = got;
  try {
    // Made anew and closed to others before the first byte; what is there is not overwritten.
    const handle = await open(flags.out, 'wx', 0o600);
    try {
      await handle.writeFile(text);
    } catch (error) {
      await rm(flags.out, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    await chmod(flags.out, 0o600);
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    tell(`soll: ${escapeTerminal(exists ? `${flags.out} is there already and is not overwritten` : describeFileError(error) ?? String(error))}`, redact);
    return exitCodes.invalid;
  }
  const { language } = output;
  const how = restore?.[language].replaceAll('FILE', flags.out);
  tell(language === 'de'
    ? `${escapeTerminal(flags.out)}: ${escapeTerminal(target)} (${escapeTerminal(meta.product)} ${escapeTerminal(meta.version)}) vom ${meta.takenAt.slice(0, 16).replace('T', ' ')} UTC, enthält Geheimnisse: nach Gebrauch löschen${how === undefined ? '' : `\nZurückspielen: ${how}`}`
    : `${escapeTerminal(flags.out)}: ${escapeTerminal(target)} (${escapeTerminal(meta.product)} ${escapeTerminal(meta.version)}) of ${meta.takenAt.slice(0, 16).replace('T', ' ')} UTC, holds secrets: delete it after use${how === undefined ? '' : `\nTo restore it: ${how}`}`, redact);
  return exitCodes.ok;
}
