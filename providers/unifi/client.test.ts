/** What answers mean, one at a time; the numbers are those of the project's list of attacks. */
import { describe, expect, it } from 'vitest';
import type { HttpRequest, HttpResponse, JsonObject, ReadContext, Target } from '#contract';
import { silentLog } from '#testkit/test-context';
import { makeClient, type UnifiClient } from './client.ts';
import { makeSite } from './site.ts';

type Answer = (request: HttpRequest) => Partial<HttpResponse> & { readonly json?: unknown };

function clientOf(answer: Answer): { readonly client: UnifiClient; readonly waited: number[]; readonly asked: string[] } {
  const waited: number[] = [];
  const asked: string[] = [];
  const http = { requestCount: 0, close: () => Promise.resolve(), request: (request: HttpRequest): Promise<HttpResponse> => {
    asked.push(`${request.method} ${request.url.replace('https://console/proxy/network', '')}`);
    const { json, ...rest } = answer(request);
    return Promise.resolve({ status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(json ?? {}), ...rest });
  } };
  const context = { customer: 'c', signal: new AbortController().signal, log: silentLog, clock: { now: () => 0, monotonic: () => 0, sleep: (ms: number) => { waited.push(ms); return Promise.resolve(); } }, randomBytes: (size: number) => new Uint8Array(size) } as unknown as ReadContext;
  return { client: makeClient(http, 'https://console', () => 'key-key-key', context), waited, asked };
}

const page = (ids: readonly string[], offset: number, totalCount: number): { readonly json: JsonObject } => ({ json: { offset, limit: 200, count: ids.length, totalCount, data: ids.map((id) => ({ id })) } });
const offsetOf = ({ url }: HttpRequest): number => Number(new URL(url).searchParams.get('offset'));

describe('a list is whole, or nobody plans', () => {
  it.each([
    { because: '#77 it is cut off', answer: () => ({ body: '{"offset":0,"data":[{"i' }) },
    { because: '#77 it is no object', answer: () => ({ json: [] }) },
    { because: '#78 it is a page for people', answer: () => ({ body: '<html>', headers: { 'content-type': 'text/html' } }) },
    { because: '#79 it leads elsewhere', answer: () => ({ status: 302, headers: { location: 'https://evil.example/' }, body: '' }) },
    { because: '#80 the second page has nothing', answer: (request: HttpRequest) => (offsetOf(request) === 0 ? page(['a'], 0, 2) : page([], 1, 2)) },
    { because: '#80 the second page fails', answer: (request: HttpRequest) => (offsetOf(request) === 0 ? page(['a'], 0, 2) : { status: 500 }) },
    { because: '#82 it shrinks while it is read', answer: (request: HttpRequest) => (offsetOf(request) === 0 ? page(['a', 'b'], 0, 3) : page([], 2, 1)) },
    { because: '#99 an object comes twice', answer: (request: HttpRequest) => (offsetOf(request) === 0 ? page(['a'], 0, 2) : page(['a'], 1, 2)) },
    { because: 'it is another part than was asked for', answer: () => page(['a'], 7, 8) },
    { because: 'it says another count than it has', answer: () => ({ json: { offset: 0, limit: 200, count: 2, totalCount: 1, data: [{ id: 'a' }] } }) },
    { because: 'an object has no id', answer: () => ({ json: { offset: 0, limit: 200, count: 1, totalCount: 1, data: [{ name: 'x' }] } }) },
  ] as const)('$because', async ({ answer }) => {
    await expect(clientOf(answer as Answer).client.list('/sites/s/networks')).rejects.toMatchObject({ code: expect.stringMatching(/^(protocol|unreachable)$/) as string });
  });

  it('#77 #84 of whatever its texts say', async () => {
    const odd = '{"offset":0,"limit":200,"count":2,"totalCount":2,"data":[{"id":"a","name":"error 401 Unauthorized"},{"id":"b","__proto__":{"polluted":true}}]}';
    expect(await clientOf(() => ({ body: odd })).client.list('/x')).toHaveLength(2);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it.each([
    { because: 'the older API refuses with 200', json: { meta: { rc: 'error', msg: 'api.err.Invalid' }, data: [] }, code: 'protocol' },
    { because: 'the older API does not know the key', json: { meta: { rc: 'error', msg: 'api.err.LoginRequired' }, data: [] }, code: 'auth' },
    { because: 'it has another count', json: { meta: { rc: 'ok', count: 2 }, data: [{}] }, code: 'protocol' },
    { because: 'it has no list', json: { meta: { rc: 'ok' } }, code: 'protocol' },
  ])('$because', async ({ json, code }) => {
    await expect(clientOf(() => ({ json })).client.legacyList('default', '/stat/device')).rejects.toMatchObject({ code });
  });

  it('#81 a console that knows no network yet is no console without networks', async () => {
    const { client } = clientOf((request) => page([], offsetOf(request), 0));
    const site = makeSite({ client, site: () => Promise.resolve({ id: 's', reference: 'default' }) }, { customer: 'c', name: 't', settings: {}, manages: { vlan: 'merge' } } as unknown as Target);
    await expect(site.live(['vlan'])).rejects.toMatchObject({ code: 'protocol' });
  });
});

describe('a write', () => {
  const write = (answer: Answer): { readonly done: Promise<unknown>; readonly asked: string[]; readonly waited: number[] } => {
    const { client, asked, waited } = clientOf(answer);
    return { done: client.write('PUT', '/sites/s/networks/n', { name: 'x' }, () => undefined), asked, waited };
  };

  it('that was asked to wait is sent again, after as long as was said', async () => {
    let count = 0;
    const { done, asked, waited } = write(() => ((count += 1) < 3 ? { status: 429, headers: { 'content-type': 'application/json', 'retry-after': '7' } } : { json: {} }));
    await done;
    expect([asked.length, waited]).toEqual([3, [7000, 7000]]);
  });

  it.each([
    { because: 'nobody knows what became of it', answer: { status: 502, body: '<html>' }, code: 'unknown-outcome' },
    { because: '#83 the answer is no answer of the API', answer: { body: 'OK' }, code: 'unknown-outcome' },
    { because: 'it was refused', answer: { status: 400, json: { code: 'x', message: 'no\u001b[2K' } }, code: 'rejected' },
    { because: 'the key may only look', answer: { status: 403, json: {} }, code: 'auth' },
  ])('is sent once: $because', async ({ answer, code }) => {
    const { done, asked } = write(() => answer);
    const error: unknown = await done.catch((each: unknown) => each);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('\u001b');
    expect(asked).toHaveLength(1);
  });
});
