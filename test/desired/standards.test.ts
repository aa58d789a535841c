/** Standards and deviations, as `soll validate` tells them. */
import { describe, expect, it } from 'vitest';
import type { DesiredState } from '#core/model';
import { edited, load, type Files } from '../harness/desired.ts';

const text = 'en: E.\n      de: D.';
const standard = (rules: string, parameters = ''): string => `version: 1\ndescription:\n  en: E.\n  de: D.\n${parameters}rules:\n${rules}`;
const rule = (name: string, body: string): string => `  ${name}:\n    why:\n      ${text}\n${body.split('\n').map((line) => `    ${line}`).join('\n')}\n`;
const parameter = 'parameters:\n  office:\n    type: integer\n    default: 10\n    min: 5\n    description: VLAN id of the office\n';
const vlan = rule('office-vlan', 'each: site\nkind: vlan\nwhere:\n  id:\n    equals:\n      $parameter: office\natLeast: 1');
const subscribed = (standards: string, more = ''): string => `name: Acme GmbH\nsites:\n  hq:\n    name: Hauptsitz\n${more}standards:\n${standards}`;
const people = 'version: 1\npeople:\n  anna:\n    name: Anna Schmidt\n';
const deviation = (lines: readonly string[], until = '2027-06-30'): string => `deviations:\n  - ${[...lines, 'reason: weil', ...(lines.some((line) => line.startsWith('owner')) ? [] : ['owner: anna']), `until: "${until}"`].join('\n    ')}\n`;

interface Row {
  readonly because: string;
  readonly rules?: string;
  readonly parameters?: string;
  readonly standards?: string;
  readonly deviations?: string;
  readonly files?: Files;
  readonly problems: readonly string[];
  readonly asOf?: string;
  readonly planned?: boolean;
}

async function told(row: Row): Promise<{ readonly problems: readonly string[]; readonly states: readonly DesiredState[] }> {
  const loaded = await load({
    'soll.yaml': people, 'standards/base.yaml': standard(row.rules ?? vlan, row.parameters ?? parameter), 'customers/acme/customer.yaml': subscribed(row.standards ?? '  base: {}\n'),
    ...(row.deviations === undefined ? {} : { 'customers/acme/deviations.yaml': row.deviations }), ...row.files,
  }, { asOf: row.asOf ?? '2026-11-24T12:00:00Z' });
  return { states: loaded.states, problems: loaded.problems.map(({ severity, code, source, hint }) => `${severity} ${code} ${source?.file.split('/').at(-1) ?? ''}:${String(source?.line ?? 0)}${hint?.startsWith('did you mean') === true ? ` (${hint})` : ''}`).sort() };
}

const noVlan = '  base:\n    office: 99\n';
const mustRule = (must: string, where = ''): string => rule('r', `kind: firewall-rule\n${where}must:\n${must}`);
const unmetRule = ['error standard.unmet firewall.yaml:21', 'error standard.unmet firewall.yaml:29'];

