/** Rules about firmware, as `soll validate` tells them and as they reach a plan. */
import { describe, expect, it } from 'vitest';
import { judgeFirmware } from '#core/firmware';
import { load, type Files } from '../harness/desired.ts';

const people = 'version: 1\npeople:\n  anna:\n    name: Anna Schmidt\n';
const customer = (more: string): string => `name: Acme GmbH\nsites:\n  hq:\n    name: Hauptsitz\n${more}`;
const own = (rule: string): Files => ({ 'customers/acme/customer.yaml': customer(`firmware:\n  walls:\n${rule.split('\n').map((line) => `    ${line}`).join('\n')}\n`) });
const standard = (firmware: string, more = ''): string => `version: 1\ndescription:\n  en: E.\n  de: D.\n${more}firmware:\n${firmware}`;
const parameters = 'parameters:\n  least:\n    type: string\n    default: "1.0.6"\n    description: oldest\n';
const baseline = '  walls:\n    provider: nftables\n    minimum:\n      $parameter: least\n';
const subscribed = (values = '{}', more = ''): Files => ({ 'soll.yaml': people, 'standards/base.yaml': standard(baseline, parameters), 'customers/acme/customer.yaml': customer(`standards:\n  base: ${values}\n${more}`) });
const deviation = (lines: string, until = '2027-06-30'): Files => ({ 'customers/acme/deviations.yaml': `deviations:\n  - standard: base\n    ${lines}\n    reason: Hersteller\n    owner: anna\n    until: "${until}"\n` });

async function told(files: Files): Promise<readonly string[]> {
  const { problems } = await load(files);
  return problems.map(({ severity, code, source, hint }) => `${severity} ${code} ${source?.file.split('/').at(-1) ?? ''}:${String(source?.line ?? 0)}${hint?.startsWith('did you mean') === true ? ` (${hint})` : ''}`).sort();
}

describe('rules', () => {
  it.each<{ because: string; files: Files; problems: readonly string[] }>([
    { because: 'a rule about all of a family', files: own('provider: nftables\nminimum: "1.0.6"'), problems: [] },
    { because: 'a channel that the family does not tell is no mistake: it is told as unknown', files: own('provider: nftables\nchannel: stable'), problems: [] },
    { because: 'a channel that the family does not have', files: own('provider: memory\nchannel: stabel'), problems: ['error firmware.channel customer.yaml:8 (did you mean stable?)', 'warning firmware.unused customer.yaml:6'] },
    { because: 'a number is no version: 26.10 would become 26.1', files: own('provider: nftables\nminimum: 26.10'), problems: ['error yaml.number customer.yaml:8'] },
    { because: 'what cannot be compared with anything', files: own('provider: nftables\nminimum: latest'), problems: ['error firmware.minimum customer.yaml:8'] },
    { because: 'a rule that asks nothing', files: own('provider: nftables'), problems: ['error firmware.empty customer.yaml:6'] },
    { because: 'a family that does not exist', files: own('provider: nftable\nminimum: "1"'), problems: ['error firmware.provider customer.yaml:7 (did you mean nftables?)', 'warning firmware.unused customer.yaml:6'] },
    { because: 'a target of another family, and one that is not there', files: own('provider: nftables\nminimum: "1"\ntargets: [tenant, fx]'), problems: ['error firmware.target customer.yaml:9', 'error firmware.target customer.yaml:9 (did you mean fw?)'] },
    { because: 'a window without a length', files: own('provider: nftables\nminimum: "1"\nwindow:\n  - days: [sat]\n    from: "06:00"\n    to: "06:00"'), problems: ['error customer.window customer.yaml:12'] },
    { because: 'a standard that holds nothing else', files: subscribed(), problems: [] },
    { because: 'a parameter of it', files: subscribed('{ least: "newest" }'), problems: ['error firmware.minimum customer.yaml:6'] },
    { because: 'a parameter that nobody declared', files: { ...subscribed(), 'standards/base.yaml': standard(baseline) }, problems: ['error standard.broken customer.yaml:6', 'error standard.undeclared-parameter base.yaml:9'] },
    { because: 'a standard that asks nothing', files: { ...subscribed(), 'standards/base.yaml': 'version: 1\ndescription:\n  en: E.\n  de: D.\n' }, problems: ['error standard.broken customer.yaml:6', 'error standard.empty base.yaml:1'] },
    { because: 'one name for two rules: a deviation could not tell them apart', files: { ...subscribed(), 'standards/base.yaml': `${standard(baseline, parameters)}rules:\n  walls:\n    why:\n      en: E.\n      de: D.\n    kind: zone\n    atLeast: 0\n` }, problems: ['error standard.broken customer.yaml:6', 'error standard.rule-twice base.yaml:11'] },
    { because: 'a deviation from it: whether it is needed no file tells', files: { ...subscribed(), ...deviation('rule: walls') }, problems: [] },
    { because: 'a deviation from a rule that is not there', files: { ...subscribed(), ...deviation('rule: wall') }, problems: ['error deviation.rule deviations.yaml:3 (did you mean walls?)'] },
  ])('$because', async ({ files, problems }) => { expect(await told(files)).toEqual(problems); });

  it('reach the plan with their targets, parameters and what somebody answers for; one that has ended is answered for by nobody', async () => {
    const rules = async (files: Files): Promise<unknown> => (await load(files)).states[0]?.firmware;
    const rule = { name: 'walls', standard: 'base', targets: ['fw'], minimum: '1.0.6' };
    const accepted = { reason: 'Hersteller', owner: 'anna', until: '2027-06-30' };
    expect(await rules(subscribed())).toEqual([{ ...rule, accepted: {} }]);
    expect(await rules({ ...subscribed('{ least: "1.1" }'), ...deviation('at: hq') })).toEqual([{ ...rule, minimum: '1.1', accepted: { fw: accepted } }]);
    expect(await rules({ ...subscribed(), ...deviation('rule: walls', '2026-11-01') })).toEqual([{ ...rule, accepted: {} }]);
    expect(await rules({})).toBeUndefined();
    expect(await rules(subscribed('{}', 'offboarding:\n  act: release\n  reason: Ende\n'))).toBeUndefined();
  });
});

