import { defineConfig } from 'vitest/config';
import { alias } from './vitest.config.js';
import { NoSkips } from './test/no-skips.js';

/** The same repository read by other people's clients. In CI a suite that skips itself has proved nothing, so it fails. */
export default defineConfig({
  resolve: { alias },
  test: {
    include: ['test/interop/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: process.env['CI'] === 'true' ? ['default', new NoSkips()] : ['default'],
  },
});
