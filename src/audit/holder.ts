import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import type { Holder } from '#core/audit-record';

function read(make: () => string, fallback: string): string {
  try {
    return make().trim();
  } catch {
    return fallback;
  }
}

/** This process. Off Linux the boot is told by its time, to the minute. */
export function currentHolder(nonce: string = randomUUID()): Holder {
  return {
    host: hostname(),
    boot: read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'), `boot-${String(Math.round((Date.now() / 1000 - uptime()) / 60))}`),
    namespace: read(() => readlinkSync('/proc/self/ns/pid'), 'host'),
    pid: process.pid,
    nonce,
  };
}

/**
 * `dead` only where this machine can know it; a process elsewhere is `unknown`. Another boot is elsewhere too: two machines of one name
 * (CI runners, clones of an image) cannot be told from one that was restarted.
 */
export function holderState(holder: Holder, self: Holder): 'self' | 'alive' | 'dead' | 'unknown' {
  if (holder.nonce === self.nonce) return 'self';
  if (holder.host !== self.host || holder.boot !== self.boot || holder.namespace !== self.namespace) return 'unknown';
  if (holder.pid === self.pid) return 'dead';
  try {
    process.kill(holder.pid, 0);
    return 'alive';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? 'alive' : 'dead';
  }
}
