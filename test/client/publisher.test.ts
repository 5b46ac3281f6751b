import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { collectionUrls } from '@countersign/client';
import { instant, parseSaneRoleName, TARGETS, type ErrorCode, type KeySigner } from '@countersign/client/tuf';
import { errorBody, statusOf } from '@countersign/client/wire';
import { CountersignError } from '@countersign/client/tuf';
import {
  CollectionServer,
  expiry,
  readDelegationRequest,
  writeDelegationRequest,
  type PublishRequest,
} from '../../packages/client/src/publishing/index.js';
import { containing } from '../simulator/matchers.js';
import { World } from '../support/world.js';
import { crypto, format, newCollection, newSigner, Someone, type Collection, type Meddle } from './publishing-world.js';

let world: World;
let made = 0;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

/** A collection published with one target, and two people who may publish it. */
async function begun(): Promise<{ collection: Collection; alice: Someone; bob: Someone }> {
  const collection = await newCollection(world, `example.com/publisher/${(made += 1)}`);
  const [alice, bob] = [new Someone(world, collection), new Someone(world, collection)];
  await alice.publisher.publish({ changes: [alice.add('first', '1')], firstRoot: collection.firstRoot });
  alice.sent.length = 0;
  return { collection, alice, bob };
}

function refusing(code: ErrorCode): Meddle {
  const body = JSON.stringify(errorBody(new CountersignError(code, 'the stub refuses')));
  return (what, pass) =>
    what.startsWith('POST') ? Promise.resolve(new Response(body, { status: statusOf(code) })) : pass();
}

/** A form, whatever its boundary. */
function formOf(body: Parameters<Meddle>[2]): string {
  const text = body instanceof Uint8Array ? Buffer.from(body).toString('latin1') : '';
  return text.replaceAll(/^--(\S+)/u.exec(text)?.[1] ?? '', 'boundary');
}

/** A new role with its own key, delegated by targets. */
async function delegating({ gun }: Collection, name: string, signer: KeySigner = newSigner()): Promise<PublishRequest> {
  const context = { format, crypto };
  const role = parseSaneRoleName(name);
  const wanted = { gun, role, expires: expiry(instant(Date.now()), 30), follows: 0 };
  const request = await readDelegationRequest(context, await writeDelegationRequest(context, wanted, signer), wanted);
  const { keyIds, threshold } = request.role;
  const paths = { kind: 'globs', patterns: [`${name}/*`] } as const;
  const delegation = { name: role, keyIds, threshold, paths, terminating: false };
  const base = { version: 1, content: undefined };
  const change = { kind: 'delegate', role: TARGETS, delegation, keys: request.keys, base } as const;
  return { changes: [change], newRoles: new Map([[role, request.signed.raw]]), targets: 'anywhere' };
}

describe('a server that always says conflict', () => {
  it('is given up after five attempts, each later than the one before', async () => {
    const { alice } = await begun();
    alice.meddle = refusing('conflict');
    await expect(alice.publisher.publish({ changes: [alice.add('second', '2')] })).rejects.toMatchObject({
      code: 'conflict',
      message: containing('5 times in a row'),
    });
    expect(alice.posts()).toBe(5);
    expect(alice.waits).toEqual([200, 400, 800, 1600]);
    // The file was asked for and sent once: no attempt makes it another.
    const requests = alice.sent.map((what) => what.split(' ')[0]);
    expect(requests).toEqual(['HEAD', 'PUT', 'POST', 'POST', 'POST', 'POST', 'POST']);
  });

  it('has the name taken already when nothing was published here yet', async () => {
    const collection = await newCollection(world, `example.com/publisher/${(made += 1)}`);
    const alice = new Someone(world, collection);
    alice.meddle = refusing('conflict');
    const { firstRoot } = collection;
    await expect(alice.publisher.publish({ changes: [], firstRoot })).rejects.toMatchObject({
      code: 'conflict',
      message: containing('of this name'),
    });
    expect(alice.posts()).toBe(1);
  });
});

