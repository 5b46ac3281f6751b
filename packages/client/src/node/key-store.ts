import { chmod, mkdir, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BareKey, Format } from '../tuf/formats/format.js';
import type { Crypto } from '../tuf/crypto.js';
import { CountersignError, hasCode } from '../tuf/errors.js';
import type { KeyId } from '../tuf/names.js';
import { errorCode, fileFault, writeAtomically } from './atomic-file.js';
import { openKeyFile, parseKeyFile, publicHalf, readForeignKey, writeKeyFile, type KeyFile } from './key-file.js';
import { labelsOf, writeNotaryKey, type KeyLabels } from './notary-key.js';
import { toNotaryEd25519 } from './notary-ed25519.js';
import { generatePrivateKey, type NewKeyType, type PrivateKey } from './private-key.js';
import type { ScryptParams } from './sealed.js';
import { selfSigned, type CertificateRequest } from './self-signed.js';

/** Bytes; a key file has about 700. */
const MAX_KEY_FILE = 64 * 1024;
const KEY_ID = /^[0-9a-f]{64}$/u;

export interface KeyStoreOptions {
  /** Made with mode 0700 when the first key comes; each key is a file `<key id>.json` of mode 0600. */
  readonly directory: string;
  /** Says what a key's id is. */
  readonly format: Format;
  readonly crypto: Pick<Crypto, 'hash'>;
  /** Cost of sealing new files; what cosign uses unless given. */
  readonly scrypt?: ScryptParams;
  /** Told of each file that should hold a key and cannot be used, which a listing then passes over; without it, that fails. */
  readonly onUnusable?: (why: CountersignError) => void;
}

/** A key as it can be shown to anybody. */
export interface StoredKey extends KeyLabels {
  readonly id: KeyId;
  readonly key: BareKey;
  readonly keytype: string;
  readonly scheme: string;
  /** When its file was written: it was made, or imported. Milliseconds since 1970. */
  readonly since: number;
}

/** A user's private keys: a directory of sealed files. Nothing secret is ever part of an error or a listing. */
export class KeyStore {
  readonly #options: KeyStoreOptions;

  constructor(options: KeyStoreOptions) {
    this.#options = options;
  }

  /** @throws CountersignError `usage` where the passphrase is empty, `storage-full` */
  async generate(type: NewKeyType, passphrase: string): Promise<StoredKey> {
    return this.#add(generatePrivateKey(type), passphrase);
  }

  /**
   * Adds a key from another file's text, which `opens` opens, sealed anew under `passphrase`. What the file says of its role
   * and collection is kept; `labels` say it where the file does not.
   * @throws CountersignError `unsealed`, `unsupported`, and as `generate`
   */
  async import(text: string, opens: string, passphrase: string, labels: KeyLabels = {}): Promise<StoredKey> {
    const foreign = await readForeignKey(text, opens);
    return this.#add(foreign.key, passphrase, { ...labels, ...foreign.labels });
  }

