import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  composeTargets,
  formatNamed,
  instant,
  parseTargetPath,
  publicKeyOf,
  signDocument,
  verifyRole,
  type Delegations,
  type JsonData,
  type KeyId,
  type MetaFile,
  type PublicKey,
  type Role,
  type RoleName,
  type Root,
  type TargetFile,
  type Version,
} from '@countersign/client/tuf';
import { generatePrivateKey } from '../../packages/client/src/node/private-key.js';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { certifiedKey, file, newNotaryKey, rootDoc, signed, target, targetsDoc } from '../simulator/notary.js';
import { canonical } from '../simulator/documents.js';

const format = formatNamed('notary-1');
const assemble = (bytes: Uint8Array): Uint8Array => format.assemble(bytes, []);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const simKeys = [newNotaryKey(), newNotaryKey('ed25519'), newNotaryKey('P-384'), newNotaryKey('rsa'), certifiedKey()];
const keys: readonly PublicKey[] = simKeys.map(({ json }) =>
  format.parseKey(Buffer.from(JSON.stringify(json)), nodeCrypto),
);

const version = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map((value) => value as Version);
const seconds = fc.integer({ min: 0, max: 253_402_300_799 });
const expires = seconds.map((value) => instant(value * 1000));
const common = { version, expires };

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((value) => value.isWellFormed());
const sha = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size });
const hashes = fc
  .tuple(sha(32), fc.option(sha(64)))
  .map(([a, b]) => new Map<string, Uint8Array>([['sha256', a], ...(b === null ? [] : ([['sha512', b]] as const))]));
const length = fc.maxSafeInteger().map(Math.abs);
const metaFile = fc.record({ by: fc.constant('hashes' as const), length, hashes }) as fc.Arbitrary<MetaFile>;
const custom = fc.jsonValue({ maxDepth: 2 }).filter((value) => canonicalisable(value));
const targetFile: fc.Arbitrary<TargetFile> = fc
  .tuple(length, hashes, fc.option(custom))
  .map(([size, digests, value]) => ({
    length: size,
    hashes: digests,
    ...(value === null ? {} : { custom: value as JsonData }),
  }));

const listed = fc.uniqueArray(fc.constantFrom(...keys), { selector: ({ id }) => id });
const segment = fc.stringMatching(/^[-a-z0-9_]{1,6}$/u);
const delegations: fc.Arbitrary<Delegations> = fc
  .tuple(
    listed,
    fc.uniqueArray(segment, { maxLength: 4 }),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.integer({ min: 1 }),
  )
  .map(([some, names, prefixes, threshold]) => ({
    keys: new Map(some.map((key) => [key.id, key])),
    roles: names.map((each) => ({
      name: `targets/${each}` as RoleName,
      keyIds: some.map(({ id }) => id),
      threshold,
      paths: { kind: 'prefixes', prefixes: prefixes.filter((prefix) => prefix.isWellFormed()) },
      terminating: false,
    })),
  }));

function canonicalisable(value: unknown): boolean {
  // Canonical form has one zero.
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0);
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, member]) => key.isWellFormed() && canonicalisable(member));
}

function entries<K, V>(table: Iterable<[K, V]>): Map<K, V> {
  return new Map(table);
}

describe('what is rendered is parsed as the same', () => {
  it('root', () => {
    const role = (each: RoleName): fc.Arbitrary<Role> =>
      fc
        .tuple(listed, fc.integer({ min: 1 }))
        .map(([some, threshold]) => ({ name: each, keyIds: some.map(({ id }) => id), threshold }));
    const roles = fc.record(
      Object.fromEntries(['root', 'timestamp', 'snapshot', 'targets'].map((each) => [each, role(each as RoleName)])),
    ) as unknown as fc.Arbitrary<Root['roles']>;
    fc.assert(
      fc.property(fc.record({ ...common, consistentSnapshot: fc.boolean(), roles }), (drawn) => {
        const next = { ...drawn, keys: new Map(keys.map((key) => [key.id, key])) };
        expect(format.parseRoot(assemble(format.renderRoot(next))).signed).toEqual({ type: 'root', ...next });
      }),
    );
  });

  it('timestamp', () => {
    fc.assert(
      fc.property(fc.record({ ...common, snapshot: metaFile }), (next) => {
        expect(format.parseTimestamp(assemble(format.renderTimestamp(next))).signed).toEqual({
          type: 'timestamp',
          ...next,
        });
      }),
    );
  });

  it('snapshot', () => {
    const others = fc.dictionary(segment, metaFile, { maxKeys: 4 });
    fc.assert(
      fc.property(fc.record(common), metaFile, metaFile, others, (next, root, targets, more) => {
        const meta = new Map<RoleName, MetaFile>([
          ['root' as RoleName, root],
          ['targets' as RoleName, targets],
        ]);
        for (const [role, each] of Object.entries(more)) meta.set(`targets/${role}` as RoleName, each);
        const read = format.parseSnapshot(assemble(format.renderSnapshot({ ...next, meta }))).signed;
        expect({ ...read, meta: entries(read.meta) }).toEqual({ type: 'snapshot', ...next, meta });
      }),
    );
  });

  it('targets', () => {
    fc.assert(
      fc.property(
        fc.record({ ...common, delegations }),
        fc.dictionary(name, targetFile, { maxKeys: 5 }),
        (next, table) => {
          const targets = new Map(Object.entries(table));
          const read = format.parseTargets(assemble(format.renderTargets({ ...next, targets }))).signed;
          const nobody = next.delegations.keys.size === 0 && next.delegations.roles.length === 0;
          expect({ ...read, targets: entries(read.targets) }).toEqual({
            type: 'targets',
            ...next,
            targets,
            delegations: nobody ? undefined : next.delegations,
          });
        },
      ),
    );
  });
});

