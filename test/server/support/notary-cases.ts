import { generateKeyPairSync, sign } from 'node:crypto';
import { canonical } from '../../simulator/documents.js';
import {
  certifiedKey,
  entry,
  newNotaryKey,
  notaryKey,
  signed,
  type NotaryDoc,
  type NotaryKey,
  type NotaryRole,
  type NotaryTargets,
} from '../../simulator/notary.js';
import { certificate, newCertificateKey, pem } from '../../simulator/x509.js';
import { NotaryPublisher, signedBy, type NotaryAnswer } from '../../support/notary-publisher.js';
import type { Where } from '../../support/publisher.js';

/** One upload that was tried on the Go server, and what that answered (`notary-v1` probes). */
export interface Case {
  readonly name: string;
  /** Status, code and `detail.Name` of the Go server's answer. */
  readonly go: string;
  /** Sends the upload in question, whatever comes before it. */
  readonly send: (at: Place) => Promise<NotaryAnswer>;
}

/** A new name on a running server. */
export interface Place {
  readonly where: Where;
  readonly gun: string;
}

const begin = ({ where, gun }: Place, options?: Parameters<NotaryPublisher['draft']>[0]): Promise<NotaryPublisher> =>
  NotaryPublisher.begin(where, gun, options);

/** A next `targets`, changed; signed by its key, or as `signer` says. */
function targets(
  change: (document: NotaryTargets) => void,
  by?: (document: NotaryTargets, publisher: NotaryPublisher) => Uint8Array,
): Case['send'] {
  return async (at) => {
    const publisher = await begin(at);
    const document = publisher.next('targets', change);
    return publisher.post({ targets: by?.(document, publisher) ?? publisher.sign('targets', document) });
  };
}

/** A next `root`, changed, signed by the key of the first unless `by` says otherwise. */
function root(
  change: (document: NotaryDoc, publisher: NotaryPublisher) => void,
  by: (publisher: NotaryPublisher) => readonly NotaryKey[] = (publisher) => publisher.signers.get('root')!,
): Case['send'] {
  return async (at) => {
    const publisher = await begin(at);
    const document = publisher.nextRoot((next) => change(next, publisher));
    return publisher.post({ root: publisher.sign('root', document, ...by(publisher)) });
  };
}

export const roleOf = (document: NotaryDoc, role: string): NotaryRole =>
  (document['roles'] as Record<string, NotaryRole>)[role]!;

export function list(document: NotaryDoc, role: string, ...keys: readonly Pick<NotaryKey, 'id' | 'json'>[]): void {
  const listed = document['keys'] as Record<string, unknown>;
  for (const key of keys) listed[key.id] = key.json;
  roleOf(document, role).keyids = keys.map(({ id }) => id);
}

/** A rotation to `made`, signed by the old key, the new one or both. */
function rotation(
  made: (publisher: NotaryPublisher) => NotaryKey,
  signers: 'both' | 'old' | 'new' = 'both',
): Case['send'] {
  return async (at) => {
    const publisher = await begin(at);
    const [old] = publisher.signers.get('root')!;
    const key = made(publisher);
    const document = publisher.nextRoot((next) => list(next, 'root', key));
    const by = { both: [key, old!], old: [old!], new: [key] }[signers];
    return publisher.post({ root: publisher.sign('root', document, ...by) });
  };
}

/** A first publish with something else about it. */
function first(
  change: (publisher: NotaryPublisher) => void,
  options: (at: Place) => Parameters<NotaryPublisher['draft']>[0] = () => ({}),
): Case['send'] {
  return async (at) => {
    const publisher = new NotaryPublisher(at.where, at.gun);
    await publisher.draft(options(at));
    change(publisher);
    return publisher.post(publisher.firstFiles());
  };
}

const nothing = (): void => undefined;
const own = ({ gun }: Place, more: object = {}): NotaryKey => certifiedKey({ cn: gun, ...more });
const withRoot = (more: object): Case['send'] => first(nothing, (at) => ({ root: own(at, more) }));

const derSigned = (document: NotaryTargets): Uint8Array => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = notaryKey(privateKey);
  const sig = sign('sha256', Buffer.from(canonical(document)), privateKey).toString('base64');
  return signedBy(document, { keyid: key.id, method: 'ecdsa', sig });
};