describe('standards', () => {
  it.each<Row>([
    { because: 'a standard that is met says nothing', problems: [] },
    { because: 'what is missing is told at the subscription', standards: noVlan, problems: ['error standard.unmet customer.yaml:6'] },
    { because: 'a resource that is not as asked is told at its place', rules: mustRule('  comment:\n    present: true'), problems: unmetRule },
    { because: 'where selects', rules: mustRule('  comment:\n    present: true', 'where:\n  from:\n    equals: wan\n'), problems: ['error standard.unmet firewall.yaml:21'] },
    { because: 'a name selects', rules: rule('r', 'kind: firewall-rule\nname: "*.surf"\natMost: 0'), problems: ['error standard.unmet customer.yaml:6'] },
    { because: 'contains looks into a list', rules: mustRule('  services:\n    contains: web'), problems: ['error standard.unmet firewall.yaml:21'] },
    { because: 'oneOf holds of every item of a list', rules: mustRule('  services:\n    oneOf: [web, ssh]'), problems: [] },
    { because: 'oneOf refuses one stranger', rules: mustRule('  services:\n    oneOf: [ssh]'), problems: ['error standard.unmet firewall.yaml:29'] },
    { because: 'min counts the items of a list', rules: mustRule('  services:\n    min: 2'), problems: unmetRule },
    { because: 'max lets one item through', rules: mustRule('  services:\n    max: 1'), problems: [] },
    { because: 'absent is met by what is not written', rules: mustRule('  comment:\n    absent: true'), problems: [] },
    { because: 'absent is not met by what is written', rules: mustRule('  services:\n    absent: true'), problems: unmetRule },
    { because: 'min compares a number', rules: rule('r', 'kind: vlan\nmust:\n  id:\n    min: 11'), problems: ['error standard.unmet network.yaml:4'] },
    { because: 'a field that is not written is not equal to anything', rules: mustRule('  comment:\n    equals: x'), problems: unmetRule },
    { because: 'each target of a provider is counted for itself', rules: rule('r', 'each: target\nprovider: m365\nkind: user\natLeast: 3'), problems: ['error standard.unmet customer.yaml:6'] },
    { because: 'a target of another provider is not asked', rules: rule('r', 'each: target\nprovider: nftables\nkind: zone\natLeast: 2'), problems: [] },
    { because: 'the customer as a whole is counted', rules: rule('r', 'kind: user\nname: notfall*\natLeast: 2'), problems: ['error standard.unmet customer.yaml:6'] },
    { because: 'a rule can be a warning', rules: rule('r', 'severity: warning\nkind: user\natLeast: 9'), problems: ['warning standard.unmet customer.yaml:6'], planned: true },
    { because: 'a value beyond the bound weakens the standard', standards: '  base:\n    office: 4\n', files: edited('network.yaml', 'id: 10', 'id: 4'), problems: ['error standard.unmet customer.yaml:7'] },
    { because: 'an unknown standard', standards: '  bases: {}\n', problems: ['error standard.unknown customer.yaml:6 (did you mean base?)'] },
    { because: 'an unknown parameter', standards: '  base:\n    offices: 10\n', problems: ['error standard.unknown-parameter customer.yaml:7 (did you mean office?)'] },
    { because: 'a parameter of the wrong type', standards: '  base:\n    office: ten\n', problems: ['error standard.parameter-type customer.yaml:7'] },
    { because: 'a parameter without a default and without a value', parameters: parameter.replace('    default: 10\n', ''), problems: ['error standard.missing-parameter customer.yaml:6'] },
    { because: 'a field that the kind does not have would never be met', rules: mustRule('  coment:\n    present: true'), problems: ['error standard.broken customer.yaml:6', 'error standard.field base.yaml:18 (did you mean comment?)'] },
    { because: 'a kind that does not exist', rules: rule('r', 'kind: vlans\natLeast: 1'), problems: ['error standard.broken customer.yaml:6', 'error standard.kind base.yaml:16 (did you mean vlan?)'] },
    { because: 'a parameter that nobody declared', rules: vlan.replace('$parameter: office', '$parameter: offize'), problems: ['error standard.broken customer.yaml:6', 'error standard.undeclared-parameter base.yaml:21 (did you mean office?)'] },
    { because: 'a default of the wrong type', parameters: parameter.replace('default: 10', 'default: ten'), problems: ['error standard.broken customer.yaml:6', 'error standard.default base.yaml:8'] },
    { because: 'a rule that asks nothing', rules: rule('r', 'kind: vlan'), problems: ['error standard.broken customer.yaml:6', 'error standard.empty-rule base.yaml:12'] },
    { because: 'a misspelt file', files: { 'standards/Base.yaml': 'version: 1\n' }, problems: ['error standard.file Base.yaml:1'], planned: true },
    { because: 'a document that has an error is mended first, then standards are looked at', standards: noVlan, files: edited('network.yaml', 'id: 10', 'id: ten'), problems: ['error schema.type network.yaml:5'] },
    { because: 'a customer that leaves need not meet anything', standards: noVlan + 'offboarding:\n  act: release\n  reason: Ende\n', problems: [], planned: true },
  ])('$because', async (row) => {
    const { problems, states } = await told(row);
    expect(problems).toEqual(row.problems);
    expect(states.length > 0).toBe(row.planned ?? row.problems.length === 0);
  });

  it('why a rule is there is told in both languages', async () => {
    const { problems } = await load({ 'soll.yaml': people, 'standards/base.yaml': standard(vlan, parameter), 'customers/acme/customer.yaml': subscribed(noVlan) });
    expect(problems.map(({ explanation }) => explanation)).toEqual([{ en: 'E.', de: 'D.' }]);
  });
});

