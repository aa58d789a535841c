/** A small customer that is valid and runs in the lab as it stands: what `soll init --example` writes to copy from. */
const modeline = (name: string): string => `# yaml-language-server: $schema=../../schemas/${name}.schema.json\n`;

export const exampleCustomer: Readonly<Record<string, string>> = {
  'customers/beispiel/customer.yaml': `${modeline('customer')}name: Beispiel GmbH
sites:
  buero:
    name: Büro
# What no plan may delete, disable or overwrite: target/kind/name, * stands for anything inside one part.
protected:
  - m365/user/notfall@*
`,
  'customers/beispiel/targets.yaml': `${modeline('targets')}# Replace addresses and identities by your own: \`soll doctor beispiel\` shows what answers. Credentials are names, never values.
targets:
  fw:
    provider: nftables
    site: buero
    address: 203.0.113.1
    identity:
      - ssh:SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    credentials:
      read:
        $secret: fw-read
      write:
        $secret: fw-write
    # soll owns its nftables table as a whole: all seven kinds stand at exclusive, or all at observe.
    manages:
      zone: exclusive
      address-group: exclusive
      service: exclusive
      firewall-policy: exclusive
      firewall-rule: exclusive
      masquerade: exclusive
      port-forward: exclusive
  m365:
    provider: m365
    address: 00000000-0000-4000-8000-000000000000
    identity:
      - tenant:00000000-0000-4000-8000-000000000000
    credentials:
      read:
        $secret: m365-read
      write:
        $secret: m365-write
    # observe: only told. merge: what is written is kept so, the rest is left alone.
    manages:
      user: merge
      group: merge
`,
  'customers/beispiel/network.yaml': `${modeline('network')}sites:
  buero:
    vlans:
      arbeit:
        id: 10
        subnet: 192.168.10.0/24
        gateway: 192.168.10.1
`,
  'customers/beispiel/firewall.yaml': `${modeline('firewall')}firewalls:
  fw:
    zones:
      wan:
        interfaces: [eth0]
      lan:
        interfaces: [eth1]
    groups:
      msp-admins:
        members: [198.51.100.0/28]
    services:
      ssh:
        ports: [tcp/22]
      web:
        ports: [tcp/80, tcp/443]
      dns:
        ports: [tcp/53, udp/53]
    policies:
      - from: wan
        to: self
        default: drop
        rules:
          # Our own way in.
          - name: admin-ssh
            action: accept
            sources: [group:msp-admins]
            services: [ssh]
            log: true
      - from: lan
        to: wan
        default: drop
        rules:
          - name: surf
            action: accept
            sources: [vlan:arbeit]
            services: [web, dns]
    masquerade:
      internet:
        from: lan
        to: wan
    portForwards: {}
`,
  'customers/beispiel/m365.yaml': `${modeline('m365')}m365:
  m365:
    domains: [beispiel.example]
    users:
      anna.schmidt@beispiel.example:
        displayName: Anna Schmidt
        usageLocation: DE
      ben.maier@beispiel.example:
        displayName: Ben Maier
        manager: anna.schmidt@beispiel.example
    groups:
      buchhaltung:
        type: security
        displayName: Buchhaltung
        members:
          - anna.schmidt@beispiel.example
`,
  'lab/beispiel/m365.json': `${JSON.stringify({ domains: ['beispiel.example'], licences: {}, users: [{ userPrincipalName: 'notfall@beispiel.example', displayName: 'Notfall', admin: true }], groups: [] }, null, 1)}\n`,
};