const withMethod =
  (change: (signature: { method?: string | null }) => void) =>
  (document: NotaryTargets, publisher: NotaryPublisher): Uint8Array => {
    const signature = { ...publisher.signers.get('targets')![0]!.sign(canonical(document)) };
    change(signature);
    return signedBy(document, signature);
  };

/** The text of an upload with something in it replaced, signed or not. */
const rewritten =
  (from: string | RegExp, to: string) =>
  (document: NotaryTargets, publisher: NotaryPublisher): Uint8Array =>
    Buffer.from(Buffer.from(publisher.sign('targets', document)).toString().replace(from, to));

export const ROOT_AND_TARGETS: readonly Case[] = [
  { name: 'create ok', go: '200', send: first(nothing) },
  {
    name: 'same again (dup versions)',
    go: '400 VERSION',
    send: async (at) => {
      const publisher = await begin(at);
      return publisher.post(Object.fromEntries(publisher.files));
    },
  },
  {
    name: 'targets only v1 again',
    go: '400 VERSION',
    send: async (at) => {
      const publisher = await begin(at);
      const again = { ...publisher.documents.get('targets')!, expires: publisher.days(900) };
      return publisher.post({ targets: publisher.sign('targets', again) });
    },
  },
  { name: 'targets v5 (skip)', go: '200', send: targets((document) => (document.version = 5)) },
  {
    name: 'targets v3 (rollback)',
    go: '400 VERSION',
    send: async (at) => {
      const publisher = await begin(at);
      await publisher.publish({ targets: publisher.advance('targets', (document) => (document.version = 5)) });
      return publisher.post({
        targets: publisher.sign(
          'targets',
          publisher.next('targets', (next) => (next.version = 3)),
        ),
      });
    },
  },
  { name: 'targets v0', go: '400 INVALID_UPDATE ErrBadTargets', send: targets((document) => (document.version = 0)) },
  {
    name: 'targets lowercase type',
    go: '400 INVALID_UPDATE ErrBadTargets',
    send: targets((document) => (document._type = 'targets')),
  },
  {
    name: 'targets expired',
    go: '400 INVALID_UPDATE ErrBadTargets',
    send: targets((document) => (document.expires = '2026-01-01T00:00:00Z')),
  },
  {
    name: 'targets wrong key',
    go: '400 INVALID_UPDATE ErrBadTargets',
    send: targets(nothing, (document) => signed(document, newNotaryKey())),
  },
  { name: 'targets no sigs', go: '400 INVALID_UPDATE ErrBadTargets', send: targets(nothing, (one) => signedBy(one)) },
  {
    name: 'targets DER sig',
    go: '400 INVALID_UPDATE ErrBadTargets',
    send: async (at) => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const key = notaryKey(privateKey);
      const publisher = await begin(at, { targets: key });
      const document = publisher.next('targets');
      const sig = sign('sha256', Buffer.from(canonical(document)), privateKey).toString('base64');
      return publisher.post({ targets: signedBy(document, { keyid: key.id, method: 'ecdsa', sig }) });
    },
  },
  { name: 'targets DER sig of another key', go: '400 INVALID_UPDATE ErrBadTargets', send: targets(nothing, derSigned) },
  {
    name: 'targets method ECDSA upper',
    go: '200',
    send: targets(
      nothing,
      withMethod((signature) => (signature.method = 'ECDSA')),
    ),
  },
  {
    name: 'targets missing method',
    go: '400 INVALID_UPDATE ErrBadTargets',
    send: targets(
      nothing,
      withMethod((signature) => delete signature.method),
    ),
  },
  {
    name: 'targets.json filename',
    go: '200',
    send: async (at) => {
      const publisher = await begin(at);
      return publisher.post({ 'targets.json': publisher.advance('targets') });
    },
  },
  { name: 'root v3 jump', go: '400 INVALID_UPDATE ErrBadRoot', send: root((document) => (document.version = 3)) },
  { name: 'root v0', go: '400 INVALID_UPDATE ErrBadRoot', send: root((document) => (document.version = 0)) },
  {
    name: 'root v2 only new sig',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: rotation(({ gun }) => certifiedKey({ cn: gun }), 'new'),
  },
  {
    name: 'root v2 only old sig',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: rotation(({ gun }) => certifiedKey({ cn: gun }), 'old'),
  },
  { name: 'root v2 both', go: '200', send: rotation(({ gun }) => certifiedKey({ cn: gun })) },
  {
    name: 'root v2 again same ver',
    go: '400 VERSION',
    send: async (at) => {
      const publisher = await begin(at);
      const document = publisher.nextRoot();
      await publisher.publish({ root: publisher.sign('root', document) });
      return publisher.post({ root: publisher.sign('root', { ...document, expires: publisher.days(2_000) }) });
    },
  },
  {
    name: 'root v3 CN mismatch',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: rotation(() => certifiedKey({ cn: 'example.com/another' })),
  },
  {
    name: 'root v3 expired meta',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: root((document) => (document.expires = '2026-01-01T00:00:00Z')),
  },
  {
    name: 'root v3 lower type',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: root((document) => (document._type = 'root')),
  },
  {
    name: 'root v3 thr 0',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: root((document) => (roleOf(document, 'root').threshold = 0)),
  },
  {
    name: 'root v3 missing snapshot role',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: root((document) => delete (document['roles'] as Record<string, unknown>)['snapshot']),
  },
  {
    name: 'root v3 unknown ts key',
    go: '400 INVALID_UPDATE ErrValidation',
    send: root((document) => list(document, 'timestamp', newNotaryKey())),
  },
  {
    name: 'root v3 unknown snap key, no snap',
    go: '400 INVALID_UPDATE ErrValidation',
    send: root((document) => list(document, 'snapshot', newNotaryKey())),
  },
  { name: 'empty multipart on existing', go: '200', send: async (at) => (await begin(at)).post({}) },
  {
    name: 'timestamp part only',
    go: '200',
    send: async (at) => {
      const publisher = await begin(at);
      return publisher.post({ timestamp: Buffer.from(String(await publisher.read('timestamp.json'))) });
    },
  },
  {
    name: 'no root exists',
    go: '400 INVALID_UPDATE ErrValidation',
    send: async ({ where, gun }) => {
      const publisher = new NotaryPublisher(where, gun);
      await publisher.draft();
      return publisher.post({ targets: publisher.firstFiles()['targets']! });
    },
  },
  {
    name: 'root only first',
    go: '400 INVALID_UPDATE ErrValidation',
    send: async ({ where, gun }) => {
      const publisher = new NotaryPublisher(where, gun);
      await publisher.draft();
      return publisher.post({ root: publisher.firstFiles()['root']! });
    },
  },
  { name: 'first root version 2', go: '200', send: first((publisher) => (publisher.root.version = 2)) },
  {
    name: 'first root version 3',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: first((publisher) => (publisher.root.version = 3)),
  },
  {
    name: 'plain ecdsa root key',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: first(nothing, () => ({ root: newNotaryKey() })),
  },
  {
    name: 'wildcard CN probe/*',
    go: '200',
    send: first(nothing, ({ gun }) => ({ root: certifiedKey({ cn: gun.replace(/[^/]+$/u, '*') }) })),
  },
  { name: 'rsa-x509 root', go: '200', send: (at) => withRoot({ key: newCertificateKey('rsa') })(at) },
  {
    name: 'rsa-x509 root pkcs1v15',
    go: '200',
    send: (at) =>
      first(nothing, ({ gun }) => {
        const key = newCertificateKey('rsa');
        const content = pem(certificate({ cn: gun, key }));
        return { root: notaryKey(key, { keytype: 'rsa-x509', content, method: 'rsapkcs1v15' }) };
      })(at),
  },
  { name: 'ed25519 targets key', go: '200', send: first(nothing, () => ({ targets: newNotaryKey('ed25519') })) },
  { name: 'rsa targets key', go: '200', send: first(nothing, () => ({ targets: newNotaryKey('rsa') })) },
  { name: 'root thr 2 two keys both sigs', go: '200', send: twoKeys(2) },
  { name: 'root thr 2 one sig', go: '400 INVALID_UPDATE ErrBadRoot', send: twoKeys(1) },
  {
    name: 'keyid mismatch in root',
    go: '400 INVALID_UPDATE ErrBadTargets',
    send: first((publisher) => {
      const id = 'ab'.repeat(32);
      const key = publisher.signers.get('targets')![0]!;
      list(publisher.root, 'targets', { id, json: key.json });
      publisher.signers.set('targets', [{ ...key, id, sign: (text) => ({ ...key.sign(text), keyid: id }) }]);
    }),
  },
  // The probe of this name was answered 200; the certificate it had sent is CA:FALSE.
  { name: 'CA:true root cert', go: '400 INVALID_UPDATE ErrBadRoot', send: (at) => withRoot({ isCa: true })(at) },
];

