import { afterEach, describe, expect, it } from 'vitest';
import { parseGun } from '@countersign/client/tuf';
import { sha256 } from '../simulator/keys.js';
import { ByHand } from '../support/by-hand.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';

const DAY = 86_400;
const GUN = 'retention/app';

async function* piece(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

describe.each(['directory', 'database'])('target files in a %s', (kept) => {
  let host: ByHand;
  let publisher: Publisher;
  afterEach(() => host.stop());

  async function begin(contents: Readonly<Record<string, string>>): Promise<void> {
    host = await ByHand.start({ targetFiles: { kept } });
    publisher = await Publisher.begin(host.world, GUN, contents);
  }

  /** Publishes targets that name just these paths of the ones before. */
  async function keep(...paths: readonly string[]): Promise<void> {
    const targets = publisher.next();
    targets.targets = Object.fromEntries(Object.entries(targets.targets).filter(([path]) => paths.includes(path)));
    await publisher.publish({ targets });
  }

  const collect = async (): Promise<number> => (await host.collections.collectTargets()).removed;
  const row = (content: string): ReturnType<ByHand['store']['uploads']['find']> =>
    host.store.uploads.find(parseGun(GUN), sha256(content));
  const served = (path: string, content: string): Promise<string | number> =>
    publisher.read(`${sha256(content)}.${path}`, 'targets');

  it('are there on day 29 after nothing names them any more, and row and bytes are gone on day 31', async () => {
    await begin({ 'a.txt': 'kept', 'b.txt': 'let go' });
    const { blob } = (await row('let go'))!;
    await keep('a.txt');
    expect(await collect()).toBe(0);
    host.clock.advance(29 * DAY);
    expect(await collect()).toBe(0);
    expect(await served('b.txt', 'let go')).toBe('let go');
    host.clock.advance(2 * DAY);
    expect(await collect()).toBe(1);
    expect(await row('let go')).toBeUndefined();
    expect(await served('b.txt', 'let go')).toBe(404);
    await expect(host.targetFiles.open(blob)).rejects.toMatchObject({ code: 'not-found' });
    expect((await readAll(publisher)).contents).toEqual({ 'a.txt': 'kept' });
    expect(await collect()).toBe(0);
  });

  it('that are named again meanwhile stay, and their 30 days start anew when they are let go again', async () => {
    await begin({ 'a.txt': 'comes back' });
    await keep();
    host.clock.advance(20 * DAY);
    const targets = publisher.next();
    publisher.list(targets, 'again.txt', 'comes back');
    await publisher.publish({ targets }, { targets: 'hosted' });
    host.clock.advance(20 * DAY);
    expect(await collect()).toBe(0);
    expect((await readAll(publisher)).contents).toEqual({ 'again.txt': 'comes back' });
    await keep();
    host.clock.advance(29 * DAY);
    expect(await collect()).toBe(0);
    host.clock.advance(2 * DAY);
    expect(await collect()).toBe(1);
  });

  it('that were uploaded and never named go like those that were', async () => {
    await begin({});
    await publisher.upload('never.txt', 'never named');
    host.clock.advance(29 * DAY);
    expect(await collect()).toBe(0);
    host.clock.advance(2 * DAY);
    expect(await collect()).toBe(1);
  });

  it('whose bytes a crash left without a row are swept after two days, and no others', async () => {
    await begin({ 'a.txt': 'named' });
    const { blob } = await host.targetFiles.write(piece('orphan'), 100);
    host.clock.advance(DAY);
    expect(await collect()).toBe(0);
    for await (const bytes of await host.targetFiles.open(blob)) expect(Buffer.from(bytes).toString()).toBe('orphan');
    host.clock.advance(1.5 * DAY);
    expect(await collect()).toBe(1);
    await expect(host.targetFiles.open(blob)).rejects.toMatchObject({ code: 'not-found' });
    expect((await readAll(publisher)).contents).toEqual({ 'a.txt': 'named' });
  });

  it('of a backlog larger than a batch all go in one run, and so do counts of files that were never here', async () => {
    await begin({});
    const gun = parseGun(GUN);
    const hash = (number: number): string => sha256(`backlog ${number}`);
    const uploadedAt = host.clock.now();
    for (let number = 0; number < 1_203; number += 1) {
      const [sha512, blob] = [hash(number).repeat(2), sha256(`blob ${number}`)];
      await host.store.uploads.add({ gun, sha256: hash(number), sha512, length: 1, blob, uploadedAt });
    }
    const elsewhere = publisher.next();
    for (let number = 0; number < 1_203; number += 1) publisher.list(elsewhere, `${number}`, `elsewhere ${number}`);
    await publisher.publish({ targets: elsewhere });
    await keep();
    host.clock.advance(31 * DAY);
    expect(await collect()).toBe(1_203);
    expect(await host.store.uploads.forget(host.clock.now(), 10_000)).toBe(0);
  });
});
