import { createHash } from 'node:crypto';
import {
  CountersignError,
  instant,
  parseGun,
  parseRoleName,
  parseVersion,
  TIMESTAMP,
  type FormatName,
  type Gun,
  type Instant,
  type RoleName,
} from '@countersign/client/tuf';
import type { Change, ChangesAsked, StoredFile } from '../../../packages/server/src/collection/ports.js';
import type {
  Collections,
  Health,
  Published,
  PublishRequest,
  HeldVersions,
  Served,
  Updates,
  UploadedFile,
} from '../../../packages/server/src/collection/service.js';

const EPOCH = instant(Date.UTC(2030, 0, 1));

interface Memory {
  readonly files: Map<string, StoredFile[]>;
  readonly targets: Map<string, Uint8Array>;
  readonly keys: Map<string, number>;
}

/**
 * Collections in memory, for tests of the layer above: versions must follow one another, target files are checked against
 * their hash, nothing leaks across collections. Signatures are not its subject.
 */
export class MemoryCollections implements Collections {
  readonly #collections = new Map<Gun, Memory>();
  /** What was asked of it, newest last. */
  readonly requests: PublishRequest[] = [];
  /** Thrown by every method while set. */
  failure: Error | undefined;
  signer: 'ok' | 'down' = 'ok';
  format: FormatName = 'tuf-1';
  expired = false;
  readonly changesAsked: ChangesAsked[] = [];
  signedUntil: Instant | undefined;

  async publish(request: PublishRequest): Promise<Published> {
    this.#check();
    this.requests.push(request);
    if (request.files.length === 0 && this.format === 'tuf-1')
      throw new CountersignError('bad-upload', 'the upload holds no metadata');
    const memory = this.#memory(request.gun);
    const files = request.files.map(readFile);
    for (const { role, version } of files) {
      const current = memory.files.get(role)?.length ?? 0;
      if (version === current + 1) continue;
      throw new CountersignError('conflict', `${role} ${version} does not follow ${current}`, {
        detail: { role, version, current },
      });
    }
    const count = memory.files.get(TIMESTAMP)?.length ?? 0;
    const timestamp = readFile({ role: TIMESTAMP, bytes: Buffer.from(`{"signed":{"version":${count + 1}}}`) });
    for (const file of [...files, timestamp])
      memory.files.set(file.role, [...(memory.files.get(file.role) ?? []), file]);
    const versions = Object.fromEntries(files.map(({ role, version }) => [role, version]));
    return { gun: request.gun, versions, timestampExpires: EPOCH, repeated: false, format: this.format };
  }

  takeOver(): Promise<never> {
    return Promise.reject(new CountersignError('unsupported', 'nothing is taken over into memory'));
  }

  addPast(): Promise<never> {
    return this.takeOver();
  }

  async timestamp(gun: Gun): Promise<Served> {
    return this.current(gun, TIMESTAMP);
  }

  async version(gun: Gun, role: RoleName, version: number): Promise<Served> {
    this.#check();
    const file = role === TIMESTAMP ? undefined : this.#memory(gun).files.get(role)?.[version - 1];
    return { file: found(file, `${version}.${role}`), lasts: 'immutable', expired: false };
  }

  async current(gun: Gun, role: RoleName): Promise<Served> {
    this.#check();
    return { file: found(this.#memory(gun).files.get(role)?.at(-1), role), lasts: 'current', expired: this.expired };
  }

  async byHash(gun: Gun, role: RoleName, sha256: string): Promise<Served> {
    this.#check();
    const file = this.#memory(gun).files.get(role);
    return {
      file: found(
        file?.find((one) => one.sha256 === sha256),
        sha256,
      ),
      lasts: 'immutable',
      expired: false,
    };
  }

  /** The newest file of each top-level role whose version is another than the one held. */
  async updates(gun: Gun, held: HeldVersions): Promise<Updates> {
    this.#check();
    const newest = [...this.#memory(gun).files.values()].flatMap((files) => files.at(-1) ?? []);
    const files = newest.filter((file) => held[file.role as keyof HeldVersions] !== file.version);
    return { files, complete: true };
  }

  async formatOf(gun: Gun): Promise<FormatName | undefined> {
    return this.#memory(gun).files.size === 0 ? undefined : this.format;
  }

  async remove(gun: Gun): Promise<void> {
    this.#check();
    this.#collections.delete(gun);
  }

  async changes(asked: ChangesAsked): Promise<readonly Change[]> {
    this.#check();
    this.changesAsked.push(asked);
    const change = { id: 7, version: 2, sha256: 'ab', category: 'update', createdAt: EPOCH } as const;
    return [{ ...change, gun: asked.gun ?? parseGun('any/one') }];
  }

  async onlineKey(gun: Gun, role: 'timestamp' | 'snapshot', format: string): Promise<Uint8Array> {
    this.#check();
    return Buffer.from(JSON.stringify({ gun, role, format, number: this.#memory(gun).keys.get(role) ?? 1 }));
  }

  async nextOnlineKey(gun: Gun, role: 'timestamp' | 'snapshot', format: 'tuf-1'): Promise<Uint8Array> {
    const { keys } = this.#memory(gun);
    keys.set(role, (keys.get(role) ?? 1) + 1);
    return this.onlineKey(gun, role, format);
  }

  async uploadTarget(request: Parameters<Collections['uploadTarget']>[0]): Promise<{ length: number; sha256: string }> {
    this.#check();
    const chunks: Uint8Array[] = [];
    for await (const chunk of request.bytes) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (digest('sha256', bytes) !== request.sha256) throw new CountersignError('arbitrary-software', 'another hash');
    const { targets } = this.#memory(request.gun);
    targets.set(request.sha256, bytes).set(digest('sha512', bytes), bytes);
    return { length: bytes.length, sha256: request.sha256 };
  }

  async hasTarget(gun: Gun, hash: string): Promise<{ length: number } | undefined> {
    this.#check();
    return this.#memory(gun).targets.get(hash);
  }

  async openTarget(gun: Gun, hash: string): Promise<{ length: number; bytes: AsyncIterable<Uint8Array> }> {
    this.#check();
    const bytes = found(this.#memory(gun).targets.get(hash), hash);
    return { length: bytes.length, bytes: pieces(bytes) };
  }

  async renewDue(): Promise<{ renewed: number; failed: number }> {
    return { renewed: 0, failed: 0 };
  }

  async collectTargets(): Promise<{ removed: number }> {
    return { removed: 0 };
  }

  async forgetKeys(): Promise<{ forgotten: number }> {
    return { forgotten: 0 };
  }

  async health(): Promise<Health> {
    this.#check();
    return { store: 'ok', signer: this.signer, signedUntil: this.signedUntil };
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  #memory(gun: Gun): Memory {
    const memory = this.#collections.get(gun) ?? { files: new Map(), targets: new Map(), keys: new Map() };
    this.#collections.set(gun, memory);
    return memory;
  }
}

export function digest(algorithm: 'sha256' | 'sha512', bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest('hex');
}

function readFile({ role, bytes }: UploadedFile): StoredFile {
  const version = parseVersion(versionIn(bytes));
  const sha256 = digest('sha256', bytes);
  return { role: parseRoleName(role), version, bytes, sha256, expires: EPOCH, createdAt: EPOCH };
}

function versionIn(bytes: Uint8Array): number {
  try {
    const { signed } = JSON.parse(Buffer.from(bytes).toString()) as { signed: { version: number } };
    return signed.version;
  } catch (cause) {
    throw new CountersignError('malformed', 'not a metadata file', { cause });
  }
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new CountersignError('not-found', `there is no ${what}`);
  return value;
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
