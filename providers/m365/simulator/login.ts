/** The sign-in service: discovery documents and the client credentials grant with a signed assertion. */
import { randomUUID } from 'node:crypto';
import type { HttpsServerAnswer, HttpsServerRequest } from '#testkit/https-server';
import { checkAssertion, type Registration } from './check-assertion.ts';

export interface Login {
  /** Replaces what an application is granted; counts for tokens given from now on. */
  grant(clientId: string, permissions: readonly string[]): void;
  handle(request: HttpsServerRequest): HttpsServerAnswer;
  /** Permissions of a token; `undefined`: not ours, or too old. */
  check(token: string): readonly string[] | undefined;
  /** Tokens given so far are as if they had expired. */
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
  const granted = new Map(registrations.map(({ clientId, permissions }) => [clientId, permissions]));
  const tokens = new Map<string, { readonly permissions: readonly string[]; readonly until: number }>();
  const token = (request: HttpsServerRequest): HttpsServerAnswer => {
    const form = new URLSearchParams(request.body);
    const registration = registrations.find(({ clientId }) => clientId === form.get('client_id'));
    if (form.get('grant_type') !== 'client_credentials') return refuse(70003, 'unsupported_grant_type', 'The app requested an unsupported grant type.');
    if (form.get('scope')?.split(' ').includes('https://graph.microsoft.com/.default') !== true) return refuse(70011, 'invalid_scope', 'The provided value for the input parameter \'scope\' is not valid.');
    if (registration === undefined) return refuse(700016, 'unauthorized_client', 'Application was not found in the directory.');
    const problem = checkAssertion(form, registration, tenantId);
    if (problem !== undefined) return refuse(problem.code, 'invalid_client', problem.message);
    const value = `token-${randomUUID()}`;
    tokens.set(value, { permissions: granted.get(registration.clientId) ?? [], until: Date.now() + lifeSeconds * 1000 });
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
    grant: (clientId, permissions) => { granted.set(clientId, permissions); },
    forget: () => { tokens.clear(); },
  };
}

