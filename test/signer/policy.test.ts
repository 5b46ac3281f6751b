import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SignerAlgorithm } from '../../packages/signer/src/wire.js';
import { DAY, GUN, NOW, followsOf, newDatabase, openBench, snapshot, targets, timestamp } from './workbench.js';

const signed = { signature: expect.any(Uint8Array) as Uint8Array };
const policy = { code: 'policy', current: undefined };

describe.each<SignerAlgorithm>(['ed25519', 'ecdsa-p256-sha256'])('an honest request, %s', (algorithm) => {
  it('is signed so that the public key verifies it', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp', algorithm);
    const payload = timestamp(1);
    const outcome = await bench.sign(key, payload);
    if (!('signature' in outcome)) throw new Error(outcome.code);
    const spki = createPublicKey({ key: Buffer.from(key.spki, 'base64'), format: 'der', type: 'spki' });
    expect(verify(algorithm === 'ed25519' ? null : 'sha256', payload, spki, outcome.signature)).toBe(true);
    expect(verify(algorithm === 'ed25519' ? null : 'sha256', timestamp(2), spki, outcome.signature)).toBe(false);
  });
});

describe('a stolen server credential', () => {
  it('signs no targets', async () => {
    const bench = await openBench(await newDatabase());
    for (const role of ['timestamp', 'snapshot'] as const) {
      expect(await bench.sign(await bench.key(role), targets(1))).toMatchObject({ code: 'malformed' });
    }
  });

  it('signs no timestamp for the year 2099', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    expect(await bench.sign(key, timestamp(1, Date.UTC(2099, 0, 1)))).toEqual(policy);
    expect(await bench.sign(key, timestamp(1, NOW + 15 * DAY + 1000))).toEqual(policy);
    expect(await bench.sign(key, timestamp(1, NOW + 15 * DAY))).toEqual(signed);
  });

  it('signs no snapshot that outlives the policy', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('snapshot');
    expect(await bench.sign(key, snapshot(1, { targets: 1 }, NOW + 32 * DAY))).toEqual(policy);
  });

  it('does not get the same bytes signed again once they outlive the policy', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    const payload = timestamp(1, NOW + 15 * DAY);
    await bench.publish(key, payload);
    expect(await bench.sign(key, payload, {}, (NOW - DAY) as typeof NOW)).toEqual(policy);
  });

  it('uses no key for another collection', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    expect(await bench.sign(key, timestamp(1), { gun: 'example.com/other' })).toEqual(policy);
  });

  it('uses no key for another role', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    expect(await bench.sign(key, snapshot(1, { targets: 1 }), { role: 'snapshot' })).toEqual(policy);
  });

  it('passes no snapshot off as a timestamp', async () => {
    const bench = await openBench(await newDatabase());
    expect(await bench.sign(await bench.key('timestamp'), snapshot(1, { targets: 1 }))).toMatchObject({
      code: 'malformed',
    });
  });

  it('signs no lower version, and is told the highest', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    await bench.publish(key, timestamp(7));
    expect(await bench.sign(key, timestamp(6))).toEqual({ code: 'stale-version', current: 7 });
  });

  it('signs no second payload of one version', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    await bench.publish(key, timestamp(7));
    expect(await bench.sign(key, timestamp(7, NOW + DAY))).toEqual({ code: 'stale-version', current: 7 });
  });

  it('jumps no more than 1,000 versions ahead', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    await bench.publish(key, timestamp(5));
    expect(await bench.sign(key, timestamp(1006))).toEqual({ code: 'policy', current: 5 });
    expect(await bench.sign(key, timestamp(1005))).toEqual(signed);
  });

  it('uses up no version numbers with a fresh key', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    expect(await bench.sign(key, timestamp(Number.MAX_SAFE_INTEGER))).toMatchObject({ code: 'policy' });
  });

  it('fast-forwards no snapshot through a timestamp', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    const names = (version: number, snapshotVersion: number): Promise<unknown> =>
      bench.sign(key, timestamp(version, NOW + DAY, snapshotVersion));
    expect(await names(1, Number.MAX_SAFE_INTEGER)).toMatchObject({ code: 'policy' });
    expect(await names(1, 7)).toEqual(signed);
    expect(await names(2, 1_000_008)).toMatchObject({ code: 'policy' });
    expect(await names(2, 1_000_007)).toEqual(signed);
    // one that was named and never published is no floor
    expect(await names(3, 8)).toEqual(signed);
    expect(await names(4, 3_000_000)).toMatchObject({ code: 'policy' });
  });

  it('fast-forwards no role through a snapshot, not with a fresh key either', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('snapshot');
    const max = Number.MAX_SAFE_INTEGER;
    expect(await bench.sign(key, snapshot(1, { targets: max }))).toMatchObject({ code: 'policy' });
    const first = await bench.publish(key, snapshot(1, { targets: 5 }));
    for (const listed of [{ targets: max }, { targets: 1006 }, { targets: 5, phantom: 1001 }])
      expect(await bench.sign(key, snapshot(2, listed), followsOf(first))).toMatchObject({ code: 'policy' });
    const second = await bench.publish(key, snapshot(2, { targets: 1005 }), first);
    expect(await bench.sign(key, snapshot(3, { targets: 2006 }), followsOf(second))).toMatchObject({ code: 'policy' });
    expect(await bench.sign(key, snapshot(3, { targets: 6 }), followsOf(first))).toEqual(signed);
  });

  it('moves no floor by what is signed and not followed, and at most 1,000 by what is', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('snapshot');
    const first = await bench.publish(key, snapshot(1, { targets: 5 }));
    for (let version = 2; version < 6; version++) await bench.publish(key, snapshot(version, { targets: 1005 }), first);
    expect(await bench.sign(key, snapshot(6, { targets: 1006 }), followsOf(first))).toMatchObject({ code: 'policy' });
    expect(await bench.sign(key, snapshot(6, { targets: 6 }), followsOf(first))).toEqual(signed);
  });

  it('that poisoned a floor is got rid of by a fresh key', async () => {
    const bench = await openBench(await newDatabase());
    const [key, fresh] = [await bench.key('snapshot'), await bench.key('snapshot')];
    const honest = await bench.publish(key, snapshot(1, { targets: 5 }));
    const evil = await bench.publish(key, snapshot(2, { targets: 900, phantom: 1 }), honest);
    await bench.publish(key, snapshot(3, { targets: 900, phantom: 1 }), evil);
    expect(await bench.sign(key, snapshot(4, { targets: 6 }), followsOf(honest))).toMatchObject({ code: 'policy' });
    expect(await bench.sign(fresh, snapshot(4, { targets: 6 }), followsOf(honest))).toEqual(signed);
  });

  it('signs bytes only in the form in which they were read', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    for (const payload of [` ${text(timestamp(1))}`, `${text(timestamp(1))},"x":{}`, '{}', 'nonsense', '']) {
      expect(await bench.sign(key, Buffer.from(payload))).toMatchObject({ code: 'malformed' });
    }
  });

  it('gets nothing from a key that does not exist', async () => {
    const bench = await openBench(await newDatabase());
    const key = { ...(await bench.key('timestamp')), id: 'f'.repeat(64) };
    expect(await bench.sign(key, timestamp(1))).toMatchObject({ code: 'not-found' });
  });

  it('signs nothing in a format the signer does not know', async () => {
    const bench = await openBench(await newDatabase());
    const outcome = await bench.sign(await bench.key('timestamp'), timestamp(1), { format: 'notary-1' });
    expect(outcome).not.toEqual(signed);
  });
});

