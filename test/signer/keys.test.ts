import { describe, expect, it } from 'vitest';
import { instant } from '@countersign/client/tuf';
import { connect } from '../../packages/signer/src/connect.js';
import { KEKS, GUN, NOW, keksFor, newDatabase, openBench, openStore, timestamp } from './workbench.js';

const request = { gun: GUN, role: 'timestamp', algorithm: 'ed25519' } as const;

describe('a wrong passphrase', () => {
  it('is an error at start that names the alias', async () => {
    const database = await newDatabase();
    await keksFor(openStore(database));
    const wrong = keksFor(openStore(database), [{ alias: 'first', passphrase: 'incorrect horse' }]);
    await expect(wrong).rejects.toMatchObject({
      code: 'unsealed',
      message: expect.stringContaining('"first"') as string,
    });
  });

  it('for any one of several is an error at start', async () => {
    const database = await newDatabase();
    const both = [...KEKS, { alias: 'second', passphrase: 'battery' }];
    await keksFor(openStore(database), both);
    const wrong = keksFor(openStore(database), [...KEKS, { alias: 'second', passphrase: 'staple' }]);
    await expect(wrong).rejects.toMatchObject({
      code: 'unsealed',
      message: expect.stringContaining('"second"') as string,
    });
  });

  it('is found even if the rows of two key-encryption keys were exchanged', async () => {
    const database = await newDatabase();
    const both = [
      { alias: 'first', passphrase: 'same' },
      { alias: 'second', passphrase: 'same' },
    ];
    await keksFor(openStore(database), both);
    const knex = connect(database);
    const row = (await knex('keks').where({ alias: 'second' }).first()) as {
      salt: string;
      params: string;
      check: string;
    };
    await knex('keks').where({ alias: 'first' }).update({ salt: row.salt, params: row.params, check: row.check });
    await knex.destroy();
    await expect(keksFor(openStore(database), both)).rejects.toMatchObject({ code: 'unsealed' });
  });
});

describe('keys sealed with an alias that is not configured', () => {
  it('stop the signer at start', async () => {
    const database = await newDatabase();
    await (await openBench(database)).key('timestamp');
    const others = keksFor(openStore(database), [{ alias: 'second', passphrase: 'battery' }]);
    await expect(others).rejects.toMatchObject({
      code: 'unsealed',
      message: expect.stringContaining('"first"') as string,
    });
  });
});

describe('a sealed key', () => {
  it('that was moved to another row does not sign there', async () => {
    const database = await newDatabase();
    const bench = await openBench(database);
    const [one, other] = [await bench.key('timestamp'), await bench.key('timestamp')];
    const knex = connect(database);
    const row = (await knex('keys').where({ id: other.id }).first()) as { sealed: string };
    await knex('keys').where({ id: one.id }).update({ sealed: row.sealed });
    await knex.destroy();
    expect(await bench.sign(one, timestamp(1))).toMatchObject({ code: 'unsealed' });
    expect(await bench.sign(other, timestamp(1))).toHaveProperty('signature');
  });

  it('is never stored in the clear', async () => {
    const database = await newDatabase();
    const key = await (await openBench(database)).key('timestamp');
    const stored = await openStore(database).find(key.id);
    expect(JSON.parse(stored?.row.sealed ?? '')).toMatchObject({ cipher: { name: 'nacl/secretbox' } });
  });
});

describe('asking for keys', () => {
  it('makes a new one each time, and finds each again', async () => {
    const bench = await openBench(await newDatabase());
    const keys = [await bench.key('timestamp'), await bench.key('timestamp')] as const;
    expect(keys[0].id).not.toBe(keys[1].id);
    for (const key of keys) expect(await bench.service.findKey(key.id)).toEqual(key);
  });

  it('too often a minute is refused, and allowed again as time passes', async () => {
    const { service } = await openBench(await newDatabase(), { limits: { keysPerMinute: 3 } });
    const make = (after: number): Promise<unknown> => service.createKey(request, instant(NOW + after));
    for (let made = 0; made < 3; made++) await make(0);
    await expect(make(19_000)).rejects.toMatchObject({ code: 'rate-limit' });
    await make(20_000);
    await expect(make(0)).rejects.toMatchObject({ code: 'rate-limit' });
  });

  it('without using them is refused at the cap, all at once too', async () => {
    const { service } = await openBench(await newDatabase(), { limits: { unusedKeys: 5 } });
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => service.createKey(request, NOW)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    await expect(service.createKey(request, NOW)).rejects.toMatchObject({ code: 'rate-limit' });
  });

  it('is allowed again when some were used or deleted', async () => {
    const bench = await openBench(await newDatabase(), { limits: { unusedKeys: 2 } });
    const [used, deleted] = [await bench.key('timestamp'), await bench.key('timestamp')];
    await expect(bench.key('timestamp')).rejects.toMatchObject({ code: 'rate-limit' });
    await bench.publish(used, timestamp(1));
    await bench.key('timestamp');
    await expect(bench.key('timestamp')).rejects.toMatchObject({ code: 'rate-limit' });
    await bench.service.removeKey(deleted.id);
    await bench.key('timestamp');
  });

  it('for a collection with an impossible name is refused', async () => {
    const { service } = await openBench(await newDatabase());
    await expect(service.createKey({ ...request, gun: 'a/../b' }, NOW)).rejects.toMatchObject({ code: 'invalid-name' });
  });
});
