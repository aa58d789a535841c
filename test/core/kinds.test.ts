import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Impact, Json, JsonObject, Verb } from '#contract';
import { annotationOf, isObject, itemSchema, propertySchema } from '#core/canonical';
import { emptyLedger, migrateLedger } from '#core/load-ledger';
import { kinds } from '#kinds/registry';
import { arbitrarySpec } from './arbitrary-spec.ts';

function at(value: Json | undefined, pointer: readonly string[]): Json | undefined {
  const [head, ...rest] = pointer;
  if (head === undefined || value === undefined) return value;
  if (Array.isArray(value)) return at((value as readonly Json[])[Number(head)], rest);
  return isObject(value) ? at(value[head], rest) : undefined;
}

/** Every annotation of a schema, at any depth. */
function annotations(schema: JsonObject): readonly JsonObject[] {
  const own = schema['x-soll'];
  const properties = isObject(schema['properties']) ? Object.keys(schema['properties']) : [];
  return [...(isObject(own) ? [own] : []), ...properties.flatMap((name) => annotations(propertySchema(schema, name))), ...('items' in schema ? annotations(itemSchema(schema)) : [])];
}

function impactOf(kind: string, verb: Verb, before: JsonObject | undefined, after: JsonObject | undefined): Impact | undefined {
  return kinds.get(kind)?.impact?.({ verb, name: 'x', ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) });
}

describe('the registry', () => {
  it('holds all kinds in alphabetical order, so that no report depends on the order of files', () => {
    expect([...kinds.keys()]).toEqual([...kinds.keys()].sort());
    expect([...kinds].every(([name, kind]) => name === kind.name)).toBe(true);
  });
});

