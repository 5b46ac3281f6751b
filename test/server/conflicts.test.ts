import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Faults } from '../support/faults.js';
import { Publisher, type Answer } from '../support/publisher.js';
import { readAll, updaterOf } from '../support/readers.js';
import { expectCode } from '../support/refused.js';
import { World } from '../support/world.js';

const faults = new Faults();
let world: World;
let names = 0;
const begin = (contents = {}): Promise<Publisher> => Publisher.begin(world, `conflicts/${++names}`, contents);

beforeAll(async () => {
  world = await World.start({ wrap: faults.wrap });
});
afterAll(async () => {
  faults.reset();
  await world.stop();
});

function statuses(answers: readonly Answer[]): number[] {
  return answers.map(({ status }) => status).sort((a, b) => a - b);
}

describe('publishers at the same time', () => {
  it('with the same next version: exactly one wins, and of the others nothing is stored', async () => {
    const publisher = await begin();
    const drafts = await Promise.all(
      ['one', 'two', 'three', 'four'].map(async (content) => {
        const targets = publisher.next();
        await publisher.host(targets, 'f.txt', content);
        return { content, files: publisher.signAll({ targets }) };
      }),
    );
    const answers = await Promise.all(drafts.map(({ files }) => publisher.post(files)));
    expect(statuses(answers)).toEqual([200, 409, 409, 409]);
    const won = drafts[answers.findIndex(({ status }) => status === 200)];
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expectCode(answer, 'conflict', { role: 'targets', version: 2, current: 2 });
    }
    expect(await publisher.read('2.targets.json')).toBe(Buffer.from(won?.files['targets'] ?? []).toString());
    expect(await readAll(publisher)).toMatchObject({
      versions: { targets: 2, root: 1 },
      contents: { 'f.txt': won?.content },
    });
  });

  it('a loser that also brought a new root: the root is not stored either', async () => {
    const publisher = await begin();
    const first = publisher.signAll({ targets: publisher.next() });
    const second = publisher.signAll({
      targets: { ...publisher.next(), expires: publisher.days(50) },
      root: publisher.nextRoot(),
    });
    expect(await publisher.post(first)).toMatchObject({ status: 200 });
    expectCode(await publisher.post(second), 'conflict', { role: 'targets', version: 2, current: 2 });
    expect(await publisher.read('2.root.json')).toBe(404);
  });

  it('two first publishes of one collection: one wins', async () => {
    const publisher = new Publisher(world, `conflicts/${++names}`);
    const docs = await publisher.first();
    const files = [docs, { ...docs, targets: { ...docs.targets, expires: publisher.days(50) } }].map((one) =>
      publisher.signAll(one),
    );
    expect(statuses(await Promise.all(files.map((one) => publisher.post(one))))).toEqual([200, 409]);
  });

  it('of disjoint delegated roles: all succeed', async () => {
    const publisher = await begin();
    const teams = ['a', 'b', 'c', 'd', 'e', 'f'];
    const targets = publisher.next();
    const docs = Object.fromEntries(
      teams.map((team) => [team, publisher.delegate(targets, team, { paths: [`${team}/*`] })]),
    );
    await publisher.publish({ targets, ...docs });
    await Promise.all(
      teams.map(async (team) => {
        const next = publisher.next(team);
        await publisher.host(next, `${team}/f.txt`, `from ${team}`);
        await publisher.publish({ [team]: next }, { targets: 'hosted' });
      }),
    );
    const seen = await readAll(publisher);
    expect(seen.contents).toEqual(Object.fromEntries(teams.map((team) => [`${team}/f.txt`, `from ${team}`])));
    expect(seen.versions).toMatchObject(Object.fromEntries(teams.map((team) => [team, 2])));
  });

  it('given timestamps 3 and 4 by the signer for one head: the second goes on from the first, and undoes nothing', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    await publisher.publish({ targets, a: publisher.delegate(targets, 'a'), b: publisher.delegate(targets, 'b') });
    // Both are held at their commit until both have been signed: the signer has then handed out two pairs of versions.
    let waiting = 0;
    let open = (): void => undefined;
    const both = new Promise<void>((resolve) => (open = resolve));
    faults.reset(async ({ name, when }) => {
      if (name !== 'store.commit' || when !== 'before') return;
      if (++waiting === 2) open();
      await both;
    });
    const [a, b] = [publisher.next('a'), publisher.next('b')];
    await publisher.host(a, 'a.txt', 'a');
    await publisher.host(b, 'b.txt', 'b');
    await Promise.all([publisher.publish({ a }), publisher.publish({ b })]);
    expect(faults.calls.filter((name) => name === 'store.commit')).toHaveLength(3);
    faults.reset();
    expect(await readAll(publisher)).toMatchObject({
      versions: { a: 2, b: 2 },
      contents: { 'a.txt': 'a', 'b.txt': 'b' },
    });
  });

  it('a key revoked while its publish waits for the swap: the upload is judged again', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const team = publisher.delegate(targets, 'team');
    await publisher.publish({ targets, team });
    const late = publisher.signAll({ team: publisher.next('team') });
    const revoking = publisher.next();
    revoking.delegations = { keys: {}, roles: [] };
    const replaced = publisher.delegate(revoking, 'team');
    let held = false;
    faults.reset(async ({ name, when }) => {
      if (name !== 'store.commit' || when !== 'before' || held) return;
      held = true;
      await publisher.publish({ targets: revoking, team: { ...replaced, version: 2 } });
    });
    const answer = await publisher.post(late);
    faults.reset();
    expectCode(answer, 'conflict', { role: 'team', version: 2, current: 2 });
  });
});

