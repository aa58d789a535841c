import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** Last line of a run: `N passed, N failed`; with SOLL_TEST_COUNT also into that file. A file that does not load counts as a failure. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const failed = tests.filter((test) => test.result().state === 'failed').length + modules.filter((module) => module.errors().length > 0).length + unhandled.length;
    const skipped = tests.filter((test) => test.result().state === 'skipped').length;
    const line = `${String(passed)} passed, ${String(failed)} failed`;
    process.stdout.write(`${skipped === 0 ? '' : `${String(skipped)} skipped\n`}${line}\n`);
    const file = process.env['SOLL_TEST_COUNT'];
    if (file !== undefined && file !== '') writeFileSync(file, `${line}\n`);
  }
}