describe('deviations', () => {
  const covered = ['standard: base', 'rule: office-vlan'];
  it.each<Row>([
    { because: 'somebody answers for it', standards: noVlan, deviations: deviation(covered), problems: [], planned: true },
    { because: 'for the whole standard', standards: noVlan, deviations: deviation(['standard: base']), problems: [], planned: true },
    { because: 'for one site', standards: noVlan, deviations: deviation([...covered, 'at: hq']), problems: [], planned: true },
    { because: 'another place is not covered', standards: noVlan, deviations: deviation([...covered, 'at: fw']), problems: ['error standard.unmet customer.yaml:6', 'warning deviation.unneeded deviations.yaml:2'] },
    { because: 'on its last day it still counts', standards: noVlan, deviations: deviation(covered, '2026-11-24'), problems: ['warning deviation.ends-soon deviations.yaml:6'], planned: true },
    { because: 'the last day is that of the customer: in Berlin it is tomorrow already', standards: noVlan, deviations: deviation(covered, '2026-11-24'), asOf: '2026-11-24T23:30:00Z', problems: ['error deviation.expired deviations.yaml:6'], planned: true },
    { because: 'what has ended is an error, and does not stop a plan', standards: noVlan, deviations: deviation(covered, '2026-11-23'), problems: ['error deviation.expired deviations.yaml:6'], planned: true },
    { because: 'fourteen days before it is told', standards: noVlan, deviations: deviation(covered, '2026-12-08'), problems: ['warning deviation.ends-soon deviations.yaml:6'], planned: true },
    { because: 'fifteen days before it is not', standards: noVlan, deviations: deviation(covered, '2026-12-09'), problems: [], planned: true },
    { because: 'nothing needs it', deviations: deviation(covered), problems: ['warning deviation.unneeded deviations.yaml:2'], planned: true },
    { because: 'nobody of that name', standards: noVlan, deviations: deviation([...covered, 'owner: ana']), problems: ['error deviation.owner deviations.yaml:4 (did you mean anna?)', 'error standard.unmet customer.yaml:6'] },
    { because: 'who there is nobody knows while soll.yaml is broken', standards: noVlan, deviations: deviation(covered), files: { 'soll.yaml': 'version: 2\n' }, problems: ['error schema.value soll.yaml:1'], planned: true },
    { because: 'there are no people at all', standards: noVlan, deviations: deviation(covered), files: { 'soll.yaml': 'version: 1\n' }, problems: ['error deviation.owner deviations.yaml:5', 'error standard.unmet customer.yaml:6'] },
    { because: 'no rule of that name', standards: noVlan, deviations: deviation(['standard: base', 'rule: office-vlans']), problems: ['error deviation.rule deviations.yaml:3 (did you mean office-vlan?)', 'error standard.unmet customer.yaml:6'] },
    { because: 'no site of that name', standards: noVlan, deviations: deviation([...covered, 'at: hk']), problems: ['error deviation.at deviations.yaml:4 (did you mean hq?)', 'error standard.unmet customer.yaml:6'] },
    { because: 'a standard that the customer does not have', deviations: deviation(['standard: bass']), problems: ['error deviation.standard deviations.yaml:2 (did you mean base?)'] },
    { because: 'about nothing', deviations: deviation(['ticket: T-1']), problems: ['error deviation.what deviations.yaml:2'] },
    { because: 'about two things', deviations: deviation([...covered, 'resource: fw/firewall-rule/x']), problems: ['error deviation.what deviations.yaml:2'] },
    { because: 'a target that does not exist', deviations: deviation(['resource: fv/firewall-rule/lan.wan.surf']), problems: ['error deviation.target deviations.yaml:2 (did you mean fw?)'] },
    { because: 'a kind that the target does not manage', deviations: deviation(['resource: fw/user/x']), problems: ['error deviation.kind deviations.yaml:2'] },
    { because: 'a field that the kind does not have', deviations: deviation(['resource: fw/firewall-rule/lan.wan.surf', 'fields: [source]']), problems: ['error deviation.field deviations.yaml:3 (did you mean sources?)'] },
    { because: 'without an end there is none', deviations: 'deviations:\n  - standard: base\n    reason: x\n    owner: anna\n', problems: ['error schema.missing-field deviations.yaml:2'] },
    { because: 'a time zone that does not exist', files: { 'customers/acme/customer.yaml': subscribed('  base: {}\n', 'timezone: Europe/Freiburg\n') }, problems: ['error customer.timezone customer.yaml:5 (did you mean Europe/Luxembourg?)'] },
  ])('$because', async (row) => {
    const { problems, states } = await told(row);
    expect(problems).toEqual(row.problems);
    expect(states.length > 0).toBe(row.planned ?? false);
  });

  it.each([
    { because: 'until its end it comes to the plan', until: '2026-11-24', accepted: ['acme/fw/firewall-rule/lan.wan.surf'] },
    { because: 'after its end it does not: the plan acts again', until: '2026-11-23', accepted: [] },
  ])('of a resource: $because', async ({ until, accepted }) => {
    const { states } = await told({ because: '', problems: [], deviations: deviation(['resource: fw/firewall-rule/lan.wan.surf'], until) });
    expect(states.flatMap((state) => state.accepted ?? []).map(({ address }) => address)).toEqual(accepted);
  });
});