describe('a document that follows another', () => {
  const at = { version: 2 as Version, expires: instant(Date.parse('2032-01-01T00:00:00.999Z')) };

  it('carries over what its format does not know, and writes what Go does', () => {
    const key = simKeys[0]!;
    const role = { keyids: [key.id], name: 'targets/a', paths: [''], threshold: 1, 'x-role': 1 };
    const before = {
      ...targetsDoc({ v1: { ...target('1'), 'x-target': 1 } }),
      'x-signed': [1],
      delegations: { keys: { [key.id]: key.json }, roles: [role], 'x-delegations': 1 },
    };
    const follows = format.parseTargets(signed(before, key));
    const { targets, delegations } = follows.signed;
    const next = format.renderTargets({ ...at, targets: entries(targets), delegations }, follows);
    expect(JSON.parse(text(next))).toEqual({ ...before, version: 2, expires: '2032-01-01T00:00:00Z' });
  });

  it('keeps what other clients list of a role in the snapshot', () => {
    const entryOf = (content: string): object => ({ ...target(content), 'x-entry': 1 });
    const meta = { root: entryOf('r'), targets: entryOf('t') };
    const follows = format.parseSnapshot(
      file(canonical({ _type: 'Snapshot', expires: '2031-01-01T00:00:00Z', meta, version: 1 })),
    );
    const next = format.renderSnapshot({ ...at, meta: entries(follows.signed.meta) }, follows);
    expect(JSON.parse(text(next))).toMatchObject({ meta });
  });

  it('writes empty delegations as Go does, and no consistent snapshots', () => {
    const targets = format.renderTargets({ ...at, targets: new Map(), delegations: undefined });
    expect(text(targets)).toContain('"delegations":{"keys":{},"roles":[]}');
    const [key] = keys;
    const role = (each: string): Role => ({ name: each as RoleName, keyIds: [key!.id], threshold: 1 });
    const roles = {
      root: role('root'),
      timestamp: role('timestamp'),
      snapshot: role('snapshot'),
      targets: role('targets'),
    };
    const root = format.renderRoot({ ...at, consistentSnapshot: false, keys: new Map([[key!.id, key!]]), roles });
    expect(text(root)).toMatch(/^\{"_type":"Root","consistent_snapshot":false,"expires":"2032-01-01T00:00:00Z",/u);
  });

  it('never passes a private key on', () => {
    const key = simKeys[0]!;
    const leaked = { ...key, json: { ...key.json, keyval: { ...key.json.keyval, private: 'c2VjcmV0' } } } as never;
    const follows = format.parseRoot(
      signed(rootDoc({ root: leaked, timestamp: leaked, snapshot: leaked, targets: leaked }), key),
    );
    expect(format.mislabelledKeys(follows, nodeCrypto)).toEqual([]);
    expect(text(format.renderRoot({ ...follows.signed, ...at }, follows))).toContain('"private":null');
  });

  it.each([
    ['by globs', { kind: 'globs', patterns: ['*'] }, false],
    ['as a terminating one', { kind: 'prefixes', prefixes: [''] }, true],
  ] as const)('cannot delegate %s', (_, paths, terminating) => {
    const roles = [{ name: 'targets/a' as RoleName, keyIds: [] as KeyId[], threshold: 1, paths, terminating }];
    expect(() => format.renderTargets({ ...at, targets: new Map(), delegations: { keys: new Map(), roles } })).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
  });

  it('cannot promise by version', () => {
    const snapshot: MetaFile = { by: 'version', version: 1 as Version, hashes: new Map() };
    expect(() => format.renderTimestamp({ ...at, snapshot })).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });
});

it.each(['ed25519', 'ecdsa-p256'] as const)('a document signed by our own %s key verifies', async (type) => {
  const signer = generatePrivateKey(type);
  const key = publicKeyOf(format, signer.key, nodeCrypto);
  const set = new Map([['<v1>', { length: 1, hashes: new Map([['sha256', new Uint8Array(32)]]) }]]);
  const raw = await signDocument(format, nodeCrypto, composeTargets(format, { set }, instant(0)), [signer]);
  expect(text(raw)).toContain('\\u003cv1\\u003e');
  const read = format.parseTargets(raw);
  const role: Role = { name: 'targets' as RoleName, keyIds: [key.id], threshold: 1 };
  await verifyRole(role, new Map([[key.id, key]]), read, nodeCrypto, 'the test');
  expect(read.signed.targets.has(parseTargetPath('<v1>'))).toBe(true);
});
