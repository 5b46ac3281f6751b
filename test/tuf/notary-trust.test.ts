import { beforeEach, describe, expect, it } from 'vitest';
import {
  findTarget,
  parseTargetPath,
  promiseOf,
  formatNamed,
  reachableRoles,
  RoleLoader,
  type RefreshOptions,
  type RoleName,
  type TargetsTrust,
} from '@countersign/client/tuf';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { NotaryRepository } from '../simulator/notary-repository.js';
import { certifiedKey, newNotaryKey, rootDoc, signed, target } from '../simulator/notary.js';

let repository: NotaryRepository;
beforeEach(() => {
  repository = new NotaryRepository();
});

async function found(path: string, trust?: TargetsTrust): Promise<string | undefined> {
  return (await findTarget(trust ?? (await repository.refresh()), parseTargetPath(path), repository.options))?.role;
}

async function reached(): Promise<string[]> {
  const trust = await repository.refresh();
  const roles: string[] = [];
  for await (const { role } of reachableRoles(trust, repository.options)) roles.push(role);
  return roles;
}

function list(role: string, ...paths: readonly string[]): void {
  const { targets } = repository.documents.get(role)!;
  for (const path of paths) targets[path] = target(`${path} of ${role}`);
}

function publishAll(): void {
  repository.publish(...repository.documents.keys());
}

describe('a refresh', () => {
  it('asks for files by their hashes, and goes on from what it has', async () => {
    list('targets', 'v1');
    repository.publish('targets');
    expect(await found('v1')).toBe('targets');
    const [next, timestamp, snapshot, targets] = repository.requests;
    expect([next, timestamp]).toEqual(['2.root.json', 'timestamp.json']);
    expect(snapshot).toMatch(/^snapshot\.[0-9a-f]{64}\.json$/u);
    expect(targets).toMatch(/^targets\.[0-9a-f]{64}\.json$/u);
    repository.requests.length = 0;
    await repository.refresh();
    expect(repository.requests).toEqual(['2.root.json', 'timestamp.json']);
  });

  it('follows every rotation of the root key', async () => {
    const keys = { ...repository.keys };
    let before = keys.root;
    for (const version of [2, 3, 4]) {
      keys.root = certifiedKey();
      repository.publishRoot(rootDoc(keys, version), before, keys.root);
      before = keys.root;
    }
    repository.republish();
    expect((await repository.refresh()).final.root.signed.version).toBe(4);
  });

  it.each(['timestamp', 'snapshot', 'targets'] as const)('refuses an older %s than it has', async (role) => {
    publishAll();
    const old = { timestamp: repository.timestamp, files: new Map(repository.meta) };
    publishAll();
    await repository.refresh();
    if (role === 'targets') repository.meta.set('targets', old.files.get('targets')!);
    if (role === 'targets') repository.republish();
    else if (role === 'timestamp') repository.timestamp = old.timestamp;
    else {
      const stale = signed(
        { _type: 'Snapshot', expires: repository.expires, meta: Object.fromEntries(repository.meta), version: 1 },
        repository.keys.snapshot,
      );
      repository.put('snapshot', stale);
      const meta = { snapshot: repository.meta.get('snapshot') };
      repository.timestamp = signed(
        { _type: 'Timestamp', expires: repository.expires, meta, version: 9 },
        repository.keys.timestamp,
      );
    }
    await expect(repository.refresh()).rejects.toMatchObject({ code: 'rollback' });
  });

  it('refuses a snapshot other than the one the timestamp names', async () => {
    const [name] = [...repository.files.keys()].filter((key) => key.startsWith('snapshot'));
    repository.files.set(name!, Buffer.from(`${repository.files.get(name!)!.toString()} `));
    await expect(repository.refresh()).rejects.toMatchObject({ code: 'mix-and-match' });
  });

  it('lets a role leave the snapshot', async () => {
    repository.delegate('targets', 'targets/a');
    list('targets/a', 'file');
    publishAll();
    expect(await found('file')).toBe('targets/a');
    repository.meta.delete('targets/a');
    repository.republish();
    expect(await found('file')).toBeUndefined();
  });
});

