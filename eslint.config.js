import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'src/generated/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // A forgotten await in apply is a write that nobody waits for.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      '@typescript-eslint/promise-function-async': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-import-type-side-effects': 'off',
      'no-console': 'error',
      eqeqeq: 'error',
      // Values from devices are Json: whatever shape a wrong one has, its text goes into a message.
      '@typescript-eslint/no-base-to-string': 'off',
      // `undefined` among promises is fine for Promise.all and reads best with optional calls.
      '@typescript-eslint/await-thenable': 'off',
      complexity: ['error', 25],
      'max-lines': ['error', 520],
    },
  },
  {
    files: ['test/**/*.ts', '**/*.test.ts', 'providers/*/simulator/**/*.ts', 'providers/*/simulator.ts', 'src/testkit/**/*.ts'],
    rules: {
      // A stand-in says loudly what it does not know; text of a strange value is good enough there.
      '@typescript-eslint/unbound-method': 'off', complexity: 'off',
    },
  },
);
