import { beforeEach, describe, expect, it } from 'vitest';
import { clientOf, get, OpenCache } from '../simulator/client.js';
import { corrupt, endless, resigned } from '../simulator/hostile.js';
import { newKey, relabelled } from '../simulator/keys.js';
import { date, RepositorySimulator, START } from '../simulator/repository.js';

const DAY = 86_400_000;
const ROLES = ['root', 'timestamp', 'snapshot', 'targets', 'delegated'] as const;

let sim: RepositorySimulator;
let cache: OpenCache;

/** A client that has seen the first state; then everything gets one version newer. */
beforeEach(async () => {
  sim = new RepositorySimulator();
  cache = new OpenCache();
  sim.delegate('targets', 'delegated', { paths: ['d/*'] });
  sim.addTarget('d/file', 'delegated content', 'delegated');
  sim.addTarget('file', 'content');
  sim.publish('delegated', 'targets');
});

/** Makes every role one version newer than what `update` saw before. */
function everythingNewer(): void {
  sim.publishRoot();
  sim.publish('delegated', 'targets');
}

async function update(): Promise<void> {
  const updater = clientOf(sim, { cache });
  await updater.refresh();
  await updater.find('d/file');
}

async function refusal(): Promise<unknown> {
  return update().then(
    () => 'accepted',
    (error: unknown) => (error as { code?: string }).code ?? error,
  );
}

async function versions(): Promise<(number | undefined)[]> {
  return Promise.all(ROLES.map((role) => cache.version(role)));
}

it('an honest repository is followed', async () => {
  await update();
  everythingNewer();
  expect(await refusal()).toBe('accepted');
  expect(await versions()).toEqual([2, 3, 3, 3, 2]);
  expect(await get(clientOf(sim, { cache }), 'file')).toBe('content');
});

describe.each(ROLES)('%s', (role) => {
  beforeEach(async () => {
    await update();
    everythingNewer();
  });

  it.each([
    ['with a changed byte', corrupt.byte, ['threshold']],
    ['without signatures', corrupt.unsigned, ['threshold']],
    ['signed by a stranger under the right id', corrupt.stranger, ['threshold']],
    ['signed by a stranger', corrupt.unknownKey, ['threshold']],
    ['that is garbage', corrupt.garbage, ['malformed']],
    ['without end', corrupt.endless, ['endless-data']],
    ['behind a broken server', corrupt.down, ['unavailable']],
  ] as const)('%s is refused, and the old one stays', async (_what, attack, codes) => {
    const before = await cache.text(role);
    attack(sim, sim.nameOf(role));
    expect(codes).toContain(await refusal());
    expect(await cache.text(role)).toBe(before);
    expect(before).toBeDefined();
  });

  it('of another type is refused', async () => {
    const other = role === 'timestamp' ? 'snapshot' : 'timestamp';
    resigned(sim, sim.nameOf(role), sim.signers.get(role)!, (signed) => (signed['_type'] = other));
    expect(await refusal()).toBe('malformed');
  });

  it('that has expired is refused, to the very second', async () => {
    const expires = (at: number): void =>
      resigned(sim, sim.nameOf(role), sim.signers.get(role)!, (signed) => (signed['expires'] = date(at)));
    expires(START);
    expect(await refusal()).toBe('freeze');
    cache = new OpenCache(); // an expired root is kept: only its successor helps
    expires(START + 1000);
    expect(await refusal()).toBe('accepted');
  });

  it.each(['abc', '2040', '2040-01-01', 'Jan 1 2040', '2040-02-30T00:00:00Z', ''])(
    'with the expiry %j is refused, not taken for eternal',
    async (expires) => {
      resigned(sim, sim.nameOf(role), sim.signers.get(role)!, (signed) => (signed['expires'] = expires));
      expect(await refusal()).toBe('malformed');
    },
  );

  it.each([0, -1, 1.5, '3', null, 2 ** 53])('with the version %j is refused', async (version) => {
    resigned(sim, sim.nameOf(role), sim.signers.get(role)!, (signed) => (signed['version'] = version));
    expect(await refusal()).toBe('malformed');
  });
});

