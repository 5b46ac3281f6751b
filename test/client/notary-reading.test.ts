import { beforeEach, describe, expect, it } from 'vitest';
import { inspect, type FirstTrust, type UpdaterOptions } from '@countersign/client';
import { certificateAuthority } from '@countersign/client/node';
import { formatNamed, parseGun } from '@countersign/client/tuf';
import { OpenCache } from '../simulator/client.js';
import { containing } from '../simulator/matchers.js';
import { certifiedKey, GUN, rootDoc, sha256, signed, target, type NotaryKey } from '../simulator/notary.js';
import { NotaryRepository } from '../simulator/notary-repository.js';
import { NotaryWeb } from '../simulator/notary-web.js';
import { certificate, newCertificateKey, pem } from '../simulator/x509.js';

let sim: NotaryRepository;
let web: NotaryWeb;
let cache: OpenCache;

beforeEach(() => {
  sim = new NotaryRepository();
  sim.documents.get('targets')!.targets['latest'] = target('an image');
  sim.publish('targets');
  web = new NotaryWeb(sim);
  cache = new OpenCache();
});

const client = (options: Partial<UpdaterOptions> = {}): ReturnType<NotaryWeb['client']> =>
  web.client({ cache, ...options });

async function listed(options: Partial<UpdaterOptions> = {}): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { path, role } of client(options).list()) found.push(`${role} ${path}`);
  return found;
}

/** The next root, by a new key unless told. */
function rotate(key: NotaryKey = certifiedKey()): NotaryKey {
  const old = sim.keys.root;
  sim.keys.root = key;
  sim.publishRoot(rootDoc(sim.keys, sim.roots.length + 1), key, old);
  sim.republish();
  return key;
}

describe('a Notary collection is read', () => {
  it('without being told its format, by the hashes that lead to its files', async () => {
    expect(await listed()).toEqual(['targets latest']);
    expect(web.requests.slice(0, 4)).toEqual(['1.root.json', 'root.json', '2.root.json', 'timestamp.json']);
    expect(web.requests.slice(4)).toEqual([
      `snapshot.${sha256(await fileNamed('snapshot'))}.json`,
      `targets.${sha256(await fileNamed('targets'))}.json`,
    ]);
  });

  it('from a first root that is not version 1', async () => {
    rotate();
    sim.roots.shift();
    sim.roots.unshift(Buffer.alloc(0));
    web.answers.set('1.root.json', undefined);
    expect(await listed()).toEqual(['targets latest']);
    expect(await cache.version('root')).toBe(2);
  });

  it('from its current root, since the certificate of the first may have expired', async () => {
    const past = certifiedKey({ notAfter: '290101000000Z' });
    sim.keys.root = past;
    sim.roots.length = 0;
    sim.publishRoot(rootDoc(sim.keys), past);
    rotate();
    expect(await listed()).toEqual(['targets latest']);
  });

  it('with its delegated roles, whose names are paths', async () => {
    sim.delegate('targets', 'targets/releases');
    sim.documents.get('targets/releases')!.targets['v1'] = target('v1');
    sim.publish('targets', 'targets/releases');
    expect(await listed()).toEqual(['targets latest', 'targets/releases v1']);
    const name = web.requests.at(-1);
    expect(name).toMatch(/^targets\/releases\.[0-9a-f]{64}\.json$/u);
    web.requests.length = 0;
    expect(await listed()).toEqual(['targets latest', 'targets/releases v1']);
    expect(web.requests).toEqual(['2.root.json', 'timestamp.json']);
  });

  it('without a role that has expired, which is told', async () => {
    sim.delegate('targets', 'targets/old');
    sim.documents.get('targets/old')!.expires = '2029-01-01T00:00:00Z';
    sim.publish('targets', 'targets/old');
    const told: string[] = [];
    expect(await listed({ skipped: (role, why) => told.push(`${role} ${why.code}`) })).toEqual(['targets latest']);
    expect(told).toEqual(['targets/old freeze']);
  });

  it('with a timestamp of up to 1 MiB', async () => {
    const padded = (bytes: number): Buffer =>
      Buffer.concat([sim.timestamp, Buffer.alloc(bytes - sim.timestamp.length, ' ')]);
    web.answers.set('timestamp.json', padded(1024 * 1024));
    expect(await listed()).toEqual(['targets latest']);
    web.answers.set('timestamp.json', padded(1024 * 1024 + 1));
    await expect(client().refresh()).rejects.toMatchObject({ code: 'endless-data' });
  });

  it('but its targets are no files of its server', async () => {
    const updater = client();
    const found = await updater.find('latest');
    await expect(updater.open(found!).next()).rejects.toMatchObject({
      code: 'not-found',
      message: containing(`8 bytes with the digest sha256:${sha256('an image')}`),
      next: containing(`docker pull ${GUN}@sha256:${sha256('an image')}`),
    });
  });

  it('and inspected: keys by the names of their certificates', async () => {
    const report = await inspect(await client().state());
    expect(report.format).toBe('notary-1');
    expect(report.roles.map(({ role, version }) => `${role} ${version}`)).toEqual([
      'root 1',
      'timestamp 2',
      'snapshot 2',
      'targets 2',
    ]);
    expect(report.roles[0]!.keys).toMatchObject([
      { id: sim.keys.root.id, signed: true, certificate: { commonName: GUN, expires: '2036-01-01T00:00:00Z' } },
    ]);
    expect(report.roles[0]!.keys[0]!.certificate?.canonicalId).not.toBe(sim.keys.root.id);
  });

  it('only as the format that was asked for', async () => {
    await expect(client({ format: formatNamed('tuf-1') }).refresh()).rejects.toMatchObject({ code: 'unsupported' });
    expect(cache.saves).toEqual([]);
  });
});