function twoKeys(signatures: 1 | 2): Case['send'] {
  return first((publisher) => {
    const keys = [certifiedKey({ cn: publisher.gun }), certifiedKey({ cn: publisher.gun })];
    list(publisher.root, 'root', ...keys);
    roleOf(publisher.root, 'root').threshold = 2;
    publisher.signers.set('root', keys.slice(0, signatures));
  });
}

/** Uploads whose snapshot is the publisher's. */
function snapshot(
  change: (snapshot: NotaryDoc & { meta: Record<string, unknown> }, at: NotaryPublisher) => void,
): Case['send'] {
  return async ({ where, gun }) => {
    const publisher = new NotaryPublisher(where, gun);
    await publisher.draft({ snapshots: 'client' });
    const { root: rootFile, targets: targetsFile } = publisher.firstFiles();
    const files = publisher.withSnapshot({ root: rootFile!, targets: targetsFile! }, (document) =>
      change(document, publisher),
    );
    return publisher.post(files);
  };
}

const anEntry = entry(Buffer.from('something else'));
const client = { snapshots: 'client' } as const;

export const SNAPSHOTS: readonly Case[] = [
  {
    name: 'cs: no snapshot supplied',
    go: '400 INVALID_UPDATE ErrValidation',
    send: async ({ where, gun }) => {
      const publisher = new NotaryPublisher(where, gun);
      await publisher.draft(client);
      const { root: rootFile, targets: targetsFile } = publisher.firstFiles();
      return publisher.post({ root: rootFile!, targets: targetsFile! });
    },
  },
  {
    name: 'cs: snapshot w/ wrong targets hash',
    go: '400 INVALID_UPDATE ErrBadSnapshot',
    send: snapshot(({ meta }) => (meta['targets'] = anEntry)),
  },
  {
    name: 'cs: snapshot missing targets',
    go: '400 INVALID_UPDATE ErrBadSnapshot',
    send: snapshot(({ meta }) => delete meta['targets']),
  },
  {
    name: 'cs: snapshot sha512 only',
    go: '400 INVALID_UPDATE ErrBadSnapshot',
    send: snapshot(
      ({ meta }) => (meta['root'] = { hashes: { sha512: Buffer.alloc(64).toString('base64') }, length: 9 }),
    ),
  },
  {
    name: 'cs: snapshot expired',
    go: '400 INVALID_UPDATE ErrBadSnapshot',
    send: snapshot((document) => (document.expires = '2026-01-01T00:00:00Z')),
  },
  {
    name: 'cs: snapshot wrong key',
    go: '400 INVALID_UPDATE ErrBadSnapshot',
    send: snapshot((_, publisher) => (publisher.snapshotKey = newNotaryKey())),
  },
  {
    name: 'cs: wrong length only',
    go: '200',
    send: snapshot(({ meta }) => ((meta['targets'] as { length: number }).length += 1)),
  },
  {
    name: 'cs: root+snapshot, no targets blob',
    go: '200',
    send: async ({ where, gun }) => {
      const publisher = new NotaryPublisher(where, gun);
      await publisher.draft(client);
      const { root: rootFile, snapshot: snapshotFile } = publisher.firstFiles();
      return publisher.post({ root: rootFile!, snapshot: snapshotFile! });
    },
  },
  { name: 'cs: ok', go: '200', send: first(nothing, () => client) },
  {
    name: 'cs: snap same version',
    go: '400 VERSION',
    send: async (at) => {
      const publisher = await begin(at, client);
      const files = publisher.withSnapshot(
        { targets: publisher.advance('targets') },
        (document) => (document.version = 1),
      );
      return publisher.post(files);
    },
  },
  {
    name: 'cs: targets only (needs snapshot)',
    go: '400 INVALID_UPDATE ErrValidation',
    send: async (at) => {
      const publisher = await begin(at, client);
      return publisher.post({ targets: publisher.advance('targets') });
    },
  },
  {
    name: 'cs: targets2+snap2',
    go: '200',
    send: async (at) => {
      const publisher = await begin(at, client);
      return publisher.post(publisher.withSnapshot({ targets: publisher.advance('targets') }));
    },
  },
  { name: 'cs: snapshot only v3 (root hash wrong)', go: '400 INVALID_UPDATE ErrBadSnapshot', send: alone('root') },
  { name: 'cs: snapshot only v3', go: '200', send: async (at) => (await begin(at, client)).snapshotOnly() },
  { name: 'cs: snapshot only v4 dangling targets hash', go: '200', send: alone('targets') },
  { name: 'cs: snapshot only v5 unknown hash', go: '200', send: alone('targets/unknown') },
];

