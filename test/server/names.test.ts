import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Publisher } from '../support/publisher.js';
import { readAll, StockClient } from '../support/readers.js';
import { expectCode, expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

/** Escapes, and what forges logs, paths and URLs. */
const BAD = [
  '../escape',
  'a/../../escape',
  '..',
  '.',
  'a/./b',
  '/etc/passwd',
  'a//b',
  'a/',
  'a\\..\\b',
  'line\nbreak',
  'nul\u0000byte',
  'escape\u001b[2J',
  '',
];

const ODD = [
  'a space',
  '100%',
  '%2e%2e%2fescape',
  'a%2Fb',
  'a?b#c',
  'ümläut',
  'ſ日本語',
  '😀.txt',
  '...',
  '.hidden',
  '..almost',
  'a+b&c=d;e,f',
  "it's (here)!*~",
  'quote"d',
  'a'.repeat(200),
];

/** What every JavaScript object has: tuf-js takes a role of such a name for one it knows already. */
const INHERITED = ['constructor', '__proto__', 'toString'];

describe('names that are attacks', () => {
  let world: World;
  let names = 0;
  const begin = (): Promise<Publisher> => Publisher.begin(world, `names/${++names}`);

  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(async () => {
    await world.stop();
  });

  it.each([...BAD, `${'a/'.repeat(600)}b`])('a target named %j is refused', async (path) => {
    const publisher = await begin();
    const targets = publisher.next();
    publisher.list(targets, path, 'x');
    await expectRefused(publisher, publisher.signAll({ targets }), 'invalid-name');
  });

  it.each([...BAD, 'a'.repeat(256), ' a', 'a ', '\u{1f600}', 'team/\u{10000}', ...INHERITED])(
    'a role named %j is refused',
    async (name) => {
      const publisher = await begin();
      const targets = publisher.next();
      publisher.delegate(targets, name);
      await expectRefused(publisher, publisher.signAll({ targets }), 'invalid-name');
    },
  );

  it.each(['root', 'timestamp', 'snapshot', 'targets'])('a delegation to %s is refused', async (name) => {
    const publisher = await begin();
    const targets = publisher.next();
    const signers = publisher.signers.get('targets') ?? [];
    publisher.delegate(targets, name);
    await expectRefused(publisher, { targets: publisher.sign('targets', targets, signers) }, 'malformed');
  });

  it.each(['../x', 'a/../b', '.', '..', '/x', 'x/', 'a\\b', ' x'])(
    'an upload for the role %j is refused',
    async (name) => {
      const publisher = await begin();
      await expectRefused(publisher, [[name, publisher.sign('targets', publisher.empty())]], 'invalid-name');
    },
  );

  it.each(['%2e%2e/x', 'a/%2e%2e/x', '%2Fetc/x', 'a%5C..%5Cx', 'a//x'])(
    'a target file put at %s is refused',
    async (directory) => {
      const publisher = await begin();
      const url = `${world.url}/v2/${publisher.gun}/_trust/targets/${directory.replace(/x$/u, `${'0'.repeat(64)}.x`)}`;
      const answer = await fetch(url.replaceAll('%2e%2e/', '%252e%252e/'), { method: 'PUT', body: 'x' });
      expect([400, 404, 405, 422]).toContain(answer.status);
    },
  );
});

describe('names that only look like attacks', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(async () => {
    await world.stop();
  });

  it('are taken for targets, served, and found by this client and by tuf-js', async () => {
    const contents = Object.fromEntries([...ODD, ...INHERITED].map((path, at) => [path, `content ${at}`]));
    const publisher = await Publisher.begin(world, 'odd/targets', contents);
    expect((await readAll(publisher)).contents).toEqual(contents);
    const stock = await StockClient.refreshed(publisher);
    for (const path of Object.keys(contents)) {
      expect(await stock.find(path), path).toBeDefined();
      // tuf-js joins target paths to its base URL without encoding them.
      if (!/[%?#]/u.test(path)) expect(await stock.download(path)).toBe(contents[path]);
    }
    await stock.close();
  });

  it('are taken for directories of targets', async () => {
    const contents = Object.fromEntries(ODD.map((name, at) => [`${name}/${name}/f`, `content ${at}`]));
    const publisher = await Publisher.begin(world, 'odd/directories', contents);
    expect((await readAll(publisher)).contents).toEqual(contents);
  });

  it.each(ODD.filter((name) => !/[\u{10000}-\u{10ffff}]/u.test(name)))(
    'a role named %j is taken and found by both',
    async (name) => {
      const publisher = await Publisher.begin(world, `odd/roles/${ODD.indexOf(name)}`);
      const targets = publisher.next();
      const role = publisher.delegate(targets, name);
      await publisher.host(role, 'f.txt', name);
      const files: [string, Uint8Array][] = [
        ['targets', publisher.sign('targets', targets)],
        [name, publisher.sign(name, role)],
      ];
      expect(await publisher.post(files, { targets: 'hosted' })).toMatchObject({ status: 200 });
      const seen = await readAll(publisher);
      expect(seen.contents).toEqual({ 'f.txt': name });
      const stock = await StockClient.refreshed(publisher);
      expect(await stock.download('f.txt')).toBe(name);
      await stock.close();
    },
  );

  it('numbered roles are taken only in the order every client keeps', async () => {
    const publisher = await Publisher.begin(world, 'odd/numbers');
    const refused = publisher.next();
    const docs = Object.fromEntries(['b', '10', '2'].map((name) => [name, publisher.delegate(refused, name)]));
    await expectRefused(publisher, publisher.signAll({ targets: refused, ...docs }), 'invalid-name', { role: '2' });
    const targets = publisher.next();
    for (const name of ['2', '10', 'b']) {
      docs[name] = publisher.delegate(targets, name);
      await publisher.host(docs[name], 'f.txt', name);
    }
    await publisher.publish({ targets, ...docs });
    expect((await readAll(publisher)).contents).toEqual({ 'f.txt': '2' });
    const stock = await StockClient.refreshed(publisher);
    expect(await stock.download('f.txt')).toBe('2');
    await stock.close();
  });

  it('a role with slashes is one segment', async () => {
    const publisher = await Publisher.begin(world, 'odd/slashes');
    const targets = publisher.next();
    const role = publisher.delegate(targets, 'team/a/b');
    await publisher.host(role, 'f.txt', 'slashes');
    await publisher.publish({ targets, 'team/a/b': role });
    expect(await publisher.read('1.team%2Fa%2Fb.json')).toContain('f.txt');
    expect(await publisher.read('1.team/a/b.json')).toBe(400);
    expect((await readAll(publisher)).contents).toEqual({ 'f.txt': 'slashes' });
  });

  it.each(['a', 'example.com:5000/team/app.v1', 'spa ce/100%/ü', 'v2/_trusty/tuf', '%2e%2e'])(
    'a collection named %j is taken',
    async (gun) => {
      const publisher = await Publisher.begin(world, gun, { 'f.txt': gun });
      expect((await readAll(publisher)).contents).toEqual({ 'f.txt': gun });
    },
  );

  it.each(['a/_trust/b', 'a//b', '', 'a*b', 'a\\b', 'a\u0001b', 'x'.repeat(256)])(
    'a collection named %j is refused',
    async (gun) => {
      const publisher = new Publisher(world, gun);
      const answer = await publisher.post({ root: Buffer.from('{}') });
      if (gun.includes('_trust')) expect(answer.status).toBeGreaterThanOrEqual(400);
      else expectCode(answer, 'invalid-name');
    },
  );
});
