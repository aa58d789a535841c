/** Is a change still possible, and is it there? */
import { describe, expect, it } from 'vitest';
import { toAddress, type Change, type Live } from '#contract';
import { kinds } from '#kinds/registry';
import { isDone, liveByAddress, preImageMoved, stateShown } from '../../src/apply/compare-live.ts';

const address = toAddress({ customer: 'acme', target: 't', kind: 'user', name: 'a@x.de' });
const view = { kinds, renames: new Map(), changes: [] as readonly Change[] };
const spec = { userPrincipalName: 'a@x.de' };
const live = (more: object, extra: Partial<Live> = {}): Live => ({ address, spec: { ...spec, ...more }, handle: null, origin: 'ours', ...extra });
const update = (before: object, after: object): Change => ({ verb: 'update', address, reason: 'changed', before: { ...spec, ...before }, after: { ...spec, ...after } });

describe('preImageMoved', () => {
  it.each<{ because: string; change: Change; now: Live | undefined; moved: boolean }>([
    { because: 'as the plan saw it', change: update({ jobTitle: 'a' }, { jobTitle: 'b' }), now: live({ jobTitle: 'a' }), moved: false },
    { because: 'an owned field moved', change: update({ jobTitle: 'a' }, { jobTitle: 'b' }), now: live({ jobTitle: 'c' }), moved: true },
    { because: 'a field nobody owns moved', change: update({ jobTitle: 'a' }, { jobTitle: 'b' }), now: live({ jobTitle: 'a', department: 'x' }), moved: false },
    { because: 'it vanished', change: update({ jobTitle: 'a' }, { jobTitle: 'b' }), now: undefined, moved: true },
    { because: 'it is in the recycle bin', change: update({ jobTitle: 'a' }, { jobTitle: 'b' }), now: live({ jobTitle: 'a' }, { recoverable: {} }), moved: true },
    { because: 'a field that the target never shows is about to change: no conflict', change: update({ jobTitle: 'v1' }, { jobTitle: 'v2' }), now: live({}, { unverifiable: ['jobTitle'] }), moved: false },
    { because: 'beside a hidden field an owned one moved', change: update({ jobTitle: 'v1', department: 'a' }, { jobTitle: 'v2', department: 'a' }), now: live({ department: 'b' }, { unverifiable: ['jobTitle'] }), moved: true },
    { because: 'what is created came into being', change: { verb: 'create', address, reason: 'new', after: spec }, now: live({}), moved: true },
    { because: 'what is created lies in the recycle bin', change: { verb: 'create', address, reason: 'new', after: spec }, now: live({}, { recoverable: {} }), moved: false },
    { because: 'what is restored is no longer there', change: { verb: 'create', address, reason: 'new', after: spec, restore: true }, now: undefined, moved: true },
  ])('$because', ({ change, now, moved }) => {
    expect(preImageMoved(view, change, now) !== undefined).toBe(moved);
  });
});

describe('isDone', () => {
  it.each<{ because: string; change: Change; live: readonly Live[]; done: boolean }>([
    { because: 'the fields are there', change: update({ jobTitle: 'a' }, { jobTitle: 'b' }), live: [live({ jobTitle: 'b', department: 'x' })], done: true },
    { because: 'they are not', change: update({ jobTitle: 'a' }, { jobTitle: 'b' }), live: [live({ jobTitle: 'a' })], done: false },
    { because: 'a hidden field counts as written', change: update({ jobTitle: 'v1' }, { jobTitle: 'v2' }), live: [live({}, { unverifiable: ['jobTitle'] })], done: true },
    { because: 'deleted is gone or in the recycle bin', change: { verb: 'delete', address, reason: 'removed', before: spec }, live: [live({}, { recoverable: {} })], done: true },
    { because: 'a soft-deleted twin does not hide the living one', change: { verb: 'delete', address, reason: 'removed', before: spec }, live: [live({}), live({}, { recoverable: {} })], done: false },
  ])('$because', ({ change, live: all, done }) => {
    expect(isDone(view, change, liveByAddress(view, all, 'after'))).toBe(done);
  });
});

/** A VLAN table without names calls a VLAN by its id. */
describe('what has no name on the target', () => {
  const office = toAddress({ customer: 'acme', target: 't', kind: 'vlan', name: 'office' });
  const vlan = (id: number): Live => ({ address: toAddress({ customer: 'acme', target: 't', kind: 'vlan', name: String(id) }), spec: { id }, handle: id, origin: 'foreign', unnamed: true });
  const renumber: Change = { verb: 'update', address: office, reason: 'changed', before: { id: 10 }, after: { id: 20 } };
  it.each<{ because: string; change: Change; live: readonly Live[]; state: ReturnType<typeof stateShown> }>([
    { because: 'made is found by its id', change: { verb: 'create', address: office, reason: 'new', after: { id: 10 } }, live: [vlan(10)], state: 'after' },
    { because: 'not made is not there', change: { verb: 'create', address: office, reason: 'new', after: { id: 10 } }, live: [vlan(11)], state: 'before' },
    { because: 'deleted is gone', change: { verb: 'delete', address: office, reason: 'removed', before: { id: 10 } }, live: [vlan(11)], state: 'after' },
    { because: 'not deleted is still there', change: { verb: 'delete', address: office, reason: 'removed', before: { id: 10 } }, live: [vlan(10)], state: 'before' },
    { because: 'renumbered is there under the new id alone', change: renumber, live: [vlan(20)], state: 'after' },
    { because: 'a second one beside the old one is no renumbering', change: renumber, live: [vlan(10), vlan(20)], state: 'neither' },
    { because: 'not renumbered is as it was', change: renumber, live: [vlan(10)], state: 'before' },
  ])('$because', ({ change, live: all, state }) => {
    expect(stateShown({ kinds, renames: new Map(), changes: [change] }, [change], all)).toBe(state);
  });
});