describe('rollback', () => {
  it('of the timestamp', async () => {
    const old = sim.file('timestamp.json');
    sim.publishTimestamp();
    await update();
    sim.files.set('timestamp.json', old);
    expect(await refusal()).toBe('rollback');
    expect(await cache.version('timestamp')).toBe(3);
  });

  it('of the snapshot, by a newer timestamp', async () => {
    sim.publishSnapshot();
    await update();
    sim.timestamp.meta['snapshot.json'] = { version: sim.snapshot.version - 1 };
    sim.publishTimestamp();
    expect(await refusal()).toBe('rollback');
  });

  it.each(['targets', 'delegated'])('of %s, by a newer snapshot', async (role) => {
    sim.publish(role);
    await update();
    sim.snapshot.meta[`${role}.json`]!.version -= 1;
    sim.publishSnapshot();
    expect(await refusal()).toBe('rollback');
  });

  it('of a role that vanishes from the snapshot', async () => {
    await update();
    delete sim.snapshot.meta['delegated.json'];
    sim.publishSnapshot();
    expect(await refusal()).toBe('rollback');
  });

  it('of the timestamp, when the trusted one has expired', async () => {
    const old = sim.file('timestamp.json');
    sim.timestamp.expires = date(START + DAY);
    sim.publishTimestamp();
    await update();
    sim.files.set('timestamp.json', old);
    await expect(clientOf(sim, { cache, now: () => START + 2 * DAY }).refresh()).rejects.toMatchObject({
      code: 'rollback',
    });
  });

  it('of the snapshot’s entries, when the trusted snapshot has expired', async () => {
    sim.publish('targets');
    sim.snapshot.expires = date(START + DAY);
    sim.publishSnapshot();
    await update();
    sim.snapshot.expires = date(START + 9 * DAY);
    sim.snapshot.meta['targets.json']!.version -= 1;
    sim.publishSnapshot();
    await expect(clientOf(sim, { cache, now: () => START + 2 * DAY }).refresh()).rejects.toMatchObject({
      code: 'rollback',
    });
  });

  it('of the root, which never goes back', async () => {
    sim.publishRoot();
    await update();
    sim.files.set('3.root.json', sim.file('1.root.json'));
    expect(await refusal()).toBe('rollback');
    expect(await cache.version('root')).toBe(2);
  });
});

describe('freeze', () => {
  it('a timestamp that is never renewed is refused once it has expired', async () => {
    await update();
    await expect(clientOf(sim, { cache, now: () => START + 31 * DAY }).refresh()).rejects.toMatchObject({
      code: 'freeze',
      detail: { role: 'root' },
    });
    sim.root.expires = date(START + 99 * DAY);
    sim.publishRoot();
    await expect(clientOf(sim, { cache, now: () => START + 31 * DAY }).refresh()).rejects.toMatchObject({
      code: 'freeze',
      detail: { role: 'timestamp' },
    });
  });

  it('a clock that cannot be read is an error, never "not expired"', async () => {
    await expect(clientOf(sim, { now: () => Number.NaN }).refresh()).rejects.toThrow();
  });

  it('the time is read once, however long the update takes', async () => {
    let asked = 0;
    const now = (): number => {
      asked += 1;
      return asked === 1 ? START : START + 99 * DAY;
    };
    const updater = clientOf(sim, { cache, now });
    await updater.refresh();
    expect(await updater.find('d/file')).toMatchObject({ role: 'delegated' });
    expect(asked).toBe(1);
  });
});

describe('mix-and-match', () => {
  it('a snapshot of another state', async () => {
    const old = sim.file(sim.nameOf('snapshot'));
    sim.publish('targets');
    sim.files.set(sim.nameOf('snapshot'), old);
    expect(await refusal()).toBe('mix-and-match');
  });

  it.each(['targets', 'delegated'])('%s of another state', async (role) => {
    const old = sim.file(sim.nameOf(role));
    sim.publish(role);
    sim.files.set(sim.nameOf(role), old);
    expect(await refusal()).toBe('mix-and-match');
  });

  it.each(['snapshot', 'targets', 'delegated'])('%s with the right version and another hash', async (role) => {
    sim.describe = 'length-and-hashes';
    sim.publish('delegated', 'targets');
    const name = sim.nameOf(role);
    const before = sim.file(name).length;
    // Signed by the right keys, of the right length: only the hash tells.
    sim.files.set(name, Buffer.from(Buffer.from(sim.file(name)).toString().replace(' \n', '\n ')));
    expect(sim.file(name)).toHaveLength(before);
    expect(await refusal()).toBe('mix-and-match');
  });

  it('targets renamed to be a delegated role', async () => {
    sim.files.set(sim.nameOf('delegated'), sim.file(sim.nameOf('targets')));
    expect(['threshold', 'mix-and-match']).toContain(await refusal());
  });

  it('a listed hash of an algorithm nobody knows', async () => {
    sim.timestamp.meta['snapshot.json']!.hashes = { md5: 'd41d8cd98f00b204e9800998ecf8427e' };
    sim.publishTimestamp();
    expect(await refusal()).toBe('mix-and-match');
  });

  it('a role the snapshot does not list is not even asked for', async () => {
    sim.delegate('targets', 'unlisted', { paths: ['u/*'] });
    sim.publish('targets');
    sim.requests.length = 0;
    await expect(clientOf(sim).find('u/x')).rejects.toMatchObject({ code: 'mix-and-match' });
    expect(sim.requests.filter((name) => name.includes('unlisted'))).toEqual([]);
  });
});

