import { randomBytes } from 'node:crypto';
import { ProviderError, SecretValue, type Logger, type ReadContext, type WriteContext } from '#contract';
import { makeReadContext, makeWriteContext } from '#transport/make-context';
import { systemClock } from '#transport/system-clock';
import type { RunningSimulator } from './simulator.ts';

export const silentLog: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined };

function parts(running: RunningSimulator, customer: string, scope: 'read' | 'write'): Parameters<typeof makeReadContext>[0] {
  return {
    customer, signal: new AbortController().signal, clock: systemClock, log: silentLog,
    idToken: () => Promise.reject(new ProviderError('auth', 'this machine has no identity token')),
    // `…-read` and `…-write` name the two credentials of a target.
    reveal: ({ $secret: name }) => {
      const own = running.secrets?.[name];
      if (own !== undefined && scope === 'write') return Promise.resolve(new SecretValue(name, own));
      if (name.includes('write')) {
        if (scope === 'read') return Promise.reject(new ProviderError('auth', `the write credential ${name} is not available to a reading session`));
        return Promise.resolve(new SecretValue(name, running.credentials.write));
      }
      return Promise.resolve(new SecretValue(name, running.credentials.read));
    },
  };
}

/** A context with real transports whose secrets are the stand-in's. */
export function readContextFor(running: RunningSimulator, customer: string, overrides: Partial<ReadContext> = {}): ReadContext {
  return { ...makeReadContext(parts(running, customer, 'read')), ...overrides };
}

export function writeContextFor(running: RunningSimulator, customer: string, overrides: Partial<WriteContext> = {}): WriteContext {
  const context = makeWriteContext({
    ...parts(running, customer, 'write'), guardToken: randomBytes(16).toString('hex'), fence: 1, assertLease: () => undefined,
    generate: (address, field, make) => Promise.resolve(new SecretValue(`${address}#${field}`, make((size) => randomBytes(size)))),
  });
  return { ...context, ...overrides };
}
