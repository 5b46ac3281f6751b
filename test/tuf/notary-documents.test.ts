import { describe, expect, it } from 'vitest';
import { CountersignError, detectFormat, formatNamed, parseRoleName, parseTargetPath } from '@countersign/client/tuf';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { canonical } from '../simulator/documents.js';
import { certifiedKey, entry, file, newNotaryKey, rootDoc, signed, target, targetsDoc } from '../simulator/notary.js';

const format = formatNamed('notary-1');
const key = newNotaryKey();
const keys = { root: certifiedKey(), timestamp: key, snapshot: key, targets: key };

type Json = Record<string, unknown>;

const root = (change: Json = {}): Json => ({ ...rootDoc(keys), ...change });
const targets = (change: Json = {}): Json => ({ ...targetsDoc({ v1: target('one') }), ...change });
const meta = { root: entry(Buffer.from('r')), targets: entry(Buffer.from('t')) };
const snapshot = (change: Json = {}): Json => ({
  _type: 'Snapshot',
  expires: '2031-01-01T00:00:00Z',
  meta,
  version: 1,
  ...change,
});
const timestamp = (change: Json = {}): Json => ({
  ...snapshot(),
  _type: 'Timestamp',
  meta: { snapshot: meta.root },
  ...change,
});

const parsers = {
  root: (raw: Uint8Array) => format.parseRoot(raw),
  targets: (raw: Uint8Array) => format.parseTargets(raw),
  snapshot: (raw: Uint8Array) => format.parseSnapshot(raw),
  timestamp: (raw: Uint8Array) => format.parseTimestamp(raw),
};

function parse(document: Json): ReturnType<(typeof parsers)[keyof typeof parsers]> {
  return parsers[String(document['_type']).toLowerCase() as keyof typeof parsers](signed(document, key));
}

function role(name: string, change: Json = {}): Json {
  return { keyids: [key.id], name, paths: [''], threshold: 1, ...change };
}

function delegating(...roles: Json[]): Json {
  return targets({ delegations: { keys: { [key.id]: key.json }, roles } });
}

describe('what Go leaves out or writes as null', () => {
  it.each([
    ['no delegations', { delegations: undefined }],
    ['delegations null', { delegations: null }],
    ['empty delegations', { delegations: { keys: {}, roles: [] } }],
    ['roles null, after the last was removed', { delegations: { keys: {}, roles: null } }],
    ['keys null', { delegations: { keys: null, roles: [] } }],
    ['an empty object', { delegations: {} }],
  ])('%s: nobody is delegated to', (_, change) => {
    expect(parse(JSON.parse(JSON.stringify(targets(change))) as Json).signed).toMatchObject({ delegations: undefined });
  });

  it.each([[{ keyids: null }], [{ keyids: undefined }]])('a role without keys is there: %j', (change) => {
    const { delegations } = format.parseTargets(signed(clean(delegating(role('targets/a', change))), key)).signed;
    expect(delegations?.roles).toMatchObject([{ name: 'targets/a', keyIds: [], threshold: 1 }]);
  });

  it.each([[{ paths: null }], [{ paths: undefined }], [{ paths: [] }]])(
    'a role without paths covers nothing: %j',
    (change) => {
      const { delegations } = format.parseTargets(signed(clean(delegating(role('targets/a', change))), key)).signed;
      expect(delegations?.roles[0]?.paths).toEqual({ kind: 'prefixes', prefixes: [] });
    },
  );

  it('a root without consistent_snapshot', () => {
    expect(parse(clean(root({ consistent_snapshot: undefined }))).signed).toMatchObject({ consistentSnapshot: false });
  });

  it.each(['', ',"signatures":null'])('no signatures: %j', (rest) => {
    const { signatures, signed: document } = format.parseTargets(
      Buffer.from(`{"signed":${canonical(targets())}${rest}}`),
    );
    expect(signatures).toEqual([]);
    expect(format.flaw({ signed: document, signatures, signedBytes: new Uint8Array(0), raw: new Uint8Array(0) })).toBe(
      'it carries no signature',
    );
  });

  it('roles and keys beside the four of a root', () => {
    const other = newNotaryKey();
    const { roles, keys: listed } = rootDoc(keys) as unknown as { roles: Json; keys: Json };
    const document = root({
      roles: { ...roles, mirrors: { keyids: [other.id], threshold: 1 } },
      keys: {
        ...listed,
        [other.id]: other.json,
        unknown: { keytype: 'dilithium', keyval: { private: null, public: 'AAAA' } },
      },
    });
    const read = format.parseRoot(signed(document, key)).signed;
    expect(Object.keys(read.roles)).toEqual(['root', 'timestamp', 'snapshot', 'targets']);
    expect(read.keys.get('unknown' as never)).toMatchObject({ scheme: undefined });
    expect(read.keys.size).toBe(4);
  });

  it('a date of any zone and with nine digits behind the second', () => {
    const read = parse(targets({ expires: '2029-11-22T12:36:52.174311464-05:00' })).signed;
    expect(read.expires).toBe(Date.parse('2029-11-22T17:36:52.174Z'));
  });
});

