// One of several processes that update one cache: node updating.mjs URL DIRECTORY ROOT UPDATES. Tells on standard output the
// versions of the state each update ended with, one line each.
import { readFileSync } from 'node:fs';
import { Updater } from '@countersign/client';
import { connect, DirectoryCache, nodeCrypto } from '@countersign/client/node';

const [url, directory, root, updates] = process.argv.slice(2);
const isAlive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
};
const cache = new DirectoryCache(directory, { process: { pid: process.pid, isAlive } });
const { fetch, close } = connect();
for (let update = 0; update < Number(updates); update += 1) {
  const updater = new Updater({
    urls: { metadata: `${url}v2/r/_trust/tuf/`, targets: `${url}v2/r/_trust/targets/` },
    fetch,
    crypto: nodeCrypto,
    cache,
    firstTrust: { kind: 'file', raw: new Uint8Array(readFileSync(root)) },
  });
  const { final, snapshot, targets } = await updater.refresh();
  const versions = [final.root, snapshot.timestamp, snapshot, targets].map(({ signed }) => signed.version);
  process.stdout.write(`${versions.join(' ')}\n`);
}
await close();
