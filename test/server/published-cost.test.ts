import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nodeCrypto } from '@countersign/client/node';
import { formatNamed, TARGETS, type KeyId, type RoleName } from '@countersign/client/tuf';
import { Claims } from '../../packages/server/src/collection/claims.js';
import type { StoredFile } from '../../packages/server/src/collection/index.js';
import { counted, Work, WORK_PER_BYTE } from '../../packages/server/src/collection/work.js';
import type { TargetsDoc } from '../simulator/documents.js';
import { newKey, sha256 } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { expectRefused } from '../support/refused.js';
import { World, type WorldOptions } from '../support/world.js';

/** Fills a role with targets of about 110 bytes each, or more. */
function fill(doc: TargetsDoc, targets: number, more = 0): void {
  for (let n = 0; n < targets; n += 1) {
    const hashes = { sha256: n.toString().padStart(64, '0') };
    doc.targets[`m/${n}`] = { length: 1, hashes, custom: 'x'.repeat(more) };
  }
}

/** Notes how much work is done, and how much of it at most without a turn for others. */
function watchWork(): { spent: number; longest: number } {
  const seen = { spent: 0, longest: 0 };
  let turn = 0;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below
  const { spend, pause } = Work.prototype;
  vi.spyOn(Work.prototype, 'spend').mockImplementation(function (this: Work, units) {
    seen.spent += units;
    turn += units;
    seen.longest = Math.max(seen.longest, turn - units);
    return spend.call(this, units);
  });
  vi.spyOn(Work.prototype, 'pause').mockImplementation(function (this: Work) {
    turn = 0;
    return pause.call(this);
  });
  return seen;
}

describe('roles that are published', () => {
  let world: World | undefined;
  afterEach(async () => {
    vi.restoreAllMocks();
    await world?.stop();
    world = undefined;
  });

  async function begin(options: WorldOptions): Promise<Publisher> {
    world = await World.start(options);
    return Publisher.begin(world, 'cost');
  }

  /** Top-level targets name `count` roles of `targets` targets each, and somebody who names none. */
  async function publishMany(publisher: Publisher, count: number, targets: number, more = 0): Promise<number> {
    const top = publisher.next();
    const docs: Record<string, TargetsDoc> = { small: publisher.delegate(top, 'small') };
    for (let n = 0; n < count; n += 1) {
      const doc = publisher.delegate(top, `big${n}`, { paths: ['m/*'] });
      fill(doc, targets, more);
      docs[`big${n}`] = doc;
    }
    await publisher.publish({ targets: top, ...docs });
    return publisher.sign('big0', docs['big0']!).length;
  }

  it.each(['targets', 'small'])(
    'cost a tiny publish of %s what reading them costs, in turns and slices',
    async (role) => {
      const slices: number[] = [];
      const watched = (files: readonly (StoredFile | undefined)[]): readonly (StoredFile | undefined)[] => {
        slices.push(files.reduce((sum, file) => sum + (file?.bytes.length ?? 0), 0));
        return files;
      };
      const publisher = await begin({
        wrap: {
          store: (store) =>
            new Proxy(store, {
              get: (target, name) =>
                name === 'files'
                  ? async (...args: Parameters<typeof store.files>) => watched(await store.files(...args))
                  : (Reflect.get(target, name) as unknown),
            }),
        },
      });
      const length = await publishMany(publisher, 12, 200, 5_000);
      slices.length = 0;
      const work = watchWork();
      await publisher.publish({ [role]: publisher.next(role) });
      expect(work.spent).toBeGreaterThan(12 * length * WORK_PER_BYTE);
      // One role is read without a pause; never two.
      expect(work.longest).toBeLessThan(10_000 + 1.5 * length * WORK_PER_BYTE);
      expect(Math.max(...slices)).toBeLessThanOrEqual(8 * 1024 * 1024);
      expect(slices.length).toBeGreaterThan(1);
    },
  );

  it('have a bound together, beyond which nobody adds to them, and everybody goes on otherwise', async () => {
    const publisher = await begin({ server: { policy: { maxMetadata: 60_000 } } });
    await publishMany(publisher, 2, 200);
    const top = publisher.next();
    const more = publisher.delegate(top, 'more', { paths: ['m/*'] });
    fill(more, 200);
    await expectRefused(publisher, publisher.signAll({ targets: top, more }), 'too-large', { limit: 60_000 });
    const grown = publisher.next('big0');
    fill(grown, 400);
    await expectRefused(publisher, publisher.signAll({ big0: grown }), 'too-large', { limit: 60_000 });
    for (const role of ['big0', 'small', 'targets']) await publisher.publish({ [role]: publisher.next(role) });
  });

  it('beyond a bound that was lowered are still updated and removed', async () => {
    const publisher = await begin({});
    await publishMany(publisher, 2, 200);
    await world!.stopServer();
    const config = await world!.serverConfig();
    await world!.startConfigured({ ...config, policy: { ...config.policy, maxMetadata: 20_000 } });
    await publisher.publish({ big0: { ...publisher.next('big0'), expires: publisher.days(80) } });
    const grown = publisher.next('small');
    publisher.list(grown, 'x', 'x');
    await expectRefused(publisher, publisher.signAll({ small: grown }), 'too-large', { limit: 20_000 });
    const top = publisher.next();
    top.delegations!.roles = top.delegations!.roles!.filter(({ name }) => name !== 'big1');
    await publisher.publish({ targets: top });
  });
});

