/** The fleet at a glance, from Git alone: no device is asked. Joins audit, approvals and observed branches with the files and their history. */
import { join } from 'node:path';
import type { AuditRecord } from '#core/audit-record';
import { compareText } from '#core/canonical';
import type { PlanNotice } from '#core/approval-entry';
import { judgeFirmware, type FirmwareNote } from '#core/firmware';
import type { CustomerStatus, StatusHold, WaitingCommit } from '#core/fleet-status';
import type { DesiredState, FileSource, Ledger } from '#core/model';
import type { Observation } from '#core/observation';
import type { Platform } from '#core/platform';
import type { SollDocument } from '#generated/types';
import { commitsTouching, type TouchingCommit } from '#git/commits-touching';
import { openLine, type Line } from '#git/open-line';
import type { Repo } from '#git/open-repo';
import { seenHeads, type SeenHead } from '#git/seen-heads';
import { kinds } from '#kinds/registry';
import { lifetimeMs } from './approval/policy.ts';
import { dueReviews, judgeGroup, withReviews } from './approval-list.ts';
import { judgePending, pendingNotices, type PendingNotice } from './approval-pending.ts';
import { assessStatus, damagedStatus, sortStatus } from './audit/assess-status.ts';
import { isOnlyOverdue, loadDesired, type LoadedDesired } from './desired/load-desired.ts';
import { openParseCache } from './desired/parse-cache.ts';
import { keptOf } from './config-backup.ts';
import { branchesPlace, type BranchesPlace } from './each-branch.ts';
import { eachGroup, openFleet, type Fleet, type FleetMember } from './fleet-groups.ts';
import { keptPrefixOf } from './kept-branches.ts';
import { readObservations } from './observed.ts';
import { loadProviders, type LoadedProvider } from './providers.ts';
import { firmwareNote } from './rollout/firmware-due.ts';
import { freezeOf } from './rollout/freeze-of.ts';
import { freezeReason, windowReason, windowRiskOf } from './rollout/hold-back.ts';
import { windowOf } from './rollout/window-of.ts';
import type { Workspace } from './workspace.ts';
import { asOfOf, describe } from './world.ts';

export interface FleetStatus {
  /** ISO 8601, UTC: when all of it was so. */
  readonly asOf: string;
  /** Worst first. */
  readonly customers: readonly CustomerStatus[];
  /** Names that were asked for and are nowhere. */
  readonly unknown: readonly string[];
  /** Why reviews could not be asked for: signatures alone are told then. */
  readonly unasked?: string;
}

/**
 * Of these customers, or of all that are written or have an audit branch. `platform`: where reviews are asked for, too. Throws GitError when the
 * remote cannot be asked.
 */
export async function fleetStatus(ws: Workspace, wanted: readonly string[], platform?: () => Promise<Platform>): Promise<FleetStatus> {
  const { found, unasked } = await withReviews(platform, (host) => statusWith(ws, wanted, host));
  return { ...found, ...(unasked === undefined ? {} : { unasked }) };
}

async function statusWith(ws: Workspace, wanted: readonly string[], platform: (() => Promise<Platform>) | undefined): Promise<FleetStatus> {
  const where = await branchesPlace(ws);
  const head = await where.repo.head();
  const source = head === undefined ? where.repo.folderSource() : await where.repo.treeSource(head);
  const [written, fleet] = await Promise.all([writtenCustomers(source), openFleet(ws, where, { ...(wanted.length === 0 ? {} : { customers: wanted }), ...(platform === undefined ? {} : { platform }) })]);
  try {
    const known = [...new Set([...written, ...fleet.branches.customers(where.prefix)])].sort(compareText);
    const names = wanted.length === 0 ? known : known.filter((name) => wanted.includes(name));
    const providers = ws.providers ?? await loadProviders();
    const files = await loadFiles(ws, where.repo, source, { customers: names.filter((name) => written.has(name)), providers });
    const context: Context = { fleet, files, providers, unpushed: await openUnpushed(ws, where, names), head, written, waiting: await openWaiting(where.repo, head), now: ws.clock.now() };
    const customers: CustomerStatus[] = [];
    await eachGroup(fleet, names, async (group) => { customers.push(...await groupStatus(context, group)); });
    return { asOf: asOfOf(ws), customers: sortStatus(customers), unknown: wanted.filter((name) => !known.includes(name)) };
  } finally {
    fleet.facts.close();
  }
}

