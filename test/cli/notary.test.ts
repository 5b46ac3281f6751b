import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { certifiedKey, GUN, notaryKey, NOW, rootDoc, sha256, target } from '../simulator/notary.js';
import { NotaryRepository } from '../simulator/notary-repository.js';
import { NotaryWeb } from '../simulator/notary-web.js';
import { certificate, newCertificateKey, pem } from '../simulator/x509.js';
import { serve, type Served } from '../support/served-simulator.js';
import { Person } from './terminal.js';

const CONTENT = 'a manifest';
const FIRST_USE = '--trust-on-first-use';

let sim: NotaryRepository;
let web: NotaryWeb;
let served: Served;
let person: Person;

beforeEach(async () => {
  sim = new NotaryRepository();
  sim.documents.get('targets')!.targets['latest'] = target(CONTENT);
  sim.publish('targets');
  web = new NotaryWeb(sim);
  served = await serve(web);
  person = await Person.arrive({ server: served.url, now: () => NOW });
});
afterEach(async () => {
  await served.close();
  await person.leave();
});

describe('of a Notary collection', () => {
  it('list shows digests to pull by', async () => {
    const lines = (await person.ok('list', GUN, FIRST_USE)).split('\n');
    expect(lines[0]!.split(/ {2,}/u)).toEqual(['TARGET', 'DIGEST', 'BYTES', 'ROLE']);
    expect(lines[1]!.split(/ {2,}/u)).toEqual(['latest', `sha256:${sha256(CONTENT)}`, '10', 'targets']);
    expect(await person.json('list', GUN)).toEqual([
      { target: 'latest', length: 10, hashes: { sha256: sha256(CONTENT) }, role: 'targets' },
    ]);
  });

  it('get says what the target is, and leaves nothing behind', async () => {
    const ran = await person.run('get', GUN, 'latest', FIRST_USE, '-o', person.path('new', 'file'));
    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toContain(`latest is no file on this server`);
    expect(ran.err).toContain(`docker pull ${GUN}@sha256:${sha256(CONTENT)}`);
    expect((await person.run('get', GUN, '--all', '-o', person.path('new'))).code).toBe(3);
    expect((await person.run('get', GUN, 'lates')).err).toContain('Did you mean latest?');
  });

  it('verify takes the file that was signed for, and no other', async () => {
    const file = person.path('manifest.json');
    await writeFile(file, CONTENT);
    await person.ok('verify', GUN, 'latest', file, FIRST_USE);
    await writeFile(file, 'b manifest');
    expect((await person.run('verify', GUN, 'latest', file)).code).toBe(4);
  });

  it('inspect names the owners of root certificates', async () => {
    const out = await person.ok('inspect', GUN, FIRST_USE);
    expect(out).toContain('(notary-1)');
    expect(out).toMatch(/^root +1 .*ecdsa-p256-sha256 "example\.com\/team\/app" \(1 of 1 key, 1 needed\)/mu);
  });

  it('an expired role is left out, and named', async () => {
    sim.delegate('targets', 'targets/old');
    sim.documents.get('targets/old')!.expires = '2029-01-01T00:00:00Z';
    sim.publish('targets', 'targets/old');
    const ran = await person.run('list', GUN, FIRST_USE);
    expect(ran.code).toBe(0);
    expect(ran.err).toContain('targets/old is left out, since it cannot be trusted: targets/old version 1 expired');
  });

  it('status shows what was last seen', async () => {
    await person.ok('list', GUN, FIRST_USE);
    expect(await person.ok('status', GUN)).toContain('targets version 2');
  });

  it.each([
    ['rotate without the root key', ['rotate', GUN, 'targets'], 8],
    ['the removal of what is not delegated', ['delegation', 'remove', GUN, 'targets/bob'], 3],
    ['the removal of what is no role', ['delegation', 'remove', GUN, 'bob'], 2],
  ])('%s is refused', async (_, argv, code) => {
    await person.ok('list', GUN, FIRST_USE);
    expect(await person.run(...argv)).toMatchObject({ code, out: '' });
  });

  it('changes are staged, of what is kept elsewhere by its digest', async () => {
    const digest = ['--sha256', `sha256:${sha256('new')}`, '--length', '3'];
    await person.ok('add', GUN, 'latest', ...digest, FIRST_USE);
    await person.ok('add', GUN, 'v2', ...digest);
    const { changes } = await person.json<{ changes: object[] }>('status', GUN);
    expect(changes).toEqual([
      { kind: 'add', role: 'targets', target: 'latest', length: 3, hashes: { sha256: sha256('new') } },
      { kind: 'add', role: 'targets', target: 'v2', length: 3, hashes: { sha256: sha256('new') } },
    ]);
    expect((await person.run('publish', GUN)).err).toContain('you hold 0 of the 1 keys that must sign targets');
  });

  it.each([
    ['v2', '--sha256', sha256('new')],
    ['v2', '--length', '3'],
    ['v2', '--sha256', 'new', '--length', '3'],
    ['v2', '--sha256', sha256('new'), '--length', '-3'],
    ['v2', 'v3', '--sha256', sha256('new'), '--length', '3'],
    ['../v2', '--sha256', sha256('new'), '--length', '3'],
  ])('add %s %s makes no sense', async (...argv) => {
    expect(await person.run('add', GUN, ...argv, FIRST_USE)).toMatchObject({ code: 2 });
  });

  it('signers are taken in and out, and told as JSON', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    sim.keys.targets = notaryKey(privateKey);
    sim.roots.length = 0;
    sim.publishRoot(rootDoc(sim.keys));
    sim.publish('targets');
    sim.delegate('targets', 'targets/eve');
    sim.publish('targets');
    web.publishes = true;
    const [own, theirs] = [person.path('own.pem'), person.path('theirs.pem')];
    await writeFile(own, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await writeFile(theirs, createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }));
    await person.ok('key', 'import', own);
    const told = { name: GUN, signer: 'dave', kind: 'published', versions: { targets: 5 } };
    expect(await person.json('signer', 'add', GUN, 'dave', '--key', theirs, FIRST_USE)).toEqual(told);
    expect(await person.json('signer', 'remove', GUN, 'eve')).toEqual({
      ...told,
      signer: 'eve',
      versions: { targets: 6 },
    });
    expect(await person.json('signer', 'list', GUN)).toMatchObject([{ signer: 'dave' }]);
  });

  it('the id of a root key is a pin', async () => {
    await person.ok('list', GUN, '--root-fingerprint', sim.keys.root.id);
    const ran = await person.run('list', GUN, '--root-fingerprint', certifiedKey().id);
    expect(ran.code).toBe(4);
  });

  it('an authority vouches for the root, and for no other', async () => {
    const ca = newCertificateKey();
    const file = person.path('root-ca.pem');
    await writeFile(file, pem(certificate({ cn: 'Issuer', key: ca, isCa: true })));
    await person.ok('list', GUN, FIRST_USE);
    expect((await person.run('list', GUN, '--root-ca', file)).code).toBe(4);
    sim.keys.root = certifiedKey({ issuer: ca });
    sim.roots.length = 0;
    sim.publishRoot(rootDoc(sim.keys));
    sim.republish();
    await person.ok('list', GUN, '--root-ca', file);
    expect((await person.run('list', GUN, '--root-ca', person.path('nowhere'))).code).toBe(2);
  });
});
