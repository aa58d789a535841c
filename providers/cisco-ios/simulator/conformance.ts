import type { JsonObject } from '#contract';
import type { ConformanceMaterial, ConformanceResource } from '#testkit/simulator';

const vlan = (name: string, id: number): ConformanceResource => ({ kind: 'vlan', name, spec: { id } });
const gi = (number: number): string => `GigabitEthernet1/0/${String(number)}`;
const access = (number: number, id: number, more: JsonObject = {}): ConformanceResource => ({ kind: 'switch-port', name: gi(number), spec: { mode: 'access', vlan: id, ...more } });
const trunk = (number: number, tagged: readonly number[], more: JsonObject = {}): ConformanceResource => ({ kind: 'switch-port', name: gi(number), spec: { mode: 'trunk', tagged, ...more } });

const vlans = [vlan('office', 10), vlan('voice', 20), vlan('guests', 30)];
const initial = [
  ...vlans, access(1, 10, { description: 'Empfang', role: 'edge' }), access(2, 20, { poe: true, enabled: true }),
  trunk(3, [10, 20, 30], { native: 99, description: 'AP Flur OG', poe: true }), trunk(24, [10, 20], { role: 'uplink' }),
];
const many = Array.from({ length: 60 }, (_, index) => 100 + index * 3);

export const conformance: ConformanceMaterial = {
  target: { manages: { vlan: 'merge', 'switch-port': 'merge' }, settings: {} },
  initial,
  steps: [
    { because: 'a port moves to another VLAN and is described otherwise', resources: [...vlans, access(1, 20, { description: 'Empfang neu', role: 'edge' }), ...initial.slice(4)] },
    { because: 'a trunk carries one VLAN more and one less', resources: [...vlans, access(1, 20, { role: 'edge' }), access(2, 20, { poe: false, enabled: false }), trunk(3, [10, 20], { native: 99 }), trunk(24, [10, 20, 30], { role: 'uplink' })] },
    { because: 'a list that is longer than a line', resources: [...vlans, access(1, 20), trunk(3, many, { native: 99 }), trunk(24, [10, 20, 30], { role: 'uplink' })] },
    { because: 'an access port becomes a trunk with the negotiation of encapsulation, and a trunk an access port', resources: [...vlans, trunk(4, [20, 30], { native: 10 }), access(3, 30), trunk(24, [10, 20, 30])] },
    { because: 'a VLAN goes with the ports that were in it', resources: [vlan('office', 10), vlan('guests', 30), access(3, 30, { role: 'edge' }), trunk(24, [10, 30])] },
    { because: 'a VLAN gets another name', resources: [vlan('office', 10), { ...vlan('visitors', 30), was: 'guests' }, access(3, 30, { role: 'edge' }), trunk(24, [])] },
    { because: 'nearly everything goes', resources: [vlan('office', 10)] },
  ],
  foreign: ['99', 'GigabitEthernet1/0/20', 'GigabitEthernet1/0/22', 'GigabitEthernet1/0/23', 'before', 'after'],
  hostile: [
    ...['line\nbreak', '\u0003', 'no shutdown\nend\nreload', 'Drucker?', ' leading', 'Büro', '\u001b[2K', ''].map((description) => access(5, 10, { description })),
    ['end', '" quoted "', '! comment', 'sw1#', '% Invalid input detected', '$(reboot)', 'a|b  c', '-x', '^C', 'x'.repeat(64), '0', '--More--', '[confirm]'].map((description, index) => access(6 + index, 10, { description })),
    vlan('with space', 40), vlan('line\nbreak', 41), vlan('default', 42), vlan('fddi', 1003), vlan('ü', 43), vlan('x?', 44), vlan('y'.repeat(33), 45), vlan('VLAN0049', 48), [vlan('$(reboot)', 46), vlan('end', 47), vlan('VLAN0049', 49), vlan('z'.repeat(32), 4094)],
    { kind: 'switch-port', name: 'Gi1/0/5', spec: { mode: 'access', vlan: 10 } }, { kind: 'switch-port', name: 'GigabitEthernet1/0/5\nend', spec: { mode: 'access', vlan: 10 } }, { kind: 'switch-port', name: 'Vlan10', spec: { mode: 'access' } },
    trunk(5, [10, 1003]), trunk(5, [10], { native: 10 }), [trunk(5, [1, 4094], { native: 10 }), access(4, 1, { description: '0' })],
  ],
};
