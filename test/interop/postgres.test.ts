import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../packages/server/src/store/index.js';
import { findPostgres, startPostgres, type Postgres } from '../support/postgres.js';
import { Publisher } from '../support/publisher.js';
import { readAll, StockClient } from '../support/readers.js';
import { World } from '../support/world.js';

const found = findPostgres();
const name = 'two servers on one PostgreSQL, target files in it, no shared disk';

describe.skipIf('missing' in found)('missing' in found ? `${name}: skipped, no ${found.missing}` : name, () => {
  let postgres: Postgres;
  let one: World;
  let two: World;

  beforeAll(async () => {
    if ('missing' in found) return;
    postgres = await startPostgres(found.bin);
    const url = await postgres.create();
    await migrate({ client: 'postgres', url });
    const server = { database: { postgres: url, connections: 4 }, targetFiles: { kept: 'database' } };
    one = await World.start({ server });
    two = await World.start({ server, signerOf: one });
  });
  afterAll(async () => {
    await two.stop();
    await one.stop();
    await postgres.stop();
  });

  it('a publish through one is read through the other at once, by our client and by stock tuf-js', async () => {
    const writer = await Publisher.begin(one, 'example.com/replicated', { 'a.txt': 'a' });
    const reader = elsewhere(writer, two);
    const seen = await readAll(reader);
    expect(seen.contents).toEqual({ 'a.txt': 'a' });
    await StockClient.refreshed(reader);

    const targets = reader.next();
    await reader.host(targets, 'b.txt', 'b');
    await reader.publish({ targets }, { targets: 'hosted' });
    expect((await readAll(writer)).contents).toEqual({ 'a.txt': 'a', 'b.txt': 'b' });
  });

  it('of two publishers of the same version, one through each, exactly one wins, ten times over', async () => {
    const writer = await Publisher.begin(one, 'example.com/raced', {});
    for (let round = 0; round < 10; round += 1) {
      const drafts = [one, two].map((world, index) => {
        const publisher = elsewhere(writer, world);
        const targets = publisher.next();
        publisher.list(targets, `${round}-${index}.txt`, String(index));
        return { publisher, targets };
      });
      const answers = await Promise.all(
        drafts.map(({ publisher, targets }) => publisher.post(publisher.signAll({ targets }))),
      );
      const statuses = answers.map(({ status }) => status);
      expect([...statuses].sort()).toEqual([200, 409]);
      writer.adopt({ targets: drafts[statuses.indexOf(200)]!.targets });
    }
  });
});

/** The same publisher, who talks to another server. */
function elsewhere(publisher: Publisher, world: World): Publisher {
  const other = new Publisher(world, publisher.gun);
  for (const [role, doc] of publisher.current) other.current.set(role, doc);
  for (const [role, keys] of publisher.signers) other.signers.set(role, keys);
  other.firstRoot = publisher.firstRoot;
  return other;
}
