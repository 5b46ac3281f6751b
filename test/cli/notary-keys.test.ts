import {
  createCipheriv,
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person } from './terminal.js';

const GUN = 'docker.io/team/app';
const THEIRS = 'theirs';

interface Told {
  readonly id: string;
  readonly role?: string;
  readonly gun?: string;
  readonly notaryId?: string;
}

let person: Person;
beforeEach(async () => {
  person = await Person.arrive();
});
afterEach(() => person.leave());

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** As Notary keeps keys: headers behind the first line. */
function labelled(pem: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`);
  return pem.replace(/^(-----BEGIN .*-----\n)(Proc-Type: .*\n)?/u, (begin) => `${begin}${lines.join('')}`);
}

function encrypted(headers: Readonly<Record<string, string>>, passphrase = THEIRS): string {
  const pem = newKey().export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();
  return labelled(`${pem.split('\n')[0] ?? ''}\n\n${pem.split('\n').slice(1).join('\n')}`, headers);
}

/** The form before: `EC PRIVATE KEY` with DEK-Info. */
function old(headers: Readonly<Record<string, string>>): string {
  const options = { type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: THEIRS } as const;
  return labelled(newKey().export(options).toString(), headers);
}

async function file(name: string, content: string): Promise<string> {
  const path = person.path('trust', name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** A trust directory with a key of each kind. */
async function trustDirectory(): Promise<string> {
  await file('private/a.key', encrypted({ role: 'root' }));
  await file('private/b.key', encrypted({ gun: GUN, role: 'targets' }));
  await file('private/c.key', old({ role: 'alice' }));
  await file('private/notes.txt', 'nothing');
  return person.path('trust');
}

const env = (names: Readonly<Record<string, string>>): { env: Readonly<Record<string, string>> } => ({ env: names });
const ALL = {
  DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE: THEIRS,
  DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: THEIRS,
};

describe('the keys of a trust directory', () => {
  it('are taken over with role and collection, opened by what docker is told', async () => {
    const directory = await trustDirectory();
    const ran = await person.runWith(env(ALL), 'key', 'import', directory, '--json');
    expect(ran).toMatchObject({ code: 0 });
    const keys = JSON.parse(ran.out) as Told[];
    expect(keys.map(({ role, gun }) => [role, gun])).toEqual([
      ['root', undefined],
      ['targets', GUN],
      ['alice', undefined],
    ]);
    const listed = await person.ok('key', 'list');
    expect(listed).toMatch(/^KEY +SCHEME +SINCE +SIGNS$/mu);
    expect(listed).toMatch(new RegExp(`^${keys[1]!.id} +ecdsa-sha2-nistp256 +\\S+ +targets of ${GUN}$`, 'mu'));
  });

  it('are sealed anew: the old passphrase opens them no more', async () => {
    const ran = await person.runWith(env(ALL), 'key', 'import', await trustDirectory(), '--json');
    const [{ id }] = JSON.parse(ran.out) as [Told];
    expect(await person.run('key', 'export', id)).toMatchObject({ code: 0 });
    expect(await person.runWith(env({ COUNTERSIGN_PASSPHRASE: THEIRS }), 'key', 'export', id)).toMatchObject({
      code: 8,
    });
  });

  it('are taken over but for those that cannot be opened, which are named', async () => {
    const directory = await trustDirectory();
    const ran = await person.runWith(env({ NOTARY_TARGETS_PASSPHRASE: THEIRS }), 'key', 'import', directory);
    expect(ran.code).toBe(8);
    expect(ran.err).toContain('a.key: the private key cannot be read');
    expect(ran.err).toContain('2 keys of 3 not imported');
    expect(await person.json<Told[]>('key', 'list')).toMatchObject([{ role: 'targets', gun: GUN }]);
  });

  it('are found in the layout before, by their places', async () => {
    const id = 'a'.repeat(64);
    await file(`private/tuf_keys/${GUN}/${id}_targets.key`, old({}));
    const ran = await person.runWith(env(ALL), 'key', 'import', person.path('trust'), '--json');
    expect(JSON.parse(ran.out)).toMatchObject([{ role: 'targets', gun: GUN }]);
  });

  it('are missed where there are none', async () => {
    await mkdir(person.path('trust'));
    expect(await person.run('key', 'import', person.path('trust'))).toMatchObject({ code: 3 });
  });
});

describe('one key file of Notary', () => {
  it('is opened with --import-passphrase-file', async () => {
    const theirs = await file('theirs', `${THEIRS}\n`);
    const key = await file('x.key', encrypted({ role: 'root' }));
    const told = await person.json<Told>('key', 'import', key, '--import-passphrase-file', theirs);
    expect(told).toMatchObject({ role: 'root' });
    expect(told.notaryId).toMatch(/^[0-9a-f]{64}$/u);
    expect(told.notaryId).not.toBe(told.id);
  });

  it('is taken without a passphrase where it is not encrypted', async () => {
    const key = labelled(newKey().export({ type: 'sec1', format: 'pem' }).toString().replace('\n', '\n\n'), {
      role: 'bob',
    });
    expect(await person.json('key', 'import', await file('x.key', key))).toMatchObject({ role: 'bob' });
  });

  it.each(['\u001b[2J', ''])('has no role %j', async (role) => {
    const key = labelled(newKey().export({ type: 'sec1', format: 'pem' }).toString().replace('\n', '\n\n'), { role });
    expect(await person.json('key', 'import', await file('x.key', key))).not.toHaveProperty('role');
  });
});

/** As Go's `EncryptPEMBlock` does. */
function encryptedTheOldWay(bytes: Buffer): string {
  const iv = randomBytes(16);
  const round = (before: Buffer): Buffer =>
    createHash('md5').update(before).update(THEIRS).update(iv.subarray(0, 8)).digest();
  const first = round(Buffer.alloc(0));
  const cipher = createCipheriv('aes-256-cbc', Buffer.concat([first, round(first)]), iv);
  const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
  const headers = `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,${iv.toString('hex')}\nrole: targets\n\n`;
  return ed25519Pem(headers, body);
}

function ed25519Pem(headers: string, body: Buffer): string {
  const lines = body
    .toString('base64')
    .match(/.{1,64}/gu)!
    .join('\n');
  return `-----BEGIN ED25519 PRIVATE KEY-----\n${headers}${lines}\n-----END ED25519 PRIVATE KEY-----\n`;
}

describe('an Ed25519 key of Notary', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const half = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const blob = Buffer.concat([half, seed, half]);
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

  it.each([
    ['in the older form, encrypted', encryptedTheOldWay(blob)],
    ['in the older form, in the clear', ed25519Pem('role: targets\n\n', blob)],
  ])('%s is taken over', async (_, text) => {
    const told = await person.runWith(env(ALL), 'key', 'import', await file('x.key', text), '--json');
    const { id } = await person.json<Told>('key', 'import', await file('y.key', pem));
    expect(JSON.parse(told.out)).toMatchObject({ id, role: 'targets' });
  });

  it('is exported, and taken back', async () => {
    const { id } = await person.json<Told>('key', 'import', await file('x.key', pem));
    const out = person.path('out.key');
    await person.ok('key', 'export', id, '--format', 'notary', '--role', 'user', '-o', out);
    expect(() =>
      createPrivateKey({ key: labelless(readFileSync(out, 'utf8')), passphrase: 'correct horse' }),
    ).toThrow();
    const other = await Person.arrive();
    expect(await other.json<Told>('key', 'import', out)).toMatchObject({ id, role: 'user' });
    const stranger = await Person.arrive();
    stranger.env['COUNTERSIGN_PASSPHRASE'] = 'mistyped';
    expect(await stranger.run('key', 'import', out)).toMatchObject({ code: 8 });
    await Promise.all([other.leave(), stranger.leave()]);
  });

  it.each([
    ['whose halves do not belong together', Buffer.concat([half, randomBytes(32), half])],
    ['cut short', blob.subarray(0, 95)],
  ])('%s is refused', async (_, bytes) => {
    const ran = await person.run('key', 'import', await file('x.key', ed25519Pem('', bytes)));
    expect(ran).toMatchObject({ code: 8, out: '' });
  });
});

const labelless = (pem: string): string => pem.replace(/^(-----BEGIN .*\n)(?:.*: .*\n)+\n/u, '$1');

describe('a key is exported for Notary', () => {
  it('in the form it was imported in', async () => {
    const key = await file('x.key', encrypted({ gun: GUN, role: 'targets' }));
    const ran = await person.runWith(env(ALL), 'key', 'import', key, '--json');
    const { id, notaryId } = JSON.parse(ran.out) as Told;
    const out = person.path('out.key');
    await person.ok('key', 'export', id, '--format', 'notary', '-o', out);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    const text = await readFile(out, 'utf8');
    expect(text).toContain(
      `-----BEGIN ENCRYPTED PRIVATE KEY-----\ngun: ${GUN}\npath: ${notaryId ?? ''}\nrole: targets\n\n`,
    );
    const other = await Person.arrive();
    expect(await other.json<Told>('key', 'import', out)).toMatchObject({ id, role: 'targets', gun: GUN });
    await other.leave();
  });

  it('in the role that is named, where none is known', async () => {
    const { id } = await person.json<Told>('key', 'generate', '--type', 'ecdsa-p256');
    expect(await person.run('key', 'export', id, '--format', 'notary')).toMatchObject({ code: 2 });
    expect(await person.ok('key', 'export', id, '--format', 'notary', '--role', 'user')).toContain('\nrole: user\n');
  });
});
