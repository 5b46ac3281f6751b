import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const NO_CLOCK = 'The core is told the time: take an Instant.';
const PROCESS_MESSAGE = 'Only main, cli, local and bin know the process; take what you need as an argument.';

const clock = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: NO_CLOCK },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: NO_CLOCK },
  { selector: "CallExpression[callee.name='Date']", message: NO_CLOCK },
  { selector: "MemberExpression[object.name='performance'][property.name='now']", message: NO_CLOCK },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'Randomness comes through a port.',
  },
];

export default defineConfig(
  { ignores: ['**/dist/**', 'packages/client/lib/**', '**/node_modules/**', '**/.countersign/**', 'test/fixtures/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        // Explicit rather than found by folder: benchmarks and vitest configurations belong to the tests' project.
        project: [
          'packages/client/src/tuf/tsconfig.json',
          'packages/client/src/tsconfig.json',
          'packages/client/src/browser/tsconfig.json',
          'packages/client/src/node/tsconfig.json',
          'packages/client/src/cli/tsconfig.json',
          'packages/signer/tsconfig.json',
          'packages/server/tsconfig.json',
          'test/tsconfig.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // Numbers in messages are plain; anything else must be turned to text on purpose.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => log(line)` is clearer than a block for one void call.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // `_` marks an argument that a port's signature demands and this implementation does not need.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // A port's method may be asynchronous by contract while one implementation has nothing to await.
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-eval': 'error',
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: ['packages/*/src/main.ts', 'packages/client/src/cli/**', 'packages/server/src/local/**'],
    rules: {
      'no-restricted-globals': ['error', { name: 'process', message: PROCESS_MESSAGE }],
      'no-restricted-imports': [
        'error',
        { paths: ['process', 'node:process'].map((name) => ({ name, message: PROCESS_MESSAGE })) },
      ],
    },
  },
  {
    files: ['packages/client/src/tuf/**/*.ts', 'packages/server/src/collection/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', ...clock] },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // A describe block is as long as its cases.
      'max-lines-per-function': 'off',
      // Tests know what they put in; a wrong index or a missing value fails them anyway.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['bench/**/*.ts'], rules: { 'no-console': 'off' } },
);
