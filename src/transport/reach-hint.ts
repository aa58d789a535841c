/** What mends an address that cannot be reached, by the code of the operating system. */
export function reachHint(code: string): string {
  if (code === 'ECONNREFUSED') return 'the machine answers but nothing listens on this port: is the service running, and the port in targets.yaml right?';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name cannot be resolved: is it spelled right in targets.yaml, and does the name server answer?';
  return 'is it switched on, the VPN up, and the address in targets.yaml right?';
}
