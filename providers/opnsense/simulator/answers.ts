import type { HttpsServerAnswer } from '#testkit/https-server';

/** ApiControllerBase: thrown by a controller, told to the user. */
export class UserException extends Error {}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): HttpsServerAnswer {
  return { status, body: JSON.stringify(body), headers: { 'content-type': 'application/json; charset=UTF-8', ...headers } };
}
