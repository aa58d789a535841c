import { createInterface } from 'node:readline/promises';

/** One line from the terminal; `undefined` when the question is closed (Ctrl-D) or interrupted (Ctrl-C). */
export async function askLine(question: string, signal: AbortSignal): Promise<string | undefined> {
  let stop: () => void = () => undefined;
  const ask = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string | undefined>((resolve) => {
      ask.on('close', () => { resolve(undefined); });
      // In raw mode Ctrl-C is a key: it is made the signal again that everybody listens to.
      ask.on('SIGINT', () => { process.kill(process.pid, 'SIGINT'); });
      stop = () => { resolve(undefined); };
      signal.addEventListener('abort', stop, { once: true });
      ask.question(question).then((answer) => { resolve(answer.trim()); }, () => { resolve(undefined); });
    });
  } finally {
    signal.removeEventListener('abort', stop);
    ask.close();
  }
}
