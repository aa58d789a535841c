/** Microsoft Graph v1.0 over one tenant, as far as users, groups and licences go. What it does not know is an error and is kept in `unknown`. */
import { randomUUID } from 'node:crypto';
import type { Json, JsonObject } from '#contract';
import type { HttpsServerAnswer, HttpsServerRequest } from '#testkit/https-server';
import { Directory, type Call, type OnWrite } from './directory.ts';
import { GraphError } from './graph-error.ts';
import type { Tenant } from './state.ts';

export interface Graph {
  handle(request: HttpsServerRequest, roles: readonly string[]): HttpsServerAnswer;
  /** Loud failures: paths, properties and options that the stand-in does not know. */
  readonly unknown: string[];
}

/** Faults inside a batch: seconds to wait (`null`: not said) of an item that is throttled instead of answered. */
export type ItemFault = () => number | null | undefined;

export function makeGraph(tenant: Tenant, onWrite: OnWrite, itemFault: ItemFault = () => undefined): Graph {
  const unknown: string[] = [];
  const graph = new Directory(tenant, onWrite);
  const answer = (call: Call): HttpsServerAnswer => {
    try {
      return graph.answer(call);
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      if (error.code === 'UnknownToStandIn') unknown.push(`${call.method} ${call.path}: ${error.message}`);
      return failure(error);
    }
  };
  return {
    unknown,
    handle(request, roles) {
      const url = new URL(request.url, 'https://graph.microsoft.com');
      if (!url.pathname.startsWith('/v1.0/')) return failure(new GraphError(404, 'ResourceNotFound', `no version in ${url.pathname}`));
      const path = url.pathname.slice('/v1.0'.length);
      let body: JsonObject;
      try {
        body = parse(request.body);
      } catch (error) {
        if (!(error instanceof GraphError)) throw error;
        return failure(error);
      }
      if (path === '/$batch' && request.method === 'POST') return batch(body, roles, answer, itemFault);
      return answer({ method: request.method, path, query: url.searchParams, headers: request.headers, body, roles });
    },
  };
}

function parse(text: string): JsonObject {
  if (text === '') return {};
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    throw new GraphError(400, 'BadRequest', 'Unable to read JSON request payload.');
  }
}

function failure({ status, code, message }: GraphError): HttpsServerAnswer {
  return { status, body: JSON.stringify({ error: { code, message, innerError: { date: new Date().toISOString().slice(0, 19), 'request-id': randomUUID(), 'client-request-id': randomUUID() } } }) };
}

/** JSON batching: at most 20, unordered answers, 424 for what hangs on a failed item. */
function batch(body: JsonObject, roles: readonly string[], answer: (call: Call) => HttpsServerAnswer, itemFault: ItemFault): HttpsServerAnswer {
  const requests = Array.isArray(body['requests']) ? (body['requests'] as readonly JsonObject[]) : [];
  const ids = requests.map(({ id }) => String(id).toLowerCase());
  if (requests.length === 0 || requests.length > 20 || new Set(ids).size !== ids.length) return failure(new GraphError(400, 'BadRequest', `Number of batch request steps must be 1 to 20 with unique ids, not ${String(requests.length)}.`));
  const statuses = new Map<string, number>();
  const responses = requests.map((each): JsonObject => {
    const depends = Array.isArray(each['dependsOn']) ? each['dependsOn'].map((id) => String(id).toLowerCase()) : [];
    const id = String(each['id']);
    const done = (status: number, content: Json, headers: JsonObject = {}): JsonObject => {
      statuses.set(id.toLowerCase(), status);
      return { id, status, headers: { 'Content-Type': 'application/json', ...headers }, body: content };
    };
    if (depends.some((id2) => (statuses.get(id2) ?? 500) >= 400)) return done(424, { error: { code: 'FailedDependency', message: 'Failed Dependency' } });
    const wait = itemFault();
    if (wait !== undefined) return done(429, { error: { code: 'TooManyRequests', message: 'Too many requests' } }, wait === null ? {} : { 'Retry-After': String(wait) });
    if (each['body'] !== undefined && String((each['headers'] as JsonObject | undefined)?.['Content-Type'] ?? '') !== 'application/json') return done(400, { error: { code: 'BadRequest', message: 'Write request id : ' + id + ' does not contain Content-Type header or body.' } });
    const url = new URL(String(each['url']), 'https://graph.microsoft.com');
    const result = answer({ method: String(each['method']), path: url.pathname, query: url.searchParams, headers: {}, body: (each['body'] ?? {}) as JsonObject, roles });
    return done(result.status, result.body === undefined || result.body === '' ? null : JSON.parse(result.body) as Json);
  });
  // Clients must not rely on an order.
  return { status: 200, body: JSON.stringify({ responses: responses.reverse() }) };
}
