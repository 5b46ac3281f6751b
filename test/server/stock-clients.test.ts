import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonical, type RootDoc, type TargetsDoc } from '../simulator/documents.js';
import { newKey, sha256, underScheme, type SimKey } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { StockClient } from '../support/readers.js';
import { expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

/** Two names with one order by code point and another by UTF-16 unit, which is how tuf-js orders them. */
const ASTRAL = '\u{1f600}';
const HIGH = '\uff5e';

type Json = SimKey['json'];

const idOf = (json: Json): string => sha256(canonical(json));
const ecKey = (curve: string, scheme: string, form: 'pem' | 'hex' = 'pem'): Json => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-65).toString('hex');
  return { keytype: 'ecdsa', scheme, keyval: { public: form === 'pem' ? pem : point } };
};
const rsaKey = (bits: number): Json => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  return {
    keytype: 'rsa',
    scheme: 'rsassa-pss-sha256',
    keyval: { public: publicKey.export({ format: 'pem', type: 'spki' }).toString() },
  };
};

describe('what stock clients refuse, or read otherwise', () => {
  let world: World;
  let names = 0;

  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world.stop());

  const begin = (): Promise<Publisher> => Publisher.begin(world, `stock/${++names}`, { 'top.txt': 'top' });

  /** That the upload is refused as malformed, and tuf-js goes on reading what is published. */
  async function refused(publisher: Publisher, files: Record<string, Uint8Array>, code = 'malformed'): Promise<void> {
    await expectRefused(publisher, files, code as 'malformed');
    const client = await StockClient.refreshed(publisher);
    expect(await client.find('top.txt')).toBe(sha256('top'));
    await client.close();
  }

  const withKey = (publisher: Publisher, json: Json): RootDoc => {
    const root = publisher.nextRoot();
    root.keys[idOf(json)] = json;
    return root;
  };

  it('two role names of one delegated key make a snapshot that tuf-js can never verify', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const mallory = publisher.delegate(targets, 'mallory', { paths: ['m/*'] });
    await publisher.publish({ targets, mallory });
    const next = publisher.next('mallory');
    const first = publisher.delegate(next, ASTRAL, { paths: ['m/x'] });
    const second = publisher.delegate(next, HIGH, { paths: ['m/y'] });
    const files = publisher.signAll({ mallory: next, [ASTRAL]: first, [HIGH]: second });
    await refused(publisher, files, 'invalid-name');
  });

  it('a prefix of bins with a character above U+FFFF', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const key = newKey();
    targets.delegations = {
      keys: { [key.id]: key.json },
      succinct_roles: { keyids: [key.id], threshold: 1, bit_length: 1, name_prefix: ASTRAL },
    };
    await refused(publisher, publisher.signAll({ targets }), 'invalid-name');
  });

  it.each<[string, (targets: TargetsDoc) => void]>([
    ['of targets', (doc) => Object.assign(doc.targets, { [ASTRAL]: entry(), [HIGH]: entry() })],
    ['deep in a custom member', (doc) => Object.assign(doc.targets, { a: { ...entry(), custom: [{ x: odd() }] } })],
    ['of a document', (doc) => Object.assign(doc, odd())],
    ['behind a common beginning', (doc) => Object.assign(doc, { x: { [`a${ASTRAL}`]: 1, b: 2, [`a${HIGH}`]: 3 } })],
  ])('members %s in an order that tuf-js has otherwise', async (_, change) => {
    const publisher = await begin();
    const targets = publisher.next();
    change(targets);
    await refused(publisher, publisher.signAll({ targets }));
  });

  it('but not where the orders agree', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    for (const path of [`dir/${ASTRAL}`, 'dir/plain', `other/${HIGH}`]) publisher.list(targets, path, 'x');
    await publisher.publish({ targets });
    const client = await StockClient.refreshed(publisher);
    expect(await client.find(`dir/${ASTRAL}`)).toBe(sha256('x'));
    await client.close();
  });

  it.each(['root', 'targets'])('a signature of %s by "constructor", which tuf-js finds there already', async (role) => {
    for (const keyid of ['constructor', 'toString', '__proto__', 'F'.repeat(64), 'f'.repeat(63)]) {
      const publisher = await begin();
      const doc = role === 'root' ? publisher.nextRoot() : publisher.next();
      const file = JSON.parse(Buffer.from(publisher.sign(role, doc)).toString()) as { signatures: object[] };
      file.signatures.push({ keyid, sig: '00' });
      await refused(publisher, { [role]: Buffer.from(JSON.stringify(file)) });
    }
  });

  it('a key whose keyval holds something beside texts', async () => {
    const publisher = await begin();
    const { json } = newKey();
    const keyval = { ...(json['keyval'] as object), private: null };
    await refused(publisher, publisher.signAll({ root: withKey(publisher, { ...json, keyval }) }));
  });

  it.each<[string, () => Json]>([
    ['of a kind nobody knows', () => ({ keytype: 'x', scheme: 'y', keyval: { public: 'zz' } })],
    ['of P-521', () => ecKey('P-521', 'ecdsa-sha2-nistp521')],
    ['of P-256 as a bare point', () => ecKey('P-256', 'ecdsa-sha2-nistp256', 'hex')],
    ['of P-256 under the scheme of P-384', () => ecKey('P-256', 'ecdsa-sha2-nistp384')],
    ['of rsa-pkcs1v15-sha256', () => underScheme(newKey('rsa'), 'rsa-pkcs1v15-sha256').json],
    ['of rsassa-pss-sha512', () => underScheme(newKey('rsa'), 'rsassa-pss-sha512').json],
    ['of RSA with 1024 bits', () => rsaKey(1024)],
    ['of Ed25519 as PEM', () => pemOfEd25519()],
    ['as PEM in one line', () => inOneLine(ecKey('P-256', 'ecdsa-sha2-nistp256'))],
  ])('a key %s, though no role uses it', async (_, make) => {
    const publisher = await begin();
    const json = make();
    await refused(publisher, publisher.signAll({ root: withKey(publisher, json) }));
    const targets = publisher.next();
    targets.delegations = { keys: { [idOf(json)]: json }, roles: [] };
    await refused(publisher, publisher.signAll({ targets }));
  });

  it('but keys that all of them use are taken, and tuf-js verifies with them', async () => {
    for (const type of ['ecdsa', 'rsa'] as const) {
      const publisher = await begin();
      const key = newKey(type);
      const root = withKey(publisher, key.json);
      const unused = ecKey('P-384', 'ecdsa-sha2-nistp384');
      root.keys[idOf(unused)] = unused;
      root.roles['targets'] = { keyids: [key.id], threshold: 1 };
      publisher.signers.set('targets', [key]);
      await publisher.publish({ root, targets: publisher.next() });
      const client = await StockClient.refreshed(publisher);
      expect(await client.find('top.txt')).toBe(sha256('top'));
      await client.close();
    }
  });

  it('a root with a fifth role', async () => {
    const publisher = await begin();
    const root = publisher.nextRoot();
    root.roles['mirrors'] = { keyids: [], threshold: 1 };
    await refused(publisher, publisher.signAll({ root }));
  });

  it('a hash in capitals, which tuf-js compares as a text', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    targets.targets['up'] = { length: 1, hashes: { sha256: sha256('a').toUpperCase() } };
    await refused(publisher, publisher.signAll({ targets }));
  });

  it.each(['[z-a]', '[!z-a]oo', `[a-${ASTRAL}]`, `x/[!${ASTRAL}]`])('the pattern %s', async (pattern) => {
    const publisher = await begin();
    const targets = publisher.next();
    const first = publisher.delegate(targets, 'first', { paths: [pattern] });
    await refused(publisher, publisher.signAll({ targets, first }), 'delegation');
  });
});

const entry = (): TargetsDoc['targets'][string] => ({ length: 1, hashes: { sha256: sha256('a') } });
const odd = (): object => ({ [ASTRAL]: 1, [HIGH]: 2 });

function pemOfEd25519(): Json {
  const pem = generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString();
  return { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: pem } };
}

function inOneLine(json: Json): Json {
  const { public: pem } = json['keyval'] as { public: string };
  const body = pem.split('\n').slice(1, -2).join('');
  return { ...json, keyval: { public: `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----\n` } };
}
