/**
 * `npm run demo:pr`: the pull request as the console, rehearsed on this machine. Every step runs the real command line and is checked: it ends
 * with 0 only if each step really happened.
 */
import { rehearsePullRequests } from './rehearse-pr.ts';

const started = performance.now();
try {
  await rehearsePullRequests((text) => { process.stdout.write(text); });
  process.stdout.write(`\nRehearsal done: every step happened as told, in ${((performance.now() - started) / 1000).toFixed(1)} s.\n`);
} catch (error) {
  process.stderr.write(`\nRehearsal failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
