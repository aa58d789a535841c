/**
 * The dead-man's switch over SSH, for targets whose settings name an access: the firewall itself puts its configuration back unless a new connection
 * says that all is well. What it does is in `guard-script.ts`.
 */
import { isProviderError, ProviderError, type Guard, type JsonObject, type RunResult, type SshConnection, type Target, type WriteContext } from '#contract';
import { isObject } from '#core/canonical';
import { lastLines, scriptGuard } from '#transport/guard-script';
import { sshOptions } from '#transport/ssh-options';
import { guardScript } from './guard-script.ts';
import { goBackTimeoutMs } from './limits.ts';

export interface FirewallGuard extends Guard {
  /** Before the first write. Throws `conflict` unless this run's guard is armed, its timer runs, and nobody has saved anything since. */
  ready(): Promise<void>;
  /** After the last write: notes what the configuration is, which is all that will be confirmed. */
  written(): Promise<void>;
  close(): Promise<void>;
}

export function isGuarded({ settings }: Pick<Target, 'settings'>): boolean {
  return settings['guard'] === 'dead-man';
}

/** By exit code of the script. */
const scriptErrors: Readonly<Record<number, readonly [ProviderError['code'], string | undefined]>> = {
  71: ['unsupported', 'OPNsense 26.1 or newer is needed'], 74: ['rejected', 'it is tried again; the configuration before is in System: Configuration: History'], 76: ['conflict', 'another run has written since; plan again'], 78: ['conflict', 'plan again'],
  81: ['conflict', 'wait until it has fired, or run soll apply again: it recovers its own guard'], 82: ['conflict', undefined], 83: ['rejected', 'is there space on the firewall, and is its disk writable?'],
  84: ['conflict', 'another run is at work on this firewall, or it is going back at the moment'], 85: ['rejected', 'is there space on the firewall, and is its disk writable?'],
};

/** `undefined`: the target has no guard. */
export async function openGuard(target: Target, context: WriteContext): Promise<FirewallGuard | undefined> {
  if (!isGuarded(target)) return undefined;
  const { access, user } = accessOf(target);
  const connection = await context.connectSsh(await sshOptions(access, context, 'write', user)).catch((error: unknown) => { throw ofAccess(error); });
  return makeGuard(connection, user !== 'root', context);
}

/** The access as a target of its own: its pins and its credential are others than those of the API. */
function accessOf(target: Target): { readonly access: Target; readonly user: string } {
  const ssh: JsonObject = isObject(target.settings['ssh']) ? target.settings['ssh'] : {};
  const credential = isObject(ssh['credential']) && typeof ssh['credential']['$secret'] === 'string' ? { $secret: ssh['credential']['$secret'] } : undefined;
  if (credential === undefined) throw new ProviderError('auth', `${target.name} has a guard and no SSH access`, { hint: 'settings: ssh' });
  const address = typeof ssh['address'] === 'string' ? ssh['address'] : target.address.replace(/(?<=[^:]|\]):\d+$/, '');
  const identity = Array.isArray(ssh['identity']) ? ssh['identity'].filter((pin): pin is string => typeof pin === 'string') : [];
  return { user: typeof ssh['user'] === 'string' ? ssh['user'] : 'root', access: { ...target, name: `the SSH access of ${target.name}`, address, identity, credentials: { read: credential, write: credential }, settings: {} } };
}

/** Its host key is pinned in the settings, not in the target's identity: nobody may take the one for the other. */
function ofAccess(error: unknown): unknown {
  if (!isProviderError(error) || error.seen === undefined) return error;
  return new ProviderError(error.code, error.message, { cause: error, hint: 'somebody may be in between; if the firewall was replaced, read its key on itself and change settings.ssh.identity in targets.yaml' });
}

function makeGuard(connection: SshConnection, sudo: boolean, context: WriteContext): FirewallGuard {
  const run = async (argv: readonly string[], effect: 'read' | 'write'): Promise<string> => {
    const result = await connection.runScript(guardScript, argv, { sudo, effect, timeoutMs: argv[0] === 'recover' ? goBackTimeoutMs : 60_000 });
    if (result.code !== 0) throw failure(result, effect);
    return result.stdout;
  };
  return {
    ...scriptGuard(run, context),
    async ready() { await run(['ready', context.guardToken, String(context.fence)], 'write'); },
    async written() {
      context.assertLease(60_000);
      // Others have saved at the same time: nothing is noted, and what is not noted is not confirmed.
      await run(['written', context.guardToken], 'write');
    },
    close: () => connection.close(),
  };
}

function failure({ code, stderr }: RunResult, effect: 'read' | 'write'): ProviderError {
  if (effect === 'write' && code > 128) return new ProviderError('unknown-outcome', `the script on the firewall was ended by signal ${String(code - 128)}`);
  if (/not permitted|permission denied|must be root|a password is required/i.test(stderr)) return new ProviderError('auth', `the account may not guard the configuration: ${lastLines(stderr)}`, { hint: 'root, or sudo without password; see the provider\'s README' });
  const [kind = 'protocol', hint] = scriptErrors[code] ?? [];
  return new ProviderError(kind, lastLines(stderr).replace(/^.*soll: /, '') || `the script on the firewall ended with ${String(code)}`, hint === undefined ? {} : { hint });
}