describe.each([...kinds])('kind %s', (_name, kind) => {
  it('has annotations that are understood, as a misspelled one would compare wrongly without a word', () => {
    const known = { order: ['set', 'list'], case: ['lower', 'upper'], format: ['cidr', 'ip', 'endpoint'], complete: [true] } as const;
    for (const annotation of annotations(kind.schema)) {
      expect(Object.keys(annotation).filter((key) => !['key', ...Object.keys(known)].includes(key))).toEqual([]);
      for (const [key, values] of Object.entries(known)) expect([undefined, ...values]).toContain(annotation[key]);
    }
  });

  it('accepts nothing that it does not know, and keys of lists exist', () => {
    expect(kind.schema['additionalProperties']).toBe(false);
    const lists = Object.keys(isObject(kind.schema['properties']) ? kind.schema['properties'] : {}).map((name) => propertySchema(kind.schema, name)).filter((schema) => annotationOf(schema).key !== undefined);
    for (const list of lists) expect(propertySchema(itemSchema(list), annotationOf(list).key ?? '')).toHaveProperty('type', 'string');
  });

  it('points at the text that names what it needs', () => {
    fc.assert(fc.property(arbitrarySpec(kind.schema), (given) => {
      const spec = kind.canonical(given);
      for (const { name, pointer } of kind.references(spec)) {
        const text = at(spec, pointer.split('/').slice(1));
        // `group:NAME`, the last part of `from.to.rule`, or a number.
        expect(String(text).endsWith(name) || name.endsWith(String(text))).toBe(true);
      }
    }));
  });

  it('says in both languages what any change means', () => {
    const spec = arbitrarySpec(kind.schema).map((given) => kind.canonical(given));
    fc.assert(fc.property(fc.constantFrom<Verb>('create', 'update', 'delete'), spec, spec, (verb, before, after) => {
      const impact = impactOf(kind.name, verb, verb === 'create' ? undefined : before, verb === 'delete' ? undefined : after);
      expect(impact === undefined || (impact.en !== '' && impact.de !== '')).toBe(true);
      expect(`${impact?.en ?? ''}${impact?.de ?? ''}`).not.toMatch(/undefined|\[object/);
    }));
  });
});

describe('what a change means', () => {
  const rule = { from: 'wan', to: 'lan', action: 'accept' };
  const forward = { from: 'wan', protocol: 'tcp', port: 443, destination: '192.0.2.5' };
  const anna = { userPrincipalName: 'anna@x.de' };
  it.each<{ because: string; kind: string; verb: Verb; before?: JsonObject; after?: JsonObject; risk: Impact['risk'] }>([
    { because: 'the firewall itself open to all', kind: 'firewall-rule', verb: 'create', after: { ...rule, to: 'self' }, risk: 'critical' },
    { because: 'the firewall itself open to all of IPv6', kind: 'firewall-rule', verb: 'create', after: { ...rule, to: 'self', sources: ['::/0'] }, risk: 'critical' },
    { because: 'the firewall itself open to a group', kind: 'firewall-rule', verb: 'create', after: { ...rule, to: 'self', sources: ['group:admins'] }, risk: 'high' },
    { because: 'everything to everything', kind: 'firewall-rule', verb: 'create', after: rule, risk: 'high' },
    { because: 'traffic to one host', kind: 'firewall-rule', verb: 'create', after: { ...rule, destinations: ['192.0.2.5'] }, risk: 'medium' },
    { because: 'an allowing rule goes, people are cut off', kind: 'firewall-rule', verb: 'delete', before: rule, risk: 'high' },
    { because: 'a blocking rule goes, others get in', kind: 'firewall-rule', verb: 'delete', before: { ...rule, action: 'drop' }, risk: 'high' },
    { because: 'default from block to allow', kind: 'firewall-policy', verb: 'update', before: { from: 'wan', to: 'lan', default: 'drop', order: [] }, after: { from: 'wan', to: 'lan', default: 'accept', order: [] }, risk: 'critical' },
    { because: 'default from allow to block', kind: 'firewall-policy', verb: 'update', before: { from: 'wan', to: 'lan', default: 'accept', order: [] }, after: { from: 'wan', to: 'lan', default: 'drop', order: [] }, risk: 'high' },
    { because: 'a group that loses a member cuts it off', kind: 'address-group', verb: 'update', before: { members: ['192.0.2.1'] }, after: { members: [] }, risk: 'high' },
    { because: 'a group that gains a member', kind: 'address-group', verb: 'update', before: { members: [] }, after: { members: ['192.0.2.1'] }, risk: 'medium' },
    { because: 'a port open to the world', kind: 'port-forward', verb: 'create', after: forward, risk: 'high' },
    { because: 'a port open to a partner', kind: 'port-forward', verb: 'create', after: { ...forward, sources: ['group:partner'] }, risk: 'medium' },
    { because: 'an account goes with its mail', kind: 'user', verb: 'delete', before: anna, risk: 'critical' },
    { because: 'no sign-in any more', kind: 'user', verb: 'update', before: { ...anna, enabled: true }, after: { ...anna, enabled: false }, risk: 'high' },
    { because: 'a new sign-in name', kind: 'user', verb: 'update', before: anna, after: { userPrincipalName: 'anna.neu@x.de' }, risk: 'high' },
    { because: 'a licence goes with its data', kind: 'user', verb: 'update', before: { ...anna, licences: [{ sku: 'SPB' }] }, after: { ...anna, licences: [] }, risk: 'high' },
    { because: 'a phone number', kind: 'user', verb: 'update', before: { ...anna, mobilePhone: '1' }, after: { ...anna, mobilePhone: '2' }, risk: 'low' },
    { because: 'a security group cannot be restored', kind: 'group', verb: 'delete', before: { mailNickname: 'x', type: 'security' }, risk: 'critical' },
    { because: 'a member goes', kind: 'group', verb: 'update', before: { members: ['anna@x.de'] }, after: { members: [] }, risk: 'medium' },
    { because: 'a port that is shut down', kind: 'switch-port', verb: 'update', before: { mode: 'access', vlan: 10 }, after: { mode: 'access', vlan: 10, enabled: false }, risk: 'high' },
    { because: 'a phone without power', kind: 'switch-port', verb: 'update', before: { mode: 'access', poe: true }, after: { mode: 'access', poe: false }, risk: 'high' },
    { because: 'one host moves', kind: 'switch-port', verb: 'update', before: { mode: 'access', vlan: 10 }, after: { mode: 'access', vlan: 20 }, risk: 'medium' },
    { because: 'a trunk that loses a VLAN', kind: 'switch-port', verb: 'update', before: { mode: 'trunk', tagged: [10, 20] }, after: { mode: 'trunk', tagged: [10] }, risk: 'high' },
    { because: 'a trunk that gains a VLAN', kind: 'switch-port', verb: 'update', before: { mode: 'trunk', tagged: [10] }, after: { mode: 'trunk', tagged: [10, 20] }, risk: 'medium' },
    { because: 'a WLAN open to all', kind: 'ssid', verb: 'update', before: { ssid: 'x', security: 'wpa2-personal' }, after: { ssid: 'x', security: 'open' }, risk: 'high' },
    { because: 'a new passphrase signs all out', kind: 'ssid', verb: 'update', before: { ssid: 'x', security: 'wpa2-personal', passphrase: { $secret: 'w', version: 1 } }, after: { ssid: 'x', security: 'wpa2-personal', passphrase: { $secret: 'w', version: 2 } }, risk: 'high' },
    { because: 'other addresses', kind: 'vlan', verb: 'update', before: { id: 10 }, after: { id: 10, dhcp: { from: '192.0.2.10', to: '192.0.2.20' } }, risk: 'medium' },
    { because: 'a tunnel with another key waits for its other side', kind: 'vpn-tunnel', verb: 'update', before: { addresses: ['10.9.0.1'], publicKey: 'a' }, after: { addresses: ['10.9.0.1'], publicKey: 'b' }, risk: 'high' },
    { because: 'a network more through a tunnel', kind: 'vpn-tunnel', verb: 'update', before: { networks: ['10.1.0.0/16'] }, after: { networks: ['10.1.0.0/16', '10.2.0.0/16'] }, risk: 'medium' },
    { because: 'a network less through a tunnel', kind: 'vpn-tunnel', verb: 'update', before: { networks: ['10.1.0.0/16', '10.2.0.0/16'] }, after: { networks: ['10.1.0.0/16'] }, risk: 'high' },
    { because: 'another device in place of one that is let in', kind: 'vpn-user', verb: 'update', before: { tunnel: 't', publicKey: 'a' }, after: { tunnel: 't', publicKey: 'b' }, risk: 'high' },
    { because: 'a zone on other interfaces moves all of its rules', kind: 'zone', verb: 'update', before: {}, after: {}, risk: 'high' },
  ])('$kind $verb is $risk: $because', ({ kind, verb, before, after, risk }) => {
    expect(impactOf(kind, verb, before, after)?.risk).toBe(risk);
  });

  it('writes the same port once', () => {
    expect(kinds.get('port-forward')?.canonical({ ...forward, destinationPort: 443 })).not.toHaveProperty('destinationPort');
    expect(kinds.get('port-forward')?.canonical({ ...forward, destinationPort: 8443 })).toHaveProperty('destinationPort', 8443);
  });
});

describe('migrateLedger', () => {
  const address = 'nord/fw1/address-group/office';
  const group = kinds.get('address-group');
  if (group === undefined) throw new Error('no address-group');
  const newer = new Map([['address-group', { ...group, schemaVersion: 2, migrate: (from: number, spec: JsonObject): JsonObject => (from === 1 ? { members: spec['hosts'] ?? [] } : spec) }]]);
  const ledger = (schemaVersion: number, spec: JsonObject): ReturnType<typeof emptyLedger> => ({ ...emptyLedger('nord'), entries: { [address]: { spec, schemaVersion, commit: 'c', run: 'r' } } });

  it.each([
    { because: 'an older entry is brought up and spelled anew', given: ledger(1, { hosts: ['192.0.2.1/32'] }), expected: { spec: { members: ['192.0.2.1'] }, schemaVersion: 2, commit: 'c', run: 'r' } },
    { because: 'a current entry stays', given: ledger(2, { members: ['192.0.2.1'] }), expected: { spec: { members: ['192.0.2.1'] }, schemaVersion: 2, commit: 'c', run: 'r' } },
  ])('$because', ({ given, expected }) => {
    expect(migrateLedger(given, newer).entries[address]).toEqual(expected);
  });

  it('leaves a kind alone that this version does not know', () => {
    expect(migrateLedger(ledger(7, { odd: true }), new Map())).toEqual(ledger(7, { odd: true }));
  });
});