/** Without the members that are undefined. */
function clean(document: Json): Json {
  return JSON.parse(JSON.stringify(document)) as Json;
}

describe('a document is refused', () => {
  const hashes = (change: Json): Json => ({ hashes: { ...meta.root.hashes, ...change }, length: 1 });
  it.each<[string, string, Json]>([
    ['of a type in lower case', 'is not "Targets"', targets({ _type: 'targets' })],
    ['of version 0', 'version is not a whole number', targets({ version: 0 })],
    ['of a version in quotes', 'version is not a whole number', targets({ version: '1' })],
    ['with a date that is none', 'is not a date', targets({ expires: 'soon' })],
    ['with a target of no hashes', 'is empty', targets({ targets: { x: { hashes: {}, length: 1 } } })],
    ['with a target of null hashes', 'is not an object', targets({ targets: { x: { hashes: null, length: 1 } } })],
    [
      'with a target of unknown hashes alone',
      'neither sha256',
      targets({ targets: { x: { hashes: { md5: 'AAAA' }, length: 1 } } }),
    ],
    ['with a hexadecimal hash', 'a wrong length', targets({ targets: { x: hashes({ sha256: 'ab'.repeat(32) }) } })],
    ['with a hash that is no base64', 'is not base64', targets({ targets: { x: hashes({ sha512: 'ab!=' }) } })],
    [
      'with base64 that has another spelling',
      'is not base64',
      targets({ targets: { x: hashes({ sha256: `${'A'.repeat(42)}B=` }) } }),
    ],
    [
      'with a short hash',
      'sha512 of a target has a wrong length',
      targets({ targets: { x: hashes({ sha512: 'AAAA' }) } }),
    ],
    [
      'with a target of negative length',
      'length of a target',
      targets({ targets: { x: { ...target('x'), length: -1 } } }),
    ],
    ['with a target of no name', 'target path "" is empty', targets({ targets: { '': target('x') } })],
    [
      'with a number beyond 2^53 inside custom',
      'too large',
      targets({ targets: { x: { ...target('x'), custom: [-(2 ** 53)] } } }),
    ],
    ['with a key id that has no key', 'which is not listed', root({ keys: {} })],
    [
      'without the role snapshot',
      'role timestamp is not an object',
      root({ roles: { root: { keyids: [], threshold: 1 } } }),
    ],
    ['with threshold 0', 'threshold', delegating(role('targets/a', { threshold: 0 }))],
    [
      'with a delegation that lists an unknown key',
      'which is not listed',
      delegating(role('targets/a', { keyids: ['00'] })),
    ],
    ['with one delegation twice', 'names something twice', delegating(role('targets/a'), role('targets/a'))],
    ['with a snapshot that lists no targets', 'must list targets', snapshot({ meta: { root: meta.root } })],
    ['with a snapshot that lists no root', 'must list root', snapshot({ meta: { targets: meta.root } })],
    [
      'with a meta entry of no sha256',
      'must have a sha256',
      snapshot({ meta: { ...meta, root: { hashes: { sha512: `${'A'.repeat(86)}==` }, length: 1 } } }),
    ],
    [
      'with a meta entry of no length',
      'length of a meta entry',
      snapshot({ meta: { ...meta, root: { hashes: meta.root.hashes } } }),
    ],
    ['with a timestamp that lists nothing', 'must list snapshot', timestamp({ meta: {} })],
    ['with `Version` beside `version`', 'another case', targets({ Version: 9 })],
    [
      'with a key type in a second spelling',
      'another case',
      root({ keys: { ...(rootDoc(keys)['keys'] as Json), x: { ...key.json, KeyType: 'rsa' } } }),
    ],
    ['with a spelling that only Unicode folds', 'another case', targets({ 'ver\u017fion': 9 })],
  ])('%s', (_, why, document) => {
    expect(() => parse(clean(document))).toThrow(
      expect.objectContaining({ name: 'CountersignError', message: expect.stringContaining(why) as string }),
    );
  });

  it.each([
    ['a member twice', '"version":1', '"version":2,"version":1'],
    ['1.0 for 1', '"version":1', '"version":1.0'],
    ['an exponent', '"length":3', '"length":3e0'],
    ['invalid UTF-8', '"v1"', '"v\ufffd1"'],
    ['a lone surrogate', '"v1"', '"v\\ud800"'],
  ])('with %s', (what, from, to) => {
    let raw = file(canonical(targets()).replace(from, to), key.sign(''));
    if (what === 'invalid UTF-8')
      raw = Buffer.from(raw.toString('latin1').replace('\u00ef\u00bf\u00bd', '\u00ff'), 'latin1');
    expect(() => format.parseTargets(raw)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('nested deeper than anybody needs', () => {
    const deep = `${'['.repeat(40)}${']'.repeat(40)}`;
    const raw = file(canonical(targets()).replace('"version"', `"deep":${deep},"version"`), key.sign(''));
    expect(() => format.parseTargets(raw)).toThrow(expect.objectContaining({ code: 'too-many' }));
  });

  it('with more signatures than the limit', () => {
    const raw = file(canonical(targets()), ...Array.from({ length: 257 }, () => key.sign('')));
    expect(() => format.parseTargets(raw)).toThrow(expect.objectContaining({ code: 'too-many' }));
  });

  it('with the envelope spelled as only Go reads it', () => {
    const raw = signed(targets(), key).toString().replace('"signed"', '"Signed"');
    expect(() => format.parseTargets(Buffer.from(raw))).toThrow(CountersignError);
  });
});

describe('what is asked of a delegated role', () => {
  it.each(['targets/a', 'targets/a-b/c_d', 'targets/0', `targets/${'x'.repeat(247)}`])(
    '%s may be delegated',
    (name) => {
      expect(format.parseTargets(signed(delegating(role(name)), key)).signed.delegations?.roles[0]?.name).toBe(name);
    },
  );

  it.each([
    'a',
    'targets',
    'targets/',
    'targets//a',
    'targets/A',
    'targets/a.b',
    'targets/../a',
    'targets/a/',
    'targets/*',
    'targets/a\n',
    'snapshot/a',
    `targets/${'x'.repeat(248)}`,
  ])('%j may not', (name) => {
    expect(() => format.parseTargets(signed(delegating(role(name)), key))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });

  it('a role may list its direct children, and no role elsewhere in the tree', () => {
    const at = (own: string, child: string): string | undefined =>
      format.misplaced(parseRoleName(own), format.parseTargets(signed(delegating(role(child)), key)).signed);
    expect(at('targets', 'targets/a')).toBeUndefined();
    expect(at('targets/a', 'targets/a/b')).toBeUndefined();
    expect(at('targets', 'targets/a/b')).toContain('targets/a/b');
    expect(at('targets/a', 'targets/b')).toContain('targets/b');
    expect(at('targets/a', 'targets/ab/c')).toContain('targets/ab/c');
    expect(at('mirrors', 'targets/a')).toContain('not named');
  });
});

it('reads what a target says, hashes in base64 and custom as it is', () => {
  const custom = { a: [1, 2], __proto__x: 'text' };
  const document = targets({ targets: { 'a/b': { ...target('one'), custom } } });
  const { targets: table } = format.parseTargets(signed(document, key)).signed;
  const read = table.get(parseTargetPath('a/b'));
  expect(Buffer.from(read!.hashes.get('sha256')!).toString('base64')).toBe(target('one').hashes['sha256']);
  expect(read).toMatchObject({ length: 3, custom });
  expect(table.get(parseTargetPath('constructor'))).toBeUndefined();
});

it('tells a root of this format from others', () => {
  expect(detectFormat(signed(root(), key)).name).toBe('notary-1');
  expect(detectFormat(signed(root({ _type: 'root', spec_version: '1.0' }), key)).name).toBe('tuf-1');
  expect(() => detectFormat(signed(root({ spec_version: '1.0' }), key))).toThrow(
    expect.objectContaining({ code: 'unsupported' }),
  );
  expect(() => detectFormat(signed(targets(), key))).toThrow(expect.objectContaining({ code: 'unsupported' }));
});

it('reports a key under an id that is not its own', () => {
  const document = root({ keys: { ...(rootDoc(keys)['keys'] as Json), ['0'.repeat(64)]: key.json } });
  expect(format.mislabelledKeys(format.parseRoot(signed(document, key)), nodeCrypto)).toEqual(['0'.repeat(64)]);
});

it('names files as clients ask for them', () => {
  const hashes = new Map([['sha256', Buffer.from('ab'.repeat(32), 'hex')]]);
  const name = (of: string, by = {}): string => format.fileName(parseRoleName(of), by);
  expect(name('timestamp')).toBe('timestamp.json');
  expect(name('root', { version: 3 })).toBe('3.root.json');
  expect(name('targets/a/b', { hashes })).toBe(`targets/a/b.${'ab'.repeat(32)}.json`);
  expect(name('targets/releases', { version: 1 })).toBe('1.targets/releases.json');
});
