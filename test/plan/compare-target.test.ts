import { describe, expect, it } from 'vitest';
import type { Desired, JsonObject, Live, Mode } from '#contract';
import type { Ledger } from '#core/model';
import { kinds } from '#kinds/registry';
import { compareTarget, type Comparison } from '../../src/plan/compare-target.ts';
import { at, capabilitiesOf, desired, entry, live, summary, targetOf } from './plan-fixture.ts';

const office = at('fw1', 'address-group', 'office');
const branch = at('fw1', 'address-group', 'branch');
const one: JsonObject = { members: ['192.0.2.1'] };
const two: JsonObject = { members: ['192.0.2.2'] };
const three: JsonObject = { members: ['192.0.2.3'] };

interface Given {
  readonly mode?: Mode;
  readonly desired?: readonly Desired[];
  readonly live?: readonly Live[];
  readonly ledger?: Ledger['entries'];
  readonly written?: readonly string[];
  readonly verbs?: Parameters<typeof capabilitiesOf>[1];
}

function compare(given: Given): Comparison {
  return compareTarget({
    target: targetOf('fw1', 'firewall', given.mode ?? 'merge'), capabilities: capabilitiesOf('object', given.verbs), kinds,
    desired: given.desired ?? [], live: given.live ?? [], ledger: given.ledger ?? {}, written: given.written ?? [...kinds.keys()],
  });
}

function told(result: Comparison): { changes: readonly string[]; ledger: readonly string[]; findings: readonly string[]; problems: readonly string[] } {
  return {
    changes: summary(result.changes), ledger: summary(result.ledgerOnly),
    findings: result.findings.map(({ kind, address }) => `${kind} ${address.split('/').at(-1) ?? ''}`),
    problems: result.problems.map(({ code }) => code),
  };
}

interface Row extends Given {
  readonly because: string;
  readonly changes?: readonly string[];
  readonly ledgerOnly?: readonly string[];
  readonly findings?: readonly string[];
  readonly problems?: readonly string[];
}

function check(row: Row): void {
  expect(told(compare(row))).toEqual({ changes: row.changes ?? [], ledger: row.ledgerOnly ?? [], findings: row.findings ?? [], problems: row.problems ?? [] });
}

describe('written resources', () => {
  it.each<Row>([
    { because: 'written, not there, never applied: new', desired: [desired(office, one)], changes: ['create office new'] },
    { because: 'written as applied, gone from the device: drift', desired: [desired(office, one)], ledger: entry(office, one), changes: ['create office drift'] },
    { because: 'written anew and gone from the device: conflict', desired: [desired(office, two)], ledger: entry(office, one), changes: ['create office conflict'] },
    { because: 'all three the same: nothing', desired: [desired(office, one)], live: [live(office, one)], ledger: entry(office, one) },
    { because: 'there as written but never applied: adopted without a write', desired: [desired(office, one)], live: [live(office, one, { origin: 'foreign' })], ledgerOnly: ['adopt office adopted'] },
    { because: 'both sides moved to the same: only the ledger learns', desired: [desired(office, two)], live: [live(office, two)], ledger: entry(office, one), ledgerOnly: ['adopt office adopted'] },
    { because: 'there, different, never applied: taken over by a write', desired: [desired(office, two)], live: [live(office, one, { origin: 'foreign' })], changes: ['update office adopted'] },
    { because: 'only YAML moved: changed', desired: [desired(office, two)], live: [live(office, one)], ledger: entry(office, one), changes: ['update office changed'] },
    { because: 'only the device moved: drift', desired: [desired(office, one)], live: [live(office, two)], ledger: entry(office, one), changes: ['update office drift'] },
    { because: 'both moved, apart: conflict', desired: [desired(office, three)], live: [live(office, two)], ledger: entry(office, one), changes: ['update office conflict'] },
    { because: 'another spelling of the same network is no difference', desired: [desired(office, { members: ['10.0.0.0/8', '192.0.2.1/32'] })], live: [live(office, { members: ['192.0.2.1', '10.9.9.9/8'] })], ledger: entry(office, { members: ['10.0.0.0/8', '192.0.2.1'] }) },
    { because: 'what belongs to the system is told, not changed', desired: [desired(office, one)], live: [live(office, two, { origin: 'system' })], findings: ['drift office'], problems: ['plan.read-only'] },
    { because: 'what cannot be changed here is told, not changed', desired: [desired(office, one)], live: [live(office, two, { readOnly: 'synced from on-premises' })], findings: ['drift office'], problems: ['plan.read-only'] },
    { because: 'a verb that the family lacks is an error before any write', desired: [desired(office, one)], verbs: ['update'], problems: ['plan.unsupported'] },
  ])('$because', check);
});

