import { defineConfig } from 'vitest/config';
import { chosenTrustServer } from './test/interop/notary/chosen.js';
import { CommandTable } from './test/interop/notary/command-table.js';
import { reporters } from './test/reporters.js';
import { alias } from './vitest.config.js';

const go = chosenTrustServer() === 'go';

/** The same repository read by other people's clients; with the Go server, only their clients of the Notary protocol. */
export default defineConfig({
  resolve: { alias },
  test: {
    include: [go ? 'test/interop/notary/**/*.test.ts' : 'test/interop/**/*.test.ts'],
    // Who may do what is asked of our own server alone; and who takes over starts both.
    exclude: go ? ['test/interop/notary/authentication.test.ts', 'test/interop/notary/takeover.test.ts'] : [],
    globalSetup: ['test/interop/notary/build-peer.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: [...reporters(go ? 'interop-go' : 'interop'), new CommandTable()],
  },
});
