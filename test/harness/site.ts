/** A customer with a router, a switch and an access point at one site, all of them stores: VLANs, ports and WLANs without any vendor. */
export interface SiteTarget {
  readonly manages: readonly string[];
  readonly site?: string;
  /** Further lines below the target, indented by four. */
  readonly more?: string;
}

const pin = `tls:${Array.from({ length: 32 }, () => 'AA').join(':')}`;

export function siteTargets(targets: Readonly<Record<string, SiteTarget>>): string {
  return `targets:\n${Object.entries(targets).map(([name, { manages, site = 'hq', more = '' }]) => `  ${name}:\n    provider: memory\n${site === '' ? '' : `    site: ${site}\n`}    address: ${name}.acme.example\n    identity:\n      - ${pin}\n    credentials:\n      read:\n        $secret: ${name}-read\n      write:\n        $secret: ${name}-write\n    manages:\n${manages.map((kind) => `      ${kind}: merge\n`).join('')}${more}`).join('')}`;
}

export const siteNetwork = `sites:
  hq:
    vlans:
      office:
        id: 10
        subnet: 192.168.10.0/24
        gateway: 192.168.10.1
        dhcp:
          from: 192.168.10.100
          to: 192.168.10.199
      guest:
        id: 40
        isolated: true
    ssids:
      staff:
        ssid: Praxis
        vlan: office
        security: wpa2-wpa3-personal
        passphrase:
          $secret: wlan-staff
      guest:
        ssid: Gäste
        vlan: guest
        security: open
        isolated: true
switches:
  sw1:
    ports:
      Gi1/0/1:
        mode: access
        vlan: office
      Gi1/0/24:
        mode: trunk
        native: office
        tagged: [guest]
        role: uplink
`;

export const siteFiles: Readonly<Record<string, string | null>> = {
  'customers/acme/customer.yaml': 'name: Acme GmbH\nsites:\n  hq:\n    name: Hauptsitz\n  lager:\n    name: Lager\n',
  'customers/acme/targets.yaml': siteTargets({ router: { manages: ['vlan'] }, sw1: { manages: ['vlan', 'switch-port'] }, ap: { manages: ['vlan', 'ssid'] }, 'sw-lager': { manages: ['vlan', 'switch-port'], site: 'lager' } }),
  'customers/acme/network.yaml': siteNetwork, 'customers/acme/firewall.yaml': null, 'customers/acme/m365.yaml': null,
};

/** The network of the site with pieces of its text replaced, each of which it must hold exactly once. */
export function editedSite(...edits: readonly (readonly [from: string, to: string])[]): Readonly<Record<string, string | null>> {
  const text = edits.reduce((now, [from, to]) => {
    if (now.split(from).length !== 2) throw new Error(`the network must hold exactly once: ${from}`);
    return now.replace(from, () => to);
  }, siteNetwork);
  return { ...siteFiles, 'customers/acme/network.yaml': text };
}
