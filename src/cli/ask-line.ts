import { createInterface } from 'node:readline/promises';

/** One line from the terminal; `undefined` when the question is closed (Ctrl-D) or interrupted (Ctrl-C). */
export async function askLine(question: string, signal: AbortSignal): Promise<string | undefined> {
  const ask = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string | undefined>((resolve) => {
      ask.on('close', () => { resolve(undefined); });
      // In raw mode Ctrl-C is a key: it is made the signal again that everybody listens to.
      ask.on('SIGINT', () => { process.kill(process.pid, 'SIGINT'); });
      signal.addEventListener('abort', () => { resolve(undefined); }, { once: true });
      ask.question(question).then((answer) => { resolve(answer.trim()); }, () => { resolve(undefined); });
    });
  } finally {
    ask.close();
  }
}
