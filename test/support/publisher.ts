import { randomUUID } from 'node:crypto';
import { multipart, type FormPart } from '../../packages/client/src/http/multipart.js';
import { canonical, quote, type Delegation, type RootDoc, type TargetsDoc } from '../simulator/documents.js';
import { newKey, sha256, type SimKey } from '../simulator/keys.js';
import { date } from '../simulator/repository.js';
import type { World } from './world.js';

const DAY = 86_400_000;
const TOP = ['root', 'timestamp', 'snapshot', 'targets'] as const;

/** Where a publisher publishes to; a `World`, or a server in another process. */
export type Where = Pick<World, 'url' | 'clock'>;

/** Files by role, or in pairs where a role is to be there twice. */
export type Files = Readonly<Record<string, Uint8Array>> | readonly (readonly [string, Uint8Array])[];

export interface Fields {
  readonly targets?: 'hosted' | 'anywhere';
  readonly abandon?: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

type Top = (typeof TOP)[number];
type Docs = { readonly root?: RootDoc } & Readonly<Record<string, RootDoc | TargetsDoc>>;

/**
 * A publisher without manners: plain documents, keys, forms. Honest as long as it is only asked to draft, sign and publish;
 * between those steps a test may change whatever it likes. Made without the code under test, but for the form's encoding.
 */
export class Publisher {
  readonly where: Where;
  readonly gun: string;
  /** What this publisher believes is published, by role: root, targets and delegated roles. */
  readonly current = new Map<string, RootDoc | TargetsDoc>();
  /** Who signs a role's next file. */
  readonly signers = new Map<string, SimKey[]>();
  /** The first root that was published, as a client would be given it. */
  firstRoot: Uint8Array = new Uint8Array();

  constructor(where: Where, gun: string) {
    this.where = where;
    this.gun = gun;
  }

  /** A collection with a first root and targets, published, whose targets are `contents` and hosted. */
  static async begin(where: Where, gun: string, contents: Readonly<Record<string, string>> = {}): Promise<Publisher> {
    const publisher = new Publisher(where, gun);
    const { root, targets } = await publisher.first();
    for (const [path, content] of Object.entries(contents)) await publisher.host(targets, path, content);
    await publisher.publish({ root, targets }, { targets: 'hosted' });
    return publisher;
  }

  /** A first root that lists this server's online keys, and first targets. */
  async first(): Promise<{ root: RootDoc; targets: TargetsDoc }> {
    const keys: Record<Top, SimKey | Pick<SimKey, 'id' | 'json'>> = {
      root: this.#own('root'),
      targets: this.#own('targets'),
      timestamp: await this.onlineKey('timestamp'),
      snapshot: await this.onlineKey('snapshot'),
    };
    const root: RootDoc = {
      ...this.#base('root'),
      consistent_snapshot: true,
      keys: Object.fromEntries(TOP.map((role) => [keys[role].id, keys[role].json])),
      roles: Object.fromEntries(TOP.map((role) => [role, { keyids: [keys[role].id], threshold: 1 }])),
    };
    return { root, targets: this.empty() };
  }

