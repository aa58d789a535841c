/** Client credentials through MSAL, over our own transport: same pins, budgets and fault injection as every other request. */
import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from '@azure/msal-node';
import { isProviderError, ProviderError, type HttpClient, type HttpResponse, type ProviderError as ProviderErrorType, type ReadContext } from '#contract';
import { retry } from '#transport/retry';
import type { Credential } from './credential.ts';
import { exchangeAudience, loginOrigin, scope } from './limits.ts';

export interface SignIn {
  /** A token that is still good; `again`: the last one was refused, ask for a new one. */
  token(again?: boolean): Promise<string>;
}

class Network implements INetworkModule {
  readonly #http: HttpClient;
  readonly #context: Pick<ReadContext, 'clock' | 'signal'>;
  #failure: ProviderErrorType | undefined;

  constructor(http: HttpClient, context: Pick<ReadContext, 'clock' | 'signal'>) {
    this.#http = http;
    this.#context = context;
  }

  sendGetRequestAsync<T>(url: string, options?: NetworkRequestOptions): Promise<NetworkResponse<T>> {
    return this.#send<T>('GET', url, options);
  }

  sendPostRequestAsync<T>(url: string, options?: NetworkRequestOptions): Promise<NetworkResponse<T>> {
    return this.#send<T>('POST', url, options);
  }

  /** MSAL wraps what it does not know; the cause is kept for the report. Taking it forgets it. */
  takeFailure(): ProviderErrorType | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  async #send<T>(method: 'GET' | 'POST', url: string, options?: NetworkRequestOptions): Promise<NetworkResponse<T>> {
    try {
      const { status, headers, body } = await this.#exchange(method, url, options);
      return { status, headers: { ...headers }, body: JSON.parse(body) as T };
    } catch (error) {
      this.#failure = isProviderError(error) ? error : new ProviderError('protocol', 'the sign-in service gave no JSON', { hint: 'a proxy or a sign-in page may be in between' });
      throw this.#failure;
    }
  }

  /** Asking for a token changes nothing, so it may be asked for again. */
  #exchange(method: 'GET' | 'POST', url: string, options?: NetworkRequestOptions): Promise<HttpResponse> {
    return retry({ ...this.#context, attempts: 5, deadlineMs: 60_000, delayMs: (attempt, error) => (isProviderError(error) && error.retryable ? 500 * 2 ** attempt : undefined) }, async () => {
      const response = await this.#http.request({ method, url, effect: 'read', ...(options?.headers === undefined ? {} : { headers: options.headers }), ...(options?.body === undefined ? {} : { body: options.body }) });
      if (response.status === 429 || response.status >= 500) throw busy(response.status);
      return response;
    });
  }
}

/** The sign-in service is there, but not for us now. */
function busy(status: number): ProviderError {
  return status === 429
    ? new ProviderError('throttled', 'the sign-in service asked to wait too often', { retryable: true, hint: 'try again later, or with fewer customers at once' })
    : new ProviderError('unreachable', `the sign-in service answers ${String(status)}`, { retryable: true, hint: 'see the service health of Microsoft Entra' });
}

export async function makeSignIn(http: HttpClient, tenant: string, credential: Credential, context: Pick<ReadContext, 'clock' | 'signal' | 'idToken'>): Promise<SignIn> {
  // Loaded when needed: it costs a quarter of a second that `validate` should not pay.
  const { ConfidentialClientApplication } = await import('@azure/msal-node');
  const network = new Network(http, context);
  const { clientId } = credential;
  let said = '';
  // Fetched whenever a token is needed: it is good for minutes, a run may take longer.
  const assertion = async (): Promise<string> => {
    const token = 'federatedToken' in credential ? credential.federatedToken : (await context.idToken(exchangeAudience)).expose();
    said = claimsOf(token);
    return token;
  };
  const application = new ConfidentialClientApplication({
    auth: {
      clientId, authority: `${loginOrigin}/${tenant}`, knownAuthorities: [new URL(loginOrigin).host],
      ...('privateKey' in credential ? { clientCertificate: { thumbprintSha256: credential.thumbprintSha256, privateKey: credential.privateKey } } : { clientAssertion: assertion }),
    },
    system: { networkClient: network, disableInternalRetries: true },
  });
  return {
    async token(again = false) {
      network.takeFailure();
      try {
        const result = await application.acquireTokenByClientCredential({ scopes: [scope], skipCache: again });
        if (result?.accessToken === undefined || result.accessToken === '') throw new ProviderError('auth', 'the sign-in service gave no token');
        return result.accessToken;
      } catch (error) {
        if (isProviderError(error)) throw error;
        throw network.takeFailure() ?? refused(error, credential, context.clock.now(), said);
      }
    },
  };
}

/** Who a federated token says we are: what the federated credential must name, and no secret. */
function claimsOf(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const claim = (name: string): string => String((claims as Readonly<Record<string, unknown>>)[name]).replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 300);
    return `; this run says issuer ${claim('iss')}, subject ${claim('sub')}, audience ${claim('aud')}`;
  } catch {
    return '';
  }
}

/** What the sign-in service says, cut to its code and first sentence: the rest is ids and times. */
function refused(error: unknown, credential: Credential, now: number, claims: string): ProviderError {
  const match = /AADSTS(\d+): ([^.\r\n]{0,200})/.exec(error instanceof Error ? error.message : '');
  const hints: Readonly<Record<string, string>> = {
    700016: 'the application is not known in this tenant: give admin consent, or compare the clientId',
    7000222: 'the certificate or secret of the application has expired: register a new one',
    700027: 'the certificate is not registered on the application: upload the public part',
    90002: 'there is no such tenant: compare address in targets.yaml',
    700024: 'the token or the assertion is too old or too new: compare the clock of this machine; a federated token must be fresh',
    700211: 'no federated credential names this issuer: compare issuer, subject and audience',
    700212: 'no federated credential names this audience: it must be api://AzureADTokenExchange',
    700213: 'no federated credential matches this run: compare issuer, subject and audience',
  };
  const code = match?.[1] ?? '';
  const ended = 'validTo' in credential && credential.validTo.getTime() < now ? `the certificate ended on ${credential.validTo.toISOString().slice(0, 10)}: register a new one, then change the secret` : undefined;
  return new ProviderError('auth', match === null ? 'sign-in to the tenant failed' : `sign-in to the tenant was refused: ${match[2] ?? ''} (AADSTS${code})`, { hint: ended ?? `${hints[code] ?? 'check the application, its certificate and the admin consent'}${/^70021[1-3]$/.test(code) ? claims : ''}` });
}
