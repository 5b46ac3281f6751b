import type { Fetch } from '../../packages/client/src/http/fetch.js';
import {
  canonical,
  quote,
  table,
  type Base,
  type Delegation,
  type MetaDoc,
  type MetaEntry,
  type RootDoc,
  type TargetsDoc,
} from './documents.js';
import { newKey, sha256, type SimKey } from './keys.js';

export const METADATA = 'https://sim.example/metadata/';
export const TARGETS_URL = 'https://sim.example/targets/';
export const START = Date.parse('2030-01-01T00:00:00Z');
const DAY = 86_400_000;
const TOP = ['root', 'timestamp', 'snapshot', 'targets'] as const;
type Top = (typeof TOP)[number];

export function date(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/u, 'Z');
}

function base(type: string): Base {
  return { _type: type, spec_version: '1.0.34', version: 0, expires: date(START + 30 * DAY) };
}

/**
 * A repository that is a `fetch`. Honest by default: edit the documents, `publish()`, and a conforming client follows. What is
 * served lies in `files` and `targetFiles` and can be replaced, taken away, or answered by a function: the hostile part.
 */
export class RepositorySimulator {
  root: RootDoc = { ...base('root'), consistent_snapshot: true, keys: table(), roles: table() };
  timestamp: MetaDoc = { ...base('timestamp'), meta: table() };
  snapshot: MetaDoc = { ...base('snapshot'), meta: table() };
  /** Targets roles by name, `targets` among them. */
  readonly roles = new Map<string, TargetsDoc>();
  /** Who signs a role's next file; independent of what its delegator says. */
  readonly signers = new Map<string, SimKey[]>();
  /** Metadata as served, by file name in the URL. */
  readonly files = new Map<string, Uint8Array>();
  readonly targetFiles = new Map<string, Uint8Array>();
  /** Answers that are more than bytes, by file name or target path. */
  readonly answers = new Map<string, () => Response | Promise<Response>>();
  /** The first root, as a publisher hands it out. */
  readonly firstRoot: Uint8Array;
  /** File names asked for, in order. */
  readonly requests: string[] = [];
  /** Whether snapshot and timestamp list lengths and hashes beside versions. */
  describe: 'version' | 'length-and-hashes' = 'version';
  readonly #rootSigners: SimKey[][] = [];

  constructor(options: { readonly consistentSnapshot?: boolean } = {}) {
    this.root.consistent_snapshot = options.consistentSnapshot ?? true;
    this.roles.set('targets', { ...base('targets'), targets: table() });
    for (const role of TOP) this.setKeys(role, [newKey()]);
    this.publishRoot();
    this.firstRoot = this.file('1.root.json');
    this.publish('targets');
  }

  get targets(): TargetsDoc {
    return this.role('targets');
  }

  role(name: string): TargetsDoc {
    const role = this.roles.get(name);
    if (role === undefined) throw new Error(`the simulator has no role ${name}`);
    return role;
  }

  file(name: string): Uint8Array {
    const file = this.files.get(name);
    if (file === undefined) throw new Error(`the simulator serves no ${name}`);
    return file;
  }

  /** The name under which `role`'s current file is served. */
  nameOf(role: string): string {
    if (role === 'timestamp') return 'timestamp.json';
    const version =
      role === 'root' ? this.root.version : role === 'snapshot' ? this.snapshot.version : this.role(role).version;
    const prefix = this.root.consistent_snapshot || role === 'root' ? `${version}.` : '';
    return `${prefix}${quote(role)}.json`;
  }

  /** Gives a top-level role new keys, in the next root. */
  setKeys(role: Top, keys: SimKey[], threshold = 1): void {
    for (const key of keys) this.root.keys[key.id] = key.json;
    this.root.roles[role] = { keyids: keys.map((key) => key.id), threshold };
    this.signers.set(role, keys);
  }

