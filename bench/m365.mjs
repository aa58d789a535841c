/** A tenant of 1,000 users and 200 groups behind the real provider: every request of one plan, in a process of its own. Answers with JSON. */
import { toAddress } from '../dist/src/contract/index.js';
import { emptyLedger } from '../dist/src/core/load-ledger.js';
import { kinds } from '../dist/src/kinds/registry.js';
import { planState } from '../dist/src/plan-state.js';
import { readContextFor } from '../dist/src/testkit/test-context.js';
import { provider } from '../dist/providers/m365/index.js';
import { simulator } from '../dist/providers/m365/simulator.js';

const customer = 'bench';
const counts = JSON.parse(process.argv[2] ?? '{"users":1000,"groups":200}');
const upn = (number) => `person.${String(number)}@bench.example`;
const users = Array.from({ length: counts.users }, (_, number) => ({ userPrincipalName: upn(number), displayName: `Person ${String(number)}`, usageLocation: 'DE', department: `Abteilung ${String(number % 20)}`, licences: [{ sku: 'SPB' }], admin: number === 0 }));
const groups = Array.from({ length: counts.groups }, (_, number) => ({ mailNickname: `gruppe-${String(number)}`, displayName: `Gruppe ${String(number)}`, type: 'security', owners: [upn(0)], members: Array.from({ length: 25 }, (_each, step) => upn((number * 5 + step) % counts.users)) }));
const running = await simulator.start({ customer, target: 'm365', seed: { domains: ['bench.example'], licences: { SPB: counts.users + 10 }, users, groups, pageSize: 999 } });

const target = {
  customer, name: 'm365', provider: 'm365', address: running.address, identity: running.identity, credentials: { read: { $secret: 'read' }, write: { $secret: 'write' } },
  manages: { user: 'merge', group: 'merge' }, settings: {}, lab: { host: running.host, port: running.port, ca: running.ca },
};
const desired = (kind, name, spec) => ({ address: toAddress({ customer, target: 'm365', kind, name }), spec: kinds.get(kind).canonical(spec), dependsOn: [], source: { file: 'm365.yaml', line: 1, column: 1 } });
const resources = [
  // One person moves to another department, so that the review runs, too.
  ...users.map(({ admin: _admin, licences, ...user }, number) => desired('user', user.userPrincipalName, { ...user, licences: number === 7 ? [] : licences, enabled: true })),
  ...groups.map((group) => desired('group', group.mailNickname, group)),
].sort((a, b) => (a.address < b.address ? -1 : 1));

const paths = [];
const context = readContextFor(running, customer);
const counting = { ...context, httpClient: (options) => {
  const client = context.httpClient(options);
  return { ...client, close: () => client.close(), request: (request) => {
    paths.push(`${request.method} ${String(request.url)}`);
    return client.request(request);
  } };
} };
const before = running.requests();
const plan = await planState({
  state: { customer: { name: customer, displayName: customer, protected: [], limits: { deletes: 1, deleteShare: 0.1 }, handover: [], document: {} }, targets: [{ target, source: { file: 'targets.yaml', line: 1, column: 1 } }], resources, written: { m365: ['group', 'user'] } },
  ledger: emptyLedger(customer), targets: [], commit: '', kinds, providers: new Map([['m365', provider]]), openRead: (each) => provider.open(each, counting), allowDeletes: 0, progress: () => undefined,
});
const requests = running.requests() - before;
await running.stop();
const kindOf = (path) => (path.includes('login.microsoftonline') ? 'sign-in' : /\/v1\.0\/(\$?\w+)/.exec(path)?.[1] ?? path);
const counted = {};
for (const path of paths) counted[kindOf(path)] = (counted[kindOf(path)] ?? 0) + 1;
process.stdout.write(JSON.stringify({ requests, sent: paths.length, counted, status: plan.targets[0]?.status, why: plan.targets[0]?.why, summary: plan.summary, compared: plan.targets[0]?.compared, unknown: running.unknown }));