  /** First targets, of the top level or delegated. */
  empty(): TargetsDoc {
    return { ...this.#base('targets'), targets: {} };
  }

  /** The next root: a copy of the current one, a version up. */
  nextRoot(): RootDoc {
    const root = this.current.get('root');
    if (root === undefined || !('consistent_snapshot' in root)) throw new Error('no root was published');
    return { ...structuredClone(root), version: root.version + 1 };
  }

  /** The next targets of a role: a copy of the current one, a version up. */
  next(role = 'targets'): TargetsDoc {
    const doc = this.current.get(role);
    if (doc === undefined || !('targets' in doc)) throw new Error(`no ${role} was published`);
    return { ...structuredClone(doc), version: doc.version + 1 };
  }

  /** Has `by` delegate to a role with one new key, and makes the role's first document. */
  delegate(by: TargetsDoc, name: string, more: Partial<Delegation> = {}): TargetsDoc {
    const key = this.#own(name);
    by.delegations ??= { keys: {}, roles: [] };
    by.delegations.keys[key.id] = key.json;
    const paths = more.path_hash_prefixes === undefined ? { paths: ['*', '*/*'] } : {};
    by.delegations.roles?.push({ name, keyids: [key.id], threshold: 1, terminating: false, ...paths, ...more });
    return this.empty();
  }

  /** Lists a target without uploading it. */
  list(doc: TargetsDoc, path: string, content: string | Uint8Array): void {
    const entry = { length: Buffer.byteLength(content), hashes: { sha256: sha256(content) } };
    Object.defineProperty(doc.targets, path, { value: entry, enumerable: true, configurable: true, writable: true });
  }

  /** Lists a target and uploads it. */
  async host(doc: TargetsDoc, path: string, content: string | Uint8Array): Promise<void> {
    this.list(doc, path, content);
    const answer = await this.upload(path, content);
    if (answer.status !== 201) throw new Error(`upload of ${path}: ${JSON.stringify(answer)}`);
  }

  /** The file: `doc` with one signature of each of `keys`, over its canonical form. */
  sign(role: string, doc: object, keys: readonly SimKey[] = this.signers.get(role) ?? []): Uint8Array {
    const text = canonical(doc);
    const signatures = keys.map((key) => ({ keyid: key.id, sig: key.sign(text) }));
    // Not the canonical form, whose strings may hold raw line breaks: those of a PEM key make it no JSON.
    return Buffer.from(JSON.stringify({ signatures, signed: doc }));
  }

  signAll(docs: Docs): Record<string, Uint8Array> {
    return Object.fromEntries(Object.entries(docs).map(([role, doc]) => [role, this.sign(role, doc)]));
  }

  /** Signs, posts, and expects it to be taken. */
  async publish(docs: Docs, fields: Fields = {}): Promise<Answer> {
    const answer = await this.post(this.signAll(docs), fields);
    if (answer.status !== 200) throw new Error(`publish of ${this.gun}: ${JSON.stringify(answer)}`);
    this.adopt(docs);
    return answer;
  }

  /** Remembers `docs` as published. */
  adopt(docs: Docs): void {
    for (const [role, doc] of Object.entries(docs)) this.current.set(role, doc);
    if (docs.root?.version === 1) this.firstRoot = this.sign('root', docs.root);
  }

  async post(files: Files, { targets = 'anywhere', abandon = [] }: Fields = {}): Promise<Answer> {
    const pairs = isPairs(files) ? files : Object.entries(files);
    const parts: FormPart[] = pairs.map(([role, bytes]) => ({ name: 'files', fileName: role, bytes }));
    parts.push({ name: 'targets', text: targets }, ...abandon.map((text) => ({ name: 'abandon', text })));
    const { contentType, body } = multipart(parts, randomUUID());
    return readAnswer(
      await fetch(`${this.#url}tuf/`, { method: 'POST', body, headers: { 'Content-Type': contentType } }),
    );
  }

  async upload(path: string, content: string | Uint8Array): Promise<Answer> {
    const cut = path.lastIndexOf('/') + 1;
    const name = `${path.slice(0, cut)}${sha256(content)}.${path.slice(cut)}`.split('/').map(quote).join('/');
    return readAnswer(await fetch(`${this.#url}targets/${name}`, { method: 'PUT', body: content as BodyInit }));
  }

  /** A file of the collection as served, or the status where it is not. `name` is percent-encoded already. */
  async read(name: string, area: 'tuf' | 'targets' = 'tuf'): Promise<string | number> {
    const answer = await fetch(`${this.#url}${area}/${name}`);
    const text = await answer.text();
    return answer.status === 200 ? text : answer.status;
  }

  async onlineKey(role: 'timestamp' | 'snapshot', method = 'GET'): Promise<Pick<SimKey, 'id' | 'json'>> {
    const answer = await fetch(`${this.#url}tuf/${role}.key?format=tuf-1`, { method });
    const json: unknown = await answer.json();
    if (answer.status !== 200) throw new Error(`${role}.key of ${this.gun}: ${JSON.stringify(json)}`);
    return { id: sha256(canonical(json)), json: json as SimKey['json'] };
  }

  /** RFC 3339, that many days from now. */
  days(days: number): string {
    return date(this.where.clock.now() + days * DAY);
  }

  get #url(): string {
    return `${this.where.url}/v2/${this.gun.split('/').map(quote).join('/')}/_trust/`;
  }

  #own(role: string): SimKey {
    const key = newKey();
    this.signers.set(role, [key]);
    return key;
  }

  #base(type: string): { _type: string; spec_version: string; version: number; expires: string } {
    return { _type: type, spec_version: '1.0.34', version: 1, expires: this.days(90) };
  }
}

function isPairs(files: Files): files is readonly (readonly [string, Uint8Array])[] {
  return Array.isArray(files);
}

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
}
