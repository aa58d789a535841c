/** `soll rotate`: renews one of a target's own two credentials, on the target and in the secrets file, as one recorded act. */
import { isProviderError, ProviderError, toAddress, type Address, type Change, type CredentialName, type Json, type Problem, type ProviderErrorCode, type SecretValue, type Target } from '#contract';
import { compareText, isObject } from '#core/canonical';
import type { AuditRecord } from '#core/audit-record';
import type { RotationPreview } from '#core/rotation-preview';
import type { DesiredState, Plan, RunResult, TargetEntry, TargetPlan } from '#core/model';
import { fastForward, type FastForwarded } from '#git/fast-forward';
import { openRepo } from '#git/open-repo';
import { kinds } from '#kinds/registry';
import { rotationOf } from './apply/rotate-credential.ts';
import { keptHere, recoverCustomer, refusalOf, type Recovered } from './apply-customer.ts';
import { appendEntry, approvalBranch } from './approval-branch.ts';
import { entriesOf } from './approval-state.ts';
import { decide, leafFacts, readApprovals } from './approvals.ts';
import { openRotations } from './audit/open-audit.ts';
import { rotationBranch, secretsFile } from './credential-store.ts';
import { identityOf } from './plan/identity-of.ts';
import { makeLeaves, rootOf } from './plan/make-leaves.ts';
import { holdOf } from './roll-out.ts';
import { runRotation, storeOf } from './rotation-run.ts';
import { secretVariable } from './secrets/open-secrets.ts';
import { toolVersion } from './tool-version.ts';
import { treeForApply } from './tree.ts';
import { openWorld, type World } from './world.ts';
import type { ApplyOptions, ApplyRunResult, Workspace } from './workspace.ts';

export interface RotateOptions extends Pick<ApplyOptions, 'approver' | 'lockTimeoutMs'> {
  readonly customer: string;
  readonly target: string;
  readonly credential: CredentialName;
  readonly reason?: string;
  /** What would be done; called before anybody is asked and before anything is written. */
  readonly explain: (explanation: RotationPreview) => void;
  /** Asked where soll.yaml has no rules; absent: not approved. */
  readonly confirm?: () => Promise<boolean>;
  /** The operator has said yes beforehand. */
  readonly yes: boolean;
}

export interface RotateResult extends ApplyRunResult {
  readonly explanation?: RotationPreview;
  /** Nobody answered, or let us in. */
  readonly unreachable?: boolean;
}

const away: readonly ProviderErrorCode[] = ['unreachable', 'auth', 'identity', 'timeout'];