describe('a snapshot that follows a published one', () => {
  const listed = { targets: 3, 'team/a': 2 };

  it('cannot leave a role out', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('snapshot');
    const first = await bench.publish(key, snapshot(1, listed));
    expect(await bench.sign(key, snapshot(2, { targets: 3 }), followsOf(first))).toMatchObject({
      code: 'policy',
      current: 2,
    });
  });

  it('cannot list a role lower', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('snapshot');
    const first = await bench.publish(key, snapshot(1, listed));
    const lower = snapshot(2, { targets: 4, 'team/a': 1 });
    expect(await bench.sign(key, lower, followsOf(first))).toMatchObject({ code: 'policy', current: 2 });
  });

  it('cannot go back behind an older one by following it again', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('snapshot');
    const first = await bench.publish(key, snapshot(1, listed));
    const second = await bench.publish(key, snapshot(2, { ...listed, targets: 4 }), first);
    await bench.publish(key, snapshot(3, { ...listed, targets: 5 }), second);
    expect(await bench.sign(key, snapshot(4, listed), followsOf(first))).toMatchObject({ code: 'policy', current: 4 });
  });

  it('cannot drop what it follows once something was published', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('snapshot');
    const first = await bench.publish(key, snapshot(1, listed));
    await bench.publish(key, snapshot(2, listed), first);
    expect(await bench.sign(key, snapshot(3, { targets: 1 }))).toMatchObject({ code: 'policy' });
    expect(await bench.sign(key, snapshot(3, listed))).toMatchObject({ code: 'policy' });
  });

  it('keeps its floor when what it follows was signed by a stranger', async () => {
    const bench = await openBench(await newDatabase());
    const [key, stranger] = [await bench.key('snapshot'), await bench.key('snapshot')];
    const first = await bench.publish(key, snapshot(1, listed));
    await bench.publish(key, snapshot(2, listed), first);
    const foreign = await bench.publish(stranger, snapshot(1, { targets: 1 }));
    expect(await bench.sign(key, snapshot(3, { targets: 1 }), followsOf(foreign))).toMatchObject({ code: 'policy' });
  });

  it('may be lower than the last one, of which the signer cannot know yet that it was published', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('snapshot');
    const first = await bench.publish(key, snapshot(1, listed));
    const second = await bench.publish(key, snapshot(2, { ...listed, targets: 4 }), first);
    const third = await bench.publish(key, snapshot(3, listed), first);
    await bench.publish(key, snapshot(4, { ...listed, targets: 5 }), second);
    expect(await bench.sign(key, snapshot(5, listed), followsOf(third))).toMatchObject({ code: 'policy' });
  });

  it('may be lower than what was signed and never published', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('snapshot');
    const first = await bench.publish(key, snapshot(1, listed));
    await bench.publish(key, snapshot(2, { ...listed, targets: 4, 'team/b': 1 }), first);
    expect(await bench.sign(key, snapshot(3, { ...listed, 'team/c': 1 }), followsOf(first))).toEqual(signed);
  });

  it('starts without a floor under a fresh key, at any version', async () => {
    const bench = await openBench(await newDatabase());
    const [old, fresh] = [await bench.key('snapshot'), await bench.key('snapshot')];
    const last = await bench.publish(old, snapshot(50_000, { ...listed, targets: 2 ** 48 }));
    expect(await bench.sign(fresh, snapshot(50_001, listed), followsOf(last))).toEqual(signed);
  });
});

