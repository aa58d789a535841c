/** A small, valid customer in memory, to be broken in one place per test. */
import type { Problem } from '#contract';
import type { FileEntry, FileSource } from '#core/model';
import { kinds } from '#kinds/registry';
import { loadDesired, type LoadedDesired } from '../../src/desired/load-desired.ts';
import { loadProviders } from '../../src/providers.ts';

const providers = loadProviders().then((loaded) => new Map([...loaded].map(([name, { provider, settingsSchema }]) => [name, { settingsSchema, capabilities: provider.capabilities }])));

const manages = (mode: string, ...names: readonly string[]): string => names.map((name) => `      ${name}: ${mode}`).join('\n');

export const base: Readonly<Record<string, string>> = {
  'customers/acme/customer.yaml': 'name: Acme GmbH\nsites:\n  hq:\n    name: Hauptsitz\n',
  'customers/acme/targets.yaml': `targets:
  fw:
    provider: nftables
    site: hq
    address: 203.0.113.1
    identity:
      - ssh:SHA256:WDl1f83TRTO3XfIipHdxhjfN3b6fHfF48FWmhhaMEsQ
    credentials:
      read:
        $secret: fw-read
      write:
        $secret: fw-write
    manages:
${manages('exclusive', 'zone', 'address-group', 'service', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward')}
  tenant:
    provider: m365
    address: d9ea0d06-d52c-4c39-afe0-37759571a9aa
    identity:
      - tenant:d9ea0d06-d52c-4c39-afe0-37759571a9aa
    credentials:
      read:
        $secret: m365-read
      write:
        $secret: m365-write
    manages:
      user: merge
      group: merge
`,
  'customers/acme/network.yaml': 'sites:\n  hq:\n    vlans:\n      office:\n        id: 10\n        subnet: 192.168.10.0/24\n        gateway: 192.168.10.1\n',
  'customers/acme/firewall.yaml': `firewalls:
  fw:
    zones:
      wan:
        interfaces: [eth0]
      lan:
        interfaces: [eth1]
    groups:
      admins:
        members: [198.51.100.0/28]
    services:
      ssh:
        ports: [tcp/22]
      web:
        ports: [tcp/443]
    policies:
      - from: wan
        to: self
        default: drop
        rules:
          - name: admin-ssh
            action: accept
            sources: [group:admins]
            services: [ssh]
      - from: lan
        to: wan
        default: drop
        rules:
          - name: surf
            action: accept
            sources: [vlan:office]
            services: [web]
    masquerade: {}
    portForwards: {}
`,
  'customers/acme/m365.yaml': `m365:
  tenant:
    domains: [acme.example]
    users:
      anna@acme.example:
        displayName: Anna
        usageLocation: DE
        licences:
          - sku: SPB
      ben@acme.example:
        displayName: Ben
        manager: anna@acme.example
    groups:
      team:
        type: security
        members:
          - anna@acme.example
`,
};

export type Files = Readonly<Record<string, string | Uint8Array | null>>;

/** `null` removes a file; `symlink` and the like stand for what is no file. */
export function sourceOf(files: Files): FileSource {
  const all = new Map(Object.entries({ ...base, ...files }).filter((entry): entry is [string, Exclude<Files[string], null>] => entry[1] !== null));
  const special = (content: string | Uint8Array): content is 'symlink' | 'submodule' | 'other' => content === 'symlink' || content === 'submodule' || content === 'other';
  return {
    list: () => Promise.resolve([...all].map(([path, content]): FileEntry => (special(content) ? { path, type: content, size: 0 } : { path, type: 'file', size: Buffer.byteLength(content) }))),
    read: (path) => Promise.resolve(Buffer.from(all.get(path) ?? '')),
  };
}

export async function load(files: Files = {}, options: { readonly lab?: boolean; readonly asOf?: string } = {}): Promise<LoadedDesired> {
  return loadDesired({ source: sourceOf(files), kinds, providers: await providers, lab: options.lab === true, asOf: options.asOf ?? '2026-11-24T12:00:00Z' });
}

export function errorsOf({ problems }: LoadedDesired): readonly Problem[] {
  return problems.filter(({ severity }) => severity === 'error');
}

/** A file of the base with one piece of text replaced. */
export function edited(file: string, from: string, to: string): Files {
  const path = `customers/acme/${file}`;
  const text = base[path] ?? '';
  if (text.split(from).length !== 2) throw new Error(`${file} must hold exactly once: ${from}`);
  return { [path]: text.replace(from, () => to) };
}