/** What this clone keeps by itself, of all customers at once. Without a remote everything does, and nothing is amiss. */
async function openUnpushed(ws: Workspace, { repo, prefix, remote, settings }: BranchesPlace, names: readonly string[]): Promise<Context['unpushed']> {
  const keptAt = await repo.remote(settings.configBackup?.remote).catch(() => settings.configBackup?.remote);
  const places = [['records', prefix, remote], ['configurations', keptPrefixOf(ws, settings), keptAt]] as const;
  const found = await Promise.all(places.map(async ([what, name, at]) => {
    const heads = at === undefined ? new Map<string, SeenHead>() : await seenHeads({ root: repo.root, prefix: name, remote: at });
    return { what, ahead: new Set(names.filter((customer) => heads.get(customer)?.ahead === true)) };
  }));
  return (customer) => found.flatMap(({ what, ahead }) => (ahead.has(customer) ? [what] : []));
}

async function writtenCustomers(source: FileSource): Promise<ReadonlySet<string>> {
  return new Set((await source.list()).flatMap(({ path }) => {
    const [top, name, file] = path.split('/');
    return top === 'customers' && name !== undefined && file !== undefined ? [name] : [];
  }));
}

async function loadFiles(ws: Workspace, repo: Repo, source: FileSource, { customers, providers }: { readonly customers: readonly string[]; readonly providers: ReadonlyMap<string, LoadedProvider> }): Promise<LoadedDesired> {
  const cache = openParseCache(join(repo.gitDir, 'soll', 'cache'));
  try {
    return await loadDesired({ source, kinds, providers: describe(providers), lab: ws.lab, cache, asOf: asOfOf(ws), customers });
  } finally {
    cache.close();
  }
}

interface Context {
  readonly fleet: Fleet;
  readonly files: LoadedDesired;
  readonly head: string | undefined;
  readonly written: ReadonlySet<string>;
  readonly waiting: Waits;
  readonly providers: ReadonlyMap<string, LoadedProvider>;
  readonly unpushed: (customer: string) => NonNullable<CustomerStatus['unpushed']>;
  /** Milliseconds. */
  readonly now: number;
}

async function groupStatus(context: Context, group: readonly FleetMember[]): Promise<readonly CustomerStatus[]> {
  const { fleet, files, now } = context;
  const lifetime = lifetimeMs({ people: {}, ...(files.settings.approval === undefined ? {} : { approval: files.settings.approval }) });
  const pending = new Map(group.flatMap(({ customer, audit, entries }): [string, readonly PendingNotice[]][] => ('audit' in audit
    ? [[customer, pendingNotices(entries.filter((entry): entry is PlanNotice => entry.type === 'plan'), audit.audit.records, audit.audit.ledger, { now, lifetimeMs: lifetime })]]
    : [])));
  const judge = await judgeGroup(fleet, group, ({ customer }) => pending.get(customer) ?? []);
  const observations = await readObservations(fleet.where.repo.root, group.map(({ customer }) => ({ customer, head: fleet.branches.head(fleet.observed, customer) })));
  const states = new Map(files.states.map((state) => [state.customer.name, state]));
  const found: CustomerStatus[] = [];
  for (const { customer, audit } of group) {
    if ('damaged' in audit) {
      found.push(damagedStatus(customer, audit.damaged));
      continue;
    }
    const { records, ledger } = audit.audit;
    const [notices, state, waiting, observation] = [pending.get(customer) ?? [], states.get(customer), unapplied(await context.waiting(customer, ledger), records), observations.get(customer)];
    const problems = files.problems.filter((problem) => problem.severity === 'error' && problem.customer === customer);
    const hold = state === undefined ? undefined : holdOf(state, files.settings, { now, notices, commits: waiting?.length ?? 0 });
    found.push(assessStatus({
      customer, written: context.written.has(customer), records, ledger, contained: waiting !== undefined, waiting: waiting ?? [], observation,
      targets: state?.targets.map(({ target }) => target.name).sort(compareText) ?? (context.written.has(customer) ? Object.keys(observation?.targets ?? {}) : []),
      approvals: context.head === undefined ? [] : await judgePending(judge, notices, records, lifetime), hold,
      reviews: (await dueReviews(judge.place, customer, records)).map(({ run, at, ticket, reviewDue, state: due }) => ({ run, at, ticket, reviewDue, state: due })),
      expired: problems.filter(isOnlyOverdue).map(({ message }) => message), invalid: problems.filter((problem) => !isOnlyOverdue(problem)).map(({ message }) => message),
      firmware: state === undefined ? [] : firmwareOf(state, observation, now), kept: state === undefined ? [] : keptOf(state, context.providers, observation, now),
      unpushed: context.unpushed(customer),
    }));
  }
  return found;
}