describe('the tree of owners', () => {
  /** Counts the steps up the tree. */
  class Counting extends Claims {
    steps = 0;
    override owner(role: RoleName): RoleName | undefined {
      this.steps += 1;
      return super.owner(role);
    }
  }

  const name = (n: number): RoleName => (n === 0 ? TARGETS : (`r${n}` as RoleName));

  it('says who stands above whom', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 30 }), (parents) => {
        const claims = new Claims();
        const owners = [0, ...parents.map((parent, at) => parent % (at + 1))];
        owners.slice(1).forEach((owner, at) => claims.add(name(owner), name(at + 1)));
        const above = (n: number): readonly number[] => (n === 0 ? [] : [owners[n]!, ...above(owners[n]!)]);
        for (let low = 0; low < owners.length; low += 1)
          for (let high = 0; high < owners.length; high += 1)
            expect(claims.isBelow(name(low), name(high))).toBe(above(low).includes(high));
      }),
    );
  });

  it('is not climbed for each of the roles newly named at the end of a long chain', () => {
    const claims = new Counting();
    for (let n = 1; n <= 6_000; n += 1) claims.add(name(n - 1), name(n));
    for (let n = 0; n < 1_000; n += 1) expect(claims.isBelow(name(6_000), name(n))).toBe(true);
    expect(claims.steps).toBe(0);
  });
});

describe('signatures', () => {
  const tuf1 = formatNamed('tuf-1');
  const rsa = (modulusBits: number, exponent: Buffer): ReturnType<typeof tuf1.parseKey> => {
    const public_ = `-----BEGIN PUBLIC KEY-----\n${rsaSpki(modulusBits, exponent).toString('base64')}\n-----END PUBLIC KEY-----`;
    const json = { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: public_ } };
    return tuf1.parseKey(Buffer.from(JSON.stringify(json)), nodeCrypto);
  };
  const F4 = Buffer.from([1, 0, 1]);

  it('by RSA keys made to burn CPU count for nobody', () => {
    expect(rsa(8_192, F4).scheme).toBe('rsa-pss-sha256');
    expect(rsa(2_048, Buffer.from('ffffffff', 'hex')).scheme).toBe('rsa-pss-sha256');
    expect(rsa(8_200, F4).scheme).toBeUndefined();
    expect(rsa(2_048, Buffer.from('0100000001', 'hex')).scheme).toBeUndefined();
    expect(rsa(3_072, Buffer.alloc(380, 0xff)).scheme).toBeUndefined();
  });

  it('are work according to their key, and others have their turn between them', async () => {
    const value = Buffer.alloc(64);
    const spent = async (key: ReturnType<typeof tuf1.parseKey>, bytes: number): Promise<number> => {
      const work = watchWork();
      await counted(nodeCrypto, new Work(1e9)).verify(key, { keyId: 'x' as KeyId, value }, new Uint8Array(bytes));
      vi.restoreAllMocks();
      return work.spent;
    };
    const ed25519 = tuf1.parseKey(Buffer.from(JSON.stringify(newKey().json)), nodeCrypto);
    expect(await spent(rsa(8_192, F4), 0)).toBeGreaterThan(1_000);
    expect(await spent(rsa(2_048, F4), 0)).toBeGreaterThan(100);
    expect(await spent(ed25519, 5_000_000)).toBeGreaterThan(9_000);

    let [turns, done] = [0, false];
    const others = (): void => {
      turns += 1;
      if (!done) setImmediate(others);
    };
    setImmediate(others);
    const crypto = counted(nodeCrypto, new Work(1e9));
    for (let n = 0; n < 50; n += 1)
      await crypto.verify(rsa(8_192, F4), { keyId: sha256('x') as KeyId, value }, new Uint8Array(1));
    done = true;
    expect(turns).toBeGreaterThan(5);
  });

  it('of a root by hundreds of keys are bounded like the rest of a publish', async () => {
    const world = await World.start({ server: { policy: { maxPublishWork: 10_000 } } });
    try {
      const publisher = new Publisher(world, 'many/keys');
      const { root, targets } = await publisher.first();
      const keys = Array.from({ length: 200 }, () => newKey());
      for (const key of keys) root.keys[key.id] = key.json;
      root.roles['root'] = { keyids: keys.map(({ id }) => id), threshold: 200 };
      publisher.signers.set('root', keys);
      const answer = await publisher.post(publisher.signAll({ root, targets }));
      expect(answer).toMatchObject({ body: { error: { code: 'too-many' } } });
    } finally {
      await world.stop();
    }
  });
});

function rsaSpki(modulusBits: number, exponent: Buffer): Buffer {
  const length = (n: number): Buffer =>
    n < 128 ? Buffer.from([n]) : n < 256 ? Buffer.from([0x81, n]) : Buffer.from([0x82, n >> 8, n & 255]);
  const element = (tag: number, ...parts: Buffer[]): Buffer => {
    const content = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([tag]), length(content.length), content]);
  };
  const integer = (magnitude: Buffer): Buffer =>
    element(2, magnitude[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), magnitude]) : magnitude);
  const algorithm = element(0x30, Buffer.from('06092a864886f70d010101', 'hex'), Buffer.from('0500', 'hex'));
  const key = element(0x30, integer(Buffer.alloc(modulusBits / 8, 0xff)), integer(exponent));
  return element(0x30, algorithm, element(3, Buffer.from([0]), key));
}
