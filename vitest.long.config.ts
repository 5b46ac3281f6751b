import { defineConfig } from 'vitest/config';
import { reporters } from './test/reporters.js';
import { alias } from './vitest.config.js';

/** Suites too long for every change: property tests with many runs, kill loops, soak tests. */
export default defineConfig({
  resolve: { alias },
  test: {
    include: ['test/long/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: reporters('long'),
  },
});