describe('a timestamp that follows a published one', () => {
  const naming = (version: number, snapshotVersion: number): Uint8Array =>
    timestamp(version, NOW + DAY, snapshotVersion);

  it('cannot name a snapshot older than that one does, followed again or not', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    const first = await bench.publish(key, naming(1, 1));
    const second = await bench.publish(key, naming(2, 5), first);
    const third = await bench.publish(key, naming(3, 6), second);
    for (const follows of [first, second, third, undefined])
      expect(await bench.sign(key, naming(4, 1), followsOf(follows))).toMatchObject({ code: 'policy' });
    expect(await bench.sign(key, naming(4, 6), followsOf(third))).toEqual(signed);
  });

  it('may name an older one than a timestamp that was signed and lost its race', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    const first = await bench.publish(key, naming(1, 1));
    await bench.publish(key, naming(2, 3), first);
    expect(await bench.sign(key, naming(3, 2), followsOf(first))).toEqual(signed);
  });

  it('starts without a floor under a fresh key, so that a rotation recovers', async () => {
    const bench = await openBench(await newDatabase());
    const [old, fresh] = [await bench.key('timestamp'), await bench.key('timestamp')];
    const last = await bench.publish(old, naming(9, 900), await bench.publish(old, naming(8, 900)));
    expect(await bench.sign(fresh, naming(10, 7), followsOf(last))).toEqual(signed);
  });

  it('is held against what was told in advance, and a stranger tells nothing', async () => {
    const bench = await openBench(await newDatabase());
    const [key, stranger] = [await bench.key('timestamp'), await bench.key('timestamp')];
    const first = await bench.publish(key, naming(1, 5));
    await bench.tell(key, await bench.publish(stranger, naming(1, 900)));
    await bench.tell(key, Buffer.from('nonsense'));
    expect(await bench.sign(key, naming(2, 6), followsOf(first))).toEqual(signed);
    await bench.tell(key, first);
    expect(await bench.sign(key, naming(3, 4), followsOf(first))).toMatchObject({ code: 'policy' });
  });
});

describe('the same bytes', () => {
  it('are signed again', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    await bench.publish(key, timestamp(1));
    expect(await bench.sign(key, timestamp(1))).toEqual(signed);
  });

  it('are signed again in the middle of a reserved block', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    for (const version of [1, 2, 3]) await bench.publish(key, timestamp(version));
    expect(await bench.sign(key, timestamp(3))).toEqual(signed);
    expect(await bench.sign(key, timestamp(2))).toEqual({ code: 'stale-version', current: 3 });
  });
});

describe('payloads of one request', () => {
  it('are decided one by one, those of one key in their order', async () => {
    const bench = await openBench(await newDatabase());
    const key = await bench.key('timestamp');
    const items = [timestamp(2), timestamp(1), timestamp(3)].map((payload) => ({
      keyId: key.id,
      gun: GUN,
      role: key.role,
      format: 'tuf-1' as const,
      payload: Buffer.from(payload).toString('base64'),
    }));
    const signings = await bench.service.sign(items, NOW);
    expect(signings.map(({ kind }) => kind)).toEqual(['signed', 'refused', 'signed']);
  });
});

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
