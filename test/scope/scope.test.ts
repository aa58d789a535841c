/** Which customers and targets a diff can affect: no more, and never fewer. */
import { describe, expect, it } from 'vitest';
import type { FileSource } from '#core/model';
import { scopeOf, type ScopeInput } from '../../src/scope.ts';

type Files = Readonly<Record<string, string | null>>;

const base: Files = {
  'soll.yaml': 'version: 1\nfleet:\n  deletes: 10\n',
  'standards/guest.yaml': 'version: 1\n', 'standards/backup.yaml': 'version: 1\n',
  ...Object.fromEntries(['a', 'b', 'c'].flatMap((name) => [
    [`customers/${name}/customer.yaml`, `name: ${name}\nsites:\n  hq: {name: x}\n  yard: {name: y}\n${name === 'a' ? 'standards:\n  guest: {}\n' : ''}`],
    [`customers/${name}/targets.yaml`, 'targets:\n  fw-hq: {site: hq}\n  fw-yard: {site: yard}\n  m365: {}\n  m365-two: {}\n'],
    [`customers/${name}/firewall.yaml`, 'firewalls:\n  fw-hq: {zones: {lan: {interfaces: [eth0]}}}\n  fw-yard: {zones: {lan: {interfaces: [eth0]}}}\n'],
    [`customers/${name}/network.yaml`, 'sites:\n  hq: {vlans: {a: {id: 10}}}\n  yard: {vlans: {a: {id: 10}}}\n'],
    [`customers/${name}/m365.yaml`, 'm365:\n  m365: {users: {a@x: {}}}\n  m365-two: {users: {a@x: {}}}\n'],
  ])),
};

function sourceOf(files: Files): FileSource {
  const present = new Map(Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== null));
  return { list: () => Promise.resolve([...present].map(([path, text]) => ({ path, type: 'file', size: text.length }))), read: (path) => Promise.resolve(Buffer.from(present.get(path) ?? '')) };
}

async function scope(edits: Files, purpose: ScopeInput['purpose'] = 'plan', before: Files = base): Promise<{ readonly customers: Readonly<Record<string, readonly string[] | 'all'>>; readonly deleted: readonly string[] }> {
  const { customers, targets, deleted } = await scopeOf({ changed: Object.keys(edits), before: sourceOf(before), after: sourceOf({ ...before, ...edits }), purpose });
  return { customers: Object.fromEntries(customers.map((name) => [name, [...targets.get(name) ?? ['all']].sort()]).map(([name, own]) => [name, own?.[0] === 'all' ? 'all' : own ?? []])) as Readonly<Record<string, readonly string[] | 'all'>>, deleted };
}

interface Row {
  readonly because: string;
  readonly edits: Files;
  readonly customers: Readonly<Record<string, readonly string[] | 'all'>>;
  readonly deleted?: readonly string[];
  readonly purpose?: ScopeInput['purpose'];
}

const folder = Object.keys(base).filter((path) => path.startsWith('customers/b/'));
const all = { a: 'all', b: 'all', c: 'all' } as const;

