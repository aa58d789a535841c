/** The layers of docs/architecture.md as rules. A planted violation of each stands in test/layers. */
const stages = 'desired|live|plan|apply|audit|render|secrets|approval|platform|edit|rollout';
const pure = 'contract|core|generated|kinds';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', comment: 'two modules that need each other are one module', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'contract-alone', severity: 'error', comment: 'the contract depends on nothing', from: { path: '^src/contract/' }, to: { pathNot: ['^src/contract/', '^node:', '^(util|crypto)$'] } },
    { name: 'core-pure', severity: 'error', comment: 'core and kinds are pure: no files, no network, no stage', from: { path: '^src/(core|kinds)/', pathNot: '^src/core/sha256' }, to: { pathNot: [`^src/(${pure})/`, 'node_modules/ipaddr\\.js'], dependencyTypesNot: ['type-only'] } },
    {
      name: 'stage-alone', severity: 'error', comment: 'a stage never imports another stage: pipeline.ts joins them',
      from: { path: `^src/(${stages})/` },
      to: { path: '^(src|providers)/', pathNot: [`^src/(${pure}|git|transport)/`, '^src/$1/'] },
    },
    {
      name: 'provider-alone', severity: 'error', comment: 'a provider knows the contract, core, kinds, transport and itself',
      from: { path: '^providers/([^/]+)/', pathNot: ['^providers/[^/]+/simulator(\\.ts$|/)', '\\.test\\.ts$'] },
      to: { path: '^(src|providers|test)/', pathNot: [`^src/(${pure}|transport)/`, '^providers/$1/'] },
    },
    {
      name: 'provider-not-its-simulator', severity: 'error', comment: 'the stand-in is written from the vendor\'s documents; nothing may flow between it and the provider',
      from: { path: '^providers/([^/]+)/', pathNot: ['^providers/[^/]+/simulator(\\.ts$|/)', '\\.test\\.ts$'] },
      to: { path: '^providers/[^/]+/simulator(\\.ts$|/)' },
    },
    {
      name: 'simulator-not-its-provider', severity: 'error', comment: 'a stand-in that shares code with its provider proves nothing',
      from: { path: '^providers/[^/]+/simulator(\\.ts$|/)' },
      to: { path: '^(src|providers|test)/', pathNot: [`^src/(${pure}|testkit)/`, '^providers/[^/]+/simulator(\\.ts$|/)'] },
    },
    { name: 'transport-below', severity: 'error', from: { path: '^src/(git|transport)/' }, to: { path: '^(src|providers)/', pathNot: [`^src/(${pure}|git|transport)/`] } },
    { name: 'testkit-stays-out', severity: 'error', comment: 'production code never loads test tools', from: { path: '^src/', pathNot: '^src/(testkit|lab|demo)/' }, to: { path: '^src/testkit/' } },
    { name: 'no-dev-dependency', severity: 'error', from: { path: '^(src|providers)/', pathNot: ['\\.test\\.ts$'] }, to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['source', 'import', 'node', 'default', 'types'], extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'] },
  },
};
