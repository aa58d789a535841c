/** `npm run demo:pr` as a test: the same script, whose every step is checked where it happens. */
import { expect, test } from 'vitest';
import { DemoFailure, makeStage } from '../../src/demo/make-stage.ts';
import { rehearsePullRequests } from '../../src/demo/rehearse-pr.ts';

test('two pull requests from the first push to the evidence pack', async () => {
  let text = '';
  try {
    await rehearsePullRequests((part) => { text += part; });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nafter:\n${text.slice(-2000)}`, { cause: error });
  }
  const stages = ['Comment on pull request 1', 'approved by ben-msp and merged', 'the plan after it is empty', 'the record names who asked and who approved', 'one issue tells it', 'one pull request is open, and the second run has kept it', 'it is recorded, with its approval', 'the issue is closed', 'the chain is whole, and every run was approved', 'evidence.json'];
  const places = stages.map((stage) => text.indexOf(stage));
  expect(places, 'everything that the issue asks for, in this order').toEqual([...places].filter((place) => place >= 0).sort((a, b) => a - b));
  expect(text, 'no token and no folder of this machine').not.toMatch(/ghs_|\/soll-demo-pr-/);
}, 600_000);

test('a step that does not do what it says ends the rehearsal', async () => {
  const stage = makeStage({ root: '/', name: 'x', mail: 'x@msp.example', out: () => undefined, cli: { busy: false, call: () => Promise.resolve({ code: 2, stdout: 'drift', stderr: '' }), stop: () => undefined } });
  await expect(stage.soll(['plan'])).rejects.toThrow(DemoFailure);
  expect(await stage.soll(['plan'], { expect: 2 })).toMatchObject({ stdout: 'drift' });
  expect(() => { stage.check('this', false); }).toThrow(DemoFailure);
});
