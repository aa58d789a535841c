import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#contract';
import { annotationOf } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import { overlayOwned, projectOwned } from '#core/project-owned';
import { kinds } from '#kinds/registry';
import { arbitrarySpec } from './arbitrary-spec.ts';

const rule = kinds.get('firewall-rule')?.schema ?? {};
const user = kinds.get('user')?.schema ?? {};

describe('projectOwned', () => {
  it.each<{ because: string; live: JsonObject; owner: JsonObject; expected: JsonObject }>([
    { because: 'a field that nobody wrote is not ours', live: { displayName: 'Anna', jobTitle: 'Meisterin' }, owner: { displayName: 'Anna S.' }, expected: { displayName: 'Anna' } },
    { because: 'a written field that is not there stays out', live: {}, owner: { displayName: 'Anna' }, expected: {} },
    { because: 'cleared meets "not there" as equal', live: {}, owner: { jobTitle: null, members: [] }, expected: { jobTitle: null, members: [] } },
    { because: 'a licence that nobody wrote is seen, as the list is complete', live: { licences: [{ sku: 'EMS', disabledPlans: [] }, { sku: 'SPB', disabledPlans: ['SWAY'] }] }, owner: { licences: [{ sku: 'SPB' }] }, expected: { licences: [{ sku: 'EMS', disabledPlans: [] }, { sku: 'SPB' }] } },
    { because: 'a plain list is seen whole', live: { businessPhones: ['1', '2'] }, owner: { businessPhones: ['1'] }, expected: { businessPhones: ['1', '2'] } },
  ])('$because', ({ live, owner, expected }) => {
    expect(projectOwned(user, live, owner)).toEqual(expected);
  });

  it('sees a field that nobody wrote where absence has a meaning: a rule without sources is for all', () => {
    const narrowed = { from: 'wan', to: 'lan', action: 'accept', sources: ['192.0.2.1'] };
    expect(projectOwned(rule, narrowed, { from: 'wan', to: 'lan', action: 'accept' })).toEqual(narrowed);
    expect(overlayOwned(rule, narrowed, { from: 'wan', to: 'lan', action: 'accept' })).toEqual({ from: 'wan', to: 'lan', action: 'accept' });
  });
});

describe('overlayOwned', () => {
  it.each<{ because: string; live: JsonObject; owner: JsonObject; expected: JsonObject }>([
    { because: 'what nobody wrote stays as it is', live: { displayName: 'Anna', jobTitle: 'Meisterin' }, owner: { displayName: 'Anna S.' }, expected: { displayName: 'Anna S.', jobTitle: 'Meisterin' } },
    { because: 'an unwritten field of a written item stays', live: { licences: [{ sku: 'SPB', disabledPlans: ['SWAY'] }] }, owner: { licences: [{ sku: 'SPB' }] }, expected: { licences: [{ sku: 'SPB', disabledPlans: ['SWAY'] }] } },
    { because: 'an item that is no longer written goes', live: { licences: [{ sku: 'EMS' }, { sku: 'SPB' }] }, owner: { licences: [{ sku: 'SPB' }] }, expected: { licences: [{ sku: 'SPB' }] } },
  ])('$because', ({ live, owner, expected }) => {
    expect(overlayOwned(user, live, owner)).toEqual(expected);
  });

  it.each([...kinds])('%s: after writing, what we own is as written, and writing again changes nothing', (_name, kind) => {
    fc.assert(fc.property(arbitrarySpec(kind.schema), arbitrarySpec(kind.schema), (one, other) => {
      const [live, owner] = [kind.canonical(one), kind.canonical(other)];
      const written = overlayOwned(kind.schema, live, owner);
      expect(equalJson(projectOwned(kind.schema, written, owner), owner)).toBe(true);
      expect(equalJson(overlayOwned(kind.schema, written, owner), written)).toBe(true);
      const unowned = Object.keys(live).filter((field) => !(field in owner));
      const complete = annotationOf(kind.schema).complete === true;
      expect(unowned.every((field) => equalJson(written[field], complete ? undefined : live[field]))).toBe(true);
    }));
  });
});