describe('a delegated role', () => {
  beforeEach(() => {
    repository.delegate('targets', 'targets/a');
    repository.delegate('targets', 'targets/b');
    list('targets/b', 'file');
    publishAll();
  });

  it('that was never published is passed over in silence', async () => {
    repository.meta.delete('targets/a');
    repository.republish();
    expect(await found('file')).toBe('targets/b');
    expect(repository.skipped).toEqual([]);
    expect(await reached()).toEqual(['targets', 'targets/b']);
  });

  it.each([
    ['has expired', 'freeze', () => (repository.documents.get('targets/a')!.expires = '2029-01-01T00:00:00Z')],
    ['is signed by a stranger', 'threshold', () => repository.signers.set('targets/a', [newNotaryKey()])],
  ])('that %s is passed over, and told of', async (_, code, spoil) => {
    spoil();
    publishAll();
    expect(await found('file')).toBe('targets/b');
    expect(repository.skipped).toMatchObject([['targets/a', { code }]]);
    expect(await reached()).toEqual(['targets', 'targets/b']);
  });

  it('that is passed over is asked for once, however many targets are looked for', async () => {
    repository.signers.set('targets/a', [newNotaryKey()]);
    publishAll();
    const trust = await repository.refresh();
    const loader = new RoleLoader(trust, repository.options);
    repository.requests.length = 0;
    for (const path of ['file', 'x', 'y']) await findTarget(trust, parseTargetPath(path), repository.options, loader);
    expect(repository.requests).toHaveLength(2);
    expect(repository.skipped).toHaveLength(1);
  });

  it('that is not the file the snapshot lists ends the search', async () => {
    const [name] = [...repository.files.keys()].filter((key) => key.startsWith('targets/a'));
    repository.files.set(name!, Buffer.from('{}'));
    await expect(found('file')).rejects.toMatchObject({ code: 'mix-and-match' });
  });

  it('that is older than the one trusted before is refused', async () => {
    const old = repository.meta.get('targets/a')!;
    publishAll();
    expect(await found('file')).toBe('targets/b');
    repository.meta.set('targets/a', old);
    repository.republish();
    await expect(found('file')).rejects.toMatchObject({ code: 'rollback' });
  });

  it('may start again from version 1 under other keys', async () => {
    publishAll();
    expect(await found('file')).toBe('targets/b');
    const parent = repository.documents.get('targets')!;
    parent.delegations!.roles = parent.delegations!.roles!.filter(({ name }) => name !== 'targets/a');
    repository.delegate('targets', 'targets/a');
    publishAll();
    expect(await found('file')).toBe('targets/b');
    expect(repository.skipped).toEqual([]);
  });

  it('that delegates outside its own branch ends the search', async () => {
    const key = newNotaryKey();
    const roles = [{ name: 'targets/b/x', keyids: [key.id], threshold: 1, paths: [''] }];
    repository.documents.get('targets/a')!.delegations = { keys: { [key.id]: key.json }, roles };
    publishAll();
    await expect(found('file')).rejects.toMatchObject({
      code: 'malformed',
      message: expect.stringContaining('targets/b/x') as string,
    });
  });
});

describe('a search', () => {
  it('goes level by level, as Notary does', async () => {
    repository.delegate('targets', 'targets/a');
    repository.delegate('targets/a', 'targets/a/deep');
    repository.delegate('targets', 'targets/b');
    list('targets/a/deep', 'file', 'only-deep');
    list('targets/b', 'file');
    publishAll();
    expect(await found('file')).toBe('targets/b');
    expect(await found('only-deep')).toBe('targets/a/deep');
  });

  it('asks the first role that is listed first', async () => {
    for (const role of ['targets/b', 'targets/a']) {
      repository.delegate('targets', role);
      list(role, 'file');
    }
    publishAll();
    expect(await found('file')).toBe('targets/b');
    list('targets', 'file');
    publishAll();
    expect(await found('file')).toBe('targets');
  });

  it('asks only roles whose prefixes, and whose delegators, cover the path', async () => {
    repository.delegate('targets', 'targets/a', { paths: ['a/', 'x'] });
    repository.delegate('targets/a', 'targets/a/all', { paths: [''] });
    repository.delegate('targets', 'targets/none', { paths: null });
    const everything = ['a/1', 'xyz', 'b/1', 'A/1'];
    list('targets/a', ...everything);
    list('targets/none', ...everything);
    list('targets/a/all', 'a/2', 'b/2');
    publishAll();
    const trust = await repository.refresh();
    const roles = await Promise.all([...everything, 'a/2', 'b/2'].map((path) => found(path, trust)));
    expect(roles).toEqual(['targets/a', 'targets/a', undefined, undefined, 'targets/a/all', undefined]);
  });

  it('does not wait for anybody to listen', async () => {
    repository.delegate('targets', 'targets/a');
    repository.signers.set('targets/a', [newNotaryKey()]);
    publishAll();
    const options: RefreshOptions = { ports: repository.options.ports };
    expect(await findTarget(await repository.refresh(), parseTargetPath('file'), options)).toBeUndefined();
  });
});

it('promises a file by its length and both hashes', () => {
  const raw = Buffer.from('content');
  const promise = promiseOf(formatNamed('notary-1'), raw, 1 as never, nodeCrypto, 'length-only');
  expect(promise).toMatchObject({ by: 'hashes', length: 7 });
  expect([...promise.hashes.keys()]).toEqual(['sha256', 'sha512']);
});

describe('the version of a role that nobody could have signed', () => {
  async function loaderOf(): Promise<{ readonly loader: RoleLoader; readonly file: string }> {
    repository.delegate('targets', 'targets/a');
    publishAll();
    repository.signers.set('targets/a', [newNotaryKey()]);
    repository.publish('targets/a');
    const trust = await repository.refresh();
    const file = [...repository.files.keys()].filter((name) => name.startsWith('targets/a ')).at(-1)!;
    return { loader: new RoleLoader(trust, repository.options), file };
  }

  it('is that of the file the snapshot names', async () => {
    const { loader } = await loaderOf();
    expect(await loader.listedVersion('targets/a' as RoleName)).toBe(2);
    expect(await loader.listedVersion('targets/b' as RoleName)).toBe(0);
  });

  it('is not that of another file in its place', async () => {
    const { loader, file } = await loaderOf();
    const { length } = repository.files.get(file)!;
    repository.files.set(file, Buffer.alloc(length, 0x20));
    await expect(loader.listedVersion('targets/a' as RoleName)).rejects.toMatchObject({ code: 'mix-and-match' });
  });
});
