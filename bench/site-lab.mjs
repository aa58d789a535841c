/**
 * The stand-ins of one large site in a process of their own, each behind a slow line. The parent's first message says which; it is told where they
 * are, later asks what each has answered so far. Ends with the parent.
 */
import { once } from 'node:events';
import { loadSimulator } from '../dist/src/lab/start-lab.js';
import { delay } from './delay.mjs';

const [{ targets, roundTripMs }] = await once(process, 'message');
const running = {};
const described = {};
for (const [name, { provider, seed }] of Object.entries(targets)) {
  const simulator = await (await loadSimulator(provider)).start({ customer: 'werk', target: name, seed });
  const { port } = await delay(simulator, roundTripMs);
  running[name] = simulator;
  described[name] = { host: '127.0.0.1', port, ca: simulator.ca, address: simulator.address, identity: simulator.identity, credentials: simulator.credentials, settings: simulator.settings ?? {}, secrets: simulator.secrets ?? {} };
}
process.on('message', () => { process.send(Object.fromEntries(Object.entries(running).map(([name, simulator]) => [name, simulator.served()]))); });
process.on('disconnect', () => { process.exit(0); });
process.send(described);
