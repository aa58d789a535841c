/** How the device is reached: as which account, with which credential, through which bastion. Who answers is pinned on every hop. */
import { ProviderError, type HostKeyPin, type JsonObject, type ReadContext, type SecretRef, type SshConnection, type SshOptions, type Target } from '#contract';
import { isObject } from '#core/canonical';

type Scope = 'read' | 'write';

interface Hop {
  readonly name: string;
  readonly address: string;
  readonly user: string;
  readonly identity: readonly string[];
  readonly credential: SecretRef;
}

/** `sudo`: what the session runs needs sudo. A reading account of its own has nothing but that. */
export async function connect(target: Target, context: ReadContext, scope: Scope): Promise<{ readonly connection: SshConnection; readonly sudo: boolean }> {
  const { settings } = target;
  const user = textOf(settings['user']) ?? 'root';
  const readUser = textOf(settings['readUser']);
  const hop: Hop = { name: target.name, address: target.address, user: scope === 'read' ? readUser ?? user : user, identity: target.identity, credential: target.credentials[scope] };
  const via = isObject(settings['via']) ? await optionsOf(bastionOf(target, settings['via'], scope), context) : undefined;
  const connection = await context.connectSsh({ ...(await optionsOf(hop, context)), ...(via === undefined ? {} : { via }) });
  return { connection, sudo: settings['sudo'] === true || (scope === 'read' && readUser !== undefined && readUser !== 'root') };
}

function bastionOf(target: Target, via: JsonObject, scope: Scope): Hop {
  const credentials = isObject(via['credentials']) ? via['credentials'] : {};
  const own = credentials[scope];
  const secret = isObject(own) ? textOf(own['$secret']) : undefined;
  return {
    name: `the bastion of ${target.name}`, address: textOf(via['address']) ?? '', user: textOf(via['user']) ?? 'root',
    identity: Array.isArray(via['identity']) ? via['identity'].flatMap((pin) => textOf(pin) ?? []) : [],
    credential: secret === undefined ? target.credentials[scope] : { $secret: secret },
  };
}

async function optionsOf({ name, address, user, identity, credential }: Hop, context: ReadContext): Promise<SshOptions> {
  const pins = identity.filter((pin) => pin.startsWith('ssh:')).map((pin): HostKeyPin => `SHA256:${pin.slice('ssh:SHA256:'.length)}`);
  if (pins.length === 0) throw new ProviderError('identity', `${name} has no ssh: pin`, { hint: 'read the host key on the machine itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub' });
  const secret = await context.reveal(credential);
  const key = secret.expose().includes('PRIVATE KEY-----');
  return { ...endpointOf(address), user, hostKeys: pins, ...(key ? { privateKey: secret } : { password: secret }) };
}

/** `host`, `host:port`, `[v6]` or `[v6]:port`. */
function endpointOf(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(address);
  if (match === null) return { host: address, port: 22 };
  return { host: match[1] ?? match[2] ?? address, port: Number(match[3] ?? 22) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
