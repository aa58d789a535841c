/** How a target is reached over SSH: as which account, with which credential, through which bastion. Who answers is pinned on every hop. */
import { ProviderError, type HostKeyPin, type JsonObject, type ReadContext, type SecretRef, type SshOptions, type Target } from '#contract';
import { isObject } from '#core/canonical';

type Scope = 'read' | 'write';

interface Hop {
  readonly name: string;
  readonly address: string;
  readonly user: string;
  readonly identity: readonly string[];
  readonly credential: SecretRef;
}

/** The account of a scope: `settings.readUser` reads where there is one, `settings.user` does the rest. */
export function sshUser({ settings }: Target, scope: Scope, fallback: string): string {
  const user = textOf(settings['user']) ?? fallback;
  return scope === 'read' ? textOf(settings['readUser']) ?? user : user;
}

/** Reveals the scope's credential, a private key or a password, and those of `settings.via`. Throws `identity` where no host key is pinned. */
export async function sshOptions(target: Target, context: ReadContext, scope: Scope, user: string): Promise<SshOptions> {
  const { via } = target.settings;
  const bastion = isObject(via) ? await optionsOf(bastionOf(target, via, scope), context) : undefined;
  const own = await optionsOf({ name: target.name, address: target.address, user, identity: target.identity, credential: target.credentials[scope] }, context);
  return { ...own, ...(bastion === undefined ? {} : { via: bastion }) };
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
