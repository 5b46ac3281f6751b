import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '@countersign/client/tuf';
import { readUpdates } from '@countersign/client/updates';
import { newKey } from '../simulator/keys.js';
import { NO_JOBS } from '../support/by-hand.js';
import { NotaryPublisher } from '../support/notary-publisher.js';
import { Publisher } from '../support/publisher.js';
import { updaterOf } from '../support/readers.js';
import { World } from '../support/world.js';

let world: World;
let names = 0;
let largestRoot = 0;
/** How many roots were asked for by one query. */
const atOnce = new Set<number>();
beforeAll(async () => {
  world = await World.start({
    server: NO_JOBS,
    wrap: {
      store: (real) => ({
        ...real,
        files(gun, wanted) {
          atOnce.add(wanted.filter(({ role }) => role === ROOT).length);
          return real.files(gun, wanted);
        },
      }),
    },
  });
  largestRoot = (await world.serverConfig()).policy.maxRoot;
});
afterAll(() => world.stop());

const NOTHING = { root: 0, timestamp: 0, snapshot: 0, targets: 0 };

interface Answered {
  readonly files: readonly string[];
  readonly complete: boolean;
}

async function updates(
  { where, gun }: Pick<Publisher, 'where' | 'gun'>,
  held: Partial<typeof NOTHING> = {},
): Promise<Answered> {
  const query = new URLSearchParams(
    Object.entries({ ...NOTHING, ...held }).map(([name, version]) => [name, String(version)]),
  );
  const response = await fetch(`${where.url}/v2/${gun}/_trust/tuf/updates?${query.toString()}`);
  expect(response.status).toBe(200);
  const { files, complete } = readUpdates(new Uint8Array(await response.arrayBuffer()));
  return { files: files.map(({ role, version }) => `${role} ${version}`), complete };
}

const begin = (): Promise<Publisher> => Publisher.begin(world, `updates/${++names}`, { file: 'content' });

describe('what a client lacks', () => {
  it('is all of it for one that has nothing, and nothing for one that has all', async () => {
    const publisher = await begin();
    expect(await updates(publisher)).toEqual({
      files: ['root 1', 'timestamp 1', 'snapshot 1', 'targets 1'],
      complete: true,
    });
    expect(await updates(publisher, { root: 1, timestamp: 1, snapshot: 1, targets: 1 })).toEqual({
      files: [],
      complete: true,
    });
  });

  it('is what has changed, the bytes as they are stored', async () => {
    const publisher = await begin();
    const root = publisher.nextRoot();
    await publisher.publish({ root });
    await publisher.publish({ targets: publisher.next() });
    const held = { root: 1, timestamp: 1, snapshot: 1, targets: 1 };
    expect(await updates(publisher, held)).toEqual({
      files: ['root 2', 'timestamp 3', 'snapshot 2', 'targets 2'],
      complete: true,
    });
    expect(await updates(publisher, { ...held, root: 2, targets: 2 })).toEqual({
      files: ['timestamp 3', 'snapshot 2'],
      complete: true,
    });
  });

  it('costs no more memory than one answer may hold, however large the roots of a long chain are', async () => {
    const publisher = await begin();
    for (let rotation = 0; rotation < 20; rotation += 1) await publisher.publish({ root: publisher.nextRoot() });
    atOnce.clear();
    expect((await updates(publisher)).files.filter((file) => file.startsWith('root '))).toHaveLength(21);
    expect(Math.max(...atOnce)).toBeGreaterThan(1);
    expect(Math.max(...atOnce) * largestRoot).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  it('is renewed first where it has expired', async () => {
    const publisher = await begin();
    world.clock.advance(8 * 86_400);
    expect((await updates(publisher)).files).toContain('timestamp 2');
  });

  it('is told in a Notary collection too', async () => {
    const publisher = await NotaryPublisher.begin(world, `updates/${++names}`);
    expect((await updates(publisher)).files).toEqual(['root 1', 'timestamp 1', 'snapshot 1', 'targets 1']);
  });

  it.each(['', '?root=1', '?root=-1&timestamp=0&snapshot=0&targets=0', '?root=x&timestamp=0&snapshot=0&targets=0'])(
    'must be asked for with the versions held (%s)',
    async (query) => {
      const publisher = await begin();
      const response = await fetch(`${world.url}/v2/${publisher.gun}/_trust/tuf/updates${query}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: 'usage' } });
    },
  );

  it('is nothing where there is no collection', async () => {
    const response = await fetch(
      `${world.url}/v2/updates/none/_trust/tuf/updates?root=0&timestamp=0&snapshot=0&targets=0`,
    );
    expect(response.status).toBe(404);
  });

  it('has a tag, and is not sent again to who has it', async () => {
    const publisher = await begin();
    const url = `${world.url}/v2/${publisher.gun}/_trust/tuf/updates?root=1&timestamp=0&snapshot=0&targets=0`;
    const first = await fetch(url);
    const etag = first.headers.get('etag')!;
    await first.arrayBuffer();
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    await publisher.publish({ targets: publisher.next() });
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(200);
  });
});

describe('a client', () => {
  it('asks a server of ours twice, then once, and over a long root chain no more often', async () => {
    const publisher = await begin();
    for (let i = 0; i < 12; i += 1) {
      const root = publisher.nextRoot();
      const key = newKey();
      root.keys[key.id] = key.json;
      root.roles['root'] = { keyids: [key.id], threshold: 1 };
      const old = publisher.signers.get('root')!;
      const file = publisher.sign('root', root, [...old, key]);
      expect((await publisher.post({ root: file })).status).toBe(200);
      publisher.adopt({ root });
      publisher.signers.set('root', [key]);
    }
    const asked: string[] = [];
    const updater = updaterOf(publisher, (url, init) => {
      asked.push(new URL(url).pathname.split('/').at(-1)!);
      return fetch(url, init);
    });
    const { final } = await updater.refresh();
    expect(final.root.signed.version).toBe(13);
    expect(asked).toEqual(['2.root.json', 'updates']);
    await updater.refresh();
    expect(asked.slice(2)).toEqual(['updates']);
    await publisher.publish({ targets: publisher.next() });
    expect((await updater.refresh()).targets.signed.version).toBe(2);
    expect(asked.slice(3)).toEqual(['updates']);
  });

  it('hears of the offer on every answer about metadata, also in a browser', async () => {
    const publisher = await begin();
    for (const name of ['timestamp.json', '1.root.json', '99.root.json']) {
      const { headers } = await fetch(`${world.url}/v2/${publisher.gun}/_trust/tuf/${name}`);
      expect(headers.get('x-countersign-updates')).toBe('1');
      expect(headers.get('access-control-expose-headers')).toMatch(/x-countersign-updates/iu);
    }
  });
});
