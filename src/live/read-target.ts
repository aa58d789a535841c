import { isProviderError, parseAddress, ProviderError, type JsonObject, type Kind, type Live, type ReadSession, type Target } from '#contract';
import type { Reading } from '#core/model';

export interface ReadTargetInput {
  readonly target: Target;
  readonly kinds: ReadonlyMap<string, Kind>;
  /** Opens the read session; called once. */
  readonly open: () => Promise<ReadSession>;
}

/** A reading, and the session it came from while it is open (for `review`). The caller closes it. */
export interface OpenReading {
  readonly reading: Reading;
  readonly session?: ReadSession;
}

/**
 * Reads all managed kinds of one target, complete or not at all. What the world does becomes `unreachable` with its reason; a defect
 * of ours is thrown on. Unknown is not absent: there is no partial reading.
 */
export async function readTarget(input: ReadTargetInput): Promise<OpenReading> {
  const { target } = input;
  let session: ReadSession | undefined;
  try {
    session = await input.open();
    const identity = await session.identify();
    const live = canonicalLive(await session.read(Object.keys(target.manages).sort()), input.kinds);
    return { session, reading: { status: 'read', target: target.name, identity, live } };
  } catch (error) {
    await session?.close().catch(() => undefined);
    if (!isProviderError(error)) throw error;
    return { reading: unreachable(target.name, error) };
  }
}

function unreachable(target: string, error: ProviderError): Reading {
  return {
    status: 'unreachable',
    target,
    code: error.code,
    why: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

function canonicalLive(live: readonly Live[], kinds: ReadonlyMap<string, Kind>): readonly Live[] {
  const byKey = new Map<string, Live>();
  for (const resource of live) {
    const kind = kinds.get(parseAddress(resource.address).kind);
    if (kind === undefined) throw new ProviderError('protocol', `the target returned a resource of an unknown kind: ${resource.address}`);
    const spec: JsonObject = kind.canonical(resource.spec);
    const key = `${resource.address} ${resource.recoverable === undefined ? 'live' : 'recoverable'}`;
    const twin = byKey.get(key);
    byKey.set(key, twin === undefined ? { ...resource, spec } : ambiguous(twin));
  }
  return [...byKey.values()].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
}

/** Two live objects with one name: nobody can say which of them is meant, so it is shown and never written. */
function ambiguous(live: Live): Live {
  return { ...live, readOnly: 'two live objects have this name; rename or remove one of them on the target by hand' };
}
