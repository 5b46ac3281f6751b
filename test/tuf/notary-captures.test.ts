import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bootstrapRoot,
  detectFormat,
  formatNamed,
  hasCode,
  instant,
  parseGun,
  reachableRoles,
  refresh,
  verifyRole,
  type AnyDocument,
  type Envelope,
  type RefreshOptions,
  type Role,
  type TrustContext,
} from '@countersign/client/tuf';
import { canonicalise, scan, toHtmlSafeJson } from '../../packages/client/src/tuf/json.js';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { webCrypto } from '../../packages/client/src/webcrypto.js';
import {
  byHash,
  capturedFiles,
  captures,
  versionsOf,
  type Capture,
  type CapturedFile,
} from '../simulator/notary-captures.js';
import canonicalVectors from '../vectors/notary-1/canonical.json' with { type: 'json' };
import keyVectors from '../vectors/notary-1/keys.json' with { type: 'json' };

const format = formatNamed('notary-1');
/** Inside the life of every captured document, for which the shortest is that of the timestamps. */
const NOW = instant(Date.parse('2026-11-25T00:00:00Z'));

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function parse({ role, raw }: Pick<CapturedFile, 'role' | 'raw'>): Envelope<AnyDocument> {
  if (role === 'root') return format.parseRoot(raw);
  if (role === 'timestamp') return format.parseTimestamp(raw);
  return role === 'snapshot' ? format.parseSnapshot(raw) : format.parseTargets(raw);
}

function contextOf(capture: Capture, crypto = nodeCrypto): TrustContext {
  return { format, crypto, gun: parseGun(capture.gun), judgeAt: () => NOW, now: NOW };
}

/** The collection as it was when `timestamp` was its newest: with the roots up to the one its snapshot lists. */
function optionsAt(capture: Capture, timestamp: CapturedFile): RefreshOptions {
  const files = byHash(capture);
  const find = (sha256: Uint8Array | undefined): CapturedFile | undefined =>
    files.get(hex(sha256 ?? new Uint8Array(0)));
  const snapshot = find(format.parseTimestamp(timestamp.raw).signed.snapshot.hashes.get('sha256'))!;
  const newest = find(
    format
      .parseSnapshot(snapshot.raw)
      .signed.meta.get('root' as never)!
      .hashes.get('sha256'),
  )!;
  const roots = new Map(versionsOf(capture, 'root').map((file) => [file.version, file.raw]));
  return {
    ports: {
      fetch: async ({ role, version = 0, hashes }) => {
        if (role === 'root') return version <= newest.version ? roots.get(version) : undefined;
        return role === 'timestamp' ? timestamp.raw : find(hashes?.get('sha256'))?.raw;
      },
      cached: async () => undefined,
      save: async () => undefined,
    },
  };
}

async function rolesAt(capture: Capture, timestamp: CapturedFile, crypto = nodeCrypto): Promise<string[]> {
  const first = versionsOf(capture, 'root')[0]!.raw;
  const options = optionsAt(capture, timestamp);
  const trust = await refresh(await bootstrapRoot(contextOf(capture, crypto), first), options);
  const reached: string[] = [];
  for await (const { role } of reachableRoles(trust, options)) reached.push(role);
  return reached;
}

describe.each(captures)('$gun, as the real server held it', (capture) => {
  it.each(versionsOf(capture, 'timestamp'))(
    'verifies from the first root to every role at $name',
    async (timestamp) => {
      const roles = await rolesAt(capture, timestamp);
      expect(roles[0]).toBe('targets');
      // None of the captured collections has a delegated role that its clients would pass over.
      const options = optionsAt(capture, timestamp);
      const trust = await refresh(
        await bootstrapRoot(contextOf(capture), versionsOf(capture, 'root')[0]!.raw),
        options,
      );
      const listed = [...trust.snapshot.signed.meta.keys()];
      expect(listed).toEqual(expect.arrayContaining(roles));
    },
  );

  it('is of this format', () => {
    for (const root of versionsOf(capture, 'root')) expect(detectFormat(root.raw)).toBe(format);
  });
});

it('verifies a collection with every kind of key by WebCrypto as well', async () => {
  const corpus = captures.find(({ gun }) => gun === 'example.com/corpus')!;
  expect(await rolesAt(corpus, versionsOf(corpus, 'timestamp').at(-1)!, webCrypto)).toEqual([
    'targets',
    'targets/releases',
    'targets/alice',
    'targets/alice/sub',
    'targets/carol',
    'targets/dave',
  ]);
});