/** Throws GitError when the repository cannot be used. */
export async function rotate(ws: Workspace, options: RotateOptions): Promise<RotateResult> {
  const { customer, target: name } = options;
  const moved = ws.lab ? undefined : await bringForward(ws);
  if (moved !== undefined && 'code' in moved) return nothing([moved]);
  const world = await openWorld(ws, { customers: [customer], targets: [name], concurrency: 1 }, treeForApply);
  const state = world.desired.states.find((each) => each.customer.name === customer);
  const entry = state?.targets.find(({ target }) => target.name === name);
  if (state === undefined || entry === undefined || world.problems.some(({ severity }) => severity === 'error')) return { ...nothing(world.problems), texts: world.desired.texts };
  const recovered = await recoverCustomer(world, state, { ...applyOptions(options), guardSeconds: 90 }, await keptHere(world));
  const told = { ...nothing(world.problems), runs: recovered.runs, texts: world.desired.texts };
  if (recovered.refused !== undefined) return { ...told, refused: [recovered.refused] };
  // What was interrupted was this very thing: it is at its end now, and nobody asked for a second one.
  if (recovered.runs.some((run) => isSame(recovered.records, run, options))) return told;
  try {
    const problem = await whyNot(world, state, entry, recovered, options);
    if (problem !== undefined) return { ...told, problems: [...world.problems, problem] };
    return await rotateOne(world, { state, entry, recovered, options, told, ...(moved === undefined ? {} : { branch: moved.branch }) });
  } catch (error) {
    if (!isProviderError(error)) return { ...told, refused: [refusalOf(customer, error)] };
    const problem: Problem = { code: `rotate.${error.code}`, severity: 'error', customer, target: name, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
    return { ...told, problems: [...world.problems, problem], unreachable: away.includes(error.code) };
  }
}

function nothing(problems: readonly Problem[]): RotateResult {
  return { plans: [], approvals: [], runs: [], refused: [], waiting: [], problems, texts: new Map() };
}

function applyOptions({ customer, target, approver, lockTimeoutMs, confirm }: RotateOptions): ApplyOptions {
  return { customers: [customer], targets: [target], concurrency: 1, approve: [], planFiles: [], approver, lockTimeoutMs, guardSeconds: 90, allowUnguarded: false, ...(confirm === undefined ? {} : { confirm }) };
}

/** The new value goes on top of what everybody has, and nothing else is pushed with it. */
async function bringForward(ws: Workspace): Promise<FastForwarded | Problem | undefined> {
  const repo = await openRepo(ws.root);
  const remote = await repo.remote();
  if (remote === undefined) return undefined;
  const moved = await fastForward(repo, remote, { dirty: true });
  return 'branch' in moved ? moved : { ...moved, code: moved.code.replace('agent.', 'rotate.') };
}

function isSame(records: readonly AuditRecord[], { run }: RunResult, { target, credential }: RotateOptions): boolean {
  return records.some((record) => record.type === 'open' && record.run === run && record.rotation?.credential === credential && record.targets.some((each) => each.target === target));
}

/** What stands in the way, before the target is asked. */
async function whyNot({ ws, repo, capabilities }: World, state: DesiredState, entry: TargetEntry, { ledger, records }: Recovered, { credential }: RotateOptions): Promise<Problem | undefined> {
  const { target, source } = entry;
  const { customer, name } = target;
  const secret = target.credentials[credential].$secret;
  const tell = (code: string, message: string, hint: string): Problem => ({ code, severity: 'error', customer, target: name, message, hint, source });
  const rotation = capabilities.get(target.provider)?.rotation;
  if (rotation?.credentials.includes(credential) !== true) return tell('rotate.unsupported', `${target.provider} cannot renew the ${credential} credential`, rotation?.why ?? 'renew it on the target by hand, then: soll secret set');
  const identity = identityOf(entry, ledger);
  if (identity?.stranger === true) return identity.problem ?? tell('rotate.identity', `${name} is known by another identity than before, and that is not applied yet`, `soll plan ${customer}, and have that approved first`);
  const held = ledger.held[name];
  if (held !== undefined) return tell('rotate.held', `${name} is held by run ${held.run}: ${held.why}`, `soll apply ${customer} looks again`);
  const others = usesOf(state, secret).filter((place) => place !== `${name}.credentials.${credential}`);
  const waiting = openRotations(records).find(({ open }) => open.rotation?.credential === credential && open.targets.some((each) => each.target === name))?.open;
  if (waiting !== undefined) return tell('rotate.waits', `run ${waiting.run} has not come to its end: its new credential waits to be merged, or the target could not be asked`, `merge the branch ${rotationBranch({ customer, target: name, credential }, waiting.run)}, or delete it to have the new credential taken back; then run this again`);
  if (others.length > 0) return tell('rotate.shared', `${secret} is also used by ${others.join(', ')}, where the new value would not be accepted`, 'give each a secret of its own first: soll secret set, then $secret in targets.yaml');
  if (ws.lab) return undefined;
  const variable = [secretVariable('read', customer, secret), secretVariable('write', customer, secret)].find((each) => (ws.env[each] ?? '') !== '');
  if (variable !== undefined) return tell('rotate.environment', `the value of ${secret} comes from the variable ${variable}, where nobody can put a new one`, `store it in the file (soll secret set ${customer} ${secret}${credential === 'write' ? ' --write' : ''}), then unset the variable here and wherever else it is set`);
  const file = secretsFile({ customer, credential });
  if (!(await repo.isClean([file]))) return tell('rotate.uncommitted', `${file} has changes that nobody committed`, 'commit and push them, or throw them away');
  return undefined;
}

/** Places that refer to a secret: credentials, settings and resources. */
function usesOf({ targets, resources }: DesiredState, secret: string): readonly string[] {
  const within = (value: Json | undefined, path: string): readonly string[] => {
    if (Array.isArray(value)) return value.flatMap((item, index) => within(item as Json, `${path}.${String(index)}`));
    if (!isObject(value)) return [];
    return value['$secret'] === secret ? [path] : Object.entries(value).flatMap(([key, item]) => within(item, `${path}.${key}`));
  };
  return [
    ...targets.flatMap(({ target: { name, credentials, settings } }) => [...(['read', 'write'] as const).filter((each) => credentials[each].$secret === secret).map((each) => `${name}.credentials.${each}`), ...within(settings, `${name}.settings`)]),
    ...resources.flatMap(({ address, spec }) => within(spec, address)),
  ];
}

interface Asked {
  readonly state: DesiredState;
  readonly entry: TargetEntry;
  readonly recovered: Recovered;
  readonly options: RotateOptions;
  readonly told: RotateResult;
  /** Default branch of the remote, where there is one. */
  readonly branch?: string;
}

async function rotateOne(world: World, { state, entry, recovered, options, told, branch }: Asked): Promise<RotateResult> {
  const { target } = entry;
  const { customer, name } = target;
  const store = storeOf(world, target, options.credential);
  const { value } = await store.look('');
  const found = await present(world, target, options.credential, value);
  const plan = planOf(world, state, entry, recovered, options, found);
  const explanation: RotationPreview = {
    customer, target: name, credential: options.credential, secret: target.credentials[options.credential].$secret, file: world.ws.lab ? 'lab' : secretsFile({ customer, credential: options.credential }),
    id: found.id, place: found.place, others: found.others, digest: plan.digest, ...(branch === undefined ? {} : { pushed: branch }),
  };
  options.explain(explanation);
  const shown = { ...told, plans: [plan], explanation };
  const held = holdOf({ state, plan }, world.desired.settings, world.ws.clock.now());
  if (held.allowed.size === 0) return { ...shown, waiting: held.waiting };
  const granted = await decideOn(world, state, plan, recovered, options);
  if (granted.granted === undefined) return { ...shown, waiting: granted.waiting, refused: [granted.refused ?? { customer, code: 'not-approved', why: `nobody has approved ${plan.digest}` }], problems: [...told.problems, ...granted.problems] };
  const run = await runRotation(world, {
    state, target, plan, store, head: recovered.head, current: value,
    approval: { approvals: granted.granted.approvals, leaves: granted.granted.leaves, ...(granted.granted.ruled === undefined ? {} : { policy: granted.granted.ruled.policy, risk: plan.risk }) },
    rotation: { credential: options.credential, secret: explanation.secret, old: found.id }, ...(options.reason === undefined ? {} : { reason: options.reason }),
  });
  return { ...shown, runs: [...told.runs, run], approvals: granted.granted.approvals, problems: [...told.problems, ...granted.problems] };
}

interface Present {
  readonly id: string;
  readonly place: string;
  readonly others: number;
}

/** Over a session that could write and does not. */
async function present(world: World, target: Target, credential: CredentialName, value: SecretValue): Promise<Present> {
  const sessions = world.sessions(target.customer);
  const never = (): never => { throw new ProviderError('rejected', 'nothing is written before it is approved'); };
  const session = await sessions.openWrite(target, { assertLease: never, guardToken: '', fence: 0, generate: () => Promise.reject(new ProviderError('rejected', 'nothing is written before it is approved')) }, value);
  try {
    await session.identify();
    const rotation = rotationOf(session);
    const id = await rotation.identify(value);
    const accepted = await rotation.list(credential);
    const other: CredentialName = credential === 'read' ? 'write' : 'read';
    if ((await rotation.identify(await sessions.reveal(target, other))) === id) throw new ProviderError('rejected', `the ${other} credential is the same ${id}: what is renewed for the one would be taken from the other`, { hint: `give it one of its own first: soll secret set ${target.customer} ${target.credentials[other].$secret}${other === 'write' ? ' --write' : ''}` });
    if (!accepted.some((each) => each.id === id)) throw new ProviderError('rejected', `the present ${credential} credential ${id} is not among those that the target accepts as ${rotation.place(credential)}`, { hint: 'it is kept elsewhere, or was taken away by hand: put it right there first, then soll doctor' });
    return { id, place: rotation.place(credential), others: accepted.length - 1 };
  } finally {
    await session.close().catch(() => undefined);
  }
}

function changeOf({ customer, name }: Target, credential: CredentialName, { id, place }: Pick<Present, 'id' | 'place'>): Change {
  return { verb: 'run', address: toAddress({ customer, target: name, kind: 'credential', name: credential }), reason: 'rotated', before: { id, place } };
}

/** One leaf: approved like any other, and used up because the next one begins with another credential. */
function planOf(world: World, state: DesiredState, { target }: TargetEntry, { ledger }: Recovered, { credential }: RotateOptions, found: Present): Plan {
  const change = changeOf(target, credential, found);
  const impact = {
    en: `soll signs in to ${target.name} with a new ${credential === 'read' ? 'reading' : 'writing'} credential; the present one is accepted until the new one works and is stored`,
    de: `soll meldet sich an ${target.name} mit einem neuen Zugang zum ${credential === 'read' ? 'Lesen' : 'Schreiben'} an; der jetzige gilt, bis der neue funktioniert und abgelegt ist`,
  };
  const own: TargetPlan = {
    target: target.name, provider: target.provider, status: 'ready', atomicity: 'object', guard: 'not-needed', ledgerOnly: [], findings: [], compared: 0,
    batches: [{ id: `${target.name}/rotate`, target: target.name, phase: 'build', changes: [change], result: [], after: [], atomicity: 'object' }],
    changes: [{ address: change.address, risk: 'medium', impact, fields: [] }],
  };
  const leaves = makeLeaves({ tool: toolVersion, kinds, before: new Map<Address, readonly Address[]>(), ledger, targets: [{ target: target.name, provider: target.provider, pin: [...target.identity].sort(compareText).join(' '), batches: own.batches, ledgerOnly: [] }] });
  return {
    formatVersion: '1.0', tool: toolVersion, customer: state.customer.name, commit: world.tree.commit, targets: [own], leaves, ...rootOf(leaves), risk: 'medium', problems: [],
    summary: { create: 0, update: 0, delete: 0, adopt: 0, release: 0, drift: 0, conflict: 0, findings: 0, targets: 1, unreachable: 0 },
  };
}

/** By the rules of soll.yaml, or by the operator's word. What waits for others is noted, so that they can sign it elsewhere. */
async function decideOn(world: World, state: DesiredState, plan: Plan, { records }: Recovered, options: RotateOptions): Promise<Awaited<ReturnType<typeof decide>>> {
  const asked: ApplyOptions = { ...applyOptions(options), approve: options.yes ? [plan.digest] : [] };
  const decision = await decide(world, { state, plan, records }, (await readApprovals(world.repo.gitDir, asked)).over([plan]), asked, undefined);
  if (decision.granted === undefined && decision.waiting.length > 0) {
    const notice = { type: 'plan' as const, customer: plan.customer, commit: plan.commit, base: plan.commit, digest: plan.digest, at: new Date(world.ws.clock.now()).toISOString(), leaves: leafFacts(plan) };
    await appendEntry(approvalBranch(world.ws, world.repo, plan.customer, world.remote), notice, (files) => entriesOf(files, plan.customer).some((entry) => entry.type === 'plan' && entry.digest === plan.digest));
  }
  return decision;
}
