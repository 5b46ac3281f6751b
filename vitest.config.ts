import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { reporters } from './test/reporters.js';

const source = (path: string): string => fileURLToPath(new URL(`packages/${path}`, import.meta.url));

export const alias = {
  '@countersign/client/tuf/proposal': source('client/src/tuf/proposal.ts'),
  '@countersign/client/tuf': source('client/src/tuf/index.ts'),
  '@countersign/client/notary-wire': source('client/src/http/notary-wire.ts'),
  '@countersign/client/updates': source('client/src/reading/updates.ts'),
  '@countersign/client/similar': source('client/src/similar.ts'),
  '@countersign/client/wire': source('client/src/http/wire.ts'),
  '@countersign/client/browser': source('client/src/browser/index.ts'),
  '@countersign/client/node': source('client/src/node/index.ts'),
  '@countersign/client/x509': source('client/src/node/x509.ts'),
  '@countersign/client': source('client/src/index.ts'),
  '@countersign/server': source('server/src/index.ts'),
  '@countersign/signer/wire': source('signer/src/wire.ts'),
};

export default defineConfig({
  resolve: { alias },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/interop/**', 'test/long/**', 'test/runtimes/**', '**/node_modules/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    reporters: reporters('unit'),
  },
});
