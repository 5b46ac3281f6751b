import { defineConfig } from 'vitest/config';
import { reporters } from './test/reporters.js';
import { alias } from './vitest.config.js';

/** The client where it is to run beside Node 20: in a browser, and on a newer Node. */
export default defineConfig({
  resolve: { alias },
  test: {
    include: ['test/runtimes/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: reporters('runtimes'),
  },
});
