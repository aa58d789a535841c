import { randomBytes } from 'node:crypto';
import type { ReadContext, WriteContext } from '#contract';
import { createHttpClient } from './create-http-client.ts';

export type ReadParts = Pick<ReadContext, 'customer' | 'signal' | 'clock' | 'log' | 'reveal' | 'idToken'>;
export type WriteContextParts = ReadParts & Pick<WriteContext, 'assertLease' | 'guardToken' | 'fence' | 'generate'>;

/** The real transports, bound to one customer's session. */
export function makeReadContext(parts: ReadParts): ReadContext {
  return {
    ...parts,
    randomBytes: (size) => new Uint8Array(randomBytes(size)),
    // Loaded when a target needs it: most commands start without.
    connectSsh: async (options) => (await import('./connect-ssh.ts')).connectSsh(options, parts.signal),
    httpClient: (options) => createHttpClient(options, { signal: parts.signal, clock: parts.clock }),
  };
}

export function makeWriteContext(parts: WriteContextParts): WriteContext {
  const { assertLease, guardToken, fence, generate, ...read } = parts;
  return { ...makeReadContext(read), assertLease, guardToken, fence, generate };
}