describe('resources that nobody writes any more', () => {
  it.each<Row>([
    { because: 'applied and there: removed', live: [live(office, one)], ledger: entry(office, one), changes: ['delete office removed'] },
    { because: 'applied and gone already: let go', ledger: entry(office, one), ledgerOnly: ['release office removed'] },
    { because: 'the whole key is gone from YAML: let go, never deleted', live: [live(office, one)], ledger: entry(office, one), written: [], ledgerOnly: ['release office removed'] },
    { because: 'somebody else made it: told', live: [live(office, one, { origin: 'foreign' })], findings: ['foreign office'] },
    { because: 'our marker without our record does not make it ours to delete', live: [live(office, one)], findings: ['foreign office'] },
    { because: 'in mode exclusive what is not written goes', mode: 'exclusive', live: [live(office, one, { origin: 'foreign' })], changes: ['delete office drift'] },
    { because: 'in mode exclusive an unwritten key still deletes nothing', mode: 'exclusive', live: [live(office, one, { origin: 'foreign' })], written: [], findings: ['foreign office'] },
    { because: 'what belongs to the system stays in every mode', mode: 'exclusive', live: [live(office, one, { origin: 'system' })] },
    { because: 'what belongs to the system stays even when it was once applied', mode: 'exclusive', live: [live(office, one, { origin: 'system' })], ledger: entry(office, one) },
    { because: 'what cannot be deleted here is told', mode: 'exclusive', live: [live(office, one, { origin: 'foreign', readOnly: 'built by the vendor' })], findings: ['foreign office'], problems: ['plan.read-only'] },
    { because: 'a family that cannot delete says so', live: [live(office, one)], ledger: entry(office, one), verbs: ['create', 'update'], problems: ['plan.unsupported'] },
    { because: 'a soft-deleted object that nobody writes is not there', mode: 'exclusive', live: [live(office, one, { recoverable: {} })] },
  ])('$because', check);
});

describe('mode observe', () => {
  it.each<Row>([
    { because: 'a missing resource is told', mode: 'observe', desired: [desired(office, one)], findings: ['missing office'] },
    { because: 'a difference is told', mode: 'observe', desired: [desired(office, one)], live: [live(office, two)], findings: ['drift office'] },
    { because: 'a difference of something applied is told as well', mode: 'observe', desired: [desired(office, one)], live: [live(office, two)], ledger: entry(office, one), findings: ['drift office'] },
    { because: 'a match is silent and is not taken over', mode: 'observe', desired: [desired(office, one)], live: [live(office, one)] },
    { because: 'a foreign object is told', mode: 'observe', live: [live(office, one, { origin: 'foreign' })], findings: ['foreign office'] },
    { because: 'what was applied before observing is let go', mode: 'observe', live: [live(office, one)], ledger: entry(office, one), ledgerOnly: ['release office removed'] },
    { because: 'a rename is told, not done', mode: 'observe', desired: [desired(branch, one, { was: office })], live: [live(office, one)], findings: ['drift branch'] },
  ])('$because', check);
});

