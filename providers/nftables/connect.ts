/** How the device is reached: as which account, and whether that one needs sudo. */
import type { ReadContext, SshConnection, Target } from '#contract';
import { sshOptions, sshUser } from '#transport/ssh-options';

/** `sudo`: what the session runs needs sudo. A reading account of its own has nothing but that. */
export async function connect(target: Target, context: ReadContext, scope: 'read' | 'write'): Promise<{ readonly connection: SshConnection; readonly sudo: boolean }> {
  const user = sshUser(target, scope, 'root');
  const connection = await context.connectSsh(await sshOptions(target, context, scope, user));
  return { connection, sudo: target.settings['sudo'] === true || (scope === 'read' && target.settings['readUser'] !== undefined && user !== 'root') };
}
