import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '@countersign/client/node';
import { parseGun, TARGETS } from '@countersign/client/tuf';
import type { PastVersion } from '../../packages/client/src/publishing/collection-server.js';
import { EarlierVersions, type PastLimits } from '../../packages/client/src/coming-over/earlier-versions.js';
import { connect } from '../../packages/client/src/node/connect.js';
import {
  readCollection,
  type OldCollection,
  type Source,
} from '../../packages/client/src/coming-over/old-collection.js';
import { collectionUrls } from '../../packages/client/src/http/urls.js';
import { NO_JOBS } from '../support/by-hand.js';
import { NotaryPublisher } from '../support/notary-publisher.js';
import { World } from '../support/world.js';

const GUN = 'earlier/versions';
const VERSIONS = 20;

let world: World;
let source: Source;
let old: OldCollection;
let close: () => Promise<void>;
beforeAll(async () => {
  world = await World.start({ server: NO_JOBS });
  const publisher = await NotaryPublisher.begin(world, GUN);
  for (let version = 2; version <= VERSIONS; version += 1)
    await publisher.publish({ targets: publisher.advance('targets') });
  const connection = connect();
  close = () => connection.close();
  source = {
    gun: parseGun(GUN),
    urls: collectionUrls(world.url, parseGun(GUN)),
    fetch: connection.fetch,
    crypto: nodeCrypto,
    firstTrust: { kind: 'trust-on-first-use' },
    now: Date.now(),
    skipped: () => undefined,
  };
  old = await readCollection(source);
});
afterAll(async () => {
  await close();
  await world.stop();
});

async function read(
  limits: PastLimits,
  known: Parameters<EarlierVersions['read']>[0] = () => Promise.resolve(undefined),
): Promise<{ versions: EarlierVersions; files: readonly PastVersion[] }> {
  const versions = new EarlierVersions(source, old, limits);
  const files: PastVersion[] = [];
  for await (const file of versions.read(known)) files.push(file);
  return { versions, files };
}

const AMPLE = { files: 1_000, bytes: 1_000_000 };

describe('earlier versions', () => {
  it('are all there are below the current ones, each with who vouches for it', async () => {
    const { versions, files } = await read(AMPLE);
    expect(versions).toMatchObject({ missing: [], unverified: [], cut: false });
    const targets = files.filter(({ role }) => role === TARGETS);
    expect(targets.map(({ version }) => version)).toEqual(
      Array.from({ length: VERSIONS - 1 }, (_, i) => VERSIONS - 1 - i),
    );
    expect(new Set(files.map(({ by }) => `${by.version}.${by.role}`))).toEqual(new Set(['1.root']));
  });

  it.each([
    ['files', { ...AMPLE, files: 12 }],
    ['bytes', { ...AMPLE, bytes: 2_000 }],
  ])('over the limit of %s are left for the next run, and never called missing', async (_, limits) => {
    const { versions, files } = await read(limits);
    expect(versions).toMatchObject({ cut: true, missing: [] });
    expect(files.length).toBeGreaterThan(0);
    expect(files.length).toBeLessThan(24);
    const held = new Map(files.map((file) => [`${file.version} ${file.role}`, file.bytes]));
    const again = await read(limits, ({ role, version }) => Promise.resolve(held.get(`${version} ${role}`)));
    expect(again.files.length).toBeGreaterThan(0);
    for (const file of again.files) expect(held.has(`${file.version} ${file.role}`)).toBe(false);
  });
});
