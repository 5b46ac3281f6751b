import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Updater, type Fetch } from '@countersign/client';
import { nodeCrypto } from '@countersign/client/node';
import { formatNamed } from '@countersign/client/tuf';
import { OpenCache } from '../simulator/client.js';
import { METADATA, TARGETS_URL } from '../simulator/repository.js';

const VERSIONS = [7, 8, 9, 10, 12, 13, 14, 15, 16];
const roots = new Map(
  VERSIONS.map((version) => [
    version,
    new Uint8Array(readFileSync(new URL(`../vectors/sigstore/${version}.root.json`, import.meta.url))),
  ]),
);
const format = formatNamed('tuf-1');

/** Serves the roots there are up to `last`, and nothing else. */
const repository =
  (last: number): Fetch =>
  (url) => {
    const version = Number(/\/(\d+)\.root\.json$/u.exec(url)?.[1]);
    const raw = version <= last ? roots.get(version) : undefined;
    return Promise.resolve(raw === undefined ? new Response('', { status: 404 }) : new Response(new Uint8Array(raw)));
  };

/** The version of the root a client ends at that begins with `first`; it then finds no timestamp. */
async function walk(first: number, last: number, when: string): Promise<{ root: number | undefined; code: unknown }> {
  const cache = new OpenCache();
  const updater = new Updater({
    urls: { metadata: METADATA, targets: TARGETS_URL },
    fetch: repository(last),
    crypto: nodeCrypto,
    cache,
    now: () => Date.parse(when),
    firstTrust: { kind: 'file', raw: roots.get(first)! },
  });
  const code = await updater.refresh().then(
    () => undefined,
    (error: unknown) => (error as { code?: unknown }).code,
  );
  return { root: await cache.version('root'), code };
}

describe("a public repository's roots", () => {
  it.each(VERSIONS)('root %i is read, and its keys are all usable', (version) => {
    const root = format.parseRoot(roots.get(version)!).signed;
    expect(root.version).toBe(version);
    for (const key of root.keys.values()) expect(key.scheme).toBeDefined();
  });

  it.each([
    [7, 10, '2024-12-01T00:00:00Z', 10],
    [7, 9, '2024-08-01T00:00:00Z', 9],
    [12, 16, '2026-11-24T00:00:00Z', 16],
    [12, 14, '2026-05-01T00:00:00Z', 14],
  ])('the chain from %i to %i is walked, by the clock of %s', async (first, last, when, reached) => {
    expect(await walk(first, last, when)).toEqual({ root: reached, code: 'not-found' });
  });

  it('a chain with a gap ends before it', async () => {
    expect(await walk(7, 16, '2024-12-01T00:00:00Z')).toEqual({ root: 10, code: 'not-found' });
  });

  it('the newest root that has expired is a freeze, and asks for no timestamp', async () => {
    expect(await walk(7, 10, '2025-03-01T00:00:00Z')).toEqual({ root: 10, code: 'freeze' });
    expect(await walk(12, 16, '2027-04-22T19:27:31Z')).toEqual({ root: 16, code: 'freeze' });
  });

  it.each([8, 9, 10, 13, 14, 15, 16])('root %i with one digit changed is refused', async (version) => {
    const text = Buffer.from(roots.get(version)!).toString();
    const changed = Buffer.from(text.replace(/"expires":(\s*)"20(\d)/u, '"expires":$1"21$2'));
    expect(changed.equals(Buffer.from(text))).toBe(false);
    const updater = new Updater({
      urls: { metadata: METADATA, targets: TARGETS_URL },
      fetch: () => Promise.resolve(new Response(new Uint8Array(changed))),
      crypto: nodeCrypto,
      now: () => Date.parse('2024-01-01T00:00:00Z'),
      firstTrust: { kind: 'file', raw: roots.get(version - 1) ?? roots.get(version)! },
    });
    await expect(updater.refresh()).rejects.toMatchObject({ code: 'threshold' });
  });
});
