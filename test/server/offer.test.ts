import { afterEach, describe, expect, it } from 'vitest';
import { NO_JOBS } from '../support/by-hand.js';
import { CachingReader } from '../support/caching-reader.js';
import { NotaryPublisher, outcome } from '../support/notary-publisher.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { startTokenServer, type TokenServer } from '../support/token-server.js';
import { makeIssuer } from '../support/tokens.js';
import { World } from '../support/world.js';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';

let world: World;
let tokens: TokenServer | undefined;
afterEach(async () => {
  await world.stop();
  await tokens?.close();
  tokens = undefined;
});

async function start(server: Readonly<Record<string, unknown>>): Promise<void> {
  world = await World.start({ server: { ...NO_JOBS, ...server } });
}

const get = (path: string): Promise<Response> => fetch(world.url + path);

describe('behind a path prefix', () => {
  it('collections of both formats are published and read, and everything is below it', async () => {
    await start({ listen: { http: '127.0.0.1:0', pathPrefix: '/trust/notary' } });
    const where = { url: `${world.url}/trust/notary`, clock: world.clock };
    const notary = await NotaryPublisher.begin(where, 'example.com/app');
    expect(await new CachingReader(notary).versions()).toMatchObject({ targets: 1 });
    const publisher = await Publisher.begin(where, 'example.com/tuf', { 'a.txt': 'a' });
    expect((await readAll(publisher)).contents).toEqual({ 'a.txt': 'a' });
    for (const path of ['/v2/', '/health', '/_notary_server/health', '/v2/_trust/changefeed?records=1'])
      expect([path, (await get(`/trust/notary${path}`)).status]).toEqual([path, 200]);
  });

  it.each(['/v2/', '/health', '/trust/v2/', '/trust/notary', '/trust/notaryv2/', '/trust/notary2/v2/'])(
    '%s is beside it and nothing',
    async (path) => {
      await start({ listen: { http: '127.0.0.1:0', pathPrefix: '/trust/notary' } });
      expect((await get(path)).status).toBe(404);
    },
  );

  it.each(['notary', '/notary/', '/', '/a//b', '/a?b'])(
    '%s is no prefix, and no server starts with it',
    async (prefix) => {
      await start({});
      await world.stopServer();
      const wrong = World.start({ signerOf: world, server: { listen: { http: '127.0.0.1:0', pathPrefix: prefix } } });
      await expect(wrong).rejects.toMatchObject({ code: 'usage' });
    },
  );
});

describe('a server of some prefixes of names', () => {
  const gunPrefixes = ['docker.io/a/', 'example.com/'];

  it('takes collections of these', async () => {
    await start({ gunPrefixes });
    for (const gun of ['docker.io/a/app', 'example.com/x/y']) {
      const publisher = await NotaryPublisher.begin(world, gun);
      expect(await new CachingReader(publisher).versions()).toMatchObject({ root: 1 });
    }
  });

  it.each(['docker.io/ab/app', 'docker.io/a', 'example.com', 'Example.com/app', 'other/example.com/app'])(
    'answers 400 INVALID_GUN whatever is asked of %s',
    async (gun) => {
      await start({ gunPrefixes });
      const base = `/v2/${gun}/_trust/`;
      for (const path of ['tuf/root.json', 'tuf/timestamp.key', 'changefeed?records=1', 'tuf/nonsense']) {
        const answer = await get(base + path);
        const { errors } = (await answer.json()) as { errors: [object] };
        expect([answer.status, errors]).toMatchObject([
          400,
          [{ code: 'INVALID_GUN', detail: 'Require GUNs with prefix: [docker.io/a/ example.com/]' }],
        ]);
      }
      expect(outcome(await new NotaryPublisher(world, gun).post({ targets: Buffer.from('{}') }))).toBe(
        '400 INVALID_GUN',
      );
      expect((await get(`${base}targets/${'ab'.repeat(32)}.x`)).status).toBe(400);
    },
  );

  it('says so before it asks who somebody is', async () => {
    const issuer = await makeIssuer();
    const bundle = join(tmpdir(), `offer-${process.pid}.pem`);
    await writeFile(bundle, issuer.certificate.toString());
    tokens = await startTokenServer({ issuer, users: {}, allows: () => false });
    await start({ gunPrefixes, auth: { ...tokens.config, rootcertbundle: bundle } });
    expect((await get('/v2/other/app/_trust/tuf/root.json')).status).toBe(400);
    expect((await get('/v2/example.com/app/_trust/tuf/root.json')).status).toBe(401);
    await rm(bundle);
  });

  it.each(['a', '/a/', '../a/', 'a//', 'a/../b/', 'a*/', ''])(
    '%j is no prefix, and no server starts with it',
    async (prefix) => {
      await start({});
      await world.stopServer();
      await expect(World.start({ signerOf: world, server: { gunPrefixes: [prefix] } })).rejects.toMatchObject({
        code: 'usage',
      });
    },
  );
});

describe('how long caches may keep current files', () => {
  const cached = async (publisher: Publisher | NotaryPublisher, name: string): Promise<string | null> => {
    const answer = await get(`/v2/${publisher.gun}/_trust/tuf/${name}`);
    await answer.arrayBuffer();
    return answer.headers.get('cache-control');
  };

  it('is not at all, unless it is configured', async () => {
    await start({});
    const publisher = await NotaryPublisher.begin(world, 'cache/app');
    for (const name of ['timestamp.json', 'root.json']) expect(await cached(publisher, name)).toBe('no-cache');
  });

  it('is as configured for Notary collections, and not for others nor for what has expired', async () => {
    await start({ cache: { notaryCurrent: 300 } });
    const publisher = new NotaryPublisher(world, 'cache/app');
    await publisher.draft();
    publisher.documents.get('targets')!.expires = publisher.days(5);
    await publisher.publish(publisher.firstFiles());
    const kept = 'public, max-age=300, s-maxage=300, must-revalidate';
    for (const name of ['timestamp.json', 'root.json', 'targets.json'])
      expect(await cached(publisher, name)).toBe(kept);
    expect(await cached(publisher, `targets.${publisher.hash('targets')}.json`)).toContain('immutable');
    const tuf = await Publisher.begin(world, 'cache/tuf');
    expect(await cached(tuf, 'timestamp.json')).toBe('no-cache');
    world.clock.advance(6 * 86_400);
    expect(await cached(publisher, 'targets.json')).toBe('no-cache');
  });
});
