/** A scratch repository of many customers with its remote: what is written, what was applied (audit branches) and what the stand-ins answer. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { kinds } from '../dist/src/kinds/registry.js';
import { folderSource } from '../dist/src/git/file-sources.js';
import { loadDesired } from '../dist/src/desired/load-desired.js';
import { loadProviders } from '../dist/src/providers.js';
import { describe } from '../dist/src/world.js';
import { customerFiles, customerName, rootFile } from './fleet.mjs';

function git(cwd, args, input) {
  const ended = spawnSync('git', ['-c', 'user.name=Bench', '-c', 'user.email=bench@example', ...args], { cwd, input, maxBuffer: 1 << 30 });
  if (ended.status !== 0) throw new Error(`git ${args[0]}: ${String(ended.stderr)}`);
  return String(ended.stdout).trim();
}

/** `fresh()` gives a clone that knows no audit branch and has no cache, as a CI job begins. */
export async function makeScratch(count) {
  const folder = mkdtempSync(join(tmpdir(), 'soll-bench-'));
  const [seed, remote, live] = ['seed', 'remote.git', 'live'].map((name) => join(folder, name));
  write(seed, { 'soll.yaml': rootFile });
  for (let index = 1; index <= count; index += 1) write(seed, customerFiles(index));
  git(folder, ['init', '-q', '-b', 'main', seed]);
  git(seed, ['add', '-A']);
  git(seed, ['commit', '-q', '-m', 'All customers']);
  const commit = git(seed, ['rev-parse', 'HEAD']);
  git(folder, ['clone', '-q', '--bare', seed, remote]);
  const states = await load(seed);
  for (const state of states) writeLive(live, state);
  git(remote, ['fast-import', '--quiet'], Buffer.concat(states.map((state) => auditBranch(state, commit))));
  changeOne(seed, remote);
  let clones = 0;
  return {
    live,
    fresh() {
      clones += 1;
      const root = join(folder, `clone-${String(clones)}`);
      git(folder, ['clone', '-q', '--single-branch', '-b', 'main', remote, root]);
      git(root, ['reset', '-q', '--hard', commit]);
      return root;
    },
    /** The branch of somebody who changed one customer. */
    freshWithChange() {
      const root = this.fresh();
      git(root, ['fetch', '-q', 'origin', 'change:change']);
      git(root, ['checkout', '-q', 'change']);
      return root;
    },
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

function write(root, files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

async function load(root) {
  const loaded = await loadDesired({ source: folderSource(root), kinds, providers: describe(await loadProviders()), lab: false, asOf: new Date().toISOString() });
  if (loaded.problems.length > 0) throw new Error(`the generated fleet has problems: ${JSON.stringify(loaded.problems.slice(0, 3), null, 1)}`);
  const odd = loaded.states.find(({ resources }) => resources.length !== 200);
  if (odd !== undefined) throw new Error(`${odd.customer.name} has ${String(odd.resources.length)} resources, not 200`);
  return loaded.states;
}

/** As applied, but somebody raised a rule's log on the firewall and changed a department; and one user is not ours. */
function writeLive(root, { customer, resources, targets }) {
  for (const { target } of targets) {
    const own = resources.filter(({ address }) => address.startsWith(`${customer.name}/${target.name}/`));
    const live = own.map(({ address, spec }) => ({ address, spec: edited(address, spec), handle: address.length, origin: 'ours' }));
    if (target.name === 'm365') live.push({ address: `${customer.name}/m365/user/notfall@${customer.name}.example`, spec: { userPrincipalName: `notfall@${customer.name}.example`, displayName: 'Notfall', enabled: true }, handle: 'x', origin: 'foreign' });
    write(root, { [`${customer.name}/${target.name}.json`]: JSON.stringify(live) });
  }
}

function edited(address, spec) {
  if (address.endsWith('/firewall-rule/lan.wan.no-smtp')) return { ...spec, log: false };
  return address.includes('.1@') && address.includes('/user/') ? { ...spec, department: 'von Hand geändert' } : spec;
}

/** One commit with the ledger of a run that applied everything, in the form of `git fast-import`. */
function auditBranch({ customer, resources }, commit) {
  const entries = Object.fromEntries(resources.map(({ address, spec }) => [address, { spec, schemaVersion: 1, commit, run: '20260101T000000Z-00000000' }]));
  const ledger = Buffer.from(`${JSON.stringify({ version: 1, customer: customer.name, commit, protected: customer.protected, held: {}, entries }, null, 1)}\n`);
  return Buffer.concat([
    Buffer.from(`commit refs/heads/audit/${customer.name}\ncommitter Bench <bench@example> 1767225600 +0000\ndata 5\napply\nM 100644 inline ledger.json\ndata ${String(ledger.length)}\n`), ledger, Buffer.from('\n'),
  ]);
}

function changeOne(seed, remote) {
  const name = customerName(1);
  const files = customerFiles(1);
  const path = `customers/${name}/m365.yaml`;
  git(seed, ['checkout', '-q', '-b', 'change']);
  write(seed, { [path]: files[path].replace('department: Kalkulation', 'department: Planung') });
  git(seed, ['commit', '-q', '-a', '-m', 'One customer']);
  git(seed, ['push', '-q', remote, 'change']);
}
