import { CountersignError, type Instant } from '@countersign/client/tuf';
import { DEFAULT_SCRYPT, deriveKey, newSalt, open, seal, type ScryptParams, type SealingKey } from './seal.js';
import type { KekRow, KeyStore } from './store.js';

/** A key-encryption key as configured: an alias and the passphrase it is derived from. */
export interface KekSecret {
  readonly alias: string;
  readonly passphrase: string;
}

/** The key-encryption keys that are live in this process, opened and checked. */
export interface Keks {
  /** The alias new keys are sealed with. */
  readonly default: string;
  /** @throws CountersignError `unsealed` if `alias` is not configured */
  seal(alias: string, secret: Uint8Array): string;
  /** @throws CountersignError `unsealed` */
  open(alias: string, sealed: string): Uint8Array;
  has(alias: string): boolean;
}

/** How `openKeks` is to make a key-encryption key that the database does not know yet. */
export interface OpenKeksOptions {
  readonly now: Instant;
  readonly scrypt?: ScryptParams;
}

/**
 * Derives every configured key-encryption key, once each, and checks it against the value sealed in its row; an alias used
 * for the first time gets its row. Fails too when keys in the database are sealed with an alias that is not configured, so
 * that a signer that starts can open everything it holds.
 * @throws CountersignError `unsealed` naming the alias
 */
export async function openKeks(
  store: KeyStore,
  secrets: readonly KekSecret[],
  defaultAlias: string,
  options: OpenKeksOptions,
): Promise<Keks> {
  const live = new Map<string, SealingKey>();
  for (const secret of secrets) live.set(secret.alias, await openKek(store, secret, options));
  for (const { alias, keys } of await store.sealedWith()) {
    if (live.has(alias)) continue;
    throw new CountersignError(
      'unsealed',
      `${keys} keys are sealed with ${JSON.stringify(alias)}, which is not configured`,
      {
        next: `Add ${JSON.stringify(alias)} to "keks", or finish "countersign-signer rekey" with it still configured.`,
      },
    );
  }
  return keksOf(live, defaultAlias);
}

function keksOf(live: ReadonlyMap<string, SealingKey>, defaultAlias: string): Keks {
  const named = (alias: string): SealingKey => {
    const key = live.get(alias);
    if (key !== undefined) return key;
    throw new CountersignError('unsealed', `the key-encryption key ${JSON.stringify(alias)} is not configured`, {
      next: `Add ${JSON.stringify(alias)} to "keks" and restart the signer.`,
    });
  };
  named(defaultAlias);
  return Object.freeze({
    default: defaultAlias,
    seal: (alias: string, secret: Uint8Array) => seal(named(alias), secret),
    open: (alias: string, sealed: string) => open(named(alias), sealed),
    has: (alias: string) => live.has(alias),
  });
}

async function openKek(store: KeyStore, secret: KekSecret, options: OpenKeksOptions): Promise<SealingKey> {
  const known = await store.kek(secret.alias);
  if (known !== undefined) return checkKek(known, secret);
  const made = await deriveKey(secret.passphrase, newSalt(), options.scrypt ?? DEFAULT_SCRYPT);
  const row = await store.addKek({
    alias: secret.alias,
    salt: made.salt,
    params: made.params,
    check: seal(made, checkValue(secret.alias)),
    createdAt: options.now,
  });
  // another process may have been first: then its salt counts
  return Buffer.compare(row.salt, made.salt) === 0 ? made : checkKek(row, secret);
}

async function checkKek(row: KekRow, secret: KekSecret): Promise<SealingKey> {
  const key = await deriveKey(secret.passphrase, row.salt, row.params);
  try {
    if (Buffer.compare(open(key, row.check), checkValue(row.alias)) === 0) return key;
  } catch (cause) {
    throw wrongPassphrase(row.alias, cause);
  }
  throw wrongPassphrase(row.alias);
}

function wrongPassphrase(alias: string, cause?: unknown): CountersignError {
  return new CountersignError('unsealed', `wrong passphrase for the key-encryption key ${JSON.stringify(alias)}`, {
    next: 'Give the passphrase its keys were sealed with; there is no other way to open them.',
    cause,
  });
}

/** Bound to the alias, so that two rows cannot be exchanged. */
function checkValue(alias: string): Uint8Array {
  return Buffer.from(`countersign signer key-encryption key ${alias}`, 'utf8');
}