describe('rename with was', () => {
  it.each<Row>([
    { because: 'the old one is there: renamed, not deleted and created', desired: [desired(branch, one, { was: office })], live: [live(office, one)], ledger: entry(office, one), changes: ['update branch changed'] },
    { because: 'rename and edit are one change', desired: [desired(branch, two, { was: office })], live: [live(office, one)], ledger: entry(office, one), changes: ['update branch changed'] },
    { because: 'it was renamed before: was means nothing any more', desired: [desired(branch, one, { was: office })], live: [live(branch, one)], ledger: entry(branch, one) },
    { because: 'somebody renamed it by hand: the ledger follows', desired: [desired(branch, one, { was: office })], live: [live(branch, one)], ledger: entry(office, one), ledgerOnly: ['adopt branch adopted', 'release office removed'] },
    { because: 'neither is there: made under the new name', desired: [desired(branch, one, { was: office })], changes: ['create branch new'] },
    { because: 'both are there: a person must say which', desired: [desired(branch, one, { was: office })], live: [live(office, one), live(branch, one)], problems: ['plan.rename-target-exists'] },
    { because: 'never applied: taken over by the rename', desired: [desired(branch, one, { was: office })], live: [live(office, one, { origin: 'foreign' })], changes: ['update branch adopted'] },
  ])('$because', check);

  it('says so when both are there and reads what points at the old one as it is', () => {
    const rule = at('fw1', 'firewall-rule', 'wan.self.ssh');
    const spec: JsonObject = { from: 'wan', to: 'self', action: 'accept', sources: ['group:office'] };
    check({
      because: 'nothing is renamed',
      desired: [desired(branch, one, { was: office }), desired(rule, spec)], live: [live(office, one), live(branch, one), live(rule, spec)], ledger: entry(rule, spec),
      problems: ['plan.rename-target-exists'],
    });
  });

  it('keeps the old address and the handle for the provider', () => {
    const [change] = compare({ desired: [desired(branch, one, { was: office })], live: [live(office, one)] }).changes;
    expect(change).toMatchObject({ verb: 'update', address: branch, was: office, handle: { id: office } });
  });

  it('does not change the rules that use what is renamed', () => {
    const rule = at('fw1', 'firewall-rule', 'wan.self.ssh');
    const spec = (group: string): JsonObject => ({ from: 'wan', to: 'self', action: 'accept', sources: [`group:${group}`] });
    check({
      because: 'the family follows the rename or renders anew',
      desired: [desired(branch, one, { was: office }), desired(rule, spec('branch'))],
      live: [live(office, one), live(rule, spec('office'))],
      ledger: { ...entry(office, one), ...entry(rule, spec('office')) },
      changes: ['update branch changed'], ledgerOnly: ['adopt wan.self.ssh adopted'],
    });
  });
});