describe('a diff', () => {
  it.each<Row>([
    { because: 'of nothing affects nobody', edits: {}, customers: {} },
    { because: 'of one firewall concerns that one', edits: { 'customers/a/firewall.yaml': 'firewalls:\n  fw-hq: {zones: {lan: {interfaces: [eth9]}}}\n  fw-yard: {zones: {lan: {interfaces: [eth0]}}}\n' }, customers: { a: ['fw-hq'] } },
    { because: 'that only moves comments concerns no target', edits: { 'customers/a/firewall.yaml': `# new\n${base['customers/a/firewall.yaml'] ?? ''}` }, customers: { a: [] } },
    { because: 'that removes a firewall from the file concerns it', edits: { 'customers/a/firewall.yaml': 'firewalls:\n  fw-hq: {zones: {lan: {interfaces: [eth0]}}}\n' }, customers: { a: ['fw-yard'] } },
    { because: 'that removes the file concerns all that it wrote', edits: { 'customers/a/firewall.yaml': null }, customers: { a: ['fw-hq', 'fw-yard'] } },
    { because: 'of a site concerns what stands there: switches and firewalls that say vlan:', edits: { 'customers/b/network.yaml': 'sites:\n  hq: {vlans: {a: {id: 11}}}\n  yard: {vlans: {a: {id: 10}}}\n' }, customers: { b: ['fw-hq'] } },
    { because: 'of the ports of a switch concerns that switch', edits: { 'customers/b/network.yaml': 'sites:\n  hq: {vlans: {a: {id: 10}}}\n  yard: {vlans: {a: {id: 10}}}\nswitches:\n  fw-yard: {ports: {p1: {mode: access, vlan: a}}}\n' }, customers: { b: ['fw-yard'] } },
    { because: 'of a tenant concerns that tenant', edits: { 'customers/c/m365.yaml': 'm365:\n  m365: {users: {a@x: {}}}\n  m365-two: {users: {b@x: {}}}\n' }, customers: { c: ['m365-two'] } },
    { because: 'of two files concerns both', edits: { 'customers/c/m365.yaml': 'm365:\n  m365: {users: {a@x: {}}}\n', 'customers/c/network.yaml': 'sites:\n  hq: {vlans: {a: {id: 10}}}\n' }, customers: { c: ['fw-yard', 'm365-two'] } },
    { because: 'of customer.yaml concerns all of the customer', edits: { 'customers/a/customer.yaml': 'name: A\n' }, customers: { a: 'all' } },
    { because: 'of targets.yaml too', edits: { 'customers/a/targets.yaml': 'targets: {}\n', 'customers/a/m365.yaml': 'm365: {}\n' }, customers: { a: 'all' } },
    { because: 'of secrets and deviations too', edits: { 'customers/a/secrets.read.yaml': 'x: 1\n', 'customers/b/deviations.yaml': 'deviations: []\n' }, customers: { a: 'all', b: 'all' } },
    { because: 'of a file that cannot be read concerns all of the customer: nobody knows what it meant', edits: { 'customers/a/firewall.yaml': 'firewalls: [\n' }, customers: { a: 'all' } },
    { because: 'of a note concerns nobody', edits: { 'customers/a/notes.md': 'x' }, customers: {} },
    { because: 'of what has no ending may be a link or a submodule', edits: { 'customers/a/targets': 'x' }, customers: { a: 'all' } },
    { because: 'of a standard concerns who subscribes', edits: { 'standards/guest.yaml': 'version: 1\nrules: {}\n' }, customers: { a: 'all' } },
    { because: 'of a standard that nobody has concerns nobody', edits: { 'standards/backup.yaml': 'version: 1\nrules: {}\n' }, customers: {} },
    { because: 'that drops a standard and who had it concerns the former subscriber', edits: { 'standards/guest.yaml': null, 'customers/a/customer.yaml': 'name: a\n' }, customers: { a: 'all' } },
    { because: 'of a fleet limit concerns everybody', edits: { 'soll.yaml': 'version: 1\nfleet:\n  deletes: 1\n' }, customers: all },
    { because: 'of where records go concerns everybody', edits: { 'soll.yaml': 'version: 1\nfleet:\n  deletes: 10\naudit:\n  remote: backup\n' }, customers: all },
    { because: 'of people and approvals concerns no plan', edits: { 'soll.yaml': `${base['soll.yaml'] ?? ''}people:\n  anna: {name: Anna}\napproval:\n  rules: []\nfreeze:\n  reason: x\nrollout:\n  canary: [a]\n` }, customers: {} },
    { because: 'of people and approvals is validated with everybody', purpose: 'validate', edits: { 'soll.yaml': `${base['soll.yaml'] ?? ''}people:\n  anna: {name: Anna}\n` }, customers: all },
    { because: 'that breaks soll.yaml concerns everybody', edits: { 'soll.yaml': 'version: [\n' }, customers: all },
    { because: 'that deletes a folder is told, and plans nothing of it', edits: Object.fromEntries(folder.map((path) => [path, null])), customers: {}, deleted: ['b'] },
    { because: 'that renames a folder deletes one and concerns all of the other', edits: Object.fromEntries(folder.flatMap((path) => [[path, null], [path.replace('/b/', '/d/'), base[path] ?? '']])), customers: { d: 'all' }, deleted: ['b'] },
    { because: 'of a name that is an object\'s own property is just a name', edits: { 'customers/a/firewall.yaml': 'firewalls:\n  constructor: {}\n' }, customers: { a: 'all' } },
  ])('$because', async ({ edits, customers, deleted, purpose }) => {
    expect(await scope(edits, purpose)).toEqual({ customers, deleted: deleted ?? [] });
  });

  it('that adds the subscription with the standard concerns the new subscriber', async () => {
    const before = { ...base, 'standards/new.yaml': 'version: 1\n' };
    expect((await scope({ 'standards/new.yaml': 'version: 1\nrules: {}\n', 'customers/c/customer.yaml': 'name: c\nstandards:\n  new: {}\n' }, 'plan', before)).customers).toEqual({ c: 'all' });
  });
});