describe('a file that Go wrote', () => {
  it.each(capturedFiles)('is written again to the byte: $gun $name', ({ role, raw }) => {
    const { signedBytes, signatures } = parse({ role, raw });
    expect(Buffer.from(format.assemble(signedBytes, signatures))).toEqual(raw);
    // Of signatures a program made, which have no received text to go by.
    const made = signatures.map(({ keyId, value, scheme }) => ({ keyId, value, scheme: scheme! }));
    expect(Buffer.from(format.assemble(signedBytes, made))).toEqual(raw);
  });

  it.each(capturedFiles.filter(({ role }) => role === 'root' || role.startsWith('targets')))(
    'lists no key under another id than its own: $gun $name',
    ({ role, raw }) => {
      expect(format.mislabelledKeys(parse({ role, raw }) as never, nodeCrypto)).toEqual([]);
    },
  );

  it('is refused or not signed any more with any byte of it changed', async () => {
    const signers = [...signedFiles()];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...signers),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (file, at, mask) => {
          const end = file.raw.lastIndexOf(',"signatures"');
          const changed = Buffer.from(file.raw);
          const place = at % end;
          changed[place] = changed[place]! ^ mask;
          expect(await accepts(file, changed)).toBe(false);
        },
      ),
      { numRuns: 400 },
    );
  });
});

interface SignedFile extends CapturedFile {
  readonly by: Role;
  readonly keys: Parameters<typeof verifyRole>[1];
}

/** Top-level files with the role of the newest root that still verifies them. */
function* signedFiles(): Iterable<SignedFile> {
  for (const capture of captures) {
    const { signed } = format.parseRoot(versionsOf(capture, 'root').at(-1)!.raw);
    for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const) {
      yield { ...versionsOf(capture, role).at(-1)!, by: signed.roles[role], keys: signed.keys };
    }
  }
}

async function accepts({ role, by, keys }: SignedFile, raw: Uint8Array): Promise<boolean> {
  try {
    await verifyRole(by, keys, parse({ role, raw: Buffer.from(raw) }), nodeCrypto, 'the root');
    return true;
  } catch (error) {
    if (hasCode(error, 'malformed', 'threshold', 'too-many', 'invalid-name')) return false;
    throw error;
  }
}

it('accepts every such file unchanged', async () => {
  for (const file of signedFiles()) expect(await accepts(file, file.raw)).toBe(true);
});

describe('key ids', () => {
  it.each(keyVectors)('$keytype $keyid', ({ keytype, keyid, canonical_keyid: canonical, public: content }) => {
    for (const keyval of [{ private: null, public: content }, { public: content }]) {
      const key = format.parseKey(Buffer.from(JSON.stringify({ keyval, keytype })), nodeCrypto);
      expect(key.id).toBe(keyid);
      expect(format.keyId({ scheme: key.scheme!, spki: key.spki }, nodeCrypto)).toBe(canonical);
      expect(key.certificates !== undefined).toBe(keytype.endsWith('-x509'));
    }
  });

  it('are those of the rendered key', () => {
    for (const vector of keyVectors.filter(({ keytype }) => !keytype.endsWith('-x509'))) {
      const { keytype, public: content } = vector;
      const json = JSON.stringify({ keytype, keyval: { private: null, public: content } });
      const key = format.parseKey(Buffer.from(json), nodeCrypto);
      expect(Buffer.from(format.renderKey({ scheme: key.scheme!, spki: key.spki })).toString()).toBe(json);
    }
  });
});

/**
 * Where canonical JSON here is not what Go makes of the same text: what has more than one reading is refused, and integers
 * Go would round are kept digit by digit (and refused inside documents, see below).
 */
describe('canonical JSON', () => {
  it.each(canonicalVectors)('$input', (vector) => {
    const canonical = (): Uint8Array => canonicalise(scan(Buffer.from(vector.input)));
    if (vector.refused !== undefined) expect(canonical).toThrow(expect.objectContaining({ code: 'malformed' }));
    else if (vector.ours !== undefined) expect(Buffer.from(canonical()).toString()).toBe(vector.ours);
    else expect(hex(canonical())).toBe(vector.go);
  });

  it('is escaped on the wire as Go escapes it', () => {
    const text = '{"<a>":"&\u2028\u2029\u2027\u202a\u00e2\n"}';
    const wire = Buffer.from(toHtmlSafeJson(Buffer.from(text))).toString();
    expect(wire).toBe('{"\\u003ca\\u003e":"\\u0026\\u2028\\u2029\u2027\u202a\u00e2\\n"}');
    expect(Buffer.from(canonicalise(scan(Buffer.from(wire)))).toString()).toBe(text);
  });
});
