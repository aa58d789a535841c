/** Time zones, windows, freezes and rings that cannot be meant: code and place. */
import { describe, expect, it } from 'vitest';
import { base, load, type Files } from '../harness/desired.ts';

const customer = (text: string): Files => ({ 'customers/acme/customer.yaml': `${base['customers/acme/customer.yaml'] ?? ''}${text}` });
const settings = (text: string): Files => ({ 'soll.yaml': `version: 1\n${text}` });

describe('the calendar', () => {
  it.each<{ because: string; files: Files; told: readonly string[]; hint?: RegExp }>([
    { because: 'a zone of the world is right', files: customer('timezone: America/New_York\n'), told: [] },
    { because: 'there is no such zone', files: customer('timezone: Europe/Berlni\n'), told: ['customer.timezone customer.yaml:5:11'], hint: /Europe\/Berlin/ },
    { because: 'a window needs a length', files: customer('maintenance:\n  - days: [sat]\n    from: "06:00"\n    to: "06:00"\n'), told: ['customer.window customer.yaml:8:9'] },
    { because: 'a window over midnight is right', files: customer('maintenance:\n  - days: [sat]\n    from: "22:00"\n    to: "02:00"\n'), told: [] },
    { because: 'a customer\'s freeze ends before it begins', files: customer('freeze:\n  reason: x\n  from: "2026-12-27"\n  until: "2026-12-26"\n'), told: ['freeze.until customer.yaml:8:10'] },
    { because: 'a freeze of one day is right', files: customer('freeze:\n  reason: x\n  from: "2026-12-27"\n  until: "2026-12-27"\n'), told: [] },
    { because: 'the fleet\'s freeze ends before it begins', files: settings('freeze:\n  reason: x\n  from: "2027-01-01"\n  until: "2026-12-26"\n'), told: ['freeze.until soll.yaml:5:10'] },
    { because: 'the canary is nobody', files: settings('rollout:\n  canary: [acme, acne]\n'), told: ['rollout.canary soll.yaml:3:18'], hint: /acme/ },
  ])('$because', async ({ files, told, hint }) => {
    const { problems } = await load(files);
    expect(problems.map(({ code, source }) => `${code} ${source?.file.split('/').at(-1) ?? ''}:${String(source?.line)}:${String(source?.column)}`)).toEqual(told);
    for (const problem of problems) {
      expect(problem.severity).toBe('error');
      expect(problem.hint ?? '').toMatch(hint ?? /./);
    }
  });
});
