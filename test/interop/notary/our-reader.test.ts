import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Person } from '../../cli/terminal.js';
import type { NotaryPerson } from './notary-cli.js';
import { makeSignerKey } from './signer-keys.js';
import { notarySuite } from './stage.js';

interface Listed {
  readonly target: string;
  readonly hashes: { readonly sha256: string };
  readonly role: string;
}

notarySuite('our command reads what notary published', (stage) => {
  const gun = 'example.com/read-by-ours';
  let owner: NotaryPerson;
  let reader: Person;

  beforeAll(async () => {
    owner = await stage.owner(gun, 'v1', 'v2');
    reader = await Person.arrive({ server: stage.server.plainUrl });
  });
  afterAll(() => reader.leave());

  const names = async (...options: string[]): Promise<readonly string[]> =>
    (await reader.json<Listed[]>('list', gun, ...options)).map(({ target, role }) => `${role} ${target}`).sort();

  it('pinned to the key id that notary names', async () => {
    const root = readFileSync(owner.home.path('trust', 'tuf', gun, 'metadata', 'root.json'), 'utf8');
    const { signed } = JSON.parse(root) as { signed: { roles: { root: { keyids: [string] } } } };
    expect(await names('--root-fingerprint', signed.roles.root.keyids[0])).toEqual(['targets v1', 'targets v2']);
  });

  it('with the digests of the files', async () => {
    const [v1] = await reader.json<Listed[]>('list', gun);
    const file = owner.file('v1');
    expect(v1!.hashes.sha256).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
    await reader.ok('verify', gun, 'v1', file);
    expect((await reader.run('verify', gun, 'v2', file)).code).toBe(4);
  });

  it('with delegated roles', async () => {
    const key = makeSignerKey(owner.home, 'alice');
    await owner.does('delegation', 'add', gun, 'targets/alice', key.public, '--all-paths', '-p');
    expect(await names()).toEqual(['targets v1', 'targets v2']);
    await owner.does('key', 'import', key.private, '--role', 'targets/alice');
    await owner.does('add', gun, 'a1', owner.file('a1'), '--roles', 'targets/alice', '-p');
    expect(await names()).toEqual(['targets v1', 'targets v2', 'targets/alice a1']);
  });

  it('after every key was rotated', async () => {
    await owner.does('key', 'rotate', gun, 'targets');
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    await owner.does('key', 'rotate', gun, 'timestamp', '-r');
    await owner.notary(['key', 'rotate', gun, 'root'], { input: 'yes\n' });
    await owner.does('add', gun, 'v3', owner.file('v3'), '-p');
    expect(await names()).toEqual(['targets v1', 'targets v2', 'targets v3', 'targets/alice a1']);
    const newcomer = await Person.arrive({ server: stage.server.plainUrl });
    expect(await newcomer.ok('list', gun, '--trust-on-first-use')).toContain('v3');
    expect(await newcomer.ok('inspect', gun)).toMatch(/^root +5 .*"example\.com\/read-by-ours"/mu);
    await newcomer.leave();
  });
});