describe('removal', () => {
  it('of a target and of a role takes effect, though both are saved', async () => {
    await update();
    delete sim.role('delegated').targets['d/file'];
    sim.publish('delegated');
    expect(await clientOf(sim, { cache }).find('d/file')).toBeUndefined();
    expect(await cache.text('delegated')).not.toContain('d/file');
    sim.addTarget('d/file', 'back', 'delegated');
    sim.publish('delegated');
    expect(await get(clientOf(sim, { cache }), 'd/file')).toBe('back');
    delete sim.targets.delegations;
    sim.publish('targets');
    expect(await clientOf(sim, { cache }).find('d/file')).toBeUndefined();
  });
});

describe('endless data', () => {
  it('a listed length is the limit', async () => {
    sim.describe = 'length-and-hashes';
    sim.publish('targets');
    const name = sim.nameOf('targets');
    sim.files.set(name, Buffer.concat([sim.file(name), Buffer.from(' ')]));
    await expect(clientOf(sim).refresh()).rejects.toMatchObject({
      code: 'endless-data',
      detail: { limit: sim.file(name).length - 1 },
    });
  });

  describe.each(['snapshot', 'targets', 'delegated'])('a length listed for %s', (role) => {
    function list(length: number): void {
      if (role !== 'snapshot') {
        sim.snapshot.meta[`${role}.json`]!.length = length;
        sim.publishSnapshot();
        return;
      }
      sim.timestamp.meta['snapshot.json']!.length = length;
      sim.publishTimestamp();
    }

    it.each([2 ** 26 + 1, 2 ** 52])('of %i bytes, beyond what is parsed, is not even asked for', async (length) => {
      sim.answers.set(sim.nameOf(role), endless);
      list(length);
      sim.requests.length = 0;
      await expect(clientOf(sim).find('d/file')).rejects.toMatchObject({
        code: 'endless-data',
        detail: { role, limit: 2 ** 26 },
        next: expect.stringContaining(role === 'snapshot' ? 'limits.snapshot' : 'limits.targets') as string,
      });
      expect(sim.requests).not.toContain(sim.nameOf(role));
    });
  });

  it('an endless next root', async () => {
    sim.answers.set('2.root.json', endless);
    expect(await refusal()).toBe('endless-data');
  });
});

describe('threshold', () => {
  it('one key twice does not reach two', async () => {
    const [a, b] = [newKey(), newKey()];
    sim.setKeys('timestamp', [a, b], 2);
    sim.publishRoot();
    sim.signers.set('timestamp', [a, a]);
    sim.publishTimestamp();
    expect(['threshold', 'malformed']).toContain(await refusal());
    sim.signers.set('timestamp', [a]);
    sim.publishTimestamp();
    expect(await refusal()).toBe('threshold');
    sim.signers.set('timestamp', [a, b]);
    sim.publishTimestamp();
    expect(await refusal()).toBe('accepted');
  });

  it('one key under two ids does not reach two', async () => {
    const key = newKey();
    const again = relabelled(key);
    sim.setKeys('timestamp', [key, again], 2);
    sim.publishRoot();
    sim.publishTimestamp();
    expect(again.id).not.toBe(key.id);
    expect(await refusal()).toBe('threshold');
  });

  it.each([0, -1, 0.5])('of %d in a root is refused', async (threshold) => {
    sim.root.roles['timestamp']!.threshold = threshold;
    sim.publishRoot();
    sim.signers.set('timestamp', []);
    sim.publishTimestamp();
    expect(await refusal()).toBe('malformed');
    expect(await cache.version('root')).toBe(1);
  });

  it('of zero in a delegation is refused', async () => {
    sim.targets.delegations!.roles![0]!.threshold = 0;
    sim.signers.set('delegated', []);
    sim.publish('delegated', 'targets');
    expect(await refusal()).toBe('malformed');
  });

  it('signatures of people who have not signed yet, and odd ones, are passed over', async () => {
    const [waiting, signed] = [newKey(), newKey('ecdsa')];
    sim.setKeys('timestamp', [waiting, signed]);
    sim.publishRoot();
    sim.signers.set('timestamp', [{ ...waiting, sign: () => '' }, signed]);
    sim.publishTimestamp();
    expect(await refusal()).toBe('accepted');
  });

  it('a key of the new root alone does not make a new one', async () => {
    const next = newKey();
    sim.setKeys('root', [next]);
    const old = sim.signers.get('root')!;
    sim.publishRoot();
    resigned(sim, '2.root.json', [next], () => undefined);
    expect(await refusal()).toBe('threshold');
    expect(old).toEqual([next]);
  });

  it('a key of the old root alone is not enough either', async () => {
    const old = sim.signers.get('root')!;
    sim.setKeys('root', [newKey()]);
    sim.publishRoot();
    resigned(sim, '2.root.json', old, () => undefined);
    expect(await refusal()).toBe('threshold');
  });
});