/** A snapshot alone, with one entry that leads nowhere. */
function alone(role: string): Case['send'] {
  return async (at) => (await begin(at, client)).snapshotOnly(({ meta }) => (meta[role] = anEntry));
}

/** A collection with `targets/releases` and `targets/a`; `then` sends more. */
function delegating(then: (publisher: NotaryPublisher) => Promise<NotaryAnswer>): Case['send'] {
  return async (at) => {
    const publisher = await begin(at);
    const document = publisher.next('targets', (next) => {
      publisher.delegate(next, 'targets/releases');
      publisher.delegate(next, 'targets/a');
    });
    publisher.documents.set('targets', document);
    await publisher.publish({ targets: publisher.sign('targets', document) });
    return then(publisher);
  };
}

const BAD_TARGETS = '400 INVALID_UPDATE ErrBadTargets';

/** Delegates `targets/a/b` in the next `targets/a`. */
function nested(publisher: NotaryPublisher): Uint8Array {
  return publisher.advance('targets/a', (document) => publisher.delegate(document, 'targets/a/b'));
}

/** Changes what is said of a delegation in the next `targets`. */
function delegations(change: (listed: NonNullable<NotaryTargets['delegations']>) => void): Case['send'] {
  return delegating(async (publisher) =>
    publisher.post({ targets: publisher.advance('targets', ({ delegations: listed }) => change(listed!)) }),
  );
}

