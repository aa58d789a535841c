// Runs apply as a process of its own that can be killed at its Nth effect, slowed down, or told that it is another machine.
import os from 'node:os';
import { appendFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const input = JSON.parse(process.argv[2]);
if (input.host !== undefined) {
  os.hostname = () => input.host;
  syncBuiltinESMExports();
}
const dist = new URL('../../dist/src/', import.meta.url);
const { makeWorkspace } = await import(new URL('cli/make-workspace.js', dist));
const { apply } = await import(new URL('pipeline.js', dist));
const { exitOfApply } = await import(new URL('cli/exit-codes.js', dist));
const { systemClock } = await import(new URL('transport/system-clock.js', dist));

const context = makeWorkspace({ root: input.root, lab: true, quiet: true });
let count = 0;
let jumped = 0;
// Waiting for a lease of two minutes is not what is tested: time passes sixty times as fast while sleeping.
const clock = input.fast !== true ? systemClock : {
  now: () => systemClock.now() + jumped,
  monotonic: () => systemClock.monotonic() + jumped,
  sleep: async (milliseconds, signal) => {
    await systemClock.sleep(Math.min(milliseconds, milliseconds / 60 + 5), signal);
    jumped += milliseconds * (59 / 60);
  },
};
const ws = {
  ...context.ws, clock, ...(input.leaseSeconds === undefined ? {} : { leaseSeconds: input.leaseSeconds }),
  effects: async (name) => {
    count += 1;
    if (input.log !== undefined) appendFileSync(input.log, `${name}\n`);
    if (count === input.killAt) process.kill(process.pid, 'SIGKILL');
    if (input.pauseAt === name) await new Promise((resolve) => { setTimeout(resolve, input.pauseMs); });
    if (input.failAt === name) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  },
};
const result = await apply(ws, {
  customers: input.customers ?? [], targets: [], concurrency: 4, approve: input.approve ?? [], planFiles: [], approver: 'tester', lockTimeoutMs: input.lockTimeoutMs ?? 180_000, guardSeconds: 90, allowUnguarded: false,
});
context.done();
process.stdout.write(JSON.stringify({ runs: result.runs, refused: result.refused, plans: result.plans.map(({ customer, digest, leaves, problems }) => ({ customer, digest, leaves: leaves.length, problems })), code: exitOfApply(result, false) }));
