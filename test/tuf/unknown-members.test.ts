import { describe, expect, it } from 'vitest';
import {
  composeRoot,
  composeSnapshot,
  composeTargets,
  composeTimestamp,
  formatNamed,
  nextMeta,
  nextVersion,
  parseInstant,
  parseVersion,
  type BareKey,
  type Delegations,
  type MetaFile,
  type RoleName,
  type TargetFile,
} from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import { newKey, sha256 } from '../simulator/keys.js';
import { canonicalText, strange, strangeFile } from './support/strange.js';

/*
 * A next version keeps what the one before says and we do not know (C3), at every level, digit for digit. What is expected is
 * written by hand and canonicalised without the code under test.
 */

const format = formatNamed('tuf-1');
const EXPIRES = parseInstant('2031-01-01T00:00:00Z');
const base = (type: string, version: number) => ({
  _type: type,
  spec_version: '1.0.7',
  version,
  expires: version === 7 ? '2030-01-01T00:00:00Z' : '2031-01-01T00:00:00Z',
});
const text = (signed: Uint8Array): string => Buffer.from(signed).toString();
const bareKey = (json: object): BareKey => {
  const { scheme, spki } = format.parseKey(Buffer.from(JSON.stringify(json)), nodeCrypto);
  if (scheme === undefined) throw new Error('an unusable key');
  return { scheme, spki };
};
/** A key as another tool lists it: more members, in `keyval` too, and a line break in its PEM. */
const strangeKey = (): object => {
  const { json } = newKey('ecdsa');
  return strange({ ...json, keyval: strange(json['keyval'] as object) });
};
const hash = (content: string): { sha256: string } => ({ sha256: sha256(content) });

describe('unknown members survive', () => {
  it('the next root: in signed, roles, keys and keyval, and in roles nobody knows', () => {
    const [rootKey, timestampKey, snapshotKey, next] = [strangeKey(), strangeKey(), strangeKey(), newKey()];
    const roles = {
      root: strange({ keyids: ['a'], threshold: 1 }),
      timestamp: strange({ keyids: ['b'], threshold: 1 }),
      snapshot: strange({ keyids: ['c', 'no-such-key'], threshold: 1 }),
      mirrors: strange({ keyids: ['b'], threshold: 1 }),
    };
    const keys = { a: rootKey, b: timestampKey, c: snapshotKey };
    const root = strange({
      ...base('root', 7),
      consistent_snapshot: true,
      keys: { ...keys, d: strangeKey() },
      roles: { ...roles, targets: strange({ keyids: ['d'], threshold: 1 }) },
    });
    const change = { targets: { keys: [bareKey(next.json)], threshold: 1 } };
    const follows = format.parseRoot(strangeFile(root));
    expect(text(composeRoot(format, change, EXPIRES, nodeCrypto, follows))).toBe(
      canonicalText({
        ...root,
        ...base('root', 8),
        keys: { ...keys, [next.id]: next.json },
        roles: { ...roles, targets: strange({ keyids: [next.id], threshold: 1 }) },
      }),
    );
  });

  it('the next timestamp: in signed and its one entry', () => {
    const entry = strange({ version: 3, length: 10, hashes: hash('old') });
    const timestamp = strange({ ...base('timestamp', 7), meta: { 'snapshot.json': entry } });
    const follows = format.parseTimestamp(strangeFile(timestamp));
    const snapshot: MetaFile = { by: 'version', version: parseVersion(4), hashes: new Map() };
    const next = { version: nextVersion(follows), expires: EXPIRES, snapshot };
    expect(text(composeTimestamp(format, next, follows))).toBe(
      canonicalText({
        ...timestamp,
        ...base('timestamp', 8),
        // What we know of an entry is said anew as a whole: no length and no hash of another file.
        meta: { 'snapshot.json': strange({ version: 4 }) },
      }),
    );
  });

  it('the next snapshot: in signed and every entry, changed or not', () => {
    const kept = strange({ version: 1, hashes: { ...hash('kept'), sha3: 'ab' } });
    const meta = { 'targets.json': strange({ version: 3 }), 'a/b.json': kept };
    const snapshot = strange({ ...base('snapshot', 7), meta });
    const follows = format.parseSnapshot(strangeFile(snapshot));
    const change: MetaFile = { by: 'version', version: parseVersion(4), length: 12, hashes: new Map() };
    const changes = new Map([['targets' as RoleName, change] as const, ['new' as RoleName, change] as const]);
    const next = { version: nextVersion(follows), expires: EXPIRES, meta: nextMeta(follows.signed, changes) };
    expect(text(composeSnapshot(format, next, follows))).toBe(
      canonicalText({
        ...snapshot,
        ...base('snapshot', 8),
        meta: {
          ...meta,
          'targets.json': strange({ version: 4, length: 12 }),
          'new.json': { version: 4, length: 12 },
        },
      }),
    );
  });
});

describe('unknown members survive the next targets', () => {
  const entry = (content: string): object => strange({ length: content.length, hashes: hash(content) });
  const entries = {
    kept: { ...entry('kept'), custom: strange({ status: 'Active' }), hashes: { ...hash('kept'), blake2b: '0A' } },
    changed: { ...entry('changed'), custom: { old: true } },
    ['__proto__']: entry('proto'),
  };
  const delegated = {
    one: strange({ name: 'one', keyids: ['k'], threshold: 1, terminating: true, paths: ['a/*', '[b'] }),
    two: strange({
      name: 'two',
      keyids: ['k', 'l'],
      threshold: 2,
      terminating: false,
      path_hash_prefixes: ['0', 'ff'],
    }),
  };
  const keys = { k: strangeKey(), l: strangeKey() };
  const delegations = strange({ keys, roles: [delegated.one, delegated.two] });
  const targets = strange({ ...base('targets', 7), targets: { ...entries, gone: entry('gone') }, delegations });
  const follows = format.parseTargets(strangeFile(targets));

  it('in signed and every entry, custom and all', () => {
    const file: TargetFile = { length: 3, hashes: new Map([['sha256', Buffer.from(sha256('new'), 'hex')]]) };
    const edit = { set: new Map([['changed', file] as const, ['new', file] as const]), remove: new Set(['gone']) };
    expect(text(composeTargets(format, edit, EXPIRES, follows))).toBe(
      canonicalText({
        ...targets,
        ...base('targets', 8),
        targets: { ...entries, changed: entry('new'), new: { length: 3, hashes: hash('new') } },
      }),
    );
  });

  it('in delegations, their keys and roles, when one of them changes', () => {
    const { keys: listed, roles } = follows.signed.delegations!;
    const next: Delegations = { keys: listed, roles: [{ ...roles[1]!, threshold: 1 }, roles[0]!] };
    expect(text(composeTargets(format, { delegations: next }, EXPIRES, follows))).toBe(
      canonicalText({
        ...targets,
        ...base('targets', 8),
        delegations: { ...delegations, roles: [{ ...delegated.two, threshold: 1 }, delegated.one] },
      }),
    );
  });

  it('in succinct roles', () => {
    const succinct = strange({ keyids: ['k'], threshold: 1, bit_length: 4, name_prefix: 'bin' });
    const bins = { ...targets, delegations: strange({ keys, succinct_roles: succinct }) };
    expect(text(composeTargets(format, {}, EXPIRES, format.parseTargets(strangeFile(bins))))).toBe(
      canonicalText({ ...bins, ...base('targets', 8) }),
    );
  });
});
