/** Client credentials through MSAL, over our own transport: same pins, budgets and fault injection as every other request. */
import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from '@azure/msal-node';
import { isProviderError, ProviderError, type HttpClient, type ProviderError as ProviderErrorType } from '#contract';
import type { Credential } from './credential.ts';
import { loginOrigin, scope } from './limits.ts';

export interface SignIn {
  /** A token that is still good; `again`: the last one was refused, ask for a new one. */
  token(again?: boolean): Promise<string>;
}

class Network implements INetworkModule {
  readonly #http: HttpClient;
  #failure: ProviderErrorType | undefined;

  constructor(http: HttpClient) {
    this.#http = http;
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
      // Asking for a token changes nothing, so a lost answer may be asked for again.
      const { status, headers, body } = await this.#http.request({ method, url, effect: 'read', ...(options?.headers === undefined ? {} : { headers: options.headers }), ...(options?.body === undefined ? {} : { body: options.body }) });
      return { status, headers: { ...headers }, body: JSON.parse(body) as T };
    } catch (error) {
      this.#failure = isProviderError(error) ? error : new ProviderError('protocol', 'the sign-in service gave no JSON', { hint: 'a proxy or a sign-in page may be in between' });
      throw this.#failure;
    }
  }
}

export async function makeSignIn(http: HttpClient, tenant: string, credential: Credential): Promise<SignIn> {
  // Loaded when needed: it costs a quarter of a second that `validate` should not pay.
  const { ConfidentialClientApplication } = await import('@azure/msal-node');
  const network = new Network(http);
  const { clientId } = credential;
  const application = new ConfidentialClientApplication({
    auth: {
      clientId, authority: `${loginOrigin}/${tenant}`, knownAuthorities: [new URL(loginOrigin).host],
      ...('federatedToken' in credential ? { clientAssertion: credential.federatedToken } : { clientCertificate: { thumbprintSha256: credential.thumbprintSha256, privateKey: credential.privateKey } }),
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
        throw network.takeFailure() ?? refused(error);
      }
    },
  };
}

/** What the sign-in service says, cut to its code and first sentence: the rest is ids and times. */
function refused(error: unknown): ProviderError {
  const said = error instanceof Error ? error.message : '';
  const match = /AADSTS(\d+): ([^.\r\n]{0,200})/.exec(said);
  const hints: Readonly<Record<string, string>> = {
    700016: 'the application is not known in this tenant: give admin consent, or compare the clientId',
    7000222: 'the certificate or secret of the application has expired: register a new one',
    700027: 'the certificate is not registered on the application: upload the public part',
    90002: 'there is no such tenant: compare address in targets.yaml',
    700213: 'no federated credential matches this run: compare issuer, subject and audience',
  };
  const code = match?.[1] ?? '';
  return new ProviderError('auth', match === null ? 'sign-in to the tenant failed' : `sign-in to the tenant was refused: ${match[2] ?? ''} (AADSTS${code})`, { hint: hints[code] ?? 'check the application, its certificate and the admin consent' });
}