describe('by natural key', () => {
  const net = (name: string): ReturnType<typeof at> => at('fw1', 'vlan', name);
  const id = (number: number, more: JsonObject = {}): JsonObject => ({ id: number, ...more });
  const unnamed: Partial<Live> = { unnamed: true, origin: 'foreign' };
  it.each<Row>([
    { because: 'the device calls it otherwise: renamed, not made twice', desired: [desired(net('office'), id(10))], live: [live(net('VLAN0010'), id(10), { origin: 'foreign' })], changes: ['update office adopted'] },
    { because: 'somebody gave it another name there: drift', desired: [desired(net('office'), id(10))], live: [live(net('data'), id(10))], ledger: entry(net('office'), id(10)), changes: ['update office drift'] },
    { because: 'another name there and another description here: conflict', desired: [desired(net('office'), id(10, { description: 'Büro' }))], live: [live(net('data'), id(10))], ledger: entry(net('office'), id(10)), changes: ['update office conflict'] },
    { because: 'a secret that is never shown is taken over as it is, and told', desired: [desired(at('fw1', 'ssid', 'staff'), { ssid: 'P', security: 'wpa3-personal', passphrase: { $secret: 'x' } })], live: [live(at('fw1', 'ssid', 'staff'), { ssid: 'P', security: 'wpa3-personal' }, { unverifiable: ['passphrase'], origin: 'foreign' })], ledgerOnly: ['adopt staff adopted'], problems: ['plan.unverifiable'] },
    { because: 'of what was applied, a raised version is a change', desired: [desired(at('fw1', 'ssid', 'staff'), { ssid: 'P', security: 'wpa3-personal', passphrase: { $secret: 'x', version: 2 } })], live: [live(at('fw1', 'ssid', 'staff'), { ssid: 'P', security: 'wpa3-personal' }, { unverifiable: ['passphrase'] })], ledger: entry(at('fw1', 'ssid', 'staff'), { ssid: 'P', security: 'wpa3-personal', passphrase: { $secret: 'x' } }), changes: ['update staff changed'] },
    { because: 'renamed in YAML without was: the record follows', desired: [desired(net('buero'), id(10))], live: [live(net('office'), id(10))], ledger: entry(net('office'), id(10)), changes: ['update buero changed'] },
    { because: 'renamed in YAML without was and on the device already', desired: [desired(net('buero'), id(10))], live: [live(net('buero'), id(10))], ledger: entry(net('office'), id(10)), ledgerOnly: ['adopt buero adopted', 'release office removed'] },
    { because: 'renamed without was and gone from the device: drift, as it was applied', desired: [desired(net('buero'), id(10))], ledger: entry(net('office'), id(10)), changes: ['create buero drift'], ledgerOnly: ['release office removed'] },
    { because: 'what is written under its own name is nobody else', desired: [desired(net('office'), id(10)), desired(net('data'), id(20))], live: [live(net('data'), id(10))], ledger: entry(net('data'), id(20)), changes: ['create office new', 'update data drift'] },
    { because: 'somebody renumbered it: put back', desired: [desired(net('office'), id(10))], live: [live(net('office'), id(77))], ledger: entry(net('office'), id(10)), changes: ['update office drift'] },
    { because: 'the number is taken by another one there', desired: [desired(net('office'), id(10))], live: [live(net('office'), id(77)), live(net('data'), id(10), { origin: 'foreign' })], changes: ['update office adopted'], findings: ['foreign data'], problems: ['plan.key-exists'] },
    { because: 'two of one key there: a person must say which', desired: [desired(at('fw1', 'ssid', 'guest'), { ssid: 'Gast', security: 'open' })], live: [live(at('fw1', 'ssid', 'a'), { ssid: 'Gast', security: 'open' }), live(at('fw1', 'ssid', 'b'), { ssid: 'Gast', security: 'open' })], changes: ['update guest adopted'], findings: ['foreign b'], problems: ['plan.key-ambiguous'] },
    { because: 'was wins over the key', desired: [desired(net('buero'), id(10), { was: net('office') })], live: [live(net('office'), id(10))], ledger: entry(net('office'), id(10)), changes: ['update buero changed'] },
    { because: 'observe tells the other name', mode: 'observe', desired: [desired(net('office'), id(10))], live: [live(net('VLAN0010'), id(10))], findings: ['drift office'] },
    { because: 'a target without names is called as written: nothing to do', desired: [desired(net('office'), id(10))], live: [live(net('10'), id(10), unnamed)], ledger: entry(net('office'), id(10)) },
    { because: 'without names a rename in YAML touches the record only', desired: [desired(net('buero'), id(10))], live: [live(net('10'), id(10), unnamed)], ledger: entry(net('office'), id(10)), ledgerOnly: ['adopt buero adopted', 'release office removed'] },
    { because: 'without names what was applied and is no longer written is deleted by its key', live: [live(net('10'), id(10), unnamed)], ledger: entry(net('office'), id(10)), changes: ['delete office removed'] },
    { because: 'without names nothing is matched by a name that looks like another number', desired: [desired(net('10'), id(30))], live: [live(net('10'), id(10), unnamed), live(net('30'), id(30), unnamed)], ledgerOnly: ['adopt 10 adopted'], findings: ['foreign vlan%2010'] },
    { because: 'without names a difference is a change of the one thing', desired: [desired(net('office'), id(10, { description: 'Büro' }))], live: [live(net('10'), id(10, { description: 'x' }), unnamed)], ledger: entry(net('office'), id(10, { description: 'Büro' })), changes: ['update office drift'] },
  ])('$because', check);

  it('says the old name, so that the provider finds it and the record forgets it', () => {
    const [change] = compare({ desired: [desired(net('office'), id(10))], live: [live(net('VLAN0010'), id(10))] }).changes;
    expect(change).toMatchObject({ verb: 'update', address: net('office'), was: net('VLAN0010') });
  });
});

