import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ByHand } from '../support/by-hand.js';
import { readAll, StockClient } from '../support/readers.js';
import { expectCode, expectRefused } from '../support/refused.js';
import { SnapshotHolder } from '../support/snapshot-holder.js';

const DAY = 86_400;

describe('a collection whose publisher holds the snapshot key', () => {
  let host: ByHand;
  let names = 0;
  beforeAll(async () => {
    host = await ByHand.start();
  });
  afterAll(() => host.stop());

  const name = (): string => `own-snapshot/${++names}`;
  const start = (): Promise<SnapshotHolder> => SnapshotHolder.start(host.world, name());

  /** A collection with a delegated role, both in version 1 and 2. */
  async function withTeam(): Promise<SnapshotHolder> {
    const holder = await start();
    const targets = holder.next();
    await holder.publishOwn({ targets, team: holder.delegate(targets, 'team') });
    return holder;
  }

  it('is published with the snapshot that was sent, byte for byte, of which the server signs only the timestamp', async () => {
    const { holder, docs } = await SnapshotHolder.draft(host.world, name());
    const files = holder.filesOf(docs);
    host.faults.reset();
    expect(await holder.post(files)).toMatchObject({ status: 200, body: { versions: { snapshot: 1, timestamp: 1 } } });
    expect(host.calls('signer.sign')).toBe(1);
    holder.adopt(docs);
    expect(await holder.read('1.snapshot.json')).toBe(Buffer.from(files['snapshot']!).toString());
    expect((await readAll(holder)).versions).toEqual({ root: 1, targets: 1, snapshot: 1, timestamp: 1 });
  });

  it('goes on with the next one, and this client and tuf-js follow', async () => {
    const holder = await withTeam();
    const team = holder.next('team');
    await holder.host(team, 'f.txt', 'content');
    await holder.publishOwn({ team });
    const seen = await readAll(holder);
    expect(seen).toMatchObject({ versions: { targets: 2, team: 2, snapshot: 3 }, contents: { 'f.txt': 'content' } });
    const stock = await StockClient.refreshed(holder);
    expect(await stock.download('f.txt')).toBe('content');
    await stock.close();
  });

  it('takes the same upload again for a success, and a new snapshot alone for a publish', async () => {
    const holder = await start();
    const files = holder.filesOf({});
    expect(await holder.post(files)).toMatchObject({ status: 200, body: { versions: { snapshot: 2 } } });
    expect(await holder.post(files)).toMatchObject({ status: 200, body: { repeated: true } });
  });

  it('refuses a publish without a snapshot, first or next', async () => {
    const { holder, docs } = await SnapshotHolder.draft(host.world, name());
    expectCode(await holder.post(holder.signAll(docs)), 'wrong-key', { role: 'snapshot' });
    expect(await holder.read('timestamp.json')).toBe(404);
    await holder.publishOwn(docs);
    await expectRefused(holder, holder.signAll({ targets: holder.next() }), 'wrong-key', { role: 'snapshot' });
  });

  it('refuses a snapshot signed by another key', async () => {
    const holder = await start();
    const files = holder.filesOf({ targets: holder.next() });
    const stranger = holder.signers.get('targets')!;
    const snapshot = holder.sign('snapshot', holder.nextSnapshot(files), stranger);
    await expectRefused(holder, { ...files, snapshot }, 'threshold', { role: 'snapshot' });
  });

  it.each([
    ['behind the current one', 1],
    ['that is the current one with other bytes', 2],
    ['with a gap', 4],
  ])('refuses a snapshot version %s', async (_what, version) => {
    const holder = await start();
    await holder.publishOwn({ targets: holder.next() });
    const files = holder.filesOf({ targets: holder.next() }, (snapshot) => (snapshot.version = version));
    await expectRefused(holder, files, 'conflict', { role: 'snapshot', version, current: 2 });
  });

  it('refuses a snapshot that takes a role back, or no longer lists it', async () => {
    const holder = await withTeam();
    const back = holder.filesOf({}, ({ meta }) => (meta['targets.json'] = { version: 1 }));
    await expectRefused(holder, back, 'rollback', { role: 'targets', version: 1, current: 2 });
    const gone = holder.filesOf({}, ({ meta }) => delete meta['team.json']);
    await expectRefused(holder, gone, 'rollback', { role: 'team' });
  });

  it('refuses a snapshot that lists stale versions of what comes with it', async () => {
    const holder = await withTeam();
    const targets = holder.filesOf({ targets: holder.next() }, ({ meta }) => (meta['targets.json'] = { version: 2 }));
    await expectRefused(holder, targets, 'mix-and-match', { role: 'targets' });
    const team = holder.filesOf({ team: holder.next('team') }, ({ meta }) => (meta['team.json'] = { version: 1 }));
    await expectRefused(holder, team, 'mix-and-match', { role: 'team', version: 1, current: 2 });
  });

  it('refuses a snapshot that promises what no reader will find', async () => {
    const holder = await withTeam();
    const ahead = holder.filesOf({}, ({ meta }) => (meta['team.json'] = { version: 7 }));
    await expectRefused(holder, ahead, 'mix-and-match', { role: 'team', version: 7, current: 1 });
    const ghost = holder.filesOf({}, ({ meta }) => (meta['ghost.json'] = { version: 1 }));
    await expectRefused(holder, ghost, 'mix-and-match', { role: 'ghost' });
    const hash = { sha256: '0'.repeat(64) };
    const other = holder.filesOf({}, ({ meta }) => (meta['team.json'] = { version: 1, hashes: hash }));
    await expectRefused(holder, other, 'mix-and-match', { role: 'team' });
    const bare = holder.filesOf({}, ({ meta }) => (meta['team.json'] = { version: 1 }));
    expect(await holder.post(bare)).toMatchObject({ status: 200 });
  });

  it('refuses a snapshot that is valid for longer than the server allows, or has expired', async () => {
    const holder = await start();
    const long = holder.filesOf({}, (snapshot) => (snapshot.expires = holder.days(40)));
    await expectRefused(holder, long, 'lifetime', { role: 'snapshot' });
    const over = holder.filesOf({}, (snapshot) => (snapshot.expires = holder.days(-1)));
    await expectRefused(holder, over, 'freeze', { role: 'snapshot' });
    const odd = holder.filesOf({}, (snapshot) => (snapshot.expires = snapshot.expires.replace('Z', '.5Z')));
    await expectRefused(holder, odd, 'malformed', { role: 'snapshot' });
  });

  it('lets one of two publishers at the same moment win, and tells the other which role has moved', async () => {
    const holder = await withTeam();
    const drafts = ['team', 'targets'].map((role) => holder.filesOf({ [role]: holder.next(role) }));
    const answers = await Promise.all(drafts.map((files) => holder.post(files)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const lost = answers.find(({ status }) => status === 409)!;
    expectCode(lost, 'conflict', { role: 'snapshot', version: 3, current: 3 });
    await readAll(holder);
  });

  it('can be given to the server, and taken back', async () => {
    const holder = await start();
    const root = holder.nextRoot();
    const key = await holder.onlineKey('snapshot', 'POST');
    root.keys[key.id] = key.json;
    root.roles['snapshot'] = { keyids: [key.id], threshold: 1 };
    await holder.publish({ root });
    expect((await readAll(holder)).versions).toMatchObject({ root: 2, snapshot: 2 });
    await expectRefused(holder, holder.filesOf({ targets: holder.next() }), 'forbidden-role', { role: 'snapshot' });
    await holder.publish({ targets: holder.next() });
    const back = holder.takeKey(holder.nextRoot());
    await expectRefused(holder, holder.signAll({ root: back }), 'wrong-key', { role: 'snapshot' });
    holder.snapshot = (JSON.parse(String(await holder.read('snapshot.json'))) as { signed: never }).signed;
    await holder.publishOwn({ root: back });
    expect((await readAll(holder)).versions).toMatchObject({ root: 3, targets: 2, snapshot: 4 });
  });
});

describe('renewal where the publisher holds the snapshot key', () => {
  it('signs timestamps only, until the publisher sends a new snapshot', async () => {
    const host = await ByHand.start();
    try {
      const holder = await SnapshotHolder.start(host.world, 'own-snapshot/renewed');
      host.clock.advance(8 * DAY);
      expect(await host.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
      expect((await readAll(holder)).versions).toMatchObject({ snapshot: 1, timestamp: 2 });
      host.clock.advance(15 * DAY);
      expect(await host.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
      await expect(readAll(holder)).rejects.toMatchObject({ code: 'freeze', detail: { role: 'snapshot' } });
      await holder.publishOwn({});
      expect((await readAll(holder)).versions).toMatchObject({ snapshot: 2, timestamp: 4 });
    } finally {
      await host.stop();
    }
  });
});