export const DELEGATIONS: readonly Case[] = [
  { name: 'dl: create with delegations', go: '200', send: delegating((publisher) => publisher.post({})) },
  {
    name: 'dl: upload releases',
    go: '200',
    send: delegating((publisher) => publisher.post({ 'targets/releases': publisher.advance('targets/releases') })),
  },
  {
    name: 'dl: undelegated role upload',
    go: BAD_TARGETS,
    send: delegating((publisher) => publisher.post({ 'targets/zzz': publisher.advance('targets/a') })),
  },
  {
    name: 'dl: wrong key',
    go: BAD_TARGETS,
    send: delegating((publisher) =>
      publisher.post({ 'targets/a': publisher.sign('targets/a', publisher.next('targets/a'), newNotaryKey()) }),
    ),
  },
  {
    name: 'dl: nested without parent md',
    go: '400 INVALID_UPDATE',
    send: delegating((publisher) => {
      nested(publisher);
      return publisher.post({ 'targets/a/b': publisher.advance('targets/a/b') });
    }),
  },
  {
    name: 'dl: parent+nested together',
    go: '200',
    send: delegating((publisher) =>
      publisher.post({ 'targets/a': nested(publisher), 'targets/a/b': publisher.advance('targets/a/b') }),
    ),
  },
  {
    name: 'dl: bad child name in targets',
    go: BAD_TARGETS,
    send: targets((document) => {
      const key = newNotaryKey();
      const roles = [{ keyids: [key.id], name: 'targets/x/y', paths: [''], threshold: 1 }];
      document.delegations = { keys: { [key.id]: key.json }, roles };
    }),
  },
  {
    name: 'dl: uppercase role name',
    go: '400 INVALID_ROLE',
    send: delegating((publisher) => publisher.post({ 'targets/Foo': publisher.advance('targets/a') })),
  },
  {
    name: 'dl: role w dotdot',
    go: '400 INVALID_ROLE',
    send: delegating((publisher) => publisher.post({ 'targets/../root': publisher.advance('targets/a') })),
  },
  {
    name: 'dl: remove delegation a in targets v2',
    go: '200',
    send: delegations((listed) => (listed.roles = listed.roles!.filter(({ name }) => name !== 'targets/a'))),
  },
  {
    name: 'dl: a upload after removal',
    go: BAD_TARGETS,
    send: delegating(async (publisher) => {
      await publisher.publish({ 'targets/a': publisher.advance('targets/a') });
      const without = publisher.advance('targets', ({ delegations: listed }) => listed!.roles!.pop());
      await publisher.publish({ targets: without });
      return publisher.post({ 'targets/a': publisher.advance('targets/a') });
    }),
  },
  {
    name: 'dl: role key missing (empty keyids)',
    go: '200',
    send: delegations(({ roles }) => (roles![0]!.keyids = [])),
  },
  {
    name: 'dl: upload releases under empty role',
    go: BAD_TARGETS,
    send: delegating(async (publisher) => {
      const emptied = publisher.advance('targets', ({ delegations: listed }) => (listed!.roles![0]!.keyids = []));
      await publisher.publish({ targets: emptied });
      return publisher.post({ 'targets/releases': publisher.advance('targets/releases') });
    }),
  },
  { name: 'dl: roles null', go: '200', send: delegations((listed) => (listed.roles = null)) },
  { name: 'dl: no delegations field', go: '200', send: targets((document) => delete document.delegations) },
];

