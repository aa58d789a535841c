/** One scenario in a process of its own, so that time and memory are its alone. Argument: JSON; answers with JSON on standard output. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { plan, validate } from '../dist/src/pipeline.js';
import { loadProviders } from '../dist/src/providers.js';
import { systemClock } from '../dist/src/transport/system-clock.js';

const { root, live, action, ...selection } = JSON.parse(process.argv[2] ?? '{}');
let standIn = 0;

/** The real providers with their real offline checks; only the wire is replaced by a file per target. */
async function standIns() {
  const real = await loadProviders();
  return new Map([...real].map(([name, loaded]) => [name, { ...loaded, provider: { ...loaded.provider, open: (target) => Promise.resolve(session(target)) } }]));
}

function session({ customer, name, identity }) {
  return {
    identify: () => Promise.resolve({ pin: identity[0] ?? '', product: 'stand-in', version: '1' }),
    async read() {
      const text = await readFile(join(live, customer, `${name}.json`), 'utf8');
      const before = performance.now();
      const found = JSON.parse(text);
      standIn += performance.now() - before;
      return found;
    },
    close: () => Promise.resolve(),
  };
}

const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
/** `maxRSS` of Linux also counts what the parent was as it forked; the high-water mark in /proc begins with this program. */
function peakKiB() {
  try {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}

const quiet = () => undefined;
const ws = {
  root, lab: false, env: {}, clock: systemClock, log: { debug: quiet, info: quiet, warn: quiet }, progress: quiet, signal: new AbortController().signal,
  redactor: { add: quiet, redact: (text) => text }, providers: await standIns(),
};
const chosen = { customers: [], targets: [], concurrency: 4, ...selection };
const result = action === 'plan' ? await plan(ws, chosen) : await validate(ws, chosen);
const ms = performance.now();
const errors = [...result.problems, ...(result.plans ?? []).flatMap(({ problems }) => problems)].filter(({ severity }) => severity === 'error');
const sum = (of) => (result.plans ?? []).reduce((total, plan) => total + of(plan), 0);
process.stdout.write(JSON.stringify({
  ms, cpuMs: cpu(), standInMs: standIn, peakKiB: peakKiB(), errors: errors.length, firstError: errors[0]?.message,
  customers: result.plans?.length ?? result.customers.length, changes: sum(({ leaves }) => leaves.length), compared: sum(({ targets }) => targets.reduce((total, { compared }) => total + compared, 0)), resources: result.resources,
  digests: (result.plans ?? []).map(({ digest }) => digest),
}));
