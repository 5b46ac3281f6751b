import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TargetsDoc } from '../simulator/documents.js';
import { Faults } from '../support/faults.js';
import { Publisher } from '../support/publisher.js';
import { readAll, type Seen } from '../support/readers.js';
import { expectCode } from '../support/refused.js';
import { World } from '../support/world.js';

const faults = new Faults();
let world: World;
let publisher: Publisher;

beforeEach(async () => {
  faults.reset();
  world = await World.start({ wrap: faults.wrap, server: { jobs: { renew: 1_000_000, collect: 1_000_000 } } });
  publisher = await Publisher.begin(world, 'example.com/faults', { 'a.txt': 'a' });
});
afterEach(async () => {
  faults.reset();
  await world.stop();
});

async function second(): Promise<TargetsDoc> {
  const targets = publisher.next();
  await publisher.host(targets, 'b.txt', 'b');
  return targets;
}

/** How many port calls a publish makes, and in which order, on a publish that goes well. */
async function callsOfOnePublish(): Promise<readonly string[]> {
  const targets = await second();
  faults.reset();
  await publisher.publish({ targets }, { targets: 'hosted' });
  return [...faults.calls];
}

describe('a publish that fails at any call of any port', () => {
  it('leaves the old state or the new one, never half of it, and can be sent again', async () => {
    const calls = await callsOfOnePublish();
    expect(calls).toContain('store.commit');
    expect(calls.some((name) => name.startsWith('signer.'))).toBe(true);
    for (const [number] of calls.entries()) {
      for (const when of ['before', 'after'] as const) await failsAt(number, when);
    }
  }, 120_000);

  async function failsAt(number: number, when: 'before' | 'after'): Promise<void> {
    const before = await readAll(publisher);
    const targets = await second();
    const files = publisher.signAll({ targets });
    faults.failAt(number, when);
    const answer = await publisher.post(files, { targets: 'hosted' });
    faults.reset();
    await world.stopServer();
    await world.startServer();
    const after = await readAll(publisher);
    const stored = after.versions['targets'] === targets.version;
    if (!stored) expect(after).toEqual(before);
    if (answer.status === 200) expect(stored, `acknowledged, then lost: call ${number}, ${when}`).toBe(true);
    const again = await publisher.post(files, { targets: 'hosted' });
    expect(again.status, `sent again after call ${number} failed ${when}`).toBe(200);
    publisher.adopt({ targets });
    expect(versionOf(await readAll(publisher))).toBe(targets.version);
  }
});

const versionOf = (seen: Seen): number | undefined => seen.versions['targets'];

describe('the signer is down', () => {
  it('refuses a publish with 503, stores nothing, goes on serving, and works again afterwards', async () => {
    const before = await readAll(publisher);
    const targets = await second();
    const files = publisher.signAll({ targets });
    await world.stopSigner();
    expectCode(await publisher.post(files, { targets: 'hosted' }), 'unavailable');
    expect(await readAll(publisher)).toEqual(before);
    await world.startSigner();
    expect((await publisher.post(files, { targets: 'hosted' })).status).toBe(200);
    expect(versionOf(await readAll(publisher))).toBe(2);
  });
});
