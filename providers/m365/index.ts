/** Microsoft 365: users, groups and licences of one tenant through Microsoft Graph v1.0, as an application. */
import { X509Certificate } from 'node:crypto';
import {
  parseAddress, ProviderError, type ApplySteps, type Batch, type Capabilities, type Change, type HttpClientOptions, type Identity, type KindCapability, type Live, type Problem, type Provider, type ReadContext,
  type ReadSession, type SecretRef, type Target, type WriteContext, type WriteSession,
} from '#contract';
import { checkDesired } from './check.ts';
import { parseCredential, type Credential } from './credential.ts';
import { asObject, makeGraphClient, type GraphClient } from './graph-client.ts';
import { text } from './convert.ts';
import { graphOrigin, loginOrigin, noRotation, settleMs } from './limits.ts';
import { reviewChanges } from './review.ts';
import { makeSignIn } from './sign-in.ts';
import { Tenant } from './tenant.ts';
import { writeChange } from './write.ts';

const everything: KindCapability = { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes: ['observe', 'merge', 'exclusive'], createKey: 'unique' };

const capabilities: Capabilities = {
  atomicity: 'object', rollback: 'none', concurrency: 4, kinds: { group: everything, user: everything }, settleMs,
  rotation: { credentials: [], why: noRotation },
};

/** Certificates end; a month is time enough to have a new one registered. Milliseconds. */
const soonMs = 30 * 86_400_000;

/** In the lab both hosts are one stand-in; the names, certificates and paths stay the real ones. */
function clientOptions(origin: string, target: Target): HttpClientOptions {
  const { lab } = target;
  if (lab?.ca === undefined) return { origin, tls: 'system', concurrency: 6 };
  return { origin, tls: { fingerprint256: new X509Certificate(lab.ca).fingerprint256 }, connectTo: { host: lab.host, port: lab.port }, concurrency: 6 };
}

interface Connection {
  readonly target: Target;
  readonly graph: GraphClient;
  readonly tenant: Tenant;
  readonly credential: Credential;
}

async function connect(target: Target, context: ReadContext, ref: SecretRef): Promise<Connection & { close(): Promise<void> }> {
  const credential = parseCredential(await context.reveal(ref));
  // One list that breaks off ends the session; what waits beside it, for Graph or for a token, must not go on asking.
  const closed = new AbortController();
  const bounded = { ...context, signal: AbortSignal.any([context.signal, closed.signal]) };
  const login = context.httpClient({ ...clientOptions(loginOrigin, target), concurrency: 2 });
  const http = context.httpClient(clientOptions(graphOrigin, target));
  const graph = makeGraphClient(http, await makeSignIn(login, target.address, credential, bounded), bounded);
  return { target, credential, graph, tenant: new Tenant(graph, target), close: async () => {
    closed.abort(new ProviderError('unreachable', 'the session was closed'));
    await Promise.all([login.close(), graph.close()]);
  } };
}

async function identify({ target, graph }: Connection): Promise<Identity> {
  const pin = target.identity.find((each) => each.startsWith('tenant:'));
  const organization = asObject((await graph.list('/organization?$select=id,displayName'))[0]);
  const found = `tenant:${text(organization['id'])}`;
  if (pin === undefined || found.toLowerCase() !== pin.toLowerCase()) throw new ProviderError('identity', `the tenant that answers is ${found}, expected ${pin ?? 'a tenant: pin'}`, { seen: found, hint: 'compare the tenant id in the admin centre; the application may be registered in another tenant' });
  return { pin, product: `Microsoft 365 ${text(organization['displayName'])}`.trim(), version: 'Graph v1.0' };
}

function readSession(connection: Connection & { close(): Promise<void> }, context: ReadContext): ReadSession {
  const { tenant, credential } = connection;
  return {
    identify: () => identify(connection),
    read: (kinds) => tenant.read(kinds),
    review: (changes) => reviewChanges(changes, tenant),
    diagnose: (kinds) => diagnose(kinds, tenant, credential, context),
    close: () => connection.close(),
  };
}

async function diagnose(kinds: readonly string[], tenant: Tenant, credential: Credential, context: ReadContext): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  if ('validTo' in credential && credential.validTo.getTime() < context.clock.now() + soonMs) {
    problems.push({ code: 'm365.certificate-ends', severity: 'warning', message: `the certificate of the reading application ends on ${credential.validTo.toISOString().slice(0, 10)}`, hint: 'register a new one beside it, then change the secret' });
  }
  if (!kinds.includes('user')) return problems;
  try {
    const administrators = await tenant.administrators();
    problems.push({ code: 'm365.administrators', severity: administrators.length < 2 ? 'warning' : 'info', message: `Global Administrators who can sign in: ${administrators.join(', ') || 'none seen'}`, ...(administrators.length < 2 ? { hint: 'two accounts, one of them for emergencies' } : {}) });
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    problems.push({ code: 'm365.administrators-unknown', severity: 'error', message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) });
  }
  return problems;
}

export const provider: Provider = {
  name: 'm365',
  capabilities,
  check: checkDesired,
  open: async (target, context) => readSession(await connect(target, context, target.credentials.read), context),
  async openForWrite(target: Target, context: WriteContext): Promise<WriteSession> {
    const connection = await connect(target, context, target.credentials.write);
    return { ...readSession(connection, context), apply: (batch, steps) => apply(connection, context, batch, steps) };
  },
};

async function apply({ graph, tenant }: Connection, context: WriteContext, batch: Batch, steps: ApplySteps): Promise<void> {
  for (const change of batch.changes) {
    const now = await readAgain(tenant, change);
    await steps.before(change, now);
    await steps.after(change, await writeChange({ graph, tenant, context }, change, now));
  }
}

/** The object as it is now: by its id where the plan saw one, by its name where there should be none. */
async function readAgain(tenant: Tenant, change: Change): Promise<Live | undefined> {
  const { kind, name } = parseAddress(change.was ?? change.address);
  const id = typeof change.handle === 'string' ? change.handle : undefined;
  if (change.restore === true && id !== undefined) return tenant.deleted(kind, id);
  if (kind === 'user') return tenant.user(id ?? name);
  const links = [change.before, change.after].some((spec) => spec?.['members'] !== undefined || spec?.['owners'] !== undefined);
  return id === undefined ? tenant.groupByNickname(name) : tenant.group(id, links);
}