describe('an answer that is lost', () => {
  it('after the commit is asked for with the same bytes, and counts once', async () => {
    const { alice } = await begun();
    const bodies: string[] = [];
    alice.meddle = async (what, pass, body) => {
      const answer = await pass();
      if (!what.startsWith('POST')) return answer;
      bodies.push(formOf(body));
      if (bodies.length === 1) throw new TypeError('the connection broke');
      return answer;
    };
    const outcome = await alice.publisher.publish({ changes: [alice.add('second', '2')] });
    expect(outcome).toMatchObject({ kind: 'published', versions: { targets: 2, timestamp: 2 } });
    expect(bodies).toHaveLength(2);
    expect(bodies[1]).toBe(bodies[0]);
    expect(alice.waits).toEqual([200]);
    expect(await alice.published()).toMatchObject({ targets: ['first', 'second'], version: 2 });
  });

  it('every time is given up after three sends', async () => {
    const { alice } = await begun();
    alice.meddle = (what, pass) => (what.startsWith('POST') ? Promise.reject(new TypeError('broken')) : pass());
    await expect(alice.publisher.publish({ changes: [alice.add('second', '2')] })).rejects.toMatchObject({
      code: 'network',
    });
    expect(alice.posts()).toBe(3);
    expect(alice.waits).toEqual([200, 400]);
  });

  it('to a server that is down for a moment does not matter', async () => {
    const { alice } = await begun();
    const down = refusing('unavailable');
    alice.meddle = (what, pass, body) => (alice.posts() < 3 ? down(what, pass, body) : pass());
    expect(await alice.publisher.publish({ changes: [alice.add('second', '2')] })).toMatchObject({ kind: 'published' });
    expect(alice.posts()).toBe(3);
  });
});

describe('an answer that is none of a trust server', () => {
  const answering =
    (body: string): Meddle =>
    (what, pass) =>
      what.startsWith('POST') ? Promise.resolve(new Response(body)) : pass();
  const told = { gun: 'a', versions: { targets: 2 }, timestampExpires: '2030-01-01T00:00:00Z', repeated: false };

  it.each([
    ['a log-in page', '<html>secret'],
    ['an empty object', '{}'],
    ['null', 'null'],
    ['a list', '[]'],
    ['versions that are none', JSON.stringify({ ...told, versions: { targets: 'x' } })],
    ['a date that is none', JSON.stringify({ ...told, timestampExpires: 'soon' })],
  ])('%s does not count as published', async (_what, body) => {
    const { alice } = await begun();
    alice.meddle = answering(body);
    const error: unknown = await alice.publisher
      .publish({ changes: [alice.add('second', '2')] })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'network', next: containing('log in') });
    expect(String(error)).not.toContain('secret');
  });

  it('nothing, as a proxy may say it, does not count as published unless it is seen to be', async () => {
    const { alice } = await begun();
    alice.meddle = answering('');
    const publish = (): Promise<unknown> => alice.publisher.publish({ changes: [alice.add('second', '2')] });
    await expect(publish()).rejects.toMatchObject({
      code: 'network',
      detail: { role: 'targets', version: 2, current: 1 },
    });
    alice.meddle = async (what, pass) => {
      const answer = await pass();
      return what.startsWith('POST') ? new Response('') : answer;
    };
    expect(await publish()).toEqual({ kind: 'published', versions: { targets: 2 } });
  });

  it.each([
    ['the version that was sent', { targets: 2 }],
    ['a later one', { targets: 9 }],
    ['no version', {}],
  ])('attack: one with %s, by who drops what was sent, does not count as published', async (_what, versions) => {
    const { alice } = await begun();
    alice.meddle = answering(JSON.stringify({ ...told, versions }));
    await expect(alice.publisher.publish({ changes: [alice.add('second', '2')] })).rejects.toMatchObject({
      code: 'network',
      detail: { role: 'targets', version: 2, current: 1 },
    });
  });

  it('attack: one to a first publish, by who drops it, does not count as published', async () => {
    const collection = await newCollection(world, `example.com/publisher/${(made += 1)}`);
    const alice = new Someone(world, collection);
    alice.meddle = answering(JSON.stringify({ ...told, versions: { root: 1, targets: 1 } }));
    const { firstRoot } = collection;
    await expect(alice.publisher.publish({ changes: [], firstRoot })).rejects.toMatchObject({
      code: 'not-found',
      message: containing('could not be read back'),
    });
  });

  it('attack: nothing, by who drops what was sent while somebody else publishes that version: theirs is not taken for mine', async () => {
    const { alice, bob } = await begun();
    alice.meddle = async (what, pass) => {
      if (!what.startsWith('POST')) return pass();
      await bob.publisher.publish({ changes: [bob.add('theirs', 't')] });
      return new Response('');
    };
    await expect(alice.publisher.publish({ changes: [alice.add('mine', 'm')] })).rejects.toMatchObject({
      code: 'network',
      message: containing('somebody else'),
      detail: { role: 'targets', version: 2, current: 2 },
    });
    expect(await bob.published()).toMatchObject({ targets: ['first', 'theirs'], version: 2 });
  });

  it('nothing, and a cache that somebody else holds then: what was sent is sent no second time', async () => {
    const { alice } = await begun();
    alice.meddle = async (what, pass) => {
      const answer = await pass();
      if (!what.startsWith('POST')) return answer;
      const held = new CountersignError('conflict', 'another process holds the cache');
      vi.spyOn(alice.updater, 'refresh').mockRejectedValueOnce(held);
      return new Response('');
    };
    await expect(alice.publisher.publish({ changes: [alice.add('mine', 'm')] })).rejects.toMatchObject({
      code: 'conflict',
      message: containing('could not be read back: another process holds the cache'),
    });
    expect(alice.posts()).toBe(1);
    expect(alice.waits).toEqual([]);
  });

  it.each(['<html>', '{}', '{"added":-1,"refused":[]}', '{"added":1,"refused":[{}]}'])(
    '%s takes no collection over',
    async (body) => {
      const server = new CollectionServer({
        urls: collectionUrls(world.url, (await begun()).collection.gun),
        fetch: () => Promise.resolve(new Response(body)),
        format: format.name,
      });
      const nothing = new Map();
      await expect(server.addPast([])).rejects.toMatchObject({ code: 'network' });
      await expect(server.takeOver({ roots: nothing, current: nothing, next: nothing })).rejects.toMatchObject({
        code: 'network',
      });
    },
  );
});