/** By what each target said when it was read last. */
function firmwareOf({ targets, firmware = [], customer: { document } }: DesiredState, observation: Observation | undefined, now: number): readonly FirmwareNote[] {
  return targets.map(({ target }) => target.name).sort(compareText).flatMap((name) => judgeFirmware(firmware, name, observation?.targets[name]?.read?.runs).map((standing) => firmwareNote(name, standing, firmware, document, now)));
}

/** The commit of a renewed credential is nothing that waits: the target has it. */
function unapplied(waiting: readonly WaitingCommit[] | undefined, records: readonly AuditRecord[]): readonly WaitingCommit[] | undefined {
  const renewed = new Set(records.flatMap((record) => (record.type === 'rotation' && record.commit !== undefined ? [record.commit] : [])));
  return waiting?.filter(({ commit }) => !renewed.has(commit));
}

/** A freeze is always told, a shut window where something waits that may need it: of mere commits nobody knows yet what they risk. */
function holdOf({ customer: { document } }: DesiredState, settings: Partial<SollDocument>, { now, notices, commits }: { readonly now: number; readonly notices: readonly PendingNotice[]; readonly commits: number }): StatusHold | undefined {
  const freeze = freezeOf(settings, document, now);
  if (freeze !== undefined) return { ...freezeReason(freeze, document), state: 'freeze' };
  const window = windowOf(document, now);
  const risks = windowRiskOf(settings);
  const needs = notices.length > 0 ? notices.some(({ leaves }) => leaves.some(({ risk }) => risks.includes(risk))) : commits > 0;
  return window?.open === false && needs ? { ...windowReason(window.opens, document), state: 'window' } : undefined;
}

/** What touches the customer and was not applied, newest first; `undefined`: what was applied last is not part of this branch. */
export type Waits = (customer: string, applied: Pick<Ledger, 'commit' | 'beside'>) => Promise<readonly WaitingCommit[] | undefined>;

/** One walk of the history for all customers; only what was applied from beside the branch's own line is asked for by itself. */
export async function openWaiting(repo: Repo, head: string | undefined): Promise<Waits> {
  if (head === undefined) return () => Promise.resolve([]);
  const line = await openLine(repo.root, head);
  const beside = new Map<string, Promise<readonly TouchingCommit[] | undefined>>();
  const walk = walkOf(repo.root, line);
  const since = async (applied: string): Promise<readonly TouchingCommit[] | undefined> => {
    const depth = applied === '' ? line.length : line.behind(applied);
    if (depth !== undefined) return (await walk(depth)).filter(({ commit }) => (line.behind(commit) ?? 0) < depth);
    const known = beside.get(applied) ?? besideLine(repo, head, applied);
    beside.set(applied, known);
    return known;
  };
  return async (customer, { commit: applied, beside: joined = [] }) => (joined.length > 0 && (await repo.notContained(joined, [head])).length > 0 ? undefined : await since(applied))?.filter(({ paths }) => paths.some((path) => path.startsWith(`customers/${customer}/`))).map(({ paths: _paths, ...each }) => each);
}

/** Deeper than was asked for: the next customer was applied some commits before. */
function walkOf(root: string, line: Line): (depth: number) => Promise<readonly TouchingCommit[]> {
  let known: { readonly depth: number; readonly found: Promise<readonly TouchingCommit[]> } = { depth: 0, found: Promise.resolve([]) };
  return (depth) => {
    if (depth > known.depth) {
      const wanted = Math.min(line.length, Math.max(depth, 64, 2 * known.depth));
      const from = line.at(wanted);
      known = { depth: wanted, found: commitsTouching(root, { ...(from === undefined ? {} : { from }), head: line.head, folder: 'customers' }) };
    }
    return known.found;
  };
}

async function besideLine(repo: Repo, head: string, applied: string): Promise<readonly TouchingCommit[] | undefined> {
  return (await repo.notContained([applied], [head])).length > 0 ? undefined : commitsTouching(repo.root, { from: applied, head, folder: 'customers' });
}
