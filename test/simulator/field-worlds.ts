import { clientOf, OpenCache } from './client.js';
import { canonical, type Base, type TargetsDoc } from './documents.js';
import { newKey, sha256 } from './keys.js';
import type { Json } from './mutations.js';
import { entry, rootDoc, sha256 as hashOf, signed as notaryFile, target, type NotaryKey } from './notary.js';
import { NotaryRepository } from './notary-repository.js';
import { NotaryWeb } from './notary-web.js';
import { RepositorySimulator } from './repository.js';

/** One file of a repository that can be served changed, with everything that names it made to fit. */
export interface ServedFile {
  readonly role: string;
  /** As its owner signed it. */
  readonly honest: Json;
  /** What the owner's keys say to `signed`. */
  readonly sign: (signed: Json) => Json;
  /** Serves `text` in its place until the next `serve`: its parents list it as it is. */
  readonly serve: (text: string) => void;
}

/** A repository that has gone on by one version since `held`, and a client of it. */
export interface FieldWorld {
  readonly files: readonly ServedFile[];
  /** Roles that clients of the format do without where they cannot verify them. */
  readonly dispensable: readonly string[];
  /** What a client has saved that has seen the version before. */
  readonly held: OpenCache;
  /** Brings `cache` up to date, and looks something up in every role. */
  readonly update: (cache: OpenCache) => Promise<void>;
}

const parsed = (raw: Uint8Array): Json => JSON.parse(Buffer.from(raw).toString()) as Json;

/** A TUF 1.0 repository with every member that clients read: globs, hash prefixes, bins, lengths and hashes. */
export async function tufWorld(): Promise<FieldWorld> {
  const sim = new RepositorySimulator();
  sim.describe = 'length-and-hashes';
  sim.delegate('targets', 'delegated', { paths: ['d/*'] });
  sim.delegate('targets', 'hashed', { path_hash_prefixes: [sha256('h').slice(0, 2)], terminating: true });
  sim.delegate('targets', 'binned', { paths: ['b/*'] });
  const bins = bin(sim, 'binned');
  sim.addTarget('d/file', 'd', 'delegated');
  sim.addTarget('h', 'h', 'hashed');
  sim.targets.targets['top'] = { length: 3, hashes: { sha256: sha256('top') }, custom: { note: 'x' } };
  const roles = [...sim.roles.keys()];
  sim.publish(...roles);
  const update = async (cache: OpenCache): Promise<void> => {
    const updater = clientOf(sim, { cache });
    for (const path of ['top', 'd/file', 'h', 'b/file']) await updater.find(path);
  };
  const held = new OpenCache();
  await update(held);
  sim.publishRoot();
  sim.publish(...roles);
  const files = new Map(sim.files);
  const docs = new Map<string, Base>([
    ['root', sim.root],
    ['timestamp', sim.timestamp],
    ['snapshot', sim.snapshot],
    ...sim.roles,
  ]);
  const meta = structuredClone({ snapshot: sim.snapshot.meta, timestamp: sim.timestamp.meta });
  const served = [...docs.keys()].filter((role) => !bins.includes(role) || role === bins[0]);
  return { files: served.map(servedFile), dispensable: [], held, update };

  function servedFile(role: string): ServedFile {
    const signers = sim.signers.get(role)!;
    return {
      role,
      honest: parsed(files.get(sim.nameOf(role))!),
      sign: (signed) => signers.map((key) => ({ keyid: key.id, sig: key.sign(canonical(signed)) })),
      serve(text) {
        for (const [name, file] of files) sim.files.set(name, file);
        Object.assign(sim.snapshot.meta, meta.snapshot);
        Object.assign(sim.timestamp.meta, meta.timestamp);
        relist(role, Buffer.from(text));
      },
    };
  }

  function relist(role: string, raw: Uint8Array): void {
    const { version } = docs.get(role)!;
    sim.files.set(sim.nameOf(role), raw);
    const parent = role === 'snapshot' ? 'timestamp' : role === 'root' || role === 'timestamp' ? undefined : 'snapshot';
    if (parent === undefined) return;
    sim[parent].meta[`${role}.json`] = { version, length: raw.length, hashes: { sha256: sha256(raw) } };
    relist(parent, sim.sign(sim[parent], sim.signers.get(parent)!));
  }
}