  /**
   * All keys, by id; files that are no keys are passed over.
   * @throws CountersignError `unsealed`, `usage` for a key file that cannot be used, where nobody is told of it
   */
  async list(): Promise<readonly StoredKey[]> {
    const names = await readdir(this.#options.directory).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return [];
      throw fileFault(error, this.#options.directory, 'read');
    });
    const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
    const keys: StoredKey[] = [];
    for (const id of ids.filter((name) => KEY_ID.test(name)).sort()) {
      try {
        keys.push(await this.#describe(await this.#read(id)));
      } catch (error) {
        if (this.#options.onUnusable === undefined || !(error instanceof CountersignError)) throw error;
        this.#options.onUnusable(error);
      }
    }
    return keys;
  }

  async has(id: KeyId): Promise<boolean> {
    return (await this.list()).some((key) => key.id === id);
  }

  /** @throws CountersignError `not-found`; `unsealed` for a wrong passphrase or a damaged file */
  async load(id: KeyId, passphrase: string): Promise<PrivateKey> {
    return this.#open(id, passphrase);
  }

  /**
   * As `load`, with a certificate over the key, signed by itself, to be listed by.
   * @throws CountersignError as `load`, and as `selfSigned`
   */
  async loadCertified(id: KeyId, passphrase: string, certificate: CertificateRequest): Promise<PrivateKey> {
    const key = await this.#open(id, passphrase);
    return key.listedAs([await selfSigned(key, certificate)]);
  }

  /** PEM SubjectPublicKeyInfo. @throws CountersignError `not-found`, `unsealed` */
  async exportPublic(id: KeyId): Promise<string> {
    return (await this.#read(id)).public;
  }

  /** PEM PKCS#8, encrypted under the same passphrase that opens it here. @throws CountersignError as `load` */
  async exportPrivate(id: KeyId, passphrase: string): Promise<string> {
    return (await this.#open(id, passphrase)).encryptedPem(passphrase);
  }

  /** Whether `text` is a private key in any form, sealed under `passphrase`, and the one of that id. */
  async isCopy(id: KeyId, text: string, passphrase: string): Promise<boolean> {
    try {
      return this.#id((await readForeignKey(text, passphrase)).key.key) === id;
    } catch (error) {
      if (error instanceof CountersignError) return false;
      throw error;
    }
  }

  /**
   * A PEM file that Notary's clients import, encrypted under the passphrase that opens the key here. `notaryId` is the key's
   * canonical id there; `labels` say what is not kept with the key. @throws CountersignError as `load`
   */
  async exportForNotary(id: KeyId, passphrase: string, notaryId: string, labels: KeyLabels = {}): Promise<string> {
    const file = await this.#read(id);
    const key = await this.#open(id, passphrase);
    const secret = key.key.scheme === 'ed25519' ? toNotaryEd25519(key.pkcs8(), key.key.spki) : key.pkcs8();
    const text = writeNotaryKey(secret, passphrase, notaryId, { ...labelsOf(file.role, file.gun), ...labels });
    secret.fill(0);
    return text;
  }

  async #open(id: KeyId, passphrase: string): Promise<PrivateKey> {
    // Whose public half `#read` has held against the id, and this one against the private half.
    return openKeyFile(await this.#read(id), passphrase);
  }

  async #add(key: PrivateKey, passphrase: string, labels: KeyLabels = {}): Promise<StoredKey> {
    const { directory, scrypt } = this.#options;
    const text = await writeKeyFile(key, passphrase, scrypt, labels);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    await writeAtomically(this.#path(this.#id(key.key)), new TextEncoder().encode(text), 0o600);
    return await this.#describe(parseKeyFile(text));
  }

  async #read(id: string): Promise<KeyFile> {
    if (!KEY_ID.test(id)) throw new CountersignError('usage', `${JSON.stringify(id.slice(0, 80))} is not a key id`);
    const path = this.#path(id);
    try {
      const file = parseKeyFile(await this.#text(path));
      if (this.#id(publicHalf(file)) !== id) throw new CountersignError('unsealed', 'it holds another key');
      return file;
    } catch (error) {
      if (hasCode(error, 'unsealed'))
        throw new CountersignError('unsealed', `${path} cannot be used: ${error.message}`, {
          cause: error,
          next: 'Restore it from a backup.',
        });
      if (errorCode(error) !== 'ENOENT') throw fileFault(error, path, 'read');
      throw new CountersignError('not-found', `there is no key ${id} here`, {
        next: 'See `countersign key list`, or import the key.',
      });
    }
  }

  async #text(path: string): Promise<string> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_KEY_FILE) throw new CountersignError('unsealed', 'it is too large for a key file');
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  }

  async #describe(file: KeyFile): Promise<StoredKey> {
    const key = publicHalf(file);
    const id = this.#id(key);
    const { mtimeMs } = await stat(this.#path(id));
    const { keytype, scheme, role, gun } = file;
    return { id, key, keytype, scheme, since: Math.trunc(mtimeMs), ...labelsOf(role, gun) };
  }

  #id(key: BareKey): KeyId {
    return this.#options.format.keyId(key, this.#options.crypto);
  }

  #path(id: string): string {
    return join(this.#options.directory, `${id}.json`);
  }
}
