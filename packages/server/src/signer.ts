import type {
  CreateKey,
  KeyInfo,
  PublishedItem,
  SignItem,
  SignRequest,
  SignResponse,
  SignResult,
} from '@countersign/signer/wire';
import { CountersignError, hasCode } from '@countersign/client/tuf';
import type { Signer, ToSign } from './collection/ports.js';
import type { Log } from './log.js';
import { nonsense, saysNotFound, signingError } from './signer-errors.js';
import { openTransport, type SignerTransport, type SignerTransportConfig } from './signer-transport.js';

export interface SignerConfig extends SignerTransportConfig {
  /** Bytes of the largest request the signer takes. */
  readonly requestBytes: number;
}

/** How many payloads go in one request, as a signer takes them; and how much of a request other payloads may fill. */
const BATCH = { items: 64, filled: 0.75 } as const;

/** What a request has around the Base64 of one payload and the file it follows, at most, in bytes: timestamps, mainly. */
export const REQUEST_OVERHEAD = 64 * 1024;

export interface OpenSigner extends Signer {
  /** What a key was made for; undefined where the signer does not hold it. */
  findKey(id: string): Promise<Pick<KeyInfo, 'gun' | 'role' | 'algorithm'> | undefined>;
  close(): Promise<void>;
}

/** The signer over mutual TLS; the contract is on `Signer`. Nothing is connected until it is needed. */
export async function openSigner(config: SignerConfig, log: Log): Promise<OpenSigner> {
  return new RemoteSigner(await openTransport(config, log), config.requestBytes);
}

interface Waiting {
  readonly item: SignItem;
  readonly published: readonly PublishedItem[];
  readonly size: number;
  readonly resolve: (signature: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Payloads of the same moment share a request: one round trip and, in the signer, one durable write. One request is under
 * way at a time; what is asked for meanwhile shares the next.
 */
class RemoteSigner implements OpenSigner {
  readonly #transport: SignerTransport;
  readonly #requestBytes: number;
  readonly #waiting: Waiting[] = [];
  #draining = false;

  constructor(transport: SignerTransport, requestBytes: number) {
    this.#transport = transport;
    this.#requestBytes = requestBytes;
  }

  async createKey(
    gun: CreateKey['gun'],
    role: CreateKey['role'],
    algorithm: CreateKey['algorithm'],
  ): ReturnType<Signer['createKey']> {
    const body: CreateKey = { gun, role, algorithm };
    const info = (await this.#transport.send('POST', '/v1/keys', body)) as Partial<KeyInfo> | null;
    if (typeof info?.id !== 'string' || typeof info.spki !== 'string') throw nonsense('a new key');
    return { id: info.id, spki: Buffer.from(info.spki, 'base64') };
  }

  async findKey(id: string): ReturnType<OpenSigner['findKey']> {
    try {
      const info = (await this.#transport.send('GET', `/v1/keys/${encodeURIComponent(id)}`)) as Partial<KeyInfo> | null;
      const { gun, role, algorithm } = info ?? {};
      if (typeof gun !== 'string' || role === undefined || algorithm === undefined) throw nonsense('a key');
      return { gun, role, algorithm };
    } catch (error) {
      if (saysNotFound(error)) return undefined;
      throw error;
    }
  }

  async deleteKey(id: string): Promise<void> {
    await this.#transport.send('DELETE', `/v1/keys/${encodeURIComponent(id)}`);
  }

  sign(request: ToSign): Promise<Uint8Array> {
    const item = signItem(request);
    const published = publishedItems(request);
    const size = item.payload.length + (item.follows?.length ?? 0);
    if (size + REQUEST_OVERHEAD > this.#requestBytes) return Promise.reject(tooLarge(item, size, this.#requestBytes));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, published, size, resolve, reject });
      if (this.#draining) return;
      this.#draining = true;
      // Everything that is ready now asks first.
      setImmediate(() => void this.#drain());
    });
  }

  async ping(): Promise<void> {
    await this.#transport.send('GET', '/v1/health');
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#request(this.#take());
    this.#draining = false;
  }

  #take(): readonly Waiting[] {
    let size = 0;
    let items = 0;
    for (const { size: payload, published } of this.#waiting) {
      const next = published.reduce((sum, { file }) => sum + file.length, payload);
      // The first goes in whatever its size.
      if (items === BATCH.items || (items > 0 && size + next > BATCH.filled * this.#requestBytes)) break;
      items += 1;
      size += next;
    }
    return this.#waiting.splice(0, items);
  }

  async #request(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = readResults(await this.#send(batch), batch.length);
      for (const [index, waiting] of batch.entries()) settle(waiting, results[index]);
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }

  /** Asked twice if the connection was lost: the same version with the same bytes is signed again, and means the same. */
  async #send(batch: readonly Waiting[]): Promise<unknown> {
    // Several keys of one snapshot tell the same.
    const published = new Map(batch.flatMap((waiting) => waiting.published).map((item) => [item.keyId, item]));
    const body: SignRequest = {
      items: batch.map(({ item }) => item),
      ...(published.size === 0 ? {} : { published: [...published.values()] }),
    };
    try {
      return await this.#transport.send('POST', '/v1/sign', body);
    } catch (error) {
      if (!hasCode(error, 'unavailable') || error.detail['connectionLost'] !== true) throw error;
      return this.#transport.send('POST', '/v1/sign', body);
    }
  }
}

function tooLarge({ role, gun }: SignItem, size: number, limit: number): CountersignError {
  return new CountersignError('too-large', `the ${role} of ${gun} needs ${size} bytes of a request to the signer`, {
    detail: { role, limit },
    next: 'Have fewer roles, or have signer.requestBytes and limits.bodyBytes of the signer raised.',
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function signItem({ keyId, gun, role, format, payload, follows }: ToSign): SignItem {
  const before = follows && { follows: base64(follows) };
  return { keyId, gun, role, format, payload: base64(payload), ...before };
}

function publishedItems({ gun, format, published }: ToSign): readonly PublishedItem[] {
  if (published === undefined) return [];
  const file = base64(published.timestamp);
  return published.keyIds.map((keyId) => ({ keyId, gun, format, file }));
}

function readResults(answer: unknown, expected: number): readonly SignResult[] {
  const { results } = (answer ?? {}) as Partial<SignResponse>;
  if (!Array.isArray(results) || results.length !== expected) throw nonsense('signatures');
  return results as readonly SignResult[];
}

function settle({ item, resolve, reject }: Waiting, result: SignResult | undefined): void {
  const { signature, error } = (result ?? {}) as { signature?: unknown; error?: unknown };
  if (typeof signature === 'string' && signature !== '') resolve(Buffer.from(signature, 'base64'));
  else if (error !== undefined) reject(signingError(error, `the ${item.role} of ${item.gun}`));
  else reject(nonsense('a signature'));
}