  /** The next root, signed by the keys before and the keys now. */
  publishRoot(): void {
    this.root.version += 1;
    const now = this.signers.get('root') ?? [];
    const signers = new Set([...(this.#rootSigners.at(-1) ?? []), ...now]);
    this.#rootSigners.push(now);
    this.files.set(`${this.root.version}.root.json`, this.sign(this.root, [...signers]));
  }

  /** New versions of the named targets roles, then of snapshot and timestamp. */
  publish(...roles: string[]): void {
    for (const name of roles) {
      const doc = this.role(name);
      doc.version += 1;
      this.files.set(this.nameOf(name), this.sign(doc, this.signers.get(name) ?? []));
      this.snapshot.meta[`${name}.json`] = this.#entry(doc.version, this.file(this.nameOf(name)));
    }
    this.publishSnapshot();
  }

  publishSnapshot(): void {
    this.snapshot.version += 1;
    this.files.set(this.nameOf('snapshot'), this.sign(this.snapshot, this.signers.get('snapshot') ?? []));
    this.timestamp.meta['snapshot.json'] = this.#entry(this.snapshot.version, this.file(this.nameOf('snapshot')));
    this.publishTimestamp();
  }

  publishTimestamp(): void {
    this.timestamp.version += 1;
    this.files.set('timestamp.json', this.sign(this.timestamp, this.signers.get('timestamp') ?? []));
  }

  /** Makes `name` a role of `parent`'s; both are published by the next `publish(parent, name)`. */
  delegate(parent: string, name: string, options: Partial<Delegation> = {}, key = newKey()): SimKey {
    const delegations = (this.role(parent).delegations ??= { keys: table(), roles: [] });
    delegations.keys[key.id] = key.json;
    const paths = options.path_hash_prefixes === undefined ? { paths: ['*'] } : {};
    (delegations.roles ??= []).push({ name, keyids: [key.id], threshold: 1, terminating: false, ...paths, ...options });
    if (!this.roles.has(name)) this.roles.set(name, { ...base('targets'), targets: table() });
    this.signers.set(name, [key]);
    return key;
  }

  /** Lists a target in a role and serves it under both of its names. */
  addTarget(path: string, content: string, role = 'targets'): void {
    const bytes = Buffer.from(content);
    const hash = sha256(bytes);
    this.role(role).targets[path] = { length: bytes.length, hashes: { sha256: hash } };
    const cut = path.lastIndexOf('/') + 1;
    this.targetFiles.set(path, bytes);
    this.targetFiles.set(`${path.slice(0, cut)}${hash}.${path.slice(cut)}`, bytes);
  }

  /** A file, in a spelling that no client may rely on: spaces, line ends, members in the order they were made. */
  sign(signed: unknown, keys: readonly SimKey[]): Uint8Array {
    const signatures = keys.map((key) => ({ keyid: key.id, sig: key.sign(canonical(signed)) }));
    return Buffer.from(`${JSON.stringify({ signed, signatures }, undefined, 1)} \n`);
  }

  readonly fetch: Fetch = async (url) => {
    const name = url.startsWith(METADATA) ? url.slice(METADATA.length) : this.#targetPath(url);
    this.requests.push(name);
    const answer = this.answers.get(name);
    if (answer !== undefined) return answer();
    const file = url.startsWith(METADATA) ? this.files.get(name) : this.targetFiles.get(name);
    return file === undefined ? new Response('not here', { status: 404 }) : new Response(new Uint8Array(file));
  };

  #targetPath(url: string): string {
    const { href } = new URL(url); // resolves dots, as a server would
    if (!href.startsWith(TARGETS_URL)) throw new Error(`asked for ${href}, which is outside the repository`);
    return decodeURIComponent(href.slice(TARGETS_URL.length));
  }

  #entry(version: number, raw: Uint8Array): MetaEntry {
    return this.describe === 'version' ? { version } : { version, length: raw.length, hashes: { sha256: sha256(raw) } };
  }
}