describe('attacks on a reader of a Notary collection', () => {
  const refused = async (code: string, options: Partial<UpdaterOptions> = {}): Promise<void> => {
    await expect(listed(options)).rejects.toMatchObject({ code });
  };

  it('rollback: an older timestamp', async () => {
    const old = sim.timestamp;
    sim.publish('targets');
    await listed();
    web.answers.set('timestamp.json', old);
    await refused('rollback');
  });

  it('rollback: older targets under a new snapshot', async () => {
    const old = await fileNamed('targets');
    sim.publish('targets');
    await listed();
    sim.put('targets', old);
    sim.republish();
    await refused('rollback');
  });

  it('rollback: another root in the place of the trusted one', async () => {
    await listed();
    const other = new NotaryRepository();
    web = new NotaryWeb(other);
    await refused('threshold');
  });

  it('freeze: an expired timestamp', async () => {
    sim.expires = '2029-12-31T23:59:59Z';
    sim.republish();
    await refused('freeze');
  });

  it('mix and match: a file that is not what the snapshot names', async () => {
    const name = `targets.${sha256(await fileNamed('targets'))}.json`;
    web.answers.set(name, Buffer.from(`${(await fileNamed('targets')).toString()} `));
    await refused('endless-data');
    const changed = (await fileNamed('targets')).toString().replace('latest', 'lasted');
    web.answers.set(name, Buffer.from(changed));
    await refused('mix-and-match');
  });

  it('mix and match: a root that the snapshot does not name', async () => {
    const before = sim.meta.get('root')!;
    rotate();
    sim.meta.set('root', before);
    sim.republish();
    await refused('mix-and-match');
  });

  it('wrong CN: the root certificate of another collection', async () => {
    await refused('threshold', { gun: parseGun('example.com/team/other') });
  });

  it('threshold: a rotated root that the old key did not sign', async () => {
    await listed();
    const key = certifiedKey();
    sim.keys.root = key;
    sim.publishRoot(rootDoc(sim.keys, 2), key);
    sim.republish();
    await refused('threshold');
  });
});

describe('the first root of a Notary collection is trusted', () => {
  const pin = (fingerprint: string): Partial<UpdaterOptions> => ({ firstTrust: { kind: 'fingerprint', fingerprint } });
  const leaf = (key: NotaryKey): Buffer => {
    const text = Buffer.from(key.json.keyval.public, 'base64').toString();
    return Buffer.from(text.replaceAll(/-----[^-]+-----|\s/gu, ''), 'base64');
  };

  it('from a file, which says its format', async () => {
    expect(await listed({ firstTrust: { kind: 'file', raw: sim.roots[0]! } })).toEqual(['targets latest']);
    expect(web.requests[0]).toBe('2.root.json');
  });

  it('by the fingerprint of a file', async () => {
    rotate();
    expect(await listed(pin(`sha256:${sha256(sim.roots[0]!)}`))).toEqual(['targets latest']);
  });

  it('by a file that is not the first one there is', async () => {
    for (let version = 2; version <= 4; version += 1) rotate();
    web.answers.set('1.root.json', undefined);
    expect(await listed(pin(`sha256:${sha256(sim.roots[2]!)}`))).toEqual(['targets latest']);
    expect(await cache.version('root')).toBe(4);
  });

  it.each(['its id', 'its canonical id', 'its certificate'])('by a root key: %s', async (by) => {
    const report = await inspect(await web.client().state());
    const ids = {
      'its id': sim.keys.root.id,
      'its canonical id': report.roles[0]!.keys[0]!.certificate!.canonicalId,
      'its certificate': sha256(leaf(sim.keys.root)),
    };
    const fingerprint = ids[by as keyof typeof ids];
    expect(await listed(pin(fingerprint))).toEqual(['targets latest']);
    web.requests.length = 0;
    expect(await listed(pin(`sha256:${fingerprint}`))).toEqual(['targets latest']);
    expect(web.requests).toEqual(['2.root.json', 'timestamp.json']);
  });

  it('but not by a key that the server lists and did not sign with: unpinned key', async () => {
    const pinned = certifiedKey();
    const evil = certifiedKey();
    const document = rootDoc({ ...sim.keys, root: evil });
    (document['keys'] as Record<string, unknown>)[pinned.id] = pinned.json;
    (document['roles'] as { root: { keyids: string[] } }).root.keyids.push(pinned.id);
    sim.roots.length = 0;
    sim.publishRoot(document, evil);
    sim.republish();
    await expect(listed(pin(pinned.id))).rejects.toMatchObject({ code: 'threshold' });
    expect(cache.saves).toEqual([]);
  });

  it('and not where no root has the pinned key', async () => {
    await expect(listed(pin(certifiedKey().id))).rejects.toMatchObject({ code: 'untrusted-root' });
  });

  it('nor under an id that is a mere label', async () => {
    const wanted = certifiedKey();
    const text = signed(rootDoc(sim.keys), sim.keys.root).toString().replaceAll(sim.keys.root.id, wanted.id);
    sim.roots[0] = Buffer.from(text);
    await expect(listed(pin(wanted.id))).rejects.toMatchObject({ code: 'untrusted-root' });
  });

  it('on a pin, not on what was believed on first use', async () => {
    const evil = new NotaryWeb(new NotaryRepository());
    await evil.client({ cache }).refresh();
    expect(await listed(pin(sim.keys.root.id))).toEqual(['targets latest']);
  });
});

