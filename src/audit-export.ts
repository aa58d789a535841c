/** The evidence pack: audit branches, their proof and the commits that they name become files that an auditor can keep. */
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256 } from '#core/sha256';
import type { BrokenEvidence, CustomerEvidence, EvidencePack } from '#core/evidence';
import { parsePeriod } from '#core/period';
import { commitMessages } from '#git/commit-messages';
import { inOrder } from './audit/chain.ts';
import { collectEvidence } from './audit/collect-evidence.ts';
import { eachBranch } from './each-branch.ts';
import { provenRecords } from './proven-records.ts';
import { renderEvidence } from './render/render-evidence.ts';
import type { Language } from './render/words.ts';
import { toolVersion } from './tool-version.ts';
import type { Workspace } from './workspace.ts';

export interface ExportOptions {
  readonly customers: readonly string[];
  readonly since?: string;
  readonly until?: string;
  /** Must not hold anything yet. */
  readonly folder: string;
  readonly language: Language;
  /** Write the pack in spite of a chain that is broken, with what was found at its head. */
  readonly broken: boolean;
}

export type ExportResult =
  | { readonly status: 'written'; readonly files: readonly string[]; readonly pack: EvidencePack }
  | { readonly status: 'invalid'; readonly why: string }
  /** Nothing was written. */
  | { readonly status: 'broken'; readonly customers: readonly BrokenEvidence[] };

export async function exportEvidence(ws: Workspace, options: ExportOptions): Promise<ExportResult> {
  const period = parsePeriod(options.since, options.until);
  if (typeof period === 'string') return { status: 'invalid', why: period };
  const there = await readdir(options.folder).catch((error: unknown) => (error instanceof Error && 'code' in error && error.code === 'ENOENT' ? undefined : error));
  if (there !== undefined && (!Array.isArray(there) || there.length > 0)) return { status: 'invalid', why: `--out ${options.folder} is there already; name a new or empty folder` };
  const customers = await eachBranch(ws, { customers: options.customers }, async (customer, repo, where): Promise<CustomerEvidence> => {
    const { verification, chain, reviews } = await provenRecords(ws, repo, customer, where);
    return collectEvidence({ customer, chain, verification, reviews, period, messages: await commitMessages(ws.root, inOrder(chain).flatMap((record) => (record.type === 'open' ? [record.commit] : []))) });
  });
  const nothing = customers.find(({ customer, verification }) => options.customers.includes(customer) && verification.records === 0 && verification.problems.length === 0);
  if (nothing !== undefined) return { status: 'invalid', why: `${nothing.customer} has no audit branch: nothing was ever applied there` };
  const broken = customers.filter(({ verification }) => verification.problems.length > 0);
  if (broken.length > 0 && !options.broken) return { status: 'broken', customers: broken.map(({ customer, verification }) => ({ customer, problems: verification.problems })) };
  const pack: EvidencePack = { formatVersion: '1.0', tool: toolVersion, ...(options.since === undefined ? {} : { since: options.since }), ...(options.until === undefined ? {} : { until: options.until }), customers };
  const texts = { 'evidence.json': `${JSON.stringify(pack, null, 1)}\n`, 'evidence.md': renderEvidence(pack, options.language) };
  const files = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, ws.redactor.redact(text)]));
  await writeFolder(options.folder, { ...files, SHA256SUMS: digestFile(files) });
  return { status: 'written', files: [...Object.keys(files), 'SHA256SUMS'], pack };
}

/** As `sha256sum --check` reads it. */
function digestFile(files: Readonly<Record<string, string>>): string {
  return Object.entries(files).map(([name, text]) => `${sha256(text).replace('sha256:', '')}  ${name}\n`).join('');
}

/** Whole, or not at all. */
async function writeFolder(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const part = `${folder.replace(/\/+$/, '')}.part-${String(process.pid)}`;
  await mkdir(dirname(part), { recursive: true });
  await mkdir(part);
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(part, name), text);
    // An empty one stands in the way on some systems.
    await rmdir(folder).catch(() => undefined);
    await rename(part, folder);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}