describe('every call of every port failing twice during a publish', () => {
  interface Row {
    readonly publisher: Publisher;
    readonly docs: Parameters<Publisher['publish']>[0];
    readonly before: Record<string, string>;
    readonly after: Record<string, string>;
  }

  /** A collection with a next state that changes root, targets and a role, and whose target file is yet to be uploaded. */
  async function prepare(): Promise<Row> {
    const publisher = await begin({ 'old.txt': 'old' });
    const targets = publisher.next();
    publisher.list(targets, 'new.txt', 'new');
    const team = publisher.delegate(targets, 'team');
    const before = { 'old.txt': 'old' };
    return {
      publisher,
      docs: { root: publisher.nextRoot(), targets, team },
      before,
      after: { ...before, 'new.txt': 'new' },
    };
  }

  async function act({ publisher, docs }: Row): Promise<Answer> {
    const uploaded = await publisher.upload('new.txt', 'new');
    return uploaded.status === 201 ? publisher.post(publisher.signAll(docs), { targets: 'hosted' }) : uploaded;
  }

  async function check(row: Row, answer: Answer): Promise<void> {
    const { publisher, docs, before, after } = row;
    const seen = await readAll(publisher);
    const updated = seen.versions['targets'] === 2;
    // All or nothing: content, root, role and snapshot belong together.
    expect(seen.contents).toEqual(updated ? after : before);
    expect(seen.versions).toMatchObject(
      updated ? { root: 2, targets: 2, team: 1, snapshot: 2 } : { root: 1, targets: 1, snapshot: 1 },
    );
    expect('team' in seen.versions).toBe(updated);
    if (answer.status === 200) expect(updated).toBe(true);
    else expectCode(answer, 'unavailable');
    // What failed can be done again, and then it is there.
    expect((await act(row)).status).toBe(200);
    publisher.adopt(docs);
    expect((await readAll(publisher)).contents).toEqual(after);
    await publisher.publish({ targets: publisher.next() });
    expect((await updaterOf(publisher).refresh()).targets.signed.version).toBe(3);
  }

  it('leaves the old state or the new one, and can be done again', async () => {
    const rehearsal = await prepare();
    faults.reset();
    expect((await act(rehearsal)).status).toBe(200);
    const calls = faults.calls;
    faults.reset();
    expect(calls).toEqual(
      expect.arrayContaining(['targetFiles.write', 'store.uploads.add', 'signer.sign', 'store.commit']),
    );
    for (const [number, name] of calls.entries()) {
      for (const when of ['before', 'after'] as const) {
        const row = await prepare();
        faults.failAt(number, when);
        const answer = await act(row);
        const struck = faults.calls[number];
        faults.reset();
        expect(struck, `call ${number}`).toBe(name);
        // A commit that is done but reported failed is settled by reading the head again.
        if (name === 'store.commit') expect(answer.status, `${name} ${when}`).toBe(when === 'after' ? 200 : 503);
        await check(row, answer);
      }
    }
  }, 120_000);
});
