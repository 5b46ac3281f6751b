import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newKey } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

describe('delegations', () => {
  let world: World;
  let names = 0;
  const begin = (): Promise<Publisher> => Publisher.begin(world, `delegations/${++names}`);

  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(async () => {
    await world.stop();
  });

  it('to a role that is neither stored nor uploaded', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const team = publisher.delegate(targets, 'team');
    await expectRefused(publisher, publisher.signAll({ targets }), 'delegation', { role: 'team' });
    await publisher.publish({ targets, team });
  });

  it('a role nobody delegates to', async () => {
    const publisher = await begin();
    publisher.signers.set('stray', [newKey()]);
    await expectRefused(publisher, publisher.signAll({ stray: publisher.empty() }), 'delegation', { role: 'stray' });
  });

  it('a role that only delegates to itself', async () => {
    const publisher = await begin();
    const stray = publisher.empty();
    publisher.delegate(stray, 'stray');
    await expectRefused(publisher, publisher.signAll({ stray }), 'delegation', { role: 'stray' });
  });

  it('a cycle is walked once', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const a = publisher.delegate(targets, 'a');
    const b = publisher.delegate(a, 'b');
    const listed = targets.delegations?.roles?.[0];
    if (listed === undefined) throw new Error('nothing delegated');
    b.delegations = { keys: targets.delegations?.keys ?? {}, roles: [listed] };
    await publisher.host(b, 'f.txt', 'from b');
    await publisher.publish({ targets, a, b });
    expect((await readAll(publisher)).contents).toEqual({ 'f.txt': 'from b' });
  });

  it('a target outside the paths of its role', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const docs = publisher.delegate(targets, 'docs', { paths: ['docs/*'] });
    publisher.list(docs, 'docs/a', 'a');
    publisher.list(docs, 'src/a', 'a');
    await expectRefused(publisher, publisher.signAll({ targets, docs }), 'delegation', {
      role: 'docs',
      target: 'src/a',
    });
  });

  it.each(['{a,b}', '!secret', '#notes', '+(a|b)', 'a\\*', '[^a]', '[[:alpha:]]'])(
    'the pattern %j, which clients read differently',
    async (pattern) => {
      const publisher = await begin();
      const targets = publisher.next();
      const team = publisher.delegate(targets, 'team', { paths: ['plain/*', pattern] });
      await expectRefused(publisher, publisher.signAll({ targets, team }), 'delegation', { role: 'team' });
    },
  );

  it('a hidden file under a wildcard that some clients do not let match it', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const team = publisher.delegate(targets, 'team', { paths: ['*'] });
    publisher.list(team, '.npmrc', 'x');
    await expectRefused(publisher, publisher.signAll({ targets, team }), 'delegation', {
      role: 'team',
      target: '.npmrc',
    });
    const wider = publisher.next();
    const again = publisher.delegate(wider, 'team', { paths: ['*', '.*'] });
    publisher.list(again, '.npmrc', 'x');
    await publisher.publish({ targets: wider, team: again });
  });

  it('a role under two parents must verify under each', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const a = publisher.delegate(targets, 'a');
    const b = publisher.delegate(targets, 'b');
    const shared = publisher.delegate(a, 'shared');
    const [first = newKey()] = publisher.signers.get('shared') ?? [];
    publisher.delegate(b, 'shared');
    const [second = newKey()] = publisher.signers.get('shared') ?? [];
    const rest = publisher.signAll({ targets, a, b });
    for (const key of [first, second]) {
      await expectRefused(publisher, { ...rest, shared: publisher.sign('shared', shared, [key]) }, 'threshold', {
        role: 'shared',
      });
    }
    publisher.signers.set('shared', [first, second]);
    await publisher.publish({ targets, a, b, shared });
  });

  it('a change of keys that would leave a stored role unverifiable, unless it is abandoned', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const team = publisher.delegate(targets, 'team');
    await publisher.publish({ targets, team });
    const next = publisher.next();
    next.delegations = { keys: {}, roles: [] };
    publisher.delegate(next, 'team');
    const files = publisher.signAll({ targets: next });
    await expectRefused(publisher, files, 'delegation', { role: 'team' });
    await expectRefused(publisher, files, 'delegation', { role: 'team' }, { abandon: ['other'] });
    expect(await publisher.post(files, { abandon: ['team'] })).toMatchObject({ status: 200 });
  });

  it('a delegation taken back frees its role', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const team = publisher.delegate(targets, 'team');
    await publisher.host(team, 'f.txt', 'team');
    await publisher.publish({ targets, team });
    const next = publisher.next();
    delete next.delegations;
    await publisher.publish({ targets: next });
    expect((await readAll(publisher)).contents).toEqual({});
    await expectRefused(publisher, publisher.signAll({ team: publisher.next('team') }), 'delegation', { role: 'team' });
  });

  it('a delegated threshold of two is kept', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const [one, two] = [newKey(), newKey()];
    const team = publisher.delegate(targets, 'team', { keyids: [one.id, two.id], threshold: 2 });
    Object.assign(targets.delegations?.keys ?? {}, { [one.id]: one.json, [two.id]: two.json });
    const top = publisher.signAll({ targets });
    await expectRefused(publisher, { ...top, team: publisher.sign('team', team, [one]) }, 'threshold', {
      role: 'team',
    });
    publisher.signers.set('team', [one, two]);
    await publisher.publish({ targets, team });
  });

  it('two delegations of one name', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const team = publisher.delegate(targets, 'team');
    publisher.delegate(targets, 'team');
    await expectRefused(publisher, publisher.signAll({ targets, team }), 'malformed', { role: 'targets' });
  });

  it('succinct bins: all of them, or none', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const key = newKey();
    const roles = { keyids: [key.id], threshold: 1, bit_length: 2, name_prefix: 'bin' };
    targets.delegations = { keys: { [key.id]: key.json }, succinct_roles: roles };
    const bins = ['bin-0', 'bin-1', 'bin-2', 'bin-3'];
    for (const bin of bins) publisher.signers.set(bin, [key]);
    const docs = Object.fromEntries(bins.map((bin) => [bin, publisher.empty()]));
    const three = Object.fromEntries(Object.entries(docs).filter(([name]) => name !== 'bin-3'));
    await expectRefused(publisher, publisher.signAll({ targets, ...three }), 'delegation', { role: 'bin-3' });
    await publisher.publish({ targets, ...docs });
  });

  it('two to the 32 succinct bins', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const key = newKey();
    const roles = { keyids: [key.id], threshold: 1, bit_length: 32, name_prefix: 'bin' };
    targets.delegations = { keys: { [key.id]: key.json }, succinct_roles: roles };
    await expectRefused(publisher, publisher.signAll({ targets }), 'too-many');
  });
});
