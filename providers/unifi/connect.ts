/** How the console is reached and signed in to, and which of its sites is meant. Who answers is pinned by its certificate. */
import { ProviderError, type ReadContext, type SecretRef, type Target } from '#contract';
import { makeClient, type UnifiClient } from './client.ts';
import { concurrency } from './limits.ts';
import { textOf } from './model.ts';

/** A site has two names: a UUID for the integration API, a short word for the older one. */
export interface SiteNames {
  readonly id: string;
  readonly reference: string;
}

export interface Connection {
  readonly client: UnifiClient;
  readonly pin: string;
  /** Asked once. Throws `unsupported` when the key sees no such site. */
  readonly site: () => Promise<SiteNames>;
}

export async function connect(target: Target, context: ReadContext, credential: SecretRef): Promise<Connection> {
  const pin = target.identity.find((each) => each.startsWith('tls:'));
  if (pin === undefined) throw new ProviderError('identity', `${target.name} has no tls: pin`, { hint: 'write the SHA-256 fingerprint of the console\'s certificate under identity' });
  const secret = await context.reveal(credential);
  const key = secret.expose().trim();
  if (!/^[\x21-\x7e]{8,256}$/.test(key)) throw new ProviderError('auth', `${secret.name} is not an API key of UniFi Network`, { hint: 'the key as it is shown once under Settings: Control Plane: Integrations' });
  const origin = `https://${target.address}`;
  const http = context.httpClient({ origin, concurrency, tls: { fingerprint256: pin.slice('tls:'.length) } });
  const client = makeClient(http, origin, () => key, context);
  let site: Promise<SiteNames> | undefined;
  return { client, pin, site: () => (site ??= findSite(client, siteOf(target))) };
}

export function siteOf({ settings }: Target): string {
  return typeof settings['site'] === 'string' ? settings['site'] : 'default';
}

async function findSite(client: UnifiClient, wanted: string): Promise<SiteNames> {
  const sites = (await client.list('/sites')).map(({ id, raw }) => ({ id, reference: textOf(raw, 'internalReference'), name: textOf(raw, 'name') }));
  const found = sites.find(({ id }) => id === wanted) ?? sites.find(({ reference }) => reference === wanted);
  const named = sites.filter(({ name }) => name === wanted);
  const site = found ?? (named.length === 1 ? named[0] : undefined);
  if (site === undefined) throw new ProviderError('unsupported', `the console has no site ${JSON.stringify(wanted.slice(0, 60))} that this key sees`, { hint: `settings: site, one of ${sites.slice(0, 5).map(({ reference }) => reference).join(', ')}` });
  return site;
}