describe('root', () => {
  it('that skips a version is refused', async () => {
    sim.publishRoot();
    sim.publishRoot();
    sim.files.set('2.root.json', sim.file('3.root.json'));
    expect(await refusal()).toBe('mix-and-match');
    expect(await cache.version('root')).toBe(1);
  });

  it('that stays at its version is refused', async () => {
    sim.files.set('2.root.json', sim.file('1.root.json'));
    expect(await refusal()).toBe('rollback');
  });

  it('chains of a hundred, keys changing at each, expired in between, are followed', async () => {
    for (let step = 0; step < 100; step += 1) {
      sim.setKeys('root', [newKey()]);
      sim.root.expires = date(step === 99 ? START + DAY : START - DAY);
      sim.publishRoot();
    }
    expect(await refusal()).toBe('accepted');
    expect(await cache.version('root')).toBe(101);
  });

  it('chains beyond the limit are followed further at the next update', async () => {
    for (let step = 0; step < 5; step += 1) sim.publishRoot();
    await clientOf(sim, { cache, limits: { rootRotations: 3 } }).refresh();
    expect(await cache.version('root')).toBe(4);
    await clientOf(sim, { cache, limits: { rootRotations: 3 } }).refresh();
    expect(await cache.version('root')).toBe(6);
  });

  it('that has expired stops the update before the timestamp is asked for', async () => {
    sim.root.expires = date(START - 1000);
    sim.publishRoot();
    sim.requests.length = 0;
    expect(await refusal()).toBe('freeze');
    expect(sim.requests).toEqual(['2.root.json', '3.root.json']);
    expect(cache.saves).toEqual(['root', 'root']);
  });

  it.each([404, 403])('"no next root" may be said with %i', async (status) => {
    sim.answers.set('2.root.json', () => new Response('', { status }));
    expect(await refusal()).toBe('accepted');
  });
});

describe('fast-forward recovery (W2.8)', () => {
  it('with a new timestamp key the timestamp may start again', async () => {
    sim.timestamp.version = 1_000_000;
    sim.publishTimestamp();
    await update();
    sim.setKeys('timestamp', [newKey()]);
    sim.publishRoot();
    sim.timestamp.version = 0;
    sim.publishTimestamp();
    expect(await refusal()).toBe('accepted');
    expect(await cache.version('timestamp')).toBe(1);
  });

  it('with new timestamp and snapshot keys the snapshot may start again', async () => {
    sim.snapshot.version = 1_000_000;
    sim.publishSnapshot();
    await update();
    sim.setKeys('timestamp', [newKey()]);
    sim.setKeys('snapshot', [newKey()]);
    sim.publishRoot();
    sim.snapshot.version = 0;
    sim.publishSnapshot();
    expect(await refusal()).toBe('accepted');
    expect(await cache.version('snapshot')).toBe(1);
  });

  it('with a new snapshot key targets may go back, and roles may vanish', async () => {
    sim.targets.version = 1_000_000;
    sim.publish('targets');
    await update();
    sim.setKeys('snapshot', [newKey()]);
    sim.publishRoot();
    sim.targets.version = 0;
    delete sim.targets.delegations;
    delete sim.snapshot.meta['delegated.json'];
    sim.publish('targets');
    await clientOf(sim, { cache }).refresh();
    expect(await cache.version('targets')).toBe(1);
  });

  it('without a new key nothing of this works', async () => {
    sim.snapshot.version = 1_000_000;
    sim.publishSnapshot();
    await update();
    sim.publishRoot();
    sim.snapshot.version = 0;
    sim.publishSnapshot();
    expect(await refusal()).toBe('rollback');
  });
});