describe('a certificate authority', () => {
  const ca = newCertificateKey();
  const caCertificate = certificate({ cn: 'Issuer', key: ca, isCa: true });
  const trust = (...certificates: Uint8Array[]): { readonly firstTrust: FirstTrust } => ({
    firstTrust: { kind: 'authority', authority: certificateAuthority(pem(...certificates)) },
  });

  function begin(key: NotaryKey): void {
    sim.keys.root = key;
    sim.roots.length = 0;
    sim.publishRoot(rootDoc(sim.keys), key);
    sim.republish();
  }

  it('vouches for a root', async () => {
    begin(certifiedKey({ issuer: ca }));
    expect(await listed(trust(caCertificate))).toEqual(['targets latest']);
  });

  it('vouches over the certificates that are listed with the key', async () => {
    const between = newCertificateKey();
    begin(
      certifiedKey({ issuer: between, chain: [certificate({ cn: 'Issuer', key: between, issuer: ca, isCa: true })] }),
    );
    expect(await listed(trust(caCertificate))).toEqual(['targets latest']);
  });

  it('does not vouch for a certificate it did not sign', async () => {
    begin(certifiedKey());
    await expect(listed(trust(caCertificate))).rejects.toMatchObject({ code: 'untrusted-root' });
    expect(cache.saves).toEqual([]);
  });

  it('does not vouch for what another with its name signed', async () => {
    begin(certifiedKey({ issuer: newCertificateKey() }));
    await expect(listed(trust(caCertificate))).rejects.toMatchObject({ code: 'untrusted-root' });
  });

  it('does not vouch once it has expired', async () => {
    begin(certifiedKey({ issuer: ca }));
    const expired = certificate({ cn: 'Issuer', key: ca, isCa: true, notAfter: '291231235959Z' });
    await expect(listed(trust(expired))).rejects.toMatchObject({ code: 'untrusted-root' });
  });

  it('does not vouch over a certificate that is no authority', async () => {
    const between = newCertificateKey();
    begin(certifiedKey({ issuer: between, chain: [certificate({ cn: 'Issuer', key: between, issuer: ca })] }));
    await expect(listed(trust(caCertificate))).rejects.toMatchObject({ code: 'untrusted-root' });
  });

  it('vouches for the keys of a root, not for the root: others do not count', async () => {
    const vouched = certifiedKey({ issuer: ca });
    const evil = certifiedKey();
    const document = rootDoc({ ...sim.keys, root: evil });
    (document['keys'] as Record<string, unknown>)[vouched.id] = vouched.json;
    (document['roles'] as { root: { keyids: string[] } }).root.keyids.push(vouched.id);
    sim.roots.length = 0;
    sim.publishRoot(document, evil);
    sim.republish();
    await expect(listed(trust(caCertificate))).rejects.toMatchObject({ code: 'threshold' });
  });

  it.each(['', 'garbage', pem(certificate({ cn: 'Issuer', key: ca }))])('is nothing that %j could be', (text) => {
    expect(() => certificateAuthority(text)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

async function fileNamed(role: string): Promise<Buffer> {
  const files = [...sim.files].filter(([name]) => name.startsWith(`${role} `));
  return files.at(-1)![1];
}