const MALFORMED_JSON = '400 MALFORMED_JSON';

/** What is sent is not written as Go writes it. */
export const WRITING: readonly Case[] = [
  {
    name: 'ws: pretty targets',
    go: '200',
    send: targets(nothing, (document, publisher) => pretty(publisher.sign('targets', document))),
  },
  { name: 'ws: extra field in signed', go: '200', send: targets((document) => (document['x-extra'] = { a: 1 })) },
  {
    name: 'ws: trailing newline',
    go: '200',
    send: targets(nothing, (one, publisher) => Buffer.concat([publisher.sign('targets', one), Buffer.from('\n')])),
  },
  {
    name: 'ws: trailing garbage',
    go: BAD_TARGETS,
    send: targets(nothing, (one, publisher) => Buffer.concat([publisher.sign('targets', one), Buffer.from('x')])),
  },
  {
    name: 'ws: expires with .000Z',
    go: '200',
    send: targets((document) => (document.expires = document.expires.replace('Z', '.000Z'))),
  },
  { name: 'ws: no-escape <> on wire', go: '200', send: targets(({ targets: listed }) => (listed['<a>&'] = anEntry)) },
  {
    name: 'ws: consistent_snapshot true',
    go: '200',
    send: first((publisher) => (publisher.root['consistent_snapshot'] = true)),
  },
  {
    name: 'version as string',
    go: MALFORMED_JSON,
    send: targets((document) => ((document as { version: unknown }).version = '2')),
  },
  { name: 'version 1.0', go: MALFORMED_JSON, send: targets(nothing, rewritten(/"version":2/u, '"version":2.0')) },
  { name: 'expires bad', go: MALFORMED_JSON, send: targets((document) => (document.expires = 'tomorrow')) },
  {
    name: 'sig not base64',
    go: MALFORMED_JSON,
    send: targets(nothing, (one) => signedBy(one, { keyid: 'ab'.repeat(32), method: 'ecdsa', sig: '*!' })),
  },
  {
    name: 'signatures missing',
    go: BAD_TARGETS,
    send: targets(nothing, (document) => Buffer.from(`{"signed":${canonical(document)}}`)),
  },
  {
    name: 'signed null',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: async (at) => (await begin(at)).post({ root: Buffer.from('{"signed":null,"signatures":[]}') }),
  },
  { name: 'JSON array', go: MALFORMED_JSON, send: targets(nothing, () => Buffer.from('[]')) },
  {
    name: 'case-insensitive Signed/Signatures',
    go: '200',
    send: targets(nothing, (one, at) =>
      Buffer.from(Buffer.from(at.sign('targets', one)).toString().replace('"signed"', '"Signed"')),
    ),
  },
  { name: 'dup role parts: bad then good', go: '200', send: twice('bad', 'good') },
  { name: 'dup role parts: good then bad', go: BAD_TARGETS, send: twice('good', 'bad') },
  {
    name: 'quoted-path filename targets/..',
    go: '400 INVALID_ROLE',
    send: async (at) => {
      const publisher = await begin(at);
      return publisher.post({ 'root.json.json': publisher.advance('targets') });
    },
  },
  {
    name: 'extra role mirrors in root',
    go: '200',
    send: root((document) => {
      const roles = document['roles'] as Record<string, NotaryRole>;
      roles['mirrors'] = { ...roles['root']! };
    }),
  },
  {
    name: 'unknown keytype targets',
    go: BAD_TARGETS,
    send: first(nothing, () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return { targets: notaryKey(privateKey, { keytype: 'dilithium' }) };
    }),
  },
  {
    name: 'sha1 root cert',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: (at) => withRoot({ hash: 'sha1' })(at),
  },
  { name: 'P-384 root cert', go: '200', send: (at) => withRoot({ key: newCertificateKey('P-384') })(at) },
  { name: 'P-521 targets key', go: '200', send: first(nothing, () => ({ targets: newNotaryKey('P-521') })) },
  {
    name: 'extra unknown signature kept',
    go: '200',
    send: targets(nothing, (one, at) => at.sign('targets', one, at.signers.get('targets')![0]!, newNotaryKey())),
  },
  {
    name: 'same key signed twice, thr 2',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: first((publisher) => {
      const [key] = publisher.signers.get('root')!;
      list(publisher.root, 'root', key!, certifiedKey({ cn: publisher.gun }));
      roleOf(publisher.root, 'root').threshold = 2;
      publisher.signers.set('root', [key!, key!]);
    }),
  },
  {
    name: 'cert with trailing PEM text/space',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: first(nothing, ({ gun }) => {
      const key = newCertificateKey();
      return {
        root: notaryKey(key, { keytype: 'ecdsa-x509', content: `${pem(certificate({ cn: gun, key }))}\ntext ` }),
      };
    }),
  },
  {
    name: 'root cross: change threshold 1->2 w/ both',
    go: '200',
    send: async (at) => {
      const publisher = await begin(at);
      const keys = [publisher.signers.get('root')![0]!, certifiedKey({ cn: at.gun })];
      const document = publisher.nextRoot((next) => {
        list(next, 'root', ...keys);
        roleOf(next, 'root').threshold = 2;
      });
      return publisher.post({ root: publisher.sign('root', document, ...keys) });
    },
  },
  {
    name: 'root update no root change, version same(1)',
    go: '400 VERSION',
    send: root((document) => {
      document.version = 1;
      document.expires = '2030-01-01T00:00:00Z';
    }),
  },
  {
    name: 'targets hashes bad length',
    go: '200',
    send: targets(({ targets: listed }) => (listed['t'] = { hashes: { sha256: 'AAAA' }, length: 1 })),
  },
  {
    name: 'target w/o hashes',
    go: '200',
    send: targets(({ targets: listed }) => (listed['t'] = { hashes: {}, length: 1 })),
  },
  {
    name: 'hash hex instead of b64',
    go: BAD_TARGETS,
    send: targets(({ targets: listed }) => (listed['t'] = { hashes: { sha256: 'zz*'.repeat(20) }, length: 1 })),
  },
  {
    name: 'same key for targets and snapshot roles local',
    go: '200',
    send: async ({ where, gun }) => {
      const publisher = new NotaryPublisher(where, gun);
      await publisher.draft(client);
      publisher.snapshotKey = publisher.signers.get('targets')![0]!;
      list(publisher.root, 'snapshot', publisher.snapshotKey);
      publisher.snapshotVersion = 0;
      return publisher.post(publisher.firstFiles());
    },
  },
  {
    name: 'root leaf cert expired',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: (at) => withRoot({ notAfter: '260201000000Z' })(at),
  },
  { name: 'root leaf cert future 12h', go: '200', send: (at) => withRoot({ notBefore: soon(at, 0.5) })(at) },
  {
    name: 'root leaf cert future 3d',
    go: '400 INVALID_UPDATE ErrBadRoot',
    send: (at) => withRoot({ notBefore: soon(at, 3) })(at),
  },
];

function pretty(raw: Uint8Array): Uint8Array {
  return Buffer.from(JSON.stringify(JSON.parse(Buffer.from(raw).toString()), null, 2));
}

function twice(...order: readonly ('good' | 'bad')[]): Case['send'] {
  return async (at) => {
    const publisher = await begin(at);
    const document = publisher.next('targets');
    const file = { good: publisher.sign('targets', document), bad: signed(document, newNotaryKey()) };
    return publisher.post(order.map((which) => ['targets', file[which]] as const));
  };
}

/** A UTCTime that many days from now. */
export function soon({ where }: Pick<Place, 'where'>, days: number): string {
  const date = new Date(where.clock.now() + days * 86_400_000).toISOString();
  return `${date.slice(2).replaceAll(/[-:T]/gu, '').slice(0, 12)}Z`;
}
