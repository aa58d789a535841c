import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';

/** Folders whose tests touch nothing outside their own values: they share one loaded copy of everything. */
const pure = ['test/{core,plan,edit,desired,layers}/**/*.test.ts'];

/** What takes longest begins first, so that no worker ends alone with it. */
class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const long = ['e2e/crash', 'conformance', 'device-script', 'e2e/cli', 'e2e/', 'demo', 'systems/', 'attacks/', 'apply/', 'simulator/', 'approval/'];
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = long.findIndex((part) => moduleId.includes(part));
      return found < 0 ? long.length : found;
    };
    return Promise.resolve([...files].sort((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1)));
  }
}

const shared = {
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
};
const limits = { testTimeout: 300_000, hookTimeout: 300_000, pool: 'forks' } as const;

export default defineConfig({
  ...shared,
  test: {
    // A third of the time is waiting for processes, connections and devices, so two cores can serve three.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    reporters: ['default', './test/count-reporter.ts'],
    projects: [
      { ...shared, test: { ...limits, name: 'whole', include: ['test/**/*.test.ts', 'providers/**/*.test.ts'], exclude: pure } },
      { ...shared, test: { ...limits, name: 'pure', include: pure, isolate: false } },
    ],
  },
});
