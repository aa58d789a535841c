import { StringDecoder } from 'node:string_decoder';
import type { Client, ClientChannel } from 'ssh2';
import { ProviderError, type SshShell } from '#contract';

/** What may wait to be taken, characters. A device that talks on is a broken one. */
const maxPending = 4 * 1024 * 1024;

/** Asks for a terminal and a shell on it. Wide, so that a device does not fold or scroll what is typed. */
export async function openShell(client: Client, where: string, timeoutMs: number, signal: AbortSignal): Promise<SshShell> {
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    let settled = false;
    const finish = (result: ClientChannel | ProviderError | Error): void => {
      if (settled) {
        if (!(result instanceof Error)) result.close();
        return;
      }
      settled = true;
      clearTimeout(timer);
      client.removeListener('close', onClose);
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const failed = (why: string): ProviderError => new ProviderError('unreachable', `${where} opened no terminal: ${why}`, { retryable: true });
    const onClose = (): void => { finish(failed('the connection broke off')); };
    const timer = setTimeout(() => { finish(failed('no answer in time')); }, timeoutMs);
    client.once('close', onClose);
    try {
      client.shell({ term: 'vt100', cols: 511, rows: 1000 }, (error, opened) => { finish(error === undefined ? opened : failed(error.message.slice(0, 200))); });
    } catch (error) {
      finish(failed(error instanceof Error ? error.message : 'not connected'));
    }
  });
  return makeShell(channel, client, where, signal);
}

function makeShell(channel: ClientChannel, client: Client, where: string, signal: AbortSignal): SshShell {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  let ended: ProviderError | undefined;
  let wake: (() => void) | undefined;
  const end = (why: string): void => {
    ended ??= new ProviderError('unreachable', `${where}: ${why}`, { retryable: true });
    wake?.();
  };
  const collect = (chunk: Buffer): void => {
    pending += decoder.write(chunk);
    if (pending.length > maxPending) {
      ended ??= new ProviderError('protocol', `${where} sent more than ${String(maxPending)} characters`);
      channel.close();
    }
    wake?.();
  };
  channel.on('data', collect);
  channel.stderr.on('data', collect);
  channel.on('close', () => { end('the terminal was closed'); });
  channel.on('error', () => { end('the terminal broke off'); });
  client.once('close', () => { end('the connection broke off'); });
  const onAbort = (): void => {
    end('interrupted');
    channel.close();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    send(text) {
      if (ended !== undefined) throw ended;
      channel.write(text);
    },
    take() {
      const text = pending;
      pending = '';
      return text;
    },
    wait(milliseconds) {
      if (pending !== '') return Promise.resolve(true);
      if (ended !== undefined) return Promise.reject(ended);
      return new Promise((resolve, reject) => {
        const finish = (): void => {
          clearTimeout(timer);
          wake = undefined;
          if (pending !== '') resolve(true);
          else if (ended !== undefined) reject(ended);
          else resolve(false);
        };
        const timer = setTimeout(finish, milliseconds);
        wake = finish;
      });
    },
    close() {
      signal.removeEventListener('abort', onAbort);
      end('closed by us');
      channel.close();
    },
  };
}
