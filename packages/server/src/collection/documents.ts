import {
  equalBytes,
  type Crypto,
  type Envelope,
  type Format,
  type PublicKey,
  type Root,
  type Signature,
  type Snapshot,
  type Targets,
  type Timestamp,
} from '@countersign/client/tuf';
import type { StoredFile } from './ports.js';

/** One format's parser that reads the same bytes once: keyed by the buffer itself, so nothing outlives its file. */
function remembering(format: Format): Format {
  const once = <T>(parse: (raw: Uint8Array) => Envelope<T>): ((raw: Uint8Array) => Envelope<T>) => {
    const known = new WeakMap<Uint8Array, Envelope<T>>();
    return (raw) => {
      let file = known.get(raw);
      if (file === undefined) known.set(raw, (file = parse(raw)));
      return file;
    };
  };
  return {
    ...format,
    parseRoot: once<Root>((raw) => format.parseRoot(raw)),
    parseTimestamp: once<Timestamp>((raw) => format.parseTimestamp(raw)),
    parseSnapshot: once<Snapshot>((raw) => format.parseSnapshot(raw)),
    parseTargets: once<Targets>((raw) => format.parseTargets(raw)),
  };
}

/**
 * Remembers that a signature was good, for as long as its document is in memory. A bad one is checked again each time. Good
 * by one scheme says nothing of another: the same RSA key may be listed with both paddings.
 */
function rememberingCrypto(crypto: Crypto): Crypto {
  const good = new WeakMap<Uint8Array, { readonly by: string; readonly value: Uint8Array }[]>();
  return {
    hash: (algorithm) => crypto.hash(algorithm),
    async verify(key: PublicKey, signature: Signature, bytes: Uint8Array): Promise<boolean> {
      const known = good.get(bytes) ?? [];
      const by = `${signature.scheme ?? key.scheme} ${key.identity}`;
      if (known.some((seen) => seen.by === by && equalBytes(seen.value, signature.value))) return true;
      if (!(await crypto.verify(key, signature, bytes))) return false;
      good.set(bytes, [...known, { by, value: signature.value }]);
      return true;
    },
  };
}

/**
 * Documents this process has seen lately, so that a publish does not parse and verify again what the last one did. Files are
 * immutable and found by hash, so there is nothing to invalidate; the oldest go when `maxBytes` is reached.
 */
export class Documents {
  readonly crypto: Crypto;
  readonly #maxBytes: number;
  readonly #formats = new Map<Format, Format>();
  readonly #buffers = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(crypto: Crypto, maxBytes = 64 * 1024 * 1024) {
    this.crypto = rememberingCrypto(crypto);
    this.#maxBytes = maxBytes;
  }

  format(format: Format): Format {
    let known = this.#formats.get(format);
    if (known === undefined) this.#formats.set(format, (known = remembering(format)));
    return known;
  }

  /** The file with the one buffer this process keeps for these bytes. */
  intern(file: StoredFile): StoredFile {
    return { ...file, bytes: this.#keep(file.sha256, file.bytes) };
  }

  /** Keeps the buffers of a commit, so that the next publish finds them parsed and verified. */
  remember(files: readonly { readonly sha256: string; readonly bytes: Uint8Array }[]): void {
    for (const file of files) this.#keep(file.sha256, file.bytes);
  }

  #keep(sha256: string, bytes: Uint8Array): Uint8Array {
    const known = this.#buffers.get(sha256);
    if (known !== undefined) {
      this.#buffers.delete(sha256);
      this.#buffers.set(sha256, known);
      return known;
    }
    this.#buffers.set(sha256, bytes);
    this.#bytes += bytes.length;
    this.#shrink();
    return bytes;
  }

  #shrink(): void {
    for (const [sha256, bytes] of this.#buffers) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#buffers.delete(sha256);
      this.#bytes -= bytes.length;
    }
  }
}
