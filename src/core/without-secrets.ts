/** Variables that hold secrets or the keys to them: no child process needs them, and each would be one more place to read them from. */
const secret = /^(SOLL_(SECRET_|AGE_KEY|ID_TOKEN)|ACTIONS_ID_TOKEN_REQUEST_)/;

/** The surroundings that a child process may have. */
export function withoutSecrets(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secret.test(name)));
}
