/**
 * Client assertions: signed with the registered certificate ("Microsoft identity platform application authentication certificate credentials", read 2026-08), or a token
 * of another issuer that a federated credential names ("Configure an app to trust an external identity provider", read 2026-08: issuer, subject and audience must match
 * exactly). Codes: "Microsoft Entra authentication and authorization error codes".
 */
import { constants, createHash, verify, X509Certificate, type KeyObject } from 'node:crypto';

export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  /** Of the issuer; the real service fetches it from the issuer's address. */
  readonly publicKey: KeyObject;
}

export interface Registration {
  readonly clientId: string;
  /** PEM. */
  readonly certificate: string;
  /** Whose tokens are taken in place of the certificate's signature. */
  readonly federated?: FederatedCredential;
  readonly permissions: readonly string[];
}

export interface Refusal {
  readonly code: number;
  readonly message: string;
}

interface Assertion {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly data: Buffer;
  readonly signature: Buffer;
}

const refusal = (code: number, message: string): Refusal => ({ code, message });

export function checkAssertion(form: URLSearchParams, registration: Registration, tenantId: string): Refusal | undefined {
  if (form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') return refusal(7000218, 'The request body must contain the following parameter: \'client_assertion\' or \'client_secret\'.');
  const assertion = parse(form.get('client_assertion') ?? '');
  if (assertion === undefined) return refusal(50027, 'JWT token is invalid or malformed.');
  const own = assertion.header['x5t#S256'] !== undefined || assertion.header['x5t'] !== undefined;
  return own ? checkOwn(assertion, registration, tenantId) : checkFederated(assertion, registration);
}

function parse(text: string): Assertion | undefined {
  const [head = '', body = '', signature = ''] = text.split('.');
  try {
    const decode = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
    return { header: decode(head), claims: decode(body), data: Buffer.from(`${head}.${body}`), signature: Buffer.from(signature, 'base64url') };
  } catch {
    return undefined;
  }
}

function isSigned({ header, data, signature }: Assertion, key: KeyObject): boolean {
  if (header['alg'] === 'PS256') return verify('sha256', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature);
  return header['alg'] === 'RS256' && verify('sha256', data, key, signature);
}

function outOfTime({ claims }: Assertion): boolean {
  const now = Date.now() / 1000;
  return Number(claims['exp']) < now || Number(claims['nbf'] ?? 0) > now + 300;
}

function checkOwn(assertion: Assertion, { clientId, certificate }: Registration, tenantId: string): Refusal | undefined {
  const x509 = new X509Certificate(certificate);
  const thumbprint = (algorithm: string): string => createHash(algorithm).update(x509.raw).digest('base64url');
  const { header, claims } = assertion;
  if (header['x5t#S256'] !== thumbprint('sha256') && header['x5t'] !== thumbprint('sha1')) return refusal(700027, 'The certificate with identifier used to sign the client assertion is not registered on application.');
  if (Date.parse(x509.validTo) < Date.now()) return refusal(700027, 'The certificate with identifier used to sign the client assertion is expired on application.');
  if (!isSigned(assertion, x509.publicKey)) return refusal(700027, 'Client assertion failed signature validation.');
  if (claims['iss'] !== clientId || claims['sub'] !== clientId) return refusal(700021, 'Client assertion application identifier doesn\'t match \'client_id\' parameter.');
  if (claims['aud'] !== `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`) return refusal(700023, 'Client assertion audience claim does not match Realm issuer.');
  return outOfTime(assertion) ? refusal(700024, 'Client assertion is not within its valid time range.') : undefined;
}

function checkFederated(assertion: Assertion, { federated }: Registration): Refusal | undefined {
  const { claims } = assertion;
  if (claims['iss'] !== federated?.issuer || federated === undefined) return refusal(700211, `No matching federated identity record found for presented assertion issuer '${String(claims['iss'])}'.`);
  if (claims['aud'] !== federated.audience) return refusal(700212, `No matching federated identity record found for presented assertion audience '${String(claims['aud'])}'.`);
  if (claims['sub'] !== federated.subject) return refusal(700213, `No matching federated identity record found for presented assertion subject '${String(claims['sub'])}'.`);
  if (!isSigned(assertion, federated.publicKey)) return refusal(50013, 'Assertion failed signature validation.');
  return outOfTime(assertion) ? refusal(700024, 'Client assertion is not within its valid time range.') : undefined;
}
