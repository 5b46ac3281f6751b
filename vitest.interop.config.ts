import { defineConfig } from 'vitest/config';
import { reporters } from './test/reporters.js';
import { alias } from './vitest.config.js';

/** The same repository read by other people's clients. */
export default defineConfig({
  resolve: { alias },
  test: {
    include: ['test/interop/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: reporters('interop'),
  },
});
