import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '@countersign/client/tuf';
import type { MetaEntry } from '../simulator/documents.js';
import { newKey, sha256, type SimKey } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { StockClient } from '../support/readers.js';
import { expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

type Meta = Record<string, MetaEntry>;

describe('whoever signs snapshots, and nothing else', () => {
  let world: World;
  let names = 0;

  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world.stop());

  /** A collection whose snapshots its publisher signs, with a role `team`. */
  async function begin(): Promise<{ publisher: Publisher; key: SimKey; first: Meta }> {
    const publisher = new Publisher(world, `snapshots/${++names}`);
    const { root, targets } = await publisher.first();
    const key = newKey();
    Reflect.deleteProperty(root.keys, root.roles['snapshot']!.keyids[0]!);
    root.keys[key.id] = key.json;
    root.roles['snapshot'] = { keyids: [key.id], threshold: 1 };
    publisher.signers.set('snapshot', [key]);
    const team = publisher.delegate(targets, 'team', { paths: ['team/*'] });
    publisher.list(team, 'team/a', 'a');
    const first = { 'targets.json': { version: 1 }, 'team.json': { version: 1 } };
    const files = publisher.signAll({ root, targets, team });
    const answer = await publisher.post({ ...files, snapshot: snapshot(publisher, 1, first) });
    expect(answer.status).toBe(200);
    publisher.adopt({ root, targets, team });
    return { publisher, key, first };
  }

  function snapshot(publisher: Publisher, version: number, meta: Meta, expires = publisher.days(20)): Uint8Array {
    return publisher.sign('snapshot', { _type: 'snapshot', spec_version: '1.0.34', version, expires, meta });
  }

  it.each<[string, (meta: Meta) => Meta, ErrorCode]>([
    ['lists a version nobody has', (meta) => ({ ...meta, 'team.json': { version: 9 } }), 'mix-and-match'],
    [
      'fast-forwards a role',
      (meta) => ({ ...meta, 'team.json': { version: Number.MAX_SAFE_INTEGER } }),
      'mix-and-match',
    ],
    ['lists a role nobody published', (meta) => ({ ...meta, 'ghost.json': { version: 1 } }), 'mix-and-match'],
    ['promises another length', (meta) => ({ ...meta, 'team.json': { version: 1, length: 3 } }), 'mix-and-match'],
    [
      'promises another hash',
      (meta) => ({ ...meta, 'team.json': { version: 1, hashes: { sha256: sha256('x') } } }),
      'mix-and-match',
    ],
    ['leaves a role out', ({ 'targets.json': targets }) => ({ 'targets.json': targets! }), 'rollback'],
  ])('%s', async (_, change, code) => {
    const { publisher, first } = await begin();
    await expectRefused(publisher, { snapshot: snapshot(publisher, 2, change(first)) }, code);
    const client = await StockClient.refreshed(publisher);
    expect(await client.find('team/a')).toBe(sha256('a'));
    await client.close();
    const files = publisher.signAll({ team: publisher.next('team') });
    const honest = { ...first, 'team.json': { version: 2 } };
    expect(await publisher.post({ ...files, snapshot: snapshot(publisher, 2, honest) })).toMatchObject({ status: 200 });
  });

  it('writes a date as only some clients read it', async () => {
    const { publisher, first } = await begin();
    const odd = publisher.days(20).replace('Z', '.5+01:00');
    await expectRefused(publisher, { snapshot: snapshot(publisher, 2, first, odd) }, 'malformed', { role: 'snapshot' });
  });

  it('may say more of what is published, if it is true', async () => {
    const { publisher, first } = await begin();
    const team = publisher.sign('team', publisher.current.get('team')!);
    const meta = { ...first, 'team.json': { version: 1, length: team.length, hashes: { sha256: sha256(team) } } };
    expect(await publisher.post({ snapshot: snapshot(publisher, 2, meta) })).toMatchObject({ status: 200 });
  });
});
