/** The secret's value: JSON with an application id and a certificate, a federated token, or the word that the machine's own identity signs in. */
import { createHash, X509Certificate } from 'node:crypto';
import { ProviderError, type SecretValue } from '#contract';

export type Credential =
  | { readonly clientId: string; readonly thumbprintSha256: string; readonly privateKey: string; readonly validTo: Date }
  | { readonly clientId: string; readonly federatedToken: string }
  | { readonly clientId: string; readonly federated: true };

const form = 'write {"clientId": "…", "federated": true}, {"clientId": "…", "certificate": "-----BEGIN CERTIFICATE-----…", "privateKey": "-----BEGIN PRIVATE KEY-----…"} or {"clientId": "…", "federatedToken": "…"}';

function refuse(secret: SecretValue, what: string): ProviderError {
  return new ProviderError('auth', `the secret ${secret.name} ${what}`, { hint: form });
}

export function parseCredential(secret: SecretValue): Credential {
  let value: unknown;
  try {
    value = JSON.parse(secret.expose());
  } catch {
    throw refuse(secret, 'is not JSON');
  }
  const field = (name: string): string | undefined => {
    const found: unknown = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    return typeof found === 'string' && found !== '' ? found : undefined;
  };
  const [clientId, federatedToken, certificate, privateKey] = ['clientId', 'federatedToken', 'certificate', 'privateKey'].map(field);
  if (clientId === undefined) throw refuse(secret, 'has no clientId');
  if (typeof value === 'object' && value !== null && 'federated' in value && value.federated === true) {
    if (federatedToken !== undefined || certificate !== undefined || privateKey !== undefined) throw refuse(secret, 'says federated and holds a key or a token as well: which of them is meant?');
    return { clientId, federated: true };
  }
  if (federatedToken !== undefined) return { clientId, federatedToken };
  if (certificate === undefined || privateKey === undefined) throw refuse(secret, 'has neither federated: true nor certificate and privateKey nor federatedToken');
  try {
    const x509 = new X509Certificate(certificate);
    return { clientId, privateKey, thumbprintSha256: createHash('sha256').update(x509.raw).digest('hex'), validTo: new Date(x509.validTo) };
  } catch {
    throw refuse(secret, 'holds a certificate that cannot be read');
  }
}
