/** Opens sessions for one customer: its secrets, its transports, nothing of another customer. Both are loaded with the first session. */
import type { Address, CredentialName, Provider, ReadContext, ReadSession, SecretRef, SecretValue, Target, WriteContext, WriteSession } from '#contract';
import { ProviderError, SecretValue as Secret } from '#contract';
import type { Secrets } from './secrets/open-secrets.ts';
import type { LabState } from './lab/lab-state.ts';
import { overlayTarget } from './lab/overlay-target.ts';
import type { Workspace } from './workspace.ts';

/** What a run adds to a write session: its lease, its token, its place in the customer's history. */
export interface WriteParts {
  readonly assertLease: (writeTimeoutMs: number) => void;
  readonly guardToken: string;
  readonly fence: number;
  readonly generate: (address: Address, field: string, make: (randomBytes: (size: number) => Uint8Array) => string) => Promise<SecretValue>;
}

export interface Sessions {
  /** `own`: stands in for the secret of its name. */
  openRead(target: Target, own?: SecretValue): Promise<ReadSession>;
  openWrite(target: Target, parts: WriteParts, own?: SecretValue): Promise<WriteSession>;
  /** The value of one of the target's own two, as a writing session would use it. Throws ProviderError `auth`. */
  reveal(target: Target, credential: CredentialName): Promise<SecretValue>;
}

export interface SessionsInput {
  readonly ws: Workspace;
  readonly customer: string;
  readonly providers: ReadonlyMap<string, Provider>;
  /** Reads a file of the same source that the desired state came from; `undefined`: not there. */
  readonly readFile: (path: string) => Promise<string | undefined>;
  readonly lab: LabState | undefined;
}

type Scope = 'read' | 'write';

export function makeSessions(input: SessionsInput): Sessions {
  const { ws, customer, lab } = input;
  // Opened once per scope and only when asked: planning never touches the write file.
  const stores = new Map<Scope, Promise<Secrets>>();
  const store = (scope: Scope): Promise<Secrets> => {
    const known = stores.get(scope);
    if (known !== undefined) return known;
    const opened = import('./secrets/open-secrets.ts').then(({ openSecrets }) => openSecrets({ customer, scope, readFile: input.readFile, env: ws.env, redactor: ws.redactor }));
    stores.set(scope, opened);
    return opened;
  };
  const revealFor = (target: Target, scope: Scope, own?: SecretValue) => async (ref: SecretRef): Promise<SecretValue> => {
    if (own?.name === ref.$secret) return own;
    const labCredential = labSecret(target, ref, scope, lab);
    if (labCredential === undefined) return (await store(scope)).reveal(ref);
    ws.redactor.add(labCredential);
    return new Secret(ref.$secret, labCredential);
  };
  const idToken = async (audience: string): Promise<SecretValue> => {
    const { requestIdToken } = await import('#transport/id-token');
    const token = await requestIdToken(audience, ws);
    ws.redactor.add(token);
    return new Secret('identity token', token);
  };
  const context = async (target: Target, scope: Scope, own: SecretValue | undefined): Promise<ReadContext> =>
    (await import('#transport/make-context')).makeReadContext({ customer, signal: ws.signal, clock: ws.clock, log: ws.log, reveal: revealFor(target, scope, own), idToken });
  const providerOf = (target: Target): Provider => {
    const provider = input.providers.get(target.provider);
    if (provider === undefined) throw new ProviderError('unsupported', `no provider named ${target.provider}`);
    return provider;
  };
  return {
    reveal: (target, credential) => revealFor(target, 'write')(target.credentials[credential]),
    openRead: async (target, own) => providerOf(target).open(effectiveTarget(target, lab, ws.lab), await context(target, 'read', own)),
    openWrite: async (target, parts, own) => {
      const { makeWriteContext } = await import('#transport/make-context');
      const write: WriteContext = makeWriteContext({ customer, signal: ws.signal, clock: ws.clock, log: ws.log, reveal: revealFor(target, 'write', own), idToken, ...parts });
      return providerOf(target).openForWrite(effectiveTarget(target, lab, ws.lab), write);
    },
  };
}

function effectiveTarget(target: Target, lab: LabState | undefined, wantsLab: boolean): Target {
  if (!wantsLab) return target;
  const overlaid = lab === undefined ? undefined : overlayTarget(target, lab);
  if (overlaid === undefined) {
    throw new ProviderError('unreachable', `no lab is running for ${target.customer}/${target.name}`, { hint: 'start it in another terminal: soll lab' });
  }
  return overlaid;
}

/** In the lab a target's own two credentials come from the stand-in, others for writing from the lab's own file; what is in neither is resolved as usual. */
function labSecret(target: Target, ref: SecretRef, scope: Scope, lab: LabState | undefined): string | undefined {
  const found = lab?.targets[`${target.customer}/${target.name}`];
  if (found === undefined) return undefined;
  if (ref.$secret === target.credentials.read.$secret) return found.credentials.read;
  if (scope === 'read') return undefined;
  return ref.$secret === target.credentials.write.$secret ? found.credentials.write : found.secrets[ref.$secret];
}