describe('standing', () => {
  const rule = { name: 'r', targets: ['fw', 'sw'], minimum: '15.2(7)E10', channel: 'stable', accepted: {} };
  const seen = { product: 'Cisco IOS WS-C2960X', version: '15.2(7)E3' };
  const short = (...given: Parameters<typeof judgeFirmware>): readonly string[] => judgeFirmware(...given).map(({ about, state, why }) => [about, state, ...(why === undefined ? [] : [why])].join(' '));

  it.each<[string, ReturnType<typeof short>, readonly string[]]>([
    ['below, and its channel is not told', short([rule], 'fw', seen), ['version missed', 'channel unknown untold']],
    ['as asked, in whatever spelling', short([rule], 'fw', { ...seen, version: '15.2(7)E10', channel: 'Stable' }), ['version met', 'channel met']],
    ['another train, another channel', short([rule], 'fw', { ...seen, version: '15.0(2)SE11', channel: 'beta' }), ['version unknown not-comparable', 'channel missed']],
    ['no answer is not a version', short([rule], 'fw', undefined), ['version unknown not-read', 'channel unknown not-read']],
    ['an answer without one neither', short([{ ...rule, channel: undefined as never }], 'fw', { ...seen, version: '' }), ['version unknown untold']],
    ['a target that the rule is not about', short([rule], 'ap', seen), []],
    ['a model that the rule is not about', short([{ ...rule, product: '*C9200*' }], 'fw', seen), []],
    ['nobody knows yet which model it is', short([{ ...rule, product: '*C9200*' }], 'fw', undefined), ['version unknown not-read', 'channel unknown not-read']],
    ['every rule counts', short([{ ...rule, channel: undefined as never }, { ...rule, minimum: '15.2(7)E3', channel: undefined as never }], 'fw', seen), ['version missed', 'version met']],
  ])('%s', (_, found, expected) => { expect(found).toEqual(expected); });

  it('what somebody answers for stays missed and is told with it; what is met needs nobody', () => {
    const accepted = { fw: { reason: 'x', owner: 'anna', until: '2027-01-01' } };
    expect(judgeFirmware([{ ...rule, accepted }], 'fw', { ...seen, channel: 'stable' })).toMatchObject([{ state: 'missed', accepted: accepted.fw }, { state: 'met' }]);
    expect(judgeFirmware([{ ...rule, accepted }], 'fw', { ...seen, channel: 'stable' })[1]).not.toHaveProperty('accepted');
  });
});
