import { randomUUID } from 'node:crypto';
import { multipart, type FormPart } from '../../packages/client/src/http/multipart.js';
import { canonical, quote } from '../simulator/documents.js';
import {
  certifiedKey,
  entry,
  keyId,
  newNotaryKey,
  rootDoc,
  sha256,
  signed,
  targetsDoc,
  type NotaryDelegation,
  type NotaryDoc,
  type NotaryKey,
  type NotaryTargets,
} from '../simulator/notary.js';
import type { Where } from './publisher.js';

const DAY = 86_400_000;

/** A refusal as Notary's clients read it. `code` and `name` are empty where there are none. */
export interface NotaryAnswer {
  readonly status: number;
  readonly code: string;
  /** `detail.Name` of an INVALID_UPDATE. */
  readonly name: string;
  /** `detail.Error.Msg` of an INVALID_UPDATE. */
  readonly message: string;
  readonly body: string;
}

/** By role, or in pairs where a role is there twice. */
export type NotaryFiles = Readonly<Record<string, Uint8Array>> | readonly (readonly [string, Uint8Array])[];

/** What a case table compares: `200`, `400 VERSION`, `400 INVALID_UPDATE ErrBadRoot`. */
export function outcome({ status, code, name }: NotaryAnswer): string {
  return [String(status), code, name].filter((part) => part !== '').join(' ');
}

export interface FirstOptions {
  /** Who signs snapshots: this server, or the publisher. */
  readonly snapshots?: 'server' | 'client';
  readonly root?: NotaryKey;
  readonly targets?: NotaryKey;
}

/**
 * A Notary v1 publisher without manners: plain documents, keys, forms. Honest as long as it is asked to begin, sign and
 * publish; between those steps a test may change what it likes. Made without the code under test, but for the form.
 */
export class NotaryPublisher {
  readonly where: Where;
  readonly gun: string;
  /** Who signs a role's next file. */
  readonly signers = new Map<string, NotaryKey[]>();
  /** What this publisher believes is published. */
  readonly files = new Map<string, Uint8Array>();
  readonly documents = new Map<string, NotaryTargets>();
  root!: NotaryDoc;
  /** Set while the publisher holds the snapshot key. */
  snapshotKey: NotaryKey | undefined;
  snapshotVersion = 0;

  constructor(where: Where, gun: string) {
    this.where = where;
    this.gun = gun;
  }

  /** A published collection: root 1, targets 1. */
  static async begin(where: Where, gun: string, options: FirstOptions = {}): Promise<NotaryPublisher> {
    const publisher = new NotaryPublisher(where, gun);
    await publisher.draft(options);
    await publisher.publish(publisher.firstFiles());
    return publisher;
  }

  /** Keys and first documents, not published. */
  async draft({ snapshots = 'server', root, targets }: FirstOptions = {}): Promise<void> {
    this.snapshotKey = snapshots === 'client' ? newNotaryKey() : undefined;
    const keys = {
      root: root ?? certifiedKey({ cn: this.gun }),
      targets: targets ?? newNotaryKey(),
      timestamp: await this.onlineKey('timestamp'),
      snapshot: this.snapshotKey ?? (await this.onlineKey('snapshot')),
    };
    this.signers.set('root', [keys.root]).set('targets', [keys.targets]);
    this.root = { ...rootDoc(keys), expires: this.days(3_000) };
    this.documents.set('targets', { ...targetsDoc(), expires: this.days(1_000) });
  }

  firstFiles(): Record<string, Uint8Array> {
    const files = { root: this.sign('root', this.root), targets: this.sign('targets', this.documents.get('targets')!) };
    return this.withSnapshot(files);
  }

  sign(role: string, document: object, ...keys: readonly NotaryKey[]): Uint8Array {
    return signed(document, ...(keys.length === 0 ? (this.signers.get(role) ?? []) : keys));
  }

  /** The role's next document, one version up; `change` may do anything to it. */
  next(role: string, change: (document: NotaryTargets) => void = () => undefined): NotaryTargets {
    const document = structuredClone(this.documents.get(role)!);
    document.version += 1;
    change(document);
    return document;
  }

  nextRoot(change: (document: NotaryDoc) => void = () => undefined): NotaryDoc {
    const document = structuredClone(this.root);
    document.version += 1;
    change(document);
    return document;
  }

  /** Signs the role's next document and remembers it as the one that follows. */
  advance(role: string, change?: (document: NotaryTargets) => void): Uint8Array {
    const document = this.next(role, change);
    this.documents.set(role, document);
    return this.sign(role, document);
  }

  /** Adds a delegation to a document; the role's own first document is remembered, not published. */
  delegate(by: NotaryTargets, name: string, more: Partial<NotaryDelegation> = {}, key = newNotaryKey()): NotaryKey {
    by.delegations = {
      keys: { ...by.delegations?.keys, [key.id]: key.json },
      roles: [...(by.delegations?.roles ?? []), { keyids: [key.id], name, paths: [''], threshold: 1, ...more }],
    };
    this.signers.set(name, [key]);
    this.documents.set(name, { ...targetsDoc({}, 0), expires: this.days(1_000) });
    return key;
  }

