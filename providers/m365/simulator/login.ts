/**
 * The sign-in service: discovery documents and the client credentials grant with a signed assertion ("Microsoft identity platform application authentication
 * certificate credentials", read 2026-08): audience, issuer, life and signature are checked against the registered certificate.
 */
import { createHash, constants, randomUUID, verify, X509Certificate } from 'node:crypto';
import type { HttpsServerAnswer, HttpsServerRequest } from '#testkit/https-server';

export interface Registration {
  readonly clientId: string;
  /** PEM. */
  readonly certificate: string;
  readonly permissions: readonly string[];
}

export interface Login {
  handle(request: HttpsServerRequest): HttpsServerAnswer;
  /** Permissions of a token; `undefined`: not ours, or too old. */
  check(token: string): readonly string[] | undefined;
  forget(): void;
}

const host = 'https://login.microsoftonline.com';
const lifeSeconds = 3599;

function json(status: number, body: unknown): HttpsServerAnswer {
  return { status, body: JSON.stringify(body) };
}

function refuse(code: number, error: string, description: string): HttpsServerAnswer {
  return json(error === 'invalid_client' ? 401 : 400, { error, error_description: `AADSTS${String(code)}: ${description}`, error_codes: [code], timestamp: '2026-01-01 00:00:00Z', trace_id: randomUUID(), correlation_id: randomUUID() });
}

export function makeLogin(tenantId: string, registrations: readonly Registration[]): Login {
  const tokens = new Map<string, { readonly permissions: readonly string[]; readonly until: number }>();
  const token = (request: HttpsServerRequest): HttpsServerAnswer => {
    const form = new URLSearchParams(request.body);
    const registration = registrations.find(({ clientId }) => clientId === form.get('client_id'));
    if (form.get('grant_type') !== 'client_credentials') return refuse(70003, 'unsupported_grant_type', 'The app requested an unsupported grant type.');
    if (form.get('scope')?.split(' ').includes('https://graph.microsoft.com/.default') !== true) return refuse(70011, 'invalid_scope', 'The provided value for the input parameter \'scope\' is not valid.');
    if (registration === undefined) return refuse(700016, 'unauthorized_client', 'Application was not found in the directory.');
    const problem = checkAssertion(form, registration, tenantId);
    if (problem !== undefined) return refuse(700027, 'invalid_client', problem);
    const value = `token-${randomUUID()}`;
    tokens.set(value, { permissions: registration.permissions, until: Date.now() + lifeSeconds * 1000 });
    return json(200, { token_type: 'Bearer', expires_in: lifeSeconds, ext_expires_in: lifeSeconds, access_token: value });
  };
  return {
    handle(request) {
      const { pathname } = new URL(request.url, host);
      if (request.method === 'GET' && pathname === '/common/discovery/instance') {
        return json(200, { tenant_discovery_endpoint: `${host}/${tenantId}/v2.0/.well-known/openid-configuration`, 'api-version': '1.1', metadata: [{ preferred_network: 'login.microsoftonline.com', preferred_cache: 'login.windows.net', aliases: ['login.microsoftonline.com', 'login.windows.net', 'login.microsoft.com', 'sts.windows.net'] }] });
      }
      if (request.method === 'GET' && pathname === `/${tenantId}/v2.0/.well-known/openid-configuration`) {
        return json(200, { token_endpoint: `${host}/${tenantId}/oauth2/v2.0/token`, issuer: `${host}/${tenantId}/v2.0`, authorization_endpoint: `${host}/${tenantId}/oauth2/v2.0/authorize`, jwks_uri: `${host}/${tenantId}/discovery/v2.0/keys` });
      }
      if (request.method === 'POST' && pathname === `/${tenantId}/oauth2/v2.0/token`) return token(request);
      return refuse(90002, 'invalid_tenant', `${request.method} ${pathname} is not known to the stand-in, or the tenant is another one.`);
    },
    check(value) {
      const found = tokens.get(value);
      return found === undefined || found.until < Date.now() ? undefined : found.permissions;
    },
    forget: () => { tokens.clear(); },
  };
}

/** Why the assertion is not accepted. */
function checkAssertion(form: URLSearchParams, { clientId, certificate }: Registration, tenantId: string): string | undefined {
  if (form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') return 'Client assertion is missing.';
  const [head = '', body = '', signature = ''] = (form.get('client_assertion') ?? '').split('.');
  try {
    const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>;
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
    const x509 = new X509Certificate(certificate);
    const thumbprint = (algorithm: string): string => createHash(algorithm).update(x509.raw).digest('base64url');
    if (header['x5t#S256'] !== thumbprint('sha256') && header['x5t'] !== thumbprint('sha1')) return 'The certificate is not registered on the application.';
    const data = Buffer.from(`${head}.${body}`);
    const bytes = Buffer.from(signature, 'base64url');
    const good = header['alg'] === 'PS256'
      ? verify('sha256', data, { key: x509.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, bytes)
      : header['alg'] === 'RS256' && verify('sha256', data, x509.publicKey, bytes);
    if (!good) return 'Client assertion contains an invalid signature.';
    const now = Date.now() / 1000;
    if (claims['iss'] !== clientId || claims['sub'] !== clientId) return 'Issuer or subject is not the application.';
    if (claims['aud'] !== `${host}/${tenantId}/oauth2/v2.0/token`) return 'Client assertion audience is not this tenant\'s token endpoint.';
    if (Number(claims['exp']) < now || Number(claims['nbf']) > now + 300) return 'Client assertion is not within its valid time range.';
    return undefined;
  } catch {
    return 'Client assertion is not a JWT.';
  }
}
