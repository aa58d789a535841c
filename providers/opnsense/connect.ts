/** How the firewall is reached and signed in to. Who answers is pinned by its certificate. */
import { ProviderError, type ReadContext, type SecretRef, type SecretValue, type Target } from '#contract';
import { makeClient, type OpnsenseClient } from './client.ts';

/** Requests under way at once: PHP workers are few on small hardware. */
const concurrency = 3;

export interface Connection {
  readonly client: OpnsenseClient;
  readonly pin: string;
}

/** The file that OPNsense gives out with a key (`key=…`, `secret=…`), or both in one line as `key:secret`. */
function authorizationOf(secret: SecretValue): string {
  const text = secret.expose().trim();
  const lines = new Map(text.split(/\r?\n/).map((line) => line.split(/=(.*)/s)).map(([name = '', value = '']) => [name.trim(), value.trim()]));
  const [key, password] = [lines.get('key'), lines.get('secret')];
  const pair = key !== undefined && password !== undefined ? `${key}:${password}` : text;
  if (!/^[\x21-\x39\x3b-\x7e]+:[\x21-\x7e]+$/.test(pair)) throw new ProviderError('auth', `${secret.name} is not an API key of OPNsense`, { hint: 'the text of the apikey.txt that is downloaded with the key, or key:secret' });
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

export async function connect(target: Target, context: ReadContext, credential: SecretRef): Promise<Connection> {
  const pin = target.identity.find((each) => each.startsWith('tls:'));
  if (pin === undefined) throw new ProviderError('identity', `${target.name} has no tls: pin`, { hint: 'write the SHA-256 fingerprint of the web interface\'s certificate under identity' });
  const secret = await context.reveal(credential);
  const authorization = authorizationOf(secret);
  const origin = `https://${target.address}`;
  const http = context.httpClient({ origin, concurrency, tls: { fingerprint256: pin.slice('tls:'.length) } });
  return { pin, client: makeClient(http, origin, () => authorization, context) };
}
