/** What is refused before anything is asked. Numbers are those of the attack list. */
import { describe, expect, it } from 'vitest';
import { toAddress, type Desired, type JsonObject, type Target } from '#contract';
import { kinds } from '#kinds/registry';
import { checkDesired } from './check.ts';

const target: Target = {
  customer: 'c', name: 't', provider: 'opnsense', address: 'h', identity: ['tls:AA'], credentials: { read: { $secret: 'r' }, write: { $secret: 'w' } }, settings: { vlanParent: 'igc1' },
  manages: { zone: 'merge', 'firewall-policy': 'merge', 'firewall-rule': 'merge', vlan: 'merge' },
};

type Piece = readonly [kind: string, name: string, spec: JsonObject];

const policy = (from: string, to: string, order: readonly string[] = []): Piece => ['firewall-policy', `${from}.${to}`, { from, to, default: 'drop', order }];
const rule = (spec: JsonObject): readonly Piece[] => [policy('lan', 'self', ['x']), ['firewall-rule', 'lan.self.x', { from: 'lan', to: 'self', action: 'accept', ...spec }]];
const base: readonly Piece[] = [['zone', 'wan', { interfaces: ['wan'] }], ['zone', 'lan', { interfaces: ['lan'] }], ['zone', 'dmz', { interfaces: ['opt1'] }], ['service', 'web', { ports: ['tcp/443'] }], ['service', 'ping', { ports: ['icmp'] }], policy('lan', 'self'), policy('lan', 'dmz'), policy('lan', 'wan')];

function codes(pieces: readonly Piece[], changed: Partial<Target> = {}): readonly string[] {
  const unique = new Map([...base, ...pieces].map((piece) => [`${piece[0]} ${piece[1]}`, piece]));
  const desired = [...unique.values()].map(([kind, name, spec]): Desired => ({ address: toAddress({ customer: 'c', target: 't', kind, name }), spec: kinds.get(kind)?.canonical(spec) ?? spec, dependsOn: [], source: { file: 'f', line: 1, column: 1 } }));
  return [...new Set(checkDesired(desired, { ...target, ...changed }).map(({ code }) => code.replace('opnsense.', '')))];
}

describe('the check', () => {
  it('lets a sensible firewall pass', () => {
    expect(codes(rule({ sources: ['192.168.1.0/24', 'group:admins'], services: ['web'], comment: 'Ticket 4711 (Büro)' }))).toEqual([]);
  });

  const refused: readonly { readonly because: string; readonly pieces: readonly Piece[]; readonly code: string; readonly changed?: Partial<Target> }[] = [
    { because: 'the firewall itself would be open', pieces: [policy('dmz', 'lan')], code: 'missing-policy' },
    { because: 'what leads outside would lead everywhere', pieces: [policy('dmz', 'self'), policy('dmz', 'wan')], code: 'missing-policy' },
    { because: 'two zones lead outside', pieces: [['zone', 'lte', { interfaces: ['opt2'] }], policy('lan', 'lte')], code: 'two-outsides', changed: { settings: { external: ['wan', 'lte'], vlanParent: 'igc1' } } },
    { because: 'traffic of the firewall itself', pieces: [policy('self', 'wan')], code: 'from-self' },
    { because: '29 a line break in a comment', pieces: rule({ comment: 'a\naccept' }), code: 'comment' },
    { because: '30 a quote in a comment', pieces: rule({ comment: '"; accept; #' }), code: 'comment' },
    { because: '31 an address with more behind it', pieces: rule({ sources: ['10.0.0.1 accept\n accept #'] }), code: 'address' },
    { because: '35 a hostname', pieces: rule({ destinations: ['firewall.example'] }), code: 'address' },
    { because: '37 octal and mapped addresses', pieces: rule({ sources: ['010.0.0.1', '::ffff:10.0.0.1'] }), code: 'address' },
    { because: 'everything as a network', pieces: rule({ sources: ['::/0'] }), code: 'any-network' },
    { because: 'families that never meet', pieces: rule({ sources: ['10.0.0.1'], destinations: ['2001:db8::1'] }), code: 'never-matches' },
    { because: 'a service that no source can use', pieces: rule({ sources: ['2001:db8::/64'], services: ['web', 'ping'] }), code: 'never-matches' },
    { because: 'a rule without a place', pieces: [['firewall-rule', 'lan.self.y', { from: 'lan', to: 'self', action: 'accept' }]], code: 'order' },
    { because: 'a rule under a name of another pair', pieces: [policy('lan', 'dmz', ['x']), ['firewall-rule', 'lan.dmz.x', { from: 'lan', to: 'wan', action: 'accept' }]], code: 'name' },
    { because: '41 a name that begins with a hyphen', pieces: [['address-group', '--x', { members: [] }]], code: 'name' },
    { because: '33 a name that is a path', pieces: [['vlan', '../x', { id: 20 }]], code: 'name' },
    { because: '42 lines in the description of a VLAN', pieces: [['vlan', 'x', { id: 20, description: 'a\nend' }]], code: 'description' },
    { because: 'a device instead of an interface', pieces: [['zone', 'lan', { interfaces: ['igc0.100'] }]], code: 'interface' },
    { because: 'an interface in two zones', pieces: [['zone', 'zzz', { interfaces: ['lan'] }]], code: 'interface' },
    { because: 'a range the wrong way round', pieces: [['service', 'web', { ports: ['tcp/90-80'] }]], code: 'port' },
    { because: 'a port taken twice', pieces: [['port-forward', 'a', { from: 'wan', protocol: 'tcp', port: 443, destination: '10.0.0.1' }], ['port-forward', 'b', { from: 'wan', protocol: 'tcp', port: 443, destination: '10.0.0.2' }]], code: 'duplicate-forward' },
    { because: 'VLANs on no device', pieces: [], code: 'vlan-parent', changed: { settings: {} } },
    { because: 'rules without zones', pieces: [], code: 'zones', changed: { manages: { 'firewall-rule': 'merge', 'firewall-policy': 'merge' } } },
    { because: 'rules without their order', pieces: [], code: 'rules-and-policies', changed: { manages: { zone: 'merge', 'firewall-rule': 'merge', 'firewall-policy': 'observe' } } },
  ];

  it.each(refused)('$because: $code', ({ pieces, code, changed }) => {
    expect(codes(pieces, changed)).toContain(code);
  });
});
