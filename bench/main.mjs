/**
 * `npm run bench` measures what docs/bench.md explains; `-- --quick` with 50 customers instead of 1,000. Ends with 0 when everything ran, whatever
 * the figures are: how fast a machine is, is no defect.
 */
import { spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { makeScratch } from './scratch.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const quick = process.argv.includes('--quick');
const [many, few] = quick ? [50, 10] : [1000, 100];
const rows = [];

/** `aim`: the figure must stay below it. */
function tell(scenario, figure, unit, aim) {
  const show = (value) => `${value.toFixed(unit === 's' ? 2 : unit === 'x' ? 1 : 0)} ${unit}`;
  const row = [scenario, show(figure), aim === undefined ? '' : `< ${show(aim)}`, aim === undefined ? '' : figure < aim ? 'ok' : 'missed'];
  rows.push(row);
  process.stderr.write(`${row.join('  ').trimEnd()}\n`);
}

function child(script, argument) {
  const ended = spawnSync(process.execPath, [here(script), JSON.stringify(argument)], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (ended.status !== 0) throw new Error(`${script} ended with ${String(ended.status)}: ${ended.stderr}`);
  return JSON.parse(ended.stdout);
}

function planned(input, expected) {
  const result = child('./child.mjs', { action: 'plan', ...input });
  if (result.errors > 0 || result.customers !== expected || result.compared < 200 * expected) throw new Error(`the plan is not the one meant: ${JSON.stringify({ ...result, digests: undefined })}`);
  return result;
}

function report(name, { ms, cpuMs, peakKiB }, [seconds, mebibytes] = []) {
  tell(`${name}: time`, ms / 1000, 's', seconds);
  tell(`${name}: CPU time of the process, all threads`, cpuMs / 1000, 's');
  tell(`${name}: peak memory`, peakKiB / 1024, 'MiB', mebibytes);
}

async function measureFleet(count, aims) {
  const scratch = await makeScratch(count);
  try {
    const root = scratch.fresh();
    const cold = planned({ root, live: scratch.live }, count);
    const warm = planned({ root, live: scratch.live }, count);
    if (cold.digests.join() !== warm.digests.join()) throw new Error('two plans of the same state differ');
    report(`plan ${String(count)} customers, fresh clone`, cold, aims);
    report(`plan ${String(count)} customers, same clone again`, warm, aims);
    const checked = child('./child.mjs', { root, live: scratch.live, action: 'validate' });
    if (checked.errors > 0 || checked.resources !== 200 * count) throw new Error('the fleet is not valid');
    tell(`validate ${String(count)} customers, files of the working tree`, checked.ms / 1000, 's');
    return { scratch, cold, warm };
  } catch (error) {
    scratch.remove();
    throw error;
  }
}

function measureOne(scratch) {
  const input = { root: scratch.freshWithChange(), live: scratch.live, changedSince: 'origin/main' };
  const aims = [1, undefined];
  report(`one changed customer among ${String(many)}, fresh clone`, planned(input, 1), aims);
  report(`one changed customer among ${String(many)}, same clone again`, planned(input, 1), aims);
}

function median(args, times) {
  const taken = Array.from({ length: times }, () => {
    const before = performance.now();
    const { status } = spawnSync(process.execPath, args, { cwd: here('..'), stdio: 'ignore' });
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${String(status)}`);
    return performance.now() - before;
  });
  return taken.sort((a, b) => a - b)[times >> 1] ?? 0;
}

function measureStart() {
  const bare = median(['-e', '0'], 11);
  tell('node -e 0 (for comparison), median of 11', bare / 1000, 's');
  for (const args of [['--version'], ['--help'], ['validate', 'bau-keller']]) {
    const taken = median([here('../bin/soll.js'), ...args], 11);
    tell(`soll ${args.join(' ')}, median of 11`, taken / 1000, 's', 0.25);
    tell(`soll ${args.join(' ')}, against node -e 0`, taken / bare, 'x');
  }
}

/** Each with its reason; docs/bench.md says why there cannot be fewer. */
function measureRequests() {
  const [users, groups] = [1000, 200];
  const { requests, counted, status, compared, unknown } = child('./m365.mjs', { users, groups });
  if (status !== 'ready' || compared !== users + groups || unknown.length > 0) throw new Error(`the tenant was not read as a whole: ${JSON.stringify({ status, compared, unknown })}`);
  const least = [['token', 1], ['tenant id, before anything else is read', 1], ['pages of users', Math.ceil(users / 999)], ['pages of groups', Math.ceil(groups / 999)], ['batch of products and deleted objects', 1], ['batches of 20 lists of members and owners', Math.ceil((groups * 2) / 20)]];
  const sum = least.reduce((total, [, count]) => total + count, 0);
  tell(`m365 requests, ${String(users)} users and ${String(groups)} groups`, requests, 'requests', sum + 1);
  process.stderr.write(`  sent: ${Object.entries(counted).map(([kind, count]) => `${String(count)} ${kind}`).join(', ')}\n  least: ${least.map(([what, count]) => `${String(count)} ${what}`).join(', ')} = ${String(sum)}\n`);
}

/** One large site, every device behind a line with 20 ms there and back: whole runs of the command line. */
function measureSite() {
  const size = quick ? { switches: 4, ports: 24, vlans: 20, wlans: 2, rules: 60 } : { switches: 40, ports: 48, vlans: 60, wlans: 8, rules: 500 };
  const what = `site of ${String(size.switches)} switches with ${String(size.ports)} ports, ${String(size.vlans)} VLANs, ${String(size.wlans)} WLANs, ${String(size.rules)} rules`;
  const runs = child('./site.mjs', size);
  for (const [name, { ms, peakKiB, firewall, wlan, switches }] of Object.entries(runs)) {
    tell(`${what}: ${name}: time`, ms / 1000, 's', name.startsWith('plan') ? 5 : undefined);
    tell(`${what}: ${name}: peak memory`, peakKiB / 1024, 'MiB', 256);
    tell(`${what}: ${name}: requests to the firewall`, firewall, 'requests');
    tell(`${what}: ${name}: requests to the console`, wlan, 'requests');
    tell(`${what}: ${name}: commands to all switches`, switches, 'commands');
  }
}

/** A fixed piece of work: what share of a core this machine had to give while the rest was measured. */
function yardstick() {
  const { wall, cpu } = JSON.parse(spawnSync(process.execPath, ['-e', 'const b=performance.now();let x=0;for(let i=0;i<6e8;i+=1)x=(x*31+i)|0;const c=process.cpuUsage();console.log(JSON.stringify({wall:performance.now(),cpu:(c.user+c.system)/1000,x}))'], { encoding: 'utf8' }).stdout);
  tell('share of one core that a lone process gets', (cpu / wall) * 100, '%');
}

process.stderr.write(`Node ${process.version}, ${String(cpus().length)} cores, ${String(Math.round(totalmem() / 2 ** 30))} GiB\n`);
yardstick();
measureStart();
measureRequests();
measureSite();
const small = await measureFleet(few);
small.scratch.remove();
const large = await measureFleet(many, [10, 1024]);
for (const run of ['cold', 'warm']) tell(`growth of CPU time from ${String(few)} to ${String(many)} customers, ${run === 'cold' ? 'fresh clone' : 'same clone again'} (${String(many / few)} x the work)`, large[run].cpuMs / small[run].cpuMs, 'x');
try {
  measureOne(large.scratch);
} finally {
  large.scratch.remove();
}
yardstick();

const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column].length)));
process.stdout.write(`\n${[['scenario', 'figure', 'aim', ''], ...rows].map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ').trimEnd()).join('\n')}\n`);
