import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ByHand } from '../support/by-hand.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { expectCode } from '../support/refused.js';

const DAY = 86_400;

describe('online keys nobody used', () => {
  let host: ByHand;
  beforeEach(async () => {
    host = await ByHand.start({ policy: { maxPendingKeys: 4 } });
  });
  afterEach(() => host.stop());

  const at = (gun: string): Publisher => new Publisher(host.world, gun);
  const forget = async (): Promise<number> => (await host.collections.forgetKeys()).forgotten;

  /** What a publisher has of a collection that is not published yet: two keys given out, and files that name them. */
  async function drafted(gun: string): Promise<{ publisher: Publisher; files: Record<string, Uint8Array> }> {
    const publisher = at(gun);
    return { publisher, files: publisher.signAll(await publisher.first()) };
  }

  async function publishesAnew(publisher: Publisher): Promise<void> {
    await publisher.publish(await publisher.first());
    expect((await readAll(publisher)).versions).toMatchObject({ root: 1, targets: 1 });
  }

  it('block new collections while there are too many, which the refusal explains, and no longer than a week', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await at(`invented/${name}`).onlineKey('timestamp');
    const url = `${host.world.url}/v2/honest/_trust/tuf/timestamp.key?format=tuf-1`;
    const refused = await fetch(url);
    const body = (await refused.json()) as { error: { next: string } };
    expectCode({ status: refused.status, body }, 'rate-limit', { limit: 4 });
    expect(body.error.next).toMatch(/forgotten 7 days after.*policy\.maxPendingKeys/u);
    host.clock.advance(6.9 * DAY);
    expect(await forget()).toBe(0);
    expect((await fetch(url)).status).toBe(429);
    host.clock.advance(0.2 * DAY);
    expect(await forget()).toBe(4);
    await publishesAnew(at('honest'));
  });

  it('are deleted in the signer, and another is given to who asks again', async () => {
    const first = await at('asks/again').onlineKey('timestamp');
    host.faults.reset();
    expect(await at('asks/again').onlineKey('timestamp')).toEqual(first);
    expect(host.calls('signer.createKey')).toBe(0);
    host.clock.advance(8 * DAY);
    host.faults.reset();
    expect(await forget()).toBe(1);
    expect(host.calls('signer.deleteKey')).toBe(1);
    expect(await at('asks/again').onlineKey('timestamp')).not.toEqual(first);
    expect(await forget()).toBe(0);
  });

  it('of a published collection go too; those its root names never do', async () => {
    const publisher = await Publisher.begin(host.world, 'rotates', { 'f.txt': 'f' });
    const next = await publisher.onlineKey('timestamp', 'POST');
    host.clock.advance(365 * DAY);
    expect(await forget()).toBe(1);
    expect(await publisher.onlineKey('timestamp', 'POST')).not.toEqual(next);
    expect(await host.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
  });

  it('named by a root that comes too late: refused, the error says what to do, and doing it helps', async () => {
    const { publisher, files } = await drafted('too/late');
    host.clock.advance(8 * DAY);
    await forget();
    const answer = await publisher.post(files);
    expectCode(answer, 'wrong-key', { role: 'timestamp' });
    expect(answer.body).toMatchObject({ error: { next: expect.stringContaining('GET …/timestamp.key') as string } });
    expect(await publisher.read('timestamp.json')).toBe(404);
    await publishesAnew(publisher);
  });

  it.each(['signer.sign', 'store.commit'])(
    'forgotten while the publish that uses them is under way, before %s: refused cleanly, nothing stored',
    async (step) => {
      const { publisher, files } = await drafted('under/way');
      host.clock.advance(8 * DAY);
      let done = false;
      host.faults.reset(async ({ name, when }) => {
        if (done || name !== step || when !== 'before') return;
        done = true;
        await forget();
      });
      const answer = await publisher.post(files);
      host.faults.reset();
      expectCode(answer, 'wrong-key');
      expect(answer.body).toMatchObject({
        error: { next: expect.stringMatching(/keys again .*timestamp\.key.*publish again/u) as string },
      });
      expect(await publisher.read('timestamp.json')).toBe(404);
      expect(await publisher.read('1.root.json')).toBe(404);
      await publishesAnew(publisher);
    },
  );

  it('stay used where the commit came first, however late the job comes', async () => {
    const { publisher, files } = await drafted('in/time');
    host.clock.advance(8 * DAY);
    host.faults.reset(async ({ name, when }) => {
      if (name === 'store.commit' && when === 'after') await forget();
    });
    expect(await publisher.post(files)).toMatchObject({ status: 200 });
    host.faults.reset();
    host.clock.advance(DAY);
    expect(await host.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
  });

  it('that signed for a publish which then failed are forgotten; the signer keeps them', async () => {
    const { publisher, files } = await drafted('signed/once');
    host.faults.reset(({ name, when }) => {
      if (name === 'store.commit' && when === 'before') throw new Error('killed, for a test');
    });
    expect((await publisher.post(files)).status).toBe(500);
    host.faults.reset();
    host.clock.advance(8 * DAY);
    expect(await forget()).toBe(2);
    expect(await forget()).toBe(0);
    await publishesAnew(publisher);
  });

  it.each([0, 1, 2, 3])(
    'forgotten by a run that dies at its call %i, before or after: the next ends it',
    async (number) => {
      for (const when of ['before', 'after'] as const) {
        const { publisher, files } = await drafted(`dies/${number}/${when}`);
        host.clock.advance(8 * DAY);
        host.faults.failAt(number, when);
        await expect(forget()).rejects.toMatchObject({ code: 'unavailable' });
        host.faults.reset();
        // Either nothing has happened yet, and the keys are as good as before; or they are gone for every publish.
        const first = await publisher.post(files);
        const untouched = number === 0 && when === 'before';
        if (untouched) expect(first.status).toBe(200);
        else expectCode(first, 'wrong-key');
        await forget();
        expect(await forget()).toBe(0);
        if (!untouched) await publishesAnew(publisher);
        else await readAll(Object.assign(publisher, { firstRoot: files['root'] }));
      }
    },
  );

  it('wait for a signer that is down, out of reach of every publish, and are deleted when it is back', async () => {
    await at('signer/down').onlineKey('timestamp');
    host.clock.advance(8 * DAY);
    await host.world.stopSigner();
    await expect(forget()).rejects.toMatchObject({ code: 'unavailable' });
    await host.world.startSigner();
    expect(await forget()).toBe(1);
  });

  it('made by two servers at once: the one that nobody was given is deleted', async () => {
    const [first, second] = [at('two/servers'), at('two/servers')];
    host.faults.reset(async ({ name, when }) => {
      if (name !== 'store.addPendingKey' || when !== 'before') return;
      host.faults.reset();
      const { id, spki } = await host.signer.createKey('two/servers' as never, 'timestamp', 'ed25519');
      const createdAt = host.clock.now();
      const key = {
        id,
        spki,
        gun: 'two/servers' as never,
        role: 'timestamp',
        algorithm: 'ed25519',
        pending: true,
      } as const;
      await host.store.addPendingKey({ ...key, createdAt });
    });
    const given = await first.onlineKey('timestamp');
    expect(host.calls('signer.deleteKey')).toBe(1);
    expect(await second.onlineKey('timestamp')).toEqual(given);
  });
});
