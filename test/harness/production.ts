/** Targets as in production: pins, secrets and records are the real ones; only behind each address a stand-in listens. */
import { generateIdentity, identityToRecipient } from 'age-encryption';
import type { Target } from '#contract';
import { systemClock } from '#transport/system-clock';
import type { Lab } from '../../src/lab/start-lab.ts';
import { loadProviders, type LoadedProvider } from '../../src/providers.ts';
import { makeRedactor } from '../../src/secrets/make-redactor.ts';
import { setSecret } from '../../src/secrets/set-secret.ts';
import type { Workspace } from '../../src/workspace.ts';
import { base } from './desired.ts';

const silent = (): void => undefined;

export function workspaceAt(root: string, more: Partial<Workspace> = {}): Workspace {
  return { root, lab: false, env: {}, clock: systemClock, log: { debug: silent, info: silent, warn: silent }, progress: silent, signal: new AbortController().signal, redactor: makeRedactor(), ...more };
}

export interface Behind {
  readonly providers: ReadonlyMap<string, LoadedProvider>;
  /** Names of the targets that were connected to, in this order. */
  readonly opened: string[];
}

/** The lab may be another one by the time of the call: a device that was swapped. */
export async function behindAddresses(lab: () => Lab): Promise<Behind> {
  const opened: string[] = [];
  const there = (target: Target): Target => {
    opened.push(target.name);
    const running = lab().targets.get(`${target.customer}/${target.name}`);
    if (running === undefined) return target;
    return { ...target, address: running.address ?? `${running.host}:${String(running.port)}`, settings: { ...target.settings, ...running.settings }, lab: { host: running.host, port: running.port, ...(running.ca === undefined ? {} : { ca: running.ca }) } };
  };
  const loaded = await loadProviders();
  return {
    opened,
    providers: new Map([...loaded].map(([name, { provider, settingsSchema }]): [string, LoadedProvider] => [name, {
      settingsSchema, provider: { ...provider, open: (target, context) => provider.open(there(target), context), openForWrite: (target, context) => provider.openForWrite(there(target), context) },
    }])),
  };
}

const manages = ['zone', 'address-group', 'service', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward'].map((kind) => `      ${kind}: exclusive\n`).join('');

/** A firewall and a store; the comments are somebody's. */
export function targetsWith(fw: string, store: string): string {
  return `# As of last Tuesday.
targets:
  fw:
    provider: nftables
    site: hq
    address: 203.0.113.1
    identity:
      - ${fw} # read on the console
    credentials:
      read:
        $secret: fw-read
      write:
        $secret: fw-write
    manages:
${manages}  store:
    provider: memory
    site: hq
    address: store.example:443
    identity:
      - ${store}
    credentials: { read: { $secret: store-read }, write: { $secret: store-write } }
    manages:
      vlan: merge
`;
}

const noPin = (scheme: 'ssh' | 'tls'): string => (scheme === 'ssh' ? `ssh:SHA256:${'A'.repeat(43)}` : `tls:${Array.from({ length: 32 }, () => 'AA').join(':')}`);

/** To be started with; the pins are written when the stand-ins are there. */
export const twoTargets: Readonly<Record<string, string>> = {
  'customers/acme/customer.yaml': base['customers/acme/customer.yaml'] ?? '', 'customers/acme/network.yaml': base['customers/acme/network.yaml'] ?? '', 'customers/acme/firewall.yaml': base['customers/acme/firewall.yaml'] ?? '',
  'customers/acme/targets.yaml': targetsWith(noPin('ssh'), noPin('tls')), 'soll.yaml': 'version: 1\n', '.gitignore': '.soll/\n',
};

/** Pin of a stand-in. */
export function pinOf(lab: Lab, target: string): string {
  return lab.targets.get(`acme/${target}`)?.identity[0] ?? '';
}

/** Age keys of the reading and the writing file, as the environment brings them. */
export interface SecretKeys {
  readonly env: Readonly<Record<string, string>>;
  /** Both files of acme, with the credentials that the stand-ins have now. */
  files(lab: Lab): Promise<Readonly<Record<string, string>>>;
}

export async function makeSecretKeys(): Promise<SecretKeys> {
  const [read, write] = await Promise.all([generateIdentity(), generateIdentity()]);
  const fileOf = async (key: string, values: Readonly<Record<string, string>>): Promise<string> => {
    const recipients = [await identityToRecipient(key)];
    let text: string | undefined;
    for (const [name, value] of Object.entries(values)) text = await setSecret({ text, recipients, key, name, value });
    return text ?? '';
  };
  return {
    env: { SOLL_AGE_KEY: read, SOLL_AGE_KEY_WRITE: write },
    async files(lab) {
      const of = (credential: 'read' | 'write'): Readonly<Record<string, string>> => ({ 'another-one': 'somebody else\'s', ...Object.fromEntries(['fw', 'store'].map((name) => [`${name}-${credential}`, lab.targets.get(`acme/${name}`)?.credentials[credential] ?? ''])) });
      return { 'customers/acme/secrets.read.yaml': await fileOf(read, of('read')), 'customers/acme/secrets.write.yaml': await fileOf(write, of('write')) };
    },
  };
}
