import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileFault, writeAtomically } from '../../packages/client/src/node/atomic-file.js';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { verifyFile } from '../../packages/client/src/node/verify-file.js';
import { parseTargetPath, TARGETS } from '../../packages/client/src/tuf/names.js';
import { containing } from '../simulator/matchers.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-faults-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('a file that cannot be written', () => {
  it.each(['ENOSPC', 'EDQUOT'])('for want of room (%s) is storage-full', (code) => {
    const fault = Object.assign(new Error('write'), { code });
    expect(fileFault(fault, '/some/file')).toMatchObject({ code: 'storage-full', message: containing('/some/file') });
  });

  it.each(['EACCES', 'EPERM', 'EROFS', 'ENAMETOOLONG', 'EISDIR', 'ENOTDIR'])('for %s is told in words', (code) => {
    const fault = Object.assign(new Error('write'), { code });
    const told = fileFault(fault, '/some/file');
    expect(told).toMatchObject({ code: 'usage', message: containing('/some/file cannot be written: '), cause: fault });
  });

  it.each(['EIO', 'EBUSY', 'EMFILE', 'ENFILE'])('for %s is told in words, and another place is no help', (code) => {
    const fault = Object.assign(new Error('write'), { code });
    expect(fileFault(fault, '/some/file')).toMatchObject({
      code: 'usage',
      next: 'Mend that, and try again.',
      cause: fault,
    });
  });

  it('for any other reason keeps it', () => {
    const fault = Object.assign(new Error('write'), { code: 'ECONNRESET' });
    expect(fileFault(fault, '/some/file')).toBe(fault);
  });

  it.each([
    ['a directory', 'directory', 'it is a directory'],
    ['below a file', 'file/below', 'a part of its path is a file'],
    ['in no directory', 'nowhere/below', 'its directory does not exist'],
    ['too long a name', 'x'.repeat(300), 'its name is too long'],
  ])('because it is %s leaves nothing behind', async (_, name, why) => {
    await mkdir(join(directory, 'directory'));
    await writeFile(join(directory, 'file'), '');
    await expect(writeAtomically(join(directory, name), new Uint8Array(1))).rejects.toMatchObject({
      code: 'usage',
      message: containing(why),
    });
    expect((await readdir(directory)).sort()).toEqual(['directory', 'file']);
  });
});

describe('a file that cannot be read', () => {
  // Where the tests run as root, nothing is forbidden them: a path that goes round in links cannot be read by anybody.
  it('is named, and what is there is left', async () => {
    const path = join(directory, 'links', 'file');
    await symlink('links', join(directory, 'links'));
    const target = {
      path: parseTargetPath('file'),
      role: TARGETS,
      file: { length: 1, hashes: new Map([['sha256', new Uint8Array(32)]]) },
    };
    const told = { code: 'usage', message: `${path} cannot be read: its path goes round in links` };
    await expect(verifyFile(path, target, nodeCrypto)).rejects.toMatchObject(told);
  });
});
