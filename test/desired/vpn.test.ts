/** Tunnels and the devices that come in by them: every mistake at its exact place, and two ends of ours that fit each other. */
import { describe, expect, it } from 'vitest';
import { parseAddress } from '#contract';
import { kinds } from '#kinds/registry';
import { editYaml } from '../../src/edit/edit-yaml.ts';
import { placeAll, type PlaceInput } from '../../src/edit/place-resource.ts';
import { base, errorsOf, load, type Files } from '../harness/desired.ts';

const [hq, branch, anna, ben] = ['xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=', 'TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=', 'gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=', 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw='];

const vpn = `    vpnTunnels:
      to-branch:
        addresses: [10.99.1.1]
        privateKey:
          $secret: vpn-hq
        publicKey: ${hq}
        peerKey: ${branch}
        endpoint: vpn.branch.example:51820
        networks: [192.168.20.0/24, 10.99.1.2]
        presharedKey:
          $secret: vpn-psk
      users:
        addresses: [10.99.0.1]
        port: 51821
        privateKey:
          $secret: vpn-users
        publicKey: ${ben}
    vpnUsers:
      anna-laptop:
        tunnel: users
        publicKey: ${anna}
        addresses: [10.99.0.10]
        keepalive: 25
`;
const other = `  fw2:
    zones: {}
    vpnTunnels:
      to-hq:
        addresses: [10.99.1.2]
        privateKey:
          $secret: vpn-branch
        publicKey: ${branch}
        peerKey: ${hq}
        networks: [192.168.10.0/24]
        presharedKey:
          $secret: vpn-psk
`;

function files(firewall: string): Files {
  const targets = (base['customers/acme/targets.yaml'] ?? '').replace('      port-forward: exclusive\n', '      port-forward: exclusive\n      vpn-tunnel: merge\n      vpn-user: merge\n');
  const one = targets.slice(targets.indexOf('  fw:'), targets.indexOf('  tenant:'));
  return {
    ...base, 'customers/acme/customer.yaml': 'name: Acme GmbH\nsites:\n  hq:\n    name: Hauptsitz\n  branch:\n    name: Filiale\n',
    'customers/acme/targets.yaml': targets.replace('  tenant:', `${one.replace('fw:', 'fw2:').replace('site: hq', 'site: branch').replace('203.0.113.1', '203.0.113.2')}  tenant:`),
    'customers/acme/network.yaml': `${base['customers/acme/network.yaml'] ?? ''}  branch:\n    vlans:\n      shop:\n        id: 20\n        subnet: 192.168.20.0/24\n`,
    'customers/acme/firewall.yaml': firewall,
  };
}

const firewall = `firewalls:\n  fw:\n    zones: {}\n${vpn}${other}`;

function edited(from: string, to: string): Files {
  if (!firewall.includes(from)) throw new Error(`${from} is not in the example`);
  return files(firewall.replace(from, to));
}

describe('vpnTunnels and vpnUsers', () => {
  it('become resources in canonical form; who comes in waits for the tunnel', async () => {
    const loaded = await load(files(firewall));
    expect(errorsOf(loaded)).toEqual([]);
    const resources = (loaded.states[0]?.resources ?? []).filter(({ address }) => parseAddress(address).kind.startsWith('vpn-'));
    expect(resources.map(({ address }) => address.replace('acme/', ''))).toEqual(['fw/vpn-tunnel/to-branch', 'fw/vpn-tunnel/users', 'fw/vpn-user/anna-laptop', 'fw2/vpn-tunnel/to-hq']);
    expect(resources[2]).toMatchObject({ spec: { tunnel: 'users', publicKey: anna, addresses: ['10.99.0.10'], keepalive: 25 }, dependsOn: ['acme/fw/vpn-tunnel/users'] });
    expect(resources[0]?.spec).toMatchObject({ port: 51820, networks: ['10.99.1.2', '192.168.20.0/24'], privateKey: { $secret: 'vpn-hq', version: 1 } });
  });

  it('go back into an empty file and read the same', async () => {
    const { states } = await load(files(firewall));
    const resources = (states[0]?.resources ?? []).filter(({ address }) => parseAddress(address).kind.startsWith('vpn-')).map(({ address, spec }) => ({ ...parseAddress(address), spec }));
    const input: PlaceInput = { documents: { 'firewall.yaml': { firewalls: {} } }, kinds, targets: [{ name: 'fw', site: 'hq' }, { name: 'fw2', site: 'branch' }] };
    const placed = placeAll(input, [...resources].reverse());
    expect(placed.refused).toEqual([]);
    const again = await load(files(editYaml('firewalls: {}\n', placed.edits.get('firewall.yaml') ?? [])));
    expect((again.states[0]?.resources ?? []).filter(({ address }) => parseAddress(address).kind.startsWith('vpn-')).map(({ address, spec }) => ({ ...parseAddress(address), spec }))).toEqual(resources);
  });

  it.each<{ mistake: string; files: Files; code: string; at: string; severity?: 'warning' }>([
    { mistake: 'a user of a tunnel that is not there', files: edited('tunnel: users', 'tunnel: user'), code: 'reference.unresolved', at: '23:17' },
    { mistake: 'a key that is none', files: edited(`publicKey: ${anna}`, 'publicKey: gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EB='), code: 'schema.value', at: '24:20' },
    { mistake: 'the key of the tunnel itself', files: edited(`publicKey: ${anna}`, `publicKey: ${ben}`), code: 'vpn.key', at: '24:20' },
    { mistake: 'a key twice', files: edited('        keepalive: 25\n', `        keepalive: 25\n      anna-phone:\n        tunnel: users\n        publicKey: ${anna}\n        addresses: [10.99.0.11]\n`), code: 'vpn.duplicate-key', at: '29:20' },
    { mistake: 'one key pair at two ends', files: edited(`publicKey: ${ben}`, `publicKey: ${hq}`), code: 'vpn.duplicate-key', at: '20:20' },
    { mistake: 'one private key and two public ones', files: edited('$secret: vpn-users', '$secret: vpn-hq'), code: 'vpn.duplicate-key', at: '18:9' },
    { mistake: 'an address that goes two ways', files: edited('addresses: [10.99.0.10]', 'addresses: [192.168.20.7]'), code: 'vpn.overlap', at: '25:21' },
    { mistake: 'the address of the tunnel itself', files: edited('addresses: [10.99.0.10]', 'addresses: [10.99.0.1]'), code: 'vpn.overlap', at: '25:21' },
    { mistake: 'a network that is here', files: edited('networks: [192.168.20.0/24, 10.99.1.2]', 'networks: [192.168.10.0/25]'), code: 'vpn.overlap', at: '12:20' },
    { mistake: 'a wide network over one that is here', files: edited('networks: [192.168.20.0/24, 10.99.1.2]', 'networks: [192.168.0.0/16]'), code: 'vpn.overlap', at: '12:20', severity: 'warning' },
    { mistake: 'host bits', files: edited('networks: [192.168.20.0/24, 10.99.1.2]', 'networks: [192.168.20.1/24]'), code: 'ip.host-bits', at: '12:20' },
    { mistake: 'a network for an address', files: edited('addresses: [10.99.1.1]', 'addresses: [10.99.1.0/24]'), code: 'ip.invalid', at: '6:21' },
    { mistake: 'one port for two', files: edited('        port: 51821\n', ''), code: 'vpn.port', at: '15:7' },
    { mistake: 'a port beyond all', files: edited('example:51820', 'example:65536'), code: 'vpn.endpoint', at: '11:19' },
    { mistake: 'an endpoint that is a command', files: edited('endpoint: vpn.branch.example:51820', 'endpoint: "a;reboot:1"'), code: 'schema.value', at: '11:19' },
    { mistake: 'a network of nobody', files: edited('        port: 51821\n', '        port: 51821\n        networks: [10.1.0.0/16]\n'), code: 'vpn.peer', at: '18:9' },
    { mistake: 'the other end expects somebody else', files: edited(`peerKey: ${hq}`, `peerKey: ${anna}`), code: 'vpn.other-side', at: '10:18' },
    { mistake: 'the other end has another shared secret', files: edited('networks: [192.168.10.0/24]\n        presharedKey:\n          $secret: vpn-psk', 'networks: [192.168.10.0/24]'), code: 'vpn.other-side', at: '13:9' },
    { mistake: 'neither end calls', files: edited('        endpoint: vpn.branch.example:51820\n', ''), code: 'vpn.other-side', at: '5:7' },
    { mistake: 'the other end listens elsewhere', files: edited('example:51820', 'example:51999'), code: 'vpn.other-side', at: '11:19', severity: 'warning' },
    { mistake: 'the own networks in place of the other ones', files: edited('networks: [192.168.10.0/24]', 'networks: [192.168.33.0/24]'), code: 'vpn.other-side', at: '36:20', severity: 'warning' },
  ])('$mistake is told at $at', async ({ files: broken, code, at, severity = 'error' }) => {
    const { problems } = await load(broken);
    expect(problems.filter((problem) => problem.code === code && problem.severity === severity).map(({ source }) => `${String(source?.line)}:${String(source?.column)}`)).toContain(at);
  });
});
