// A process that commits until it is killed: committer.ts CONFIG LOG GUN…
// Each commit is followed by three past files at once. When both have resolved it appends a line `gun version head` to LOG.
import { openSync, writeSync } from 'node:fs';
import { parseGun, type Gun } from '@countersign/client/tuf';
import { openStore, type DatabaseConfig } from '../../packages/server/src/store/index.js';
import { firstPublish, nextPublish, NOW, pastFiles, uses } from './commits.js';

const [config = '', log = '', ...guns] = process.argv.slice(2);
const store = await openStore(JSON.parse(config) as DatabaseConfig);
const file = openSync(log, 'a');

async function publish(gun: Gun): Promise<never> {
  for (;;) {
    const head = await store.head(gun);
    const version = (head?.timestamp.version ?? 0) + 1;
    const targets = { ...uses([`target ${version}`]), required: new Set<string>() };
    const commit =
      head === undefined ? firstPublish(gun, { targets }) : nextPublish(gun, head.id, version, { targets });
    const result = await store.commit(commit);
    if (result.kind !== 'committed') throw new Error(`nobody else commits to ${gun}, yet: ${result.kind}`);
    const files = pastFiles(version);
    const past = await store.addPast({ gun, head: result.head, files, now: NOW });
    if (past.kind !== 'added') throw new Error(`nobody deletes ${gun}, yet: ${past.kind}`);
    writeSync(file, `${gun} ${version} ${result.head}\n`);
  }
}

await Promise.all(guns.map((gun) => publish(parseGun(gun))));
