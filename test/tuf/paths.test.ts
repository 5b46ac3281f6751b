import { describe, expect, it } from 'vitest';
import {
  covers,
  binIndex,
  formatNamed,
  type PathSet,
  type SuccinctRoles,
  type TargetPath,
} from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import { binName } from '../../packages/client/src/tuf/paths.js';
import { newKey, sha256 } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';
import { fileOf } from './support/roots.js';

/* Which paths a delegation covers (§5.6.7, TAP 15), and what says so. */

const covered = (paths: PathSet, path: string): boolean => covers(paths, path as TargetPath, nodeCrypto);

describe('a glob', () => {
  it.each([
    ['dir/*', 'dir/file', true],
    ['dir/*', 'dir/deep/file', false],
    ['*', 'dir/file', false],
    ['*/*', 'file', false],
    ['**', 'dir/file', false],
    ['dir/**', 'dir/deep/file', false],
    ['dir?file', 'dir/file', false],
    ['dir[/]file', 'dir/file', false],
    ['[a/b]', 'a', false],
    ['*/file', 'dir/file', true],
    ['*/file', '/file', true],
    ['/*', '/file', true],
    ['/*', 'file', false],
    ['dir/*', 'dir//file', false],
    ['dir/*', './dir/file', false],
    ['dir/file', 'dir/./file', false],
    ['dir/*', 'other/../dir/file', false],
    ['dir/', 'dir/', true],
    ['DIR/*', 'dir/file', false],
    ['', 'file', false],
  ])('%j covers %j: %s', (pattern, path, expected) => {
    expect(covered({ kind: 'globs', patterns: [pattern] }, path)).toBe(expected);
  });

  it('alone is enough, and none covers nothing', () => {
    expect(covered({ kind: 'globs', patterns: ['x', 'dir/*'] }, 'dir/file')).toBe(true);
    expect(covered({ kind: 'globs', patterns: [] }, 'dir/file')).toBe(false);
  });
});

describe('a hash prefix', () => {
  it('is one of the lower-case hexadecimal SHA-256 of the path in UTF-8', () => {
    const path = 'ünï/ко́д.txt';
    const hash = sha256(path);
    const digit = hash.startsWith('0') ? '1' : '0';
    for (const [prefix, expected] of [
      [hash.slice(0, 1), true],
      [hash, true],
      ['', true],
      [hash.slice(1), false],
      [digit, false],
      [`${hash}0`, false],
    ] as const)
      expect(covered({ kind: 'hash-prefixes', prefixes: ['zz', prefix] }, path), prefix).toBe(expected);
    const letters = hash.slice(0, hash.search(/[a-f]/u) + 1);
    expect(covered({ kind: 'hash-prefixes', prefixes: [letters] }, path)).toBe(true);
    expect(covered({ kind: 'hash-prefixes', prefixes: [letters.toUpperCase()] }, path)).toBe(false);
    expect(covered({ kind: 'hash-prefixes', prefixes: [] }, path)).toBe(false);
  });
});

describe('a succinct bin', () => {
  const roles = (bitLength: number): SuccinctRoles => ({ bitLength, namePrefix: 'bin', keyIds: [], threshold: 1 });

  it('is the first bits of the SHA-256 of the path, from 1 to all 32 of them', () => {
    for (const path of ['a', 'dir/file', 'ünï', '😀', 'x'.repeat(1000)]) {
      const first = BigInt(`0x${sha256(path).slice(0, 8)}`);
      for (let bits = 1; bits <= 32; bits += 1) {
        const index = Number(first >> BigInt(32 - bits));
        expect(binIndex(roles(bits), path as TargetPath, nodeCrypto)).toBe(index);
        expect(covered({ kind: 'bins', bitLength: bits, index }, path)).toBe(true);
        expect(covered({ kind: 'bins', bitLength: bits, index: index ^ 1 }, path)).toBe(false);
      }
    }
  });

  it.each([
    [1, 1, 'bin-1'],
    [4, 15, 'bin-f'],
    [5, 1, 'bin-01'],
    [8, 255, 'bin-ff'],
    [9, 255, 'bin-0ff'],
    [32, 10, 'bin-0000000a'],
    [32, 2 ** 32 - 1, 'bin-ffffffff'],
  ])('of %i bits with the index %i is called %s', (bits, index, name) => {
    expect(binName(roles(bits), index)).toBe(name);
  });
});

describe('delegations', () => {
  const key = newKey();
  const signers = { keyids: [key.id], threshold: 1 };
  const role = { name: 'a', ...signers, terminating: false, paths: ['*'] };
  const bins = { ...signers, bit_length: 8, name_prefix: 'bin' };
  const parse = (delegations: object): unknown => {
    const targets = {
      ...new RepositorySimulator().targets,
      delegations: { keys: { [key.id]: key.json }, ...delegations },
    };
    return formatNamed('tuf-1').parseTargets(fileOf(targets, [])).signed.delegations;
  };
  const without = (object: object, ...names: readonly string[]): object =>
    Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

  it('as the specification has them are read', () => {
    expect(parse({ roles: [role] })).toMatchObject({ roles: [{ name: 'a' }] });
    expect(parse({ roles: [{ ...without(role, 'paths'), path_hash_prefixes: ['0a'] }] })).toMatchObject({
      roles: [{ paths: { kind: 'hash-prefixes', prefixes: ['0a'] } }],
    });
    expect(parse({ succinct_roles: bins })).toMatchObject({ roles: [], succinct: { bitLength: 8, namePrefix: 'bin' } });
  });

  it.each<[string, object]>([
    ['with paths and hash prefixes', { roles: [{ ...role, path_hash_prefixes: ['0a'] }] }],
    ['with neither', { roles: [without(role, 'paths')] }],
    ['with a text for paths', { roles: [{ ...role, paths: '*' }] }],
    ['with a number among paths', { roles: [{ ...role, paths: ['a', 1] }] }],
    ['with a text for hash prefixes', { roles: [{ ...without(role, 'paths'), path_hash_prefixes: '0a' }] }],
    ['without terminating', { roles: [without(role, 'terminating')] }],
    ['with 1 for terminating', { roles: [{ ...role, terminating: 1 }] }],
    ['without keyids', { roles: [without(role, 'keyids')] }],
    ['without a threshold', { roles: [without(role, 'threshold')] }],
    ['without a name', { roles: [without(role, 'name')] }],
  ])('to a role %s are refused', (_what, delegations) => {
    expect(() => parse(delegations)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it.each<[string, object]>([
    ['to roles and to bins', { roles: [role], succinct_roles: bins }],
    ['to neither', {}],
    ['without keys', { keys: undefined, roles: [] }],
    ['to bins of 0 bits', { succinct_roles: { ...bins, bit_length: 0 } }],
    ['to bins of 33 bits', { succinct_roles: { ...bins, bit_length: 33 } }],
    ['to bins of half a bit', { succinct_roles: { ...bins, bit_length: 0.5 } }],
    ['to bins without a name', { succinct_roles: without(bins, 'name_prefix') }],
    ['to bins with an empty name', { succinct_roles: { ...bins, name_prefix: '' } }],
    ['to bins of nobody', { succinct_roles: without(bins, 'keyids') }],
    ['to bins with a threshold of 0', { succinct_roles: { ...bins, threshold: 0 } }],
  ])('%s are refused', (_what, delegations) => {
    expect(() => parse(delegations)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});
