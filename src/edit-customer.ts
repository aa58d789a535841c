/** What a command writes into a customer's folder: checked as a whole before the file is replaced, so that nothing half-written remains. */
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject, Problem } from '#contract';
import { git } from '#git/run-git';
import { kinds } from '#kinds/registry';
import { appendEntry, appendItem, EditRefused } from './edit/append-yaml.ts';
import { EditError } from './edit/edit.ts';
import { writeFiles } from './edit/write-files.ts';
import { loadDesired } from './desired/load-desired.ts';
import { overlaySource } from './proposal.ts';
import { loadProviders } from './providers.ts';
import { asOfOf, describe, sourceWithoutGit } from './world.ts';
import type { Workspace } from './workspace.ts';

export interface EditResult {
  /** Relative to the repository. */
  readonly file: string;
  readonly written: boolean;
  readonly problems: readonly Problem[];
  readonly texts: ReadonlyMap<string, string>;
}

export interface AcceptOptions {
  readonly customer: string;
  /** `target/kind/name`. */
  readonly resource: string;
  readonly fields?: readonly string[];
  readonly until: string;
  readonly reason: string;
  /** Default: the person of soll.yaml with the mail address of this Git. */
  readonly owner?: string;
  readonly ticket?: string;
}

export async function acceptDifference(ws: Workspace, { customer, resource, fields, until, reason, owner, ticket }: AcceptOptions): Promise<EditResult> {
  const file = `customers/${customer}/deviations.yaml`;
  const answers = owner ?? await ownName(ws);
  if (answers === undefined) return refused(file, 'deviation.owner', 'nobody answers for it: no person of soll.yaml has the mail address of this Git', 'name one with --owner');
  const item = { resource, ...(fields === undefined || fields.length === 0 ? {} : { fields }), reason, owner: answers, until, ...(ticket === undefined ? {} : { ticket }) };
  return editFile(ws, customer, file, (text) => appendItem(text, 'deviations', item, '# yaml-language-server: $schema=../../schemas/deviations.schema.json'));
}

export interface OffboardOptions {
  readonly customer: string;
  readonly act: 'release' | 'remove';
  readonly reason: string;
  readonly ticket?: string;
}

export async function offboardCustomer(ws: Workspace, { customer, act, reason, ticket }: OffboardOptions): Promise<EditResult> {
  const value: JsonObject = { act, reason, ...(ticket === undefined ? {} : { ticket }) };
  return editFile(ws, customer, `customers/${customer}/customer.yaml`, (text) => {
    if (text === undefined) throw new EditRefused('there is no customer.yaml');
    return appendEntry(text, 'offboarding', value);
  });
}

function refused(file: string, code: string, message: string, hint: string): EditResult {
  return { file, written: false, problems: [{ code, severity: 'error', message, hint, source: { file, line: 1, column: 1 } }], texts: new Map() };
}

async function ownName(ws: Workspace): Promise<string | undefined> {
  const mail = (await git(ws.root, ['config', 'user.email']).catch(() => '')).trim().toLowerCase();
  const { settings } = await loadDesired({ source: sourceWithoutGit(ws.root), kinds, providers: new Map(), lab: ws.lab, asOf: asOfOf(ws), customers: [] });
  return Object.entries(settings.people ?? {}).find(([, { emails }]) => mail !== '' && emails?.some((each) => each.toLowerCase() === mail) === true)?.[0];
}

/** Refuses what would bring an error into this file; what was wrong elsewhere is not this edit's concern. */
export async function editFile(ws: Workspace, customer: string, file: string, change: (text: string | undefined) => string): Promise<EditResult> {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(customer)) return refused('customers', 'customer.unknown', `not a name of a customer: ${JSON.stringify(customer.slice(0, 80))}`, 'small letters, digits and -');
  const path = join(ws.root, file);
  const [folder, found] = await Promise.all([lstat(join(ws.root, 'customers', customer)).catch(() => undefined), lstat(path).catch(() => undefined)]);
  if (folder?.isDirectory() !== true) return refused(`customers/${customer}`, 'customer.unknown', `there is no customer ${customer} in customers/`, 'soll validate lists them');
  if (found !== undefined && !found.isFile()) return refused(file, 'file.type', `${file} is not a plain file`, 'put a plain file in its place');
  const old = found === undefined ? undefined : await readFile(path, 'utf8');
  let text: string;
  try {
    text = change(old);
  } catch (error) {
    if (error instanceof EditRefused) return refused(file, 'edit.refused', `${file}: ${error.message}`, 'edit it by hand');
    if (error instanceof EditError) return refused(file, error.code, `${file}: ${error.message}`, error.hint ?? 'edit it by hand');
    throw error;
  }
  const written = { path: file, before: old, after: text };
  const checked = await loadDesired({ source: overlaySource(sourceWithoutGit(ws.root), [written]), kinds, providers: describe(ws.providers ?? await loadProviders()), lab: ws.lab, asOf: asOfOf(ws), customers: [customer] });
  const problems = checked.problems.filter(({ source }) => source?.file === file);
  if (problems.some(({ severity }) => severity === 'error')) return { file, written: false, problems, texts: checked.texts };
  await writeFiles(ws.root, [written]);
  return { file, written: true, problems, texts: checked.texts };
}
