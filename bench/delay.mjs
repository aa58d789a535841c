/** A proxy on loopback that holds every packet back for half of a round trip, each way: what a line to the customer does. */
import { connect, createServer } from 'node:net';

function delayed(from, to, milliseconds) {
  from.on('data', (chunk) => { setTimeout(() => { if (to.writable) to.write(chunk); }, milliseconds); });
  from.on('end', () => { setTimeout(() => { to.end(); }, milliseconds); });
  from.on('error', () => { to.destroy(); });
}

/** Resolves with the proxy's own port. */
export function delay({ host, port }, roundTripMs) {
  const server = createServer((near) => {
    const far = connect(port, host);
    for (const socket of [near, far]) socket.setNoDelay(true);
    delayed(near, far, roundTripMs / 2);
    delayed(far, near, roundTripMs / 2);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => { resolve({ port: server.address().port, close: () => server.close() }); });
  });
}