describe('fields', () => {
  const anna = at('fw1', 'user', 'anna@nord.de');
  const spec = { userPrincipalName: 'anna@nord.de' };
  const web = at('fw1', 'firewall-rule', 'wan.lan.web');
  const open = { from: 'wan', to: 'lan', action: 'accept' };

  it.each<Row>([
    { because: 'a field that nobody wrote may move', desired: [desired(anna, spec)], live: [live(anna, { ...spec, jobTitle: 'Meisterin' })], ledger: entry(anna, spec) },
    { because: 'a rule without sources is for all, so somebody who narrowed it has changed it', desired: [desired(web, open)], live: [live(web, { ...open, sources: ['192.0.2.1'] })], ledger: entry(web, open), changes: ['update wan.lan.web drift'] },
    { because: 'cleared meets "not there"', desired: [desired(anna, { ...spec, jobTitle: null })], live: [live(anna, spec)], ledger: entry(anna, { ...spec, jobTitle: null }) },
    { because: 'a field that is newly written and right already is only recorded', desired: [desired(anna, { ...spec, jobTitle: 'Meisterin' })], live: [live(anna, { ...spec, jobTitle: 'Meisterin' })], ledger: entry(anna, spec), ledgerOnly: ['adopt anna@nord.de adopted'] },
    { because: 'a field that cannot be changed here is told and left out', desired: [desired(anna, { ...spec, jobTitle: 'Meisterin' })], live: [live(anna, { ...spec, jobTitle: 'Gesellin' }, { readOnlyFields: { jobTitle: 'synced' } })], ledger: entry(anna, spec), problems: ['plan.read-only-field'] },
    { because: 'what the device never shows is taken from the ledger', desired: [desired(anna, { ...spec, mobilePhone: '1' })], live: [live(anna, spec, { unverifiable: ['mobilePhone'] })], ledger: entry(anna, { ...spec, mobilePhone: '1' }) },
    { because: 'what the device never shows and YAML moved is a change', desired: [desired(anna, { ...spec, mobilePhone: '2' })], live: [live(anna, spec, { unverifiable: ['mobilePhone'] })], ledger: entry(anna, { ...spec, mobilePhone: '1' }), changes: ['update anna@nord.de changed'] },
  ])('$because', check);

  it('brings a soft-deleted object back instead of making a second one', () => {
    const [change] = compare({ desired: [desired(anna, spec)], live: [live(anna, spec, { recoverable: { until: '2026-12-01' } })], ledger: entry(anna, spec) }).changes;
    expect(change).toMatchObject({ verb: 'create', restore: true, reason: 'drift', handle: { id: anna } });
  });

  it('shows owned fields only, so that an edit elsewhere makes no approval stale', () => {
    const [change] = compare({ desired: [desired(anna, { ...spec, department: 'Bau' })], live: [live(anna, { ...spec, department: 'Büro', jobTitle: 'Meisterin' })] }).changes;
    expect(change).toMatchObject({ before: { ...spec, department: 'Büro' }, after: { ...spec, department: 'Bau' } });
    expect(change?.before).not.toHaveProperty('jobTitle');
  });
});