describe('a refusal', () => {
  it.each(['delegation', 'lifetime', 'too-large', 'storage-full', 'missing-target'] as const)(
    'for %s is not tried again',
    async (code) => {
      const { alice } = await begun();
      alice.meddle = refusing(code);
      await expect(alice.publisher.publish({ changes: [alice.add('second', '2')] })).rejects.toMatchObject({ code });
      expect(alice.posts()).toBe(1);
      expect(alice.waits).toEqual([]);
    },
  );
});

describe('a file that has changed since it was added', () => {
  it.each([
    ['of another content', 'b'],
    ['shorter', ''],
    ['longer', 'aa'],
  ])('%s is a contradiction; nothing is published and no further file is sent', async (_, now) => {
    const { alice } = await begun();
    const others = Array.from({ length: 20 }, (_, index) => alice.add(`other/${index}`, `other ${index}`));
    const changes = [alice.add('changed', 'a'), ...others];
    alice.sources.set('changed', now);
    await expect(alice.publisher.publish({ changes })).rejects.toMatchObject({
      code: 'contradiction',
      message: containing('changed has changed since it was added'),
      detail: { target: 'changed' },
    });
    expect(alice.posts()).toBe(0);
    const sent = alice.sent.length;
    expect(sent).toBeLessThan(2 * others.length);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(alice.sent).toHaveLength(sent);
    expect((await alice.published()).targets).toEqual(['first']);
  });
});

it('a changed file is found out here, also where a server would take anything', async () => {
  const { alice } = await begun();
  const change = alice.add('changed', 'a');
  alice.sources.set('changed', 'b');
  alice.meddle = async (what, pass, body) => {
    if (!what.startsWith('PUT')) return pass();
    await new Response(body).arrayBuffer();
    return new Response(null, { status: 201 });
  };
  await expect(alice.publisher.publish({ changes: [change] })).rejects.toMatchObject({ code: 'contradiction' });
});

describe('somebody else who publishes in between', () => {
  /** Has `work` done once, between drafting and sending. */
  function meanwhile(work: () => Promise<unknown>): Meddle {
    let done = false;
    return async (what, pass) => {
      if (what.startsWith('POST') && !done) {
        done = true;
        await work();
      }
      return pass();
    };
  }

  it('keeps what they published: targets', async () => {
    const { alice, bob } = await begun();
    alice.meddle = meanwhile(() => bob.publisher.publish({ changes: [bob.add('theirs', 't')] }));
    await alice.publisher.publish({ changes: [alice.add('mine', 'm')] });
    expect(alice.posts()).toBe(2);
    expect(await bob.published()).toMatchObject({ targets: ['first', 'mine', 'theirs'], version: 3 });
  });

  it("keeps another delegator's edits: delegations", async () => {
    const { collection, alice, bob } = await begun();
    const [mine, theirs] = [await delegating(collection, 'mine'), await delegating(collection, 'theirs')];
    alice.meddle = meanwhile(() => bob.publisher.publish(theirs));
    expect(await alice.publisher.publish(mine)).toMatchObject({ versions: { targets: 3, mine: 1 } });
    expect(await bob.published()).toMatchObject({ roles: ['mine', 'theirs'], targets: ['first'], version: 3 });
  });

  it('is contradicted by name where it is the same target', async () => {
    const { alice, bob } = await begun();
    alice.meddle = meanwhile(() => bob.publisher.publish({ changes: [bob.add('same', 'theirs')] }));
    await expect(alice.publisher.publish({ changes: [alice.add('same', 'mine')] })).rejects.toMatchObject({
      code: 'contradiction',
      detail: { role: 'targets', current: 2 },
    });
    expect(alice.posts()).toBe(1);
  });

  it('leaves nothing to publish where they made the same change among others', async () => {
    const { alice, bob } = await begun();
    alice.meddle = meanwhile(() => bob.publisher.publish({ changes: [bob.add('same', 'ours'), bob.add('more', 'm')] }));
    expect(await alice.publisher.publish({ changes: [alice.add('same', 'ours')] })).toEqual({ kind: 'nothing' });
  });
});
