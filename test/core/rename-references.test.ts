import { describe, expect, it } from 'vitest';
import { toAddress, type Address, type JsonObject } from '#contract';
import { renameReferences, renamesOf } from '#core/rename-references';
import { kinds } from '#kinds/registry';

const at = (kind: string, name: string, target = 'fw1'): Address => toAddress({ customer: 'nord', target, kind, name });
const rename = (kind: string, from: string, to: string, target?: string): ReadonlyMap<Address, Address> => renamesOf([{ address: at(kind, to, target), was: at(kind, from, target) }, { address: at(kind, 'other') }]);

describe('renameReferences', () => {
  it.each<{ because: string; address: Address; spec: JsonObject; renames: ReadonlyMap<Address, Address>; expected: JsonObject }>([
    { because: 'a rule follows its renamed group, with the prefix, and the set is sorted again', address: at('firewall-rule', 'wan.lan.web'), spec: { from: 'wan', to: 'lan', action: 'accept', log: false, sources: ['group:a', 'group:m'] }, renames: rename('address-group', 'a', 'z'), expected: { from: 'wan', to: 'lan', action: 'accept', log: false, sources: ['group:m', 'group:z'] } },
    { because: 'a rule follows its renamed zone', address: at('firewall-rule', 'wan.lan.web'), spec: { from: 'wan', to: 'lan', action: 'accept', log: false }, renames: rename('zone', 'lan', 'office'), expected: { from: 'wan', to: 'office', action: 'accept', log: false } },
    { because: 'a policy lists a rule by the last part of its name', address: at('firewall-policy', 'wan.lan'), spec: { from: 'wan', to: 'lan', default: 'drop', log: false, order: ['web', 'rest'] }, renames: rename('firewall-rule', 'wan.lan.web', 'wan.lan.https'), expected: { from: 'wan', to: 'lan', default: 'drop', log: false, order: ['https', 'rest'] } },
    { because: 'a rule that moved to another policy has left this one, which is a change to see', address: at('firewall-policy', 'wan.lan'), spec: { from: 'wan', to: 'lan', default: 'drop', log: false, order: ['web'] }, renames: rename('firewall-rule', 'wan.lan.web', 'wan.dmz.web'), expected: { from: 'wan', to: 'lan', default: 'drop', log: false, order: ['web'] } },
    { because: 'a group of the same name elsewhere is another group', address: at('firewall-rule', 'wan.lan.web'), spec: { from: 'wan', to: 'lan', action: 'accept', log: false, sources: ['group:a'] }, renames: rename('address-group', 'a', 'z', 'fw2'), expected: { from: 'wan', to: 'lan', action: 'accept', log: false, sources: ['group:a'] } },
    { because: 'a member follows the new sign-in name', address: at('group', 'bau'), spec: { mailNickname: 'bau', type: 'security', members: ['a@x.de', 'b@x.de'] }, renames: rename('user', 'a@x.de', 'c@x.de'), expected: { mailNickname: 'bau', type: 'security', members: ['b@x.de', 'c@x.de'] } },
    { because: 'a kind that we do not know stays as it is', address: at('printer', 'hp'), spec: { zone: 'lan' }, renames: rename('zone', 'lan', 'office'), expected: { zone: 'lan' } },
  ])('$because', ({ address, spec, renames, expected }) => {
    expect(renameReferences({ address, spec, handle: null, origin: 'ours' }, renames, kinds).spec).toEqual(expected);
  });

  it('follows a rename on the target that the reference names', () => {
    const vlan = kinds.get('vlan');
    if (vlan === undefined) throw new Error('no vlan');
    const across = new Map([['vlan', { ...vlan, canonical: (spec: JsonObject) => spec, references: () => [{ kind: 'zone', name: 'lan', target: 'fw2', pointer: '/zone' }] }]]);
    const read = (target: string): JsonObject => renameReferences({ address: at('vlan', 'v'), spec: { zone: 'lan' }, handle: null, origin: 'ours' }, rename('zone', 'lan', 'office', target), across).spec;
    expect(read('fw2')).toEqual({ zone: 'office' });
    expect(read('fw1')).toEqual({ zone: 'lan' });
  });
});
