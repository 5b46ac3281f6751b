// Reads one target as any program would that has the packages installed, and prints what came of it as JSON.
//
//   node read.mjs SERVER GUN ROOT-FILE CACHE-DIRECTORY PATH
import { readFile } from 'node:fs/promises';
import { collectionUrls, parseGun, Updater } from '@countersign/client';
import { webCrypto } from '@countersign/client/browser';
import { DirectoryCache, nodeCrypto } from '@countersign/client/node';

const [server, name, root, cache, path] = process.argv.slice(2);
const gun = parseGun(name);
const found = { version: process.version };
for (const [runtime, crypto] of Object.entries({ 'node:crypto': nodeCrypto, WebCrypto: webCrypto })) {
  const requests = [];
  const updater = new Updater({
    urls: collectionUrls(server, gun),
    crypto,
    gun,
    cache: new DirectoryCache(cache),
    firstTrust: { kind: 'file', raw: await readFile(root) },
    fetch(url, init) {
      requests.push(new URL(url).pathname.split('/').at(-1));
      return fetch(url, init);
    },
  });
  await updater.refresh();
  const asked = requests.length;
  const content = Buffer.from(await updater.download(await updater.find(path))).toString();
  found[runtime] = { content, asked };
}
process.stdout.write(JSON.stringify(found));