  /** `files` with the snapshot over them, where that is the publisher's to sign. */
  withSnapshot(
    files: Record<string, Uint8Array>,
    change: (snapshot: NotaryDoc & { meta: Record<string, unknown> }) => void = () => undefined,
  ): Record<string, Uint8Array> {
    if (this.snapshotKey === undefined) return files;
    const listed = [...this.files, ...Object.entries(files)].filter(([role]) => role !== 'snapshot');
    const meta = Object.fromEntries(listed.map(([role, raw]) => [role, entry(raw)] as const));
    this.snapshotVersion += 1;
    const snapshot = { _type: 'Snapshot', expires: this.days(1_000), meta, version: this.snapshotVersion };
    change(snapshot);
    return { ...files, snapshot: signed(snapshot, this.snapshotKey) };
  }

  /** Posts a snapshot and nothing else. */
  snapshotOnly(change?: Parameters<NotaryPublisher['withSnapshot']>[1]): Promise<NotaryAnswer> {
    return this.post(this.withSnapshot({}, change));
  }

  /** Posts and expects 200. */
  async publish(files: Readonly<Record<string, Uint8Array>>): Promise<void> {
    const answer = await this.post(files);
    if (answer.status !== 200) throw new Error(`publish of ${this.gun}: ${String(answer.status)} ${answer.body}`);
    for (const [role, raw] of Object.entries(files)) this.files.set(role, raw);
  }

  async post(files: NotaryFiles): Promise<NotaryAnswer> {
    const pairs = isPairs(files) ? files : Object.entries(files);
    const parts: FormPart[] = pairs.map(([role, bytes]) => ({ name: 'files', fileName: role, bytes }));
    const { contentType, body } = multipart(parts, randomUUID());
    return readAnswer(await this.#ask('', { method: 'POST', body, headers: { 'Content-Type': contentType } }));
  }

  async delete(): Promise<number> {
    return (await this.#ask('', { method: 'DELETE' })).status;
  }

  /** A file as served, or the status where it is not. */
  async read(name: string): Promise<string | number> {
    const answer = await this.get(name);
    const text = await answer.text();
    return answer.status === 200 ? text : answer.status;
  }

  get(name: string): Promise<Response> {
    return this.#ask(name, {});
  }

  /** The `signed` part of a file that must be there. */
  async signed(name: string): Promise<{ version: number; expires: string; meta: Record<string, unknown> }> {
    const text = await this.read(name);
    if (typeof text === 'number') throw new Error(`${name} of ${this.gun}: ${String(text)}`);
    return (JSON.parse(text) as { signed: { version: number; expires: string; meta: Record<string, unknown> } }).signed;
  }

  async onlineKey(role: 'timestamp' | 'snapshot', method = 'GET'): Promise<NotaryKey> {
    const answer = await this.#ask(`${role}.key`, { method });
    const json = (await answer.json()) as NotaryKey['json'];
    if (answer.status !== 200) throw new Error(`${role}.key of ${this.gun}: ${JSON.stringify(json)}`);
    const sign = (): never => {
      throw new Error(`${role} is the server's to sign`);
    };
    return { id: keyId(json), json, sign };
  }

  /** The hash under which a file is asked for. */
  hash(role: string): string {
    return sha256(this.files.get(role)!);
  }

  /** RFC 3339, that many days from now. */
  days(days: number): string {
    return new Date(Math.floor((this.where.clock.now() + days * DAY) / 1000) * 1000).toISOString().replace('.000', '');
  }

  #ask(name: string, init: RequestInit): Promise<Response> {
    return fetch(`${this.where.url}/v2/${this.gun.split('/').map(quote).join('/')}/_trust/tuf/${name}`, init);
  }
}

/** A document's text with other signatures than its keys would make. */
export function signedBy(document: object, ...signatures: readonly object[]): Uint8Array {
  return Buffer.from(`{"signed":${canonical(document)},"signatures":${JSON.stringify(signatures)}}`);
}

function isPairs(files: NotaryFiles): files is readonly (readonly [string, Uint8Array])[] {
  return Array.isArray(files);
}

async function readAnswer(response: Response): Promise<NotaryAnswer> {
  const body = await response.text();
  if (response.status === 200) return { status: 200, code: '', name: '', message: '', body };
  const { errors } = JSON.parse(body) as {
    errors: [{ code: string; detail?: { Name?: string; Error?: { Msg: string } } }];
  };
  const { code, detail } = errors[0];
  return {
    status: response.status,
    code,
    name: detail?.Name ?? '',
    message: detail?.Error?.Msg ?? '',
    body,
  };
}
