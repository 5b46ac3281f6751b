/**
 * The signer's HTTP interface, spoken over mutual TLS. Bodies are JSON; bytes are standard padded base64.
 *
 * | request                 | body            | answer                                  |
 * |-------------------------|-----------------|-----------------------------------------|
 * | `POST /v1/keys`         | `CreateKey`     | 200 `KeyInfo`                           |
 * | `GET /v1/keys/{id}`     |                 | 200 `KeyInfo`, 404                      |
 * | `DELETE /v1/keys/{id}`  |                 | 204, also when there is none            |
 * | `POST /v1/sign`         | `SignRequest`   | 200 `SignResponse`, one result a payload |
 * | `GET /v1/health`        |                 | 200 `Health`                            |
 *
 * Any other status carries `Failure`. A key that has signed is not deleted (403 `policy`).
 */
export type SignerAlgorithm = 'ed25519' | 'ecdsa-p256-sha256';
export type OnlineRole = 'timestamp' | 'snapshot';

export interface CreateKey {
  readonly gun: string;
  readonly role: OnlineRole;
  readonly algorithm: SignerAlgorithm;
}

export interface KeyInfo {
  /** Lower-case hex SHA-256 of the DER SubjectPublicKeyInfo; the same in every format. */
  readonly id: string;
  readonly gun: string;
  readonly role: OnlineRole;
  readonly algorithm: SignerAlgorithm;
  /** Base64 of the DER SubjectPublicKeyInfo. */
  readonly spki: string;
}

export interface SignItem {
  readonly keyId: string;
  readonly gun: string;
  readonly role: OnlineRole;
  readonly format: 'tuf-1' | 'notary-1';
  /** The canonical `signed` bytes. */
  readonly payload: string;
  /** TUF 1.0: the published envelope of the role this one follows (the whole file), absent for a first one. */
  readonly follows?: string;
}

/** A published timestamp: the whole file, and the key of ours that signed it. */
export interface PublishedItem {
  readonly keyId: string;
  readonly gun: string;
  readonly format: SignItem['format'];
  readonly file: string;
}

export interface SignRequest {
  readonly items: readonly SignItem[];
  /**
   * What timestamps signed next are going to follow, told in advance: it is remembered in the same durable write as what
   * `items` need, so that those timestamps need none of their own. What says nothing new or cannot be used is passed over.
   */
  readonly published?: readonly PublishedItem[];
}

export type SignResult = { readonly signature: string } | { readonly error: Failure };

export interface SignResponse {
  readonly results: readonly SignResult[];
}

export interface Failure {
  /** An `ErrorCode`: `policy`, `stale-version`, `not-found`, `malformed`, `rate-limit`, … */
  readonly code: string;
  readonly message: string;
  /** With `stale-version`: the highest version this key has signed or reserved. */
  readonly highest?: number;
}

export interface Health {
  readonly status: 'ok';
}
