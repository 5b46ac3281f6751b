import { beforeEach, describe, expect, it } from 'vitest';
import { containing } from '../simulator/matchers.js';
import type { FirstTrust } from '../../packages/client/src/reading/pinning.js';
import { clientOf, OpenCache } from '../simulator/client.js';
import { sha256 } from '../simulator/keys.js';
import { METADATA, RepositorySimulator, TARGETS_URL } from '../simulator/repository.js';
import { Updater } from '../../packages/client/src/reading/updater.js';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { START } from '../simulator/repository.js';

let sim: RepositorySimulator;
let cache: OpenCache;
beforeEach(() => {
  sim = new RepositorySimulator();
  cache = new OpenCache();
});

const pin = (raw: Uint8Array): FirstTrust => ({ kind: 'fingerprint', fingerprint: `sha256:${sha256(raw)}` });

async function rootAfter(firstTrust: FirstTrust, repository = sim): Promise<number> {
  const trust = await clientOf(repository, { cache, firstTrust }).refresh();
  return trust.final.root.signed.version;
}

describe('first trust', () => {
  it('needs a reason', async () => {
    const updater = new Updater({
      urls: { metadata: METADATA, targets: TARGETS_URL },
      fetch: sim.fetch,
      crypto: nodeCrypto,
      now: () => START,
    });
    await expect(updater.refresh()).rejects.toMatchObject({
      code: 'untrusted-root',
      next: containing('--trust-on-first-use'),
    });
    expect(sim.requests).toEqual([]);
  });

  it('comes from a file, without asking the repository', async () => {
    expect(await rootAfter({ kind: 'file', raw: sim.firstRoot })).toBe(1);
    expect(sim.requests).not.toContain('1.root.json');
  });

  it.each(['', 'garbage', '{"signed":{},"signatures":[]}'])(
    'a root file %j is refused before any request',
    async (text) => {
      await expect(rootAfter({ kind: 'file', raw: Buffer.from(text) })).rejects.toMatchObject({ code: 'malformed' });
      expect(sim.requests).toEqual([]);
      expect(cache.saves).toEqual([]);
    },
  );

  it('comes from the fingerprint of any version', async () => {
    sim.publishRoot();
    sim.publishRoot();
    sim.publishRoot();
    expect(await rootAfter(pin(sim.file('3.root.json')))).toBe(4);
    expect(sim.requests.slice(0, 4)).toEqual(['1.root.json', '2.root.json', '3.root.json', '4.root.json']);
  });

  it('takes a fingerprint in capitals', async () => {
    const fingerprint = `SHA256:${sha256(sim.firstRoot).toUpperCase()}`;
    expect(await rootAfter({ kind: 'fingerprint', fingerprint })).toBe(1);
  });

  it('refuses a repository of another root, and says what it found', async () => {
    const other = new RepositorySimulator();
    await expect(rootAfter(pin(other.firstRoot))).rejects.toMatchObject({
      code: 'untrusted-root',
      message: containing('the only root of the repository has not the fingerprint'),
      detail: { found: [`version 1 sha256:${sha256(sim.firstRoot)}`] },
    });
    expect(cache.saves).toEqual([]);
  });

  it('counts the current root among its versions once', async () => {
    sim.publishRoot();
    sim.files.set('root.json', sim.file('2.root.json'));
    await expect(rootAfter(pin(new RepositorySimulator().firstRoot))).rejects.toMatchObject({
      message: containing("none of the repository's 2 roots has the fingerprint"),
    });
  });

  it('takes a fingerprint as sha256sum prints it', async () => {
    expect(await rootAfter({ kind: 'fingerprint', fingerprint: sha256(sim.firstRoot) })).toBe(1);
  });

  it('finds a collection made again by its current root', async () => {
    sim.publishRoot();
    sim.files.set('root.json', sim.file('2.root.json'));
    sim.files.delete('1.root.json');
    expect(await rootAfter(pin(sim.file('2.root.json')))).toBe(2);
    cache = new OpenCache();
    expect(await rootAfter({ kind: 'trust-on-first-use' })).toBe(2);
  });

  it.each(['sha256:12', 'md5:00', '', `sha256:${'g'.repeat(64)}`])('refuses the fingerprint %j', (fingerprint) => {
    expect(() => clientOf(sim, { firstTrust: { kind: 'fingerprint', fingerprint } })).toThrow(
      expect.objectContaining({ code: 'usage' }),
    );
  });

  it('believes the first root shown, if asked to by name, and no other after', async () => {
    expect(await rootAfter({ kind: 'trust-on-first-use' })).toBe(1);
    await expect(rootAfter({ kind: 'trust-on-first-use' }, new RepositorySimulator())).rejects.toMatchObject({
      code: 'threshold',
    });
  });
});

describe('a saved root', () => {
  it('is gone on with, under the same pin', async () => {
    await rootAfter(pin(sim.firstRoot));
    sim.publishRoot();
    await rootAfter(pin(sim.firstRoot));
    sim.requests.length = 0;
    expect(await rootAfter(pin(sim.firstRoot))).toBe(2);
    expect(sim.requests[0]).toBe('3.root.json');
  });

  it('is not believed under another pin: trust on first use does not outlive a pin', async () => {
    const attacker = new RepositorySimulator();
    await rootAfter({ kind: 'trust-on-first-use' }, attacker);
    expect(await rootAfter(pin(sim.firstRoot))).toBe(1);
    expect(await cache.text('root')).toBe(Buffer.from(sim.firstRoot).toString());
    expect(await cache.text('timestamp')).toBe(Buffer.from(sim.file('timestamp.json')).toString());
  });
});
