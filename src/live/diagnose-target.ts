import { isProviderError, ProviderError, type Identity, type ProviderErrorCode, type ReadSession, type Target, type WriteContext, type WriteSession } from '#contract';
import { judgeFirmware, type FirmwareRule, type FirmwareStanding } from '#core/firmware';

type Check = 'reach' | 'identity' | 'read-credential' | 'write-credential' | 'permissions' | 'clock' | 'firmware';

export interface Diagnosis {
  readonly customer: string;
  readonly target: string;
  readonly check: Check;
  readonly ok: boolean;
  readonly text: string;
  readonly hint?: string;
  /** Pin of whoever answered, where it was not the one that is pinned. */
  readonly seen?: string;
  /** Of `firmware`. */
  readonly standing?: FirmwareStanding;
}

export interface DiagnoseSessions {
  openRead(target: Target): Promise<ReadSession>;
  openWrite(target: Target, parts: Pick<WriteContext, 'assertLease' | 'guardToken' | 'fence' | 'generate'>): Promise<WriteSession>;
}

const checkOf: Partial<Record<ProviderErrorCode, Check>> = { identity: 'identity', auth: 'read-credential' };

/** Looks, never writes: reach, identity, what runs there, read credential and its permissions, whether the write credential would be accepted. */
export async function diagnoseTarget(target: Target, sessions: DiagnoseSessions, firmware: readonly FirmwareRule[] = []): Promise<readonly Diagnosis[]> {
  const found: Diagnosis[] = [];
  const tell: Tell = (check, ok, text, hint, seen) => void found.push({ customer: target.customer, target: target.name, check, ok, text, ...(hint === undefined ? {} : { hint }), ...(seen === undefined ? {} : { seen }) });
  const seen = await diagnoseRead(target, sessions, tell);
  for (const standing of judgeFirmware(firmware, target.name, seen)) {
    found.push({ customer: target.customer, target: target.name, check: 'firmware', ok: standing.state === 'met' || standing.accepted !== undefined, text: `${standing.about} ${standing.found ?? 'unknown'}, ${standing.wanted} is asked`, standing });
  }
  if (found.some(({ check, ok }) => (check === 'reach' || check === 'identity') && !ok)) return found;
  await diagnoseWrite(target, sessions, tell);
  return found;
}

type Tell = (check: Check, ok: boolean, text: string, hint?: string, seen?: string) => void;

/** Who answered; `undefined`: nobody, or somebody else. */
async function diagnoseRead(target: Target, sessions: DiagnoseSessions, tell: Tell): Promise<Identity | undefined> {
  let session: ReadSession | undefined;
  let identity: Identity | undefined;
  try {
    session = await sessions.openRead(target);
    identity = await session.identify();
    const { pin, product, version } = identity;
    tell('reach', true, `${product} ${version}`.trim());
    tell('identity', true, pin);
    const live = await session.read(Object.keys(target.manages).sort());
    tell('read-credential', true, `${String(live.length)} resources read`);
    for (const problem of (await session.diagnose?.(Object.keys(target.manages).sort())) ?? []) tell('permissions', problem.severity !== 'error', problem.message, problem.hint);
  } catch (error) {
    if (!isProviderError(error)) throw error;
    tell(checkOf[error.code] ?? 'reach', false, error.message, hintOf(target, error), error.seen);
  } finally {
    await session?.close().catch(() => undefined);
  }
  return identity;
}

/** The line that shows another identity may be the one that somebody sits on: only the device itself can tell. */
function hintOf({ customer, name }: Target, { hint, seen }: ProviderError): string | undefined {
  if (seen === undefined) return hint;
  return `it shows ${seen}: compare that on the device itself, not over this line. Only if the device was replaced: soll replace ${customer} ${name} --identity ${seen} --reason TEXT`;
}

async function diagnoseWrite(target: Target, sessions: DiagnoseSessions, tell: Tell): Promise<void> {
  const never = (): never => {
    throw new ProviderError('rejected', 'doctor does not write');
  };
  let session: WriteSession | undefined;
  try {
    session = await sessions.openWrite(target, { assertLease: never, guardToken: '', fence: 0, generate: () => Promise.reject(new ProviderError('rejected', 'doctor does not write')) });
    await session.identify();
    tell('write-credential', true, 'accepted');
  } catch (error) {
    if (!isProviderError(error)) throw error;
    tell('write-credential', false, error.message, error.hint ?? 'right for a plan job; an apply job needs it');
  } finally {
    await session?.close().catch(() => undefined);
  }
}
