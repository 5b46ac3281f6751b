import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseGun, parseInstant, parseVersion, TIMESTAMP, type Gun } from '@countersign/client/tuf';
import type { Signer, Store } from '../../packages/server/src/collection/ports.js';
import { canonical, type MetaDoc } from '../simulator/documents.js';
import { newKey, sha256 } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { World } from '../support/world.js';
import { acceptablyStrange } from '../tuf/support/strange.js';

describe('what the server signs keeps members it does not know', () => {
  let world: World;
  let store: Store;
  let signer: Signer;

  beforeAll(async () => {
    world = await World.start({
      wrap: {
        store: (real) => (store = real),
        signer: (real) => (signer = real),
        targetFiles: (real) => real,
      },
    });
  });
  afterAll(async () => {
    await world.stop();
  });

  async function signed(publisher: Publisher, file: string): Promise<MetaDoc> {
    return (JSON.parse(String(await publisher.read(file))) as { signed: MetaDoc }).signed;
  }

  /** Commits a next timestamp with more in it than this server writes, as one of another version may have done. */
  async function strangeTimestamp(publisher: Publisher, gun: Gun): Promise<MetaDoc> {
    const head = (await store.head(gun))!;
    const before = await signed(publisher, 'timestamp.json');
    const meta = { 'snapshot.json': acceptablyStrange(before.meta['snapshot.json']!) };
    const timestamp = acceptablyStrange({ ...before, version: before.version + 1, meta });
    const { keyids } = publisher.nextRoot().roles['timestamp']!;
    const [key] = (await store.onlineKeys(gun, 'timestamp')).filter(({ pending }) => !pending);
    const request = { keyId: key!.id, gun, role: 'timestamp', format: 'tuf-1' } as const;
    const sig = await signer.sign({ ...request, payload: Buffer.from(canonical(timestamp)) });
    const signatures = [{ keyid: keyids[0], sig: Buffer.from(sig).toString('hex') }];
    const bytes = Buffer.from(JSON.stringify({ signatures, signed: timestamp }));
    const expires = parseInstant(timestamp.expires);
    const result = await store.commit({
      gun,
      format: 'tuf-1',
      follows: head.id,
      files: [],
      timestamp: { role: TIMESTAMP, version: parseVersion(timestamp.version), bytes, sha256: sha256(bytes), expires },
      rootVersion: head.root.version,
      snapshotVersion: head.snapshot.version,
      renewAt: expires,
      usedKeys: [],
      adoptedKeys: [],
      changefeed: 'line',
      targets: { change: new Map(), required: new Set() },
      now: world.clock.now(),
    });
    expect(result.kind).toBe('committed');
    return timestamp;
  }

  it('the next timestamp', async () => {
    const gun = parseGun('unknown/timestamp');
    const publisher = await Publisher.begin(world, gun);
    const before = await strangeTimestamp(publisher, gun);
    await publisher.publish({ targets: publisher.next() });
    const after = await signed(publisher, 'timestamp.json');
    const { version, length, hashes } = after.meta['snapshot.json']!;
    expect(version).toBe(2);
    expect(canonical(after)).toBe(
      canonical({
        ...before,
        version: 3,
        expires: after.expires,
        meta: { 'snapshot.json': { ...before.meta['snapshot.json'], version, length, hashes } },
      }),
    );
    expect((await readAll(publisher)).versions).toMatchObject({ timestamp: 3, targets: 2 });
  });

  it('the next snapshot, when the publisher hands its key over to the server', async () => {
    const publisher = new Publisher(world, 'unknown/snapshot');
    const { root, targets } = await publisher.first();
    const own = newKey();
    const online = root.roles['snapshot'];
    root.roles['snapshot'] = { keyids: [own.id], threshold: 1 };
    root.keys = { ...root.keys, [own.id]: own.json };
    const files = publisher.signAll({ root, targets });
    const before = acceptablyStrange({
      ...publisher.empty(),
      _type: 'snapshot',
      expires: publisher.days(2),
      targets: undefined,
      meta: { 'targets.json': acceptablyStrange({ version: 1, length: files['targets']!.length }) },
    });
    const uploaded = { ...files, snapshot: publisher.sign('snapshot', before, [own]) };
    expect(await publisher.post(uploaded)).toMatchObject({ status: 200 });
    publisher.adopt({ root, targets });

    const next = publisher.nextRoot();
    next.roles['snapshot'] = online!;
    Reflect.deleteProperty(next.keys, own.id);
    const again = { root: next, targets: publisher.next() };
    await publisher.publish(again);
    const { length } = publisher.sign('targets', again.targets);
    const after = await signed(publisher, '2.snapshot.json');
    expect(canonical(after)).toBe(
      canonical({
        ...before,
        version: 2,
        expires: after.expires,
        meta: { 'targets.json': { ...before.meta['targets.json'], version: 2, length } },
      }),
    );
    expect((await readAll(publisher)).versions).toMatchObject({ snapshot: 2, targets: 2, root: 2 });
  });
});