/** Two bins below `parent`, by one key. */
function bin(sim: RepositorySimulator, parent: string): readonly string[] {
  const key = newKey();
  const succinct = { keyids: [key.id], threshold: 1, bit_length: 1, name_prefix: 'bin' };
  const names = ['bin-0', 'bin-1'];
  const empty: TargetsDoc = { ...structuredClone(sim.role(parent)), version: 0 };
  sim.role(parent).delegations = { keys: { [key.id]: key.json }, succinct_roles: succinct };
  for (const name of names) {
    sim.roles.set(name, structuredClone(empty));
    sim.signers.set(name, [key]);
  }
  const path = 'b/file';
  sim.addTarget(path, 'b', names[parseInt(sha256(path).slice(0, 1), 16) >> 3]);
  // The first is the one that is asked for.
  return parseInt(sha256(path).slice(0, 1), 16) >> 3 === 0 ? names : names.toReversed();
}

/** A Notary v1 collection with a delegated role. */
export async function notaryWorld(): Promise<FieldWorld> {
  const sim = new NotaryRepository();
  const web = new NotaryWeb(sim);
  sim.documents.get('targets')!.targets['latest'] = { ...target('one'), custom: { note: 'x' } };
  sim.delegate('targets', 'targets/team', { paths: ['t/', ''] });
  sim.documents.get('targets/team')!.targets['t/file'] = target('two');
  sim.publish('targets', 'targets/team');
  const update = async (cache: OpenCache): Promise<void> => {
    const updater = web.client({ cache });
    for (const path of ['latest', 't/file']) await updater.find(path);
  };
  const held = new OpenCache();
  await update(held);
  sim.publishRoot(rootDoc(sim.keys, 2));
  sim.publish('targets', 'targets/team');
  const meta = new Map(sim.meta);
  const timestamp = sim.timestamp;
  const snapshot = sim.files.get(`snapshot ${hashIn(timestamp)}`)!;
  const keys: Readonly<Record<string, NotaryKey>> = {
    ...sim.keys,
    'targets/team': sim.signers.get('targets/team')![0]!,
  };
  const honest: Readonly<Record<string, Uint8Array>> = {
    root: sim.roots[1]!,
    timestamp,
    snapshot,
    targets: fileOf('targets'),
    'targets/team': fileOf('targets/team'),
  };
  return { files: Object.keys(honest).map(servedFile), dispensable: ['targets/team'], held, update };

  function fileOf(role: string): Uint8Array {
    return sim.files.get(`${role} ${Buffer.from(sim.meta.get(role)!.hashes['sha256']!, 'base64').toString('hex')}`)!;
  }

  function servedFile(role: string): ServedFile {
    const raw = honest[role]!;
    return {
      role,
      honest: parsed(raw),
      sign: (signed) => [keys[role]!.sign(canonical(signed)) as Json],
      serve(text) {
        const changed = Buffer.from(text);
        for (const [name, listed] of meta) sim.meta.set(name, listed);
        sim.roots[1] = Buffer.from(honest['root']!);
        sim.timestamp = timestamp;
        if (role === 'timestamp') sim.timestamp = changed;
        else if (role === 'snapshot') serveSnapshot(changed);
        else {
          if (role === 'root') sim.roots[1] = changed;
          sim.put(role, changed);
          const document = parsed(snapshot) as unknown as { signed: { meta: object } };
          serveSnapshot(notaryFile({ ...document.signed, meta: Object.fromEntries(sim.meta) }, sim.keys.snapshot));
        }
      },
    };
  }

  function serveSnapshot(raw: Buffer): void {
    sim.files.set(`snapshot ${hashOf(raw)}`, raw);
    const { signed } = parsed(timestamp) as unknown as { signed: object };
    sim.timestamp = notaryFile({ ...signed, meta: { snapshot: entry(raw) } }, sim.keys.timestamp);
  }

  function hashIn(file: Uint8Array): string {
    const { signed } = parsed(file) as unknown as { signed: { meta: { snapshot: { hashes: { sha256: string } } } } };
    return Buffer.from(signed.meta.snapshot.hashes.sha256, 'base64').toString('hex');
  }
}
