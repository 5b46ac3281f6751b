import { describe, expect, it } from 'vitest';
import { formatNamed, whoSigned } from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import { canonical } from '../simulator/documents.js';
import { newKey } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';
import { by, fileOf, rootWith, signedBy } from './support/roots.js';

/* What every document of TUF 1.0 must have, and how it may be spelt (§4). */

const format = formatNamed('tuf-1');
const sim = new RepositorySimulator();
sim.addTarget('file', 'content');
sim.delegate('targets', 'delegated');
sim.publish('targets', 'delegated');

const DOCUMENTS = { root: sim.root, timestamp: sim.timestamp, snapshot: sim.snapshot, targets: sim.targets };
const PARSE = {
  root: (raw: Uint8Array) => format.parseRoot(raw),
  timestamp: (raw: Uint8Array) => format.parseTimestamp(raw),
  snapshot: (raw: Uint8Array) => format.parseSnapshot(raw),
  targets: (raw: Uint8Array) => format.parseTargets(raw),
};
type Type = keyof typeof PARSE;
const TYPES = Object.keys(PARSE) as Type[];
const malformed: unknown = expect.objectContaining({ code: 'malformed' });

const REQUIRED: Readonly<Record<Type, readonly string[]>> = {
  root: ['keys', 'roles'],
  timestamp: ['meta'],
  snapshot: ['meta'],
  targets: ['targets'],
};

describe.each(TYPES)('%s', (type) => {
  const parse = PARSE[type];
  const text = Buffer.from(fileOf(DOCUMENTS[type], [])).toString();

  it('is read as it is written', () => {
    expect(parse(Buffer.from(text)).signed).toMatchObject({ type, version: DOCUMENTS[type].version });
  });

  it('without any member it must have is refused, and so is null in its place', () => {
    for (const name of ['_type', 'spec_version', 'version', 'expires', ...REQUIRED[type]]) {
      for (const value of [undefined, null, [], 'x'])
        expect(() => parse(fileOf({ ...DOCUMENTS[type], [name]: value }, [])), name).toThrow(malformed);
    }
    for (const file of [{ signed: DOCUMENTS[type] }, { signatures: [] }, [], null, 'x', 1])
      expect(() => parse(Buffer.from(JSON.stringify(file)))).toThrow(malformed);
  });

  it.each(['1.0', '1.0.0', '1.0.34', '1.1', '1.99.99'])('of spec_version %j is read', (version) => {
    expect(parse(fileOf({ ...DOCUMENTS[type], spec_version: version }, [])).signed).toMatchObject({ type });
  });

  it.each(['', '1', '1.', '1.x', '1.0.0.0', '1.0.0-rc1', ' 1.0', '01.0', '0.9', '2.0.0', '10.0', '1.0.', '1e0.0'])(
    'of spec_version %j is refused',
    (version) => {
      expect(() => parse(fileOf({ ...DOCUMENTS[type], spec_version: version }, []))).toThrow(malformed);
    },
  );

  it.each<[string, (text: string) => Uint8Array]>([
    ['with a byte order mark', (good) => Buffer.from(`\ufeff${good}`)],
    ['in UTF-16', (good) => Buffer.from(good, 'utf16le')],
    ['with a byte that is no UTF-8', (good) => swapped(good, '"_type"', Buffer.from([0x22, 0xff, 0x22]))],
    ['with an overlong character', (good) => swapped(good, '"_type"', Buffer.from([0x22, 0xc0, 0xaf, 0x22]))],
    ['with a surrogate in UTF-8', (good) => swapped(good, '"_type"', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))],
    ['with something behind it', (good) => Buffer.from(`${good}{}`)],
    ['with a comma behind it', (good) => Buffer.from(`${good},`)],
    ['with a zero behind it', (good) => Buffer.from(`${good}\0`)],
    ['with a member twice', (good) => Buffer.from(good.replace('"_type"', '"version":9,"_type"'))],
    [
      'with a member twice, differently spelt',
      (good) => Buffer.from(good.replace('"_type"', '"\\u0076ersion":9,"_type"')),
    ],
    ['with two signed parts', (good) => Buffer.from(good.replace('"signed"', '"signed":{},"signed"'))],
    ['with a fraction', (good) => Buffer.from(good.replace('"_type"', '"x":1.5,"_type"'))],
    ['with an exponent', (good) => Buffer.from(good.replace('"_type"', '"x":1e2,"_type"'))],
    ['with a comment', (good) => Buffer.from(good.replace('"_type"', '/**/"_type"'))],
    ['cut short', (good) => Buffer.from(good.slice(0, -1))],
  ])('%s is refused', (_what, spoil) => {
    expect(() => parse(spoil(text))).toThrow(malformed);
  });
});

function swapped(good: string, old: string, by: Uint8Array): Uint8Array {
  const at = good.indexOf(old);
  return Buffer.concat([Buffer.from(good.slice(0, at)), by, Buffer.from(good.slice(at + old.length))]);
}

describe('a signature', () => {
  const key = newKey();

  it('covers members nobody knows, integers that no number holds, and __proto__', async () => {
    const more = '"x-big":12345678901234567890123,"x-more":{"__proto__":[null]},"constructor":1,';
    const root = rootWith([key]);
    const signed = canonical(root).replace('{"_type"', `{${more}"_type"`);
    const scanned = format.parseRoot(Buffer.from(`{"signatures":[],"signed":${signed}}`));
    const sig = key.sign(Buffer.from(scanned.signedBytes).toString());
    for (const digit of ['3', '4']) {
      const text = signed.replace('12345678901234567890123', `1234567890123456789012${digit}`);
      const file = format.parseRoot(
        Buffer.from(`{"signatures":[{"keyid":"${key.id}","sig":"${sig}"}],"signed":${text}}`),
      );
      expect(await signedBy(file, file)).toEqual(digit === '3' ? [key.id] : []);
    }
    expect(Buffer.from(scanned.signedBytes).toString()).toContain('"x-big":12345678901234567890123');
    expect(Buffer.from(scanned.signedBytes).toString()).toContain('"__proto__":[null]');
  });

  it('by a key of one type does not make a document of another', async () => {
    // All four roles have the same key: only the type tells their documents apart.
    const root = rootWith([key]);
    for (const name of TYPES) root.roles[name] = { keyids: [key.id], threshold: 1 };
    for (const type of TYPES) {
      for (const other of TYPES.filter((each) => each !== type)) {
        const doc = other === 'root' ? root : DOCUMENTS[other];
        expect(() => PARSE[type](fileOf(doc, [by(doc)(key)]))).toThrow(malformed);
      }
    }
    const file = format.parseRoot(fileOf(root, [by(root)(key)]));
    expect((await whoSigned(file.signed.roles.root, file.signed.keys, file, nodeCrypto)).signedBy).toEqual([key.id]);
  });
});

describe('a root', () => {
  it.each(['root', 'timestamp', 'snapshot', 'targets'])('without the role %s is refused', (name) => {
    const roles = Object.fromEntries(Object.entries(sim.root.roles).filter(([other]) => other !== name));
    expect(() => format.parseRoot(fileOf({ ...sim.root, roles }, []))).toThrow(malformed);
  });

  it.each([null, 0, 1, 'true', []])('with %j for consistent_snapshot is refused', (value) => {
    expect(() => format.parseRoot(fileOf({ ...sim.root, consistent_snapshot: value }, []))).toThrow(malformed);
  });
});
