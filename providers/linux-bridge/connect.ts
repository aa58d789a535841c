/** How the host is reached: as which account, and whether the writing one needs sudo. */
import type { ReadContext, SshConnection, Target } from '#contract';
import { sshOptions, sshUser } from '#transport/ssh-options';

export async function connect(target: Target, context: ReadContext, scope: 'read' | 'write'): Promise<{ readonly connection: SshConnection; readonly sudo: boolean }> {
  const user = sshUser(target, scope, 'root');
  const connection = await context.connectSsh(await sshOptions(target, context, scope, user));
  return { connection, sudo: scope === 'write' && target.settings['sudo'] === true };
}
