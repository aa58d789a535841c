/** One large site behind lines with 20 ms there and back: whole runs of the command line, time and memory, and what each device was asked. Answers with JSON. */
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { siteFiles, switchSeed } from './site-files.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const size = { switches: 40, ports: 48, vlans: 60, wlans: 8, rules: 500, roundTripMs: 20, ...JSON.parse(process.argv[2] ?? '{}') };
const folder = mkdtempSync(join(tmpdir(), 'soll-bench-site-'));
const root = join(folder, 'msp');

function write(files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

function run(command, args, expected) {
  const ended = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, env: { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_GLOBAL: devNull, NO_COLOR: '1', SOLL_BENCH_PEAK: join(folder, 'peak') } });
  if (!expected.includes(ended.status)) throw new Error(`${command} ${args.join(' ')} ended with ${String(ended.status)}: ${ended.stderr.slice(-2000)}${ended.stdout.slice(-2000)}`);
  return ended.stdout;
}

const git = (...args) => run('git', args, [0]);
const commit = (message) => { git('add', '-A'); git('commit', '-q', '-m', message); };

function edit(path, change) {
  const document = JSON.parse(readFileSync(join(root, path), 'utf8'));
  change(document);
  write({ [path]: JSON.stringify(document, null, 1) });
}

const names = Array.from({ length: size.switches }, (_, index) => `sw-${String(index + 1).padStart(2, '0')}`);
const targets = { fw: { provider: 'opnsense' }, wlan: { provider: 'unifi' }, ...Object.fromEntries(names.map((name) => [name, { provider: 'cisco-ios', seed: switchSeed(size) }])) };
const lab = fork(here('./site-lab.mjs'));
lab.send({ targets, roundTripMs: size.roundTripMs });
const results = {};

async function served() {
  const answer = once(lab, 'message');
  lab.send('served');
  const [counts] = await answer;
  const { fw, wlan, ...switches } = counts;
  return { fw, wlan, switches: Object.values(switches).reduce((sum, count) => sum + count, 0) };
}

async function measured(name, args, expected) {
  const before = await served();
  const started = performance.now();
  const out = run(process.execPath, ['--import', here('./peak.mjs'), here('../bin/soll.js'), ...args], expected);
  const ms = performance.now() - started;
  const after = await served();
  results[name] = { ms, peakKiB: Number(readFileSync(join(folder, 'peak'), 'utf8')), firewall: after.fw - before.fw, wlan: after.wlan - before.wlan, switches: after.switches - before.switches };
  return out;
}

const digest = (out) => /sha256:[0-9a-f]{64}/.exec(out)?.[0] ?? '';
try {
  const [described] = await once(lab, 'message');
  mkdirSync(root);
  write({ 'soll.yaml': 'version: 1\nfleet:\n  deletes: 10\n', '.gitignore': '.soll/\n', ...siteFiles({ ...size, targets: described }) });
  write({ '.soll/lab/state.json': JSON.stringify({ pid: lab.pid, control: { port: 1, token: '' }, targets: Object.fromEntries(Object.entries(described).map(([name, each]) => [`werk/${name}`, each])) }) });
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example');
  commit('The site');
  const first = await measured('first plan', ['plan', 'werk', '--lab'], [0]);
  await measured('take over, firewall and console filled', ['apply', 'werk', '--lab', '--allow-unguarded', '--approve', digest(first)], [0]);
  if (!first.includes(`${String(size.switches * (size.ports + size.vlans))} to take over`)) throw new Error(`the plan is not the one meant: ${String(/Plan: .*/.exec(first)?.[0])}`);
  await measured('plan, nothing to do', ['plan', 'werk', '--lab', '--detailed-exitcode'], [0]);
  edit('customers/werk/network.yaml', ({ switches }) => { switches['sw-02'].ports['GigabitEthernet1/0/5'].vlan = 'netz-10'; });
  edit('customers/werk/firewall.yaml', ({ firewalls }) => { firewalls.fw.policies[2].rules[3].services.push('mail'); firewalls.fw.services.mail = { ports: ['tcp/587'] }; });
  commit('One port, one rule');
  const small = await measured('plan, one port and one rule', ['plan', 'werk', '--lab'], [0]);
  if (!small.includes('1 to create, 2 to update, 0 to delete')) throw new Error(`the plan is not the one meant: ${String(/Plan: .*/.exec(small)?.[0])}`);
  await measured('apply, one port and one rule', ['apply', 'werk', '--lab', '--allow-unguarded', '--approve', digest(small)], [0]);
} finally {
  lab.disconnect();
}
process.stdout.write(JSON.stringify(results));
rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
