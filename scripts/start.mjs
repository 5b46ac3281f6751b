// `npm start`: the set-up, then signer and server as two processes on this machine.
import { setupOrExit } from './setup.mjs';

await setupOrExit();
await import('../packages/server/bin/countersign-local.js');
