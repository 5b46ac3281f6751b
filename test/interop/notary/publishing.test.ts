import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LOSER_IS_TOLD } from './differences.js';
import { fatal } from './notary-cli.js';
import { startGate } from './proxy.js';
import { notarySuite } from './stage.js';

const EMPTY = createHash('sha256').digest('hex');
const TAMPERED = /^data not present in the trusted collection, sha\d+ checksum for v1 did not match/u;

notarySuite('notary publishes and reads', (stage) => {
  it('nothing is there before the first publish, and everything after it', async () => {
    const gun = 'example.com/first';
    const owner = stage.newcomer('owner');
    await owner.does('init', gun);
    await owner.does('add', gun, 'v1', owner.file('v1'));
    expect(await owner.does('status', gun)).toMatch(/^0 +create +targets +target +v1$/mu);
    const reader = stage.newcomer('reader');
    expect(await reader.fails('list', gun)).toMatch(/ does not have trust data for example\.com\/first$/u);
    await owner.does('publish', gun);
    expect(await owner.does('status', gun)).toContain(`No unpublished changes for ${gun}`);
    expect(await reader.lists(gun)).toEqual(['v1']);
    expect(reader.held(gun)).toEqual({ root: 1, targets: 2, snapshot: 2, timestamp: 1 });
  });

  it('an empty collection is published and listed', async () => {
    const gun = 'example.com/empty';
    const owner = stage.newcomer('owner');
    await owner.does('init', gun, '-p');
    expect(await stage.newcomer('reader').lists(gun)).toEqual([]);
    expect(await owner.does('list', gun)).toContain('No targets present in this repository.');
  });

  it('publish makes a collection that was never initialised', async () => {
    const gun = 'example.com/at-once';
    await stage.newcomer('owner').does('publish', gun);
    expect(await stage.newcomer('reader').lists(gun)).toEqual([]);
  });

  it('a collection is made with a root key that was there before', async () => {
    const one = stage.newcomer('owner');
    await one.does('key', 'generate', 'ecdsa', '-r', 'root');
    const root = one.rootKeys()[0]!;
    const other = stage.newcomer('other');
    await other.does('init', 'example.com/given-root', '--rootkey', root, '-p');
    expect(other.rootKeys()).toHaveLength(1);
    expect(await stage.newcomer('reader').lists('example.com/given-root')).toEqual([]);
  });

  it('a reader who has listed before sees what was published since', async () => {
    const gun = 'example.com/cached';
    const owner = await stage.owner(gun, 'v1');
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toEqual(['v1']);
    const before = reader.held(gun);
    expect(await reader.lists(gun)).toEqual(['v1']);
    expect(reader.held(gun)).toEqual(before);
    await owner.does('add', gun, 'v2', owner.file('v2'), '-p');
    expect(await reader.lists(gun)).toEqual(['v1', 'v2']);
    expect(reader.held(gun)).toMatchObject({ root: 1, targets: before['targets']! + 1 });
  });

  it('lookup prints hash and size; a target that is not there is refused', async () => {
    const gun = 'example.com/lookup';
    const owner = await stage.owner(gun, 'v1');
    const content = readFileSync(owner.file('v1'));
    const sha256 = createHash('sha256').update(content).digest('hex');
    const reader = stage.newcomer('reader');
    expect(await reader.does('lookup', gun, 'v1')).toBe(`v1 sha256:${sha256} ${content.length}\n`);
    expect(await reader.fails('lookup', gun, 'v2')).toBe('No valid trust data for v2');
  });

  it('verify passes what was published on, and refuses anything else', async () => {
    const gun = 'example.com/verify';
    const owner = await stage.owner(gun, 'v1');
    const reader = stage.newcomer('reader');
    const good = readFileSync(owner.file('v1'), 'utf8');
    expect((await reader.notary(['verify', gun, 'v1'], { input: good })).stdout).toBe(good);
    expect(await reader.does('verify', gun, 'v1', '-i', owner.file('v1'), '-q')).toBe('');
    await reader.does('verify', gun, 'v1', '-i', owner.file('v1'), '-o', reader.home.path('out'));
    expect(readFileSync(reader.home.path('out'), 'utf8')).toBe(good);
    expect(await reader.fails('verify', gun, 'v1', '-i', reader.file('bad'), '-q')).toMatch(TAMPERED);
  });

  it('targets are added by hash', async () => {
    const gun = 'example.com/by-hash';
    const owner = await stage.owner(gun);
    const sha512 = createHash('sha512').digest('hex');
    await owner.does('addhash', gun, 'one', '0', '--sha256', EMPTY, '-p');
    await owner.does('addhash', gun, 'both', '0', '--sha256', EMPTY, '--sha512', sha512, '-p');
    await owner.does('addhash', gun, 'other', '0', '--sha512', sha512, '-p');
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toEqual(['both', 'one', 'other']);
    await reader.does('verify', gun, 'both', '-i', reader.file('nothing', ''), '-q');
    await reader.does('verify', gun, 'other', '-i', reader.file('nothing', ''), '-q');
  });

  it('names that JSON and HTML escape survive', async () => {
    const gun = 'example.com/Team_1/names.v2';
    const names = ['a<b>&c', 'quote " and \\', 'spaces and ünïcode ☃', 'deep/er/path'];
    await stage.owner(gun, ...names);
    expect([...(await stage.newcomer('reader').lists(gun))].sort()).toEqual([...names].sort());
  });

  it('custom data is published; data the client signs wrongly is refused, and nothing is lost', async () => {
    const gun = 'example.com/custom';
    const owner = await stage.owner(gun, 'v1');
    const add = ['add', gun, 'v2', owner.file('v2'), '-p', '--custom'];
    await owner.does(...add, owner.file('good', '{"a":[1,{"b":null}],"z":"text"}'));
    for (const bad of ['{"z":1,"a":2}', '{"a":"<"}']) {
      const refusal = await owner.fails(...add, owner.file('bad', bad));
      expect(refusal).toContain('The targets metadata is invalid: valid signatures did not meet threshold for targets');
      if (stage.server.kind === 'countersign') expect(refusal).toContain('custom object must be sorted');
      expect(owner.changes(gun)).toBe(1);
      await owner.does('reset', gun, '--all');
    }
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1', 'v2']);
  });

  it('a target is removed', async () => {
    const gun = 'example.com/removed';
    const owner = await stage.owner(gun, 'v1', 'v2');
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toEqual(['v1', 'v2']);
    await owner.does('remove', gun, 'v1', '-p');
    expect(await reader.lists(gun)).toEqual(['v2']);
    expect(await reader.fails('lookup', gun, 'v1')).toBe('No valid trust data for v1');
  });

  it('staged changes are dropped, one of them or all', async () => {
    const gun = 'example.com/reset';
    const owner = await stage.owner(gun);
    for (const name of ['v1', 'v2', 'v3']) await owner.does('add', gun, name, owner.file(name));
    await owner.does('reset', gun, '-n', '1');
    await owner.does('publish', gun);
    expect(await owner.lists(gun)).toEqual(['v1', 'v3']);
    await owner.does('remove', gun, 'v1');
    await owner.does('reset', gun, '--all');
    await owner.does('publish', gun);
    expect(await owner.lists(gun)).toEqual(['v1', 'v3']);
  });

  it('witness signs targets again; snapshot and root are refused by the client', async () => {
    const gun = 'example.com/witness';
    const owner = await stage.owner(gun, 'v1');
    const reader = stage.newcomer('reader');
    await reader.lists(gun);
    const before = reader.held(gun);
    await owner.does('witness', gun, 'targets', '-p');
    expect(await reader.lists(gun)).toEqual(['v1']);
    expect(reader.held(gun)).toMatchObject({ targets: before['targets']! + 1 });
    expect(await owner.fails('witness', gun, 'snapshot', '-p')).toBe('scope not supported: snapshot');
    await owner.does('reset', gun, '--all');
    expect(await owner.fails('witness', gun, 'root', '-p')).toBe('type of root change not yet supported: witness');
  });

  it('a second publisher builds on what the first one published', async () => {
    const gun = 'example.com/rebased';
    const one = await stage.owner(gun, 'v1');
    const two = stage.newcomer('two');
    one.copyKeysTo(two);
    await two.does('add', gun, 'v2', two.file('v2'));
    await one.does('add', gun, 'v3', one.file('v3'), '-p');
    await two.does('publish', gun);
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1', 'v2', 'v3']);
  });

  it('of two publishers at the same moment one wins, and the other is told and may try again', async () => {
    const gun = 'example.com/raced';
    const one = await stage.owner(gun, 'v1');
    const two = stage.newcomer('two');
    one.copyKeysTo(two);
    const gate = await startGate(stage.server.plainUrl, 2);
    await one.does('add', gun, 'one', one.file('one'));
    await two.does('add', gun, 'two', two.file('two'));
    const outcomes = await Promise.all([one, two].map(async (person) => person.notary(['publish', gun], gate)));
    await gate.stop();
    const won = outcomes.map(({ code }) => code === 0);
    expect(won.filter(Boolean)).toHaveLength(1);
    const [winner, loser] = won[0] === true ? (['one', two] as const) : (['two', one] as const);
    expect(fatal(outcomes[won.indexOf(false)]!)).toMatch(LOSER_IS_TOLD[stage.server.kind]);
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toEqual([winner, 'v1']);
    await loser.does('publish', gun);
    expect(await reader.lists(gun)).toEqual(['one', 'two', 'v1']);
  });

  it('a deleted collection is gone for newcomers; made anew, it is refused by those who knew the old one', async () => {
    const gun = 'example.com/deleted';
    const owner = await stage.owner(gun, 'v1');
    const reader = stage.newcomer('reader');
    await reader.lists(gun);
    await owner.does('delete', gun, '--remote');
    expect(await stage.newcomer('late').fails('list', gun)).toMatch(/ does not have trust data for /u);
    const cached = await reader.notary(['list', gun]);
    expect(cached.stdout).toContain('v1');
    expect(cached.stderr).toContain('using cached timestamp');
    await owner.does('delete', gun, '--remote');
    await owner.does('init', gun);
    await owner.does('add', gun, 'v2', owner.file('v2'), '-p');
    expect(await stage.newcomer('later').lists(gun)).toEqual(['v2']);
    expect(await reader.fails('list', gun)).toMatch(/could not rotate trust to a new trusted root/u);
  });

  it('delete without --remote takes away only the cache', async () => {
    const gun = 'example.com/forgotten';
    const owner = await stage.owner(gun, 'v1');
    await owner.does('delete', gun);
    expect(await owner.lists(gun)).toEqual(['v1']);
  });

  it('plain HTTP serves reads and publishes alike', async () => {
    const gun = 'example.com/plain';
    const url = stage.server.plainUrl;
    const owner = stage.newcomer('owner');
    for (const args of [
      ['init', gun],
      ['add', gun, 'v1', owner.file('v1')],
      ['publish', gun],
      ['list', gun],
    ])
      expect(await owner.notary(args, { url })).toMatchObject({ code: 0 });
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1']);
  });
});
