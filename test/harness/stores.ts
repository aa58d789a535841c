/** The lightest world: customers with nothing but a store that holds VLANs. */
export function networkOf(...ids: readonly number[]): string {
  return `sites:\n  hq:\n    vlans:\n${ids.map((id) => `      net-${String(id)}:\n        id: ${String(id)}\n`).join('')}`;
}

export function customerOf(customer: string, more = ''): string {
  return `name: ${customer}\nsites:\n  hq:\n    name: Hauptsitz\nlimits:\n  deletes: 5\n  deleteShare: 1\n${more}`;
}

function targetsOf(customer: string): string {
  const identity = `tls:${Array.from({ length: 32 }, () => 'AA').join(':')}`;
  return `targets:\n  store:\n    provider: memory\n    site: hq\n    address: ${customer}.example:443\n    identity:\n      - ${identity}\n    credentials:\n      read:\n        $secret: store-read\n      write:\n        $secret: store-write\n    manages:\n      vlan: merge\n`;
}

/** Two VLANs each. */
export function storesOf(...customers: readonly string[]): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(customers.flatMap((customer) => [
      [`customers/${customer}/customer.yaml`, customerOf(customer)], [`customers/${customer}/targets.yaml`, targetsOf(customer)], [`customers/${customer}/network.yaml`, networkOf(10, 20)],
    ])),
    'soll.yaml': 'version: 1\nfleet:\n  deletes: 50\n', '.gitignore': '.soll/\n',
  };
}
