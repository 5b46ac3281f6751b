import { readFileSync } from 'node:fs';
import { Updater } from '@countersign/client';
import { connect, DirectoryCache, nodeCrypto } from '@countersign/client/node';
import { peak } from './peak.mjs';

// node countersign.mjs URL DIRECTORY ROOT TARGET: one refresh and one look-up, as a program would do them.

const [metadata, directory, root, target] = process.argv.slice(2);
const { fetch, close } = connect();
const updater = new Updater({
  urls: { metadata, targets: metadata },
  crypto: nodeCrypto,
  cache: new DirectoryCache(directory, { maxBytes: 500_000_000 }),
  firstTrust: { kind: 'file', raw: new Uint8Array(readFileSync(root)) },
  limits: { targets: 500_000_000, rootRotations: 2_000 },
  fetch,
});
await updater.refresh();
if ((await updater.find(target)) === undefined) throw new Error('the target was not found');
await close();
process.stdout.write(peak());
