import { createHash, X509Certificate, type KeyObject } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CountersignError, type Instant } from '@countersign/client/tuf';

const MAX_BYTES = 256 * 1024;
const MAX_CERTIFICATES = 100;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu;

/**
 * The certificates whose holders issue tokens, and their keys by libtrust fingerprint. A certificate outside its dates
 * trusts nothing, whichever way a token names it.
 */
export class Bundle {
  readonly certificates: readonly X509Certificate[];
  readonly #byFingerprint: ReadonlyMap<string, readonly X509Certificate[]>;

  constructor(certificates: readonly X509Certificate[]) {
    this.certificates = certificates;
    const byFingerprint = new Map<string, X509Certificate[]>();
    for (const certificate of certificates) {
      const fingerprint = keyFingerprint(certificate.publicKey);
      byFingerprint.set(fingerprint, [...(byFingerprint.get(fingerprint) ?? []), certificate]);
    }
    this.#byFingerprint = byFingerprint;
  }

  /** The key with that fingerprint, if one of its certificates is valid now. */
  key(fingerprint: string, now: Instant): KeyObject | undefined {
    return this.#byFingerprint.get(fingerprint)?.find((certificate) => isCurrent(certificate, now))?.publicKey;
  }
}

export function isCurrent(certificate: X509Certificate, now: Instant): boolean {
  return Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
}

/** A key's name in Docker's tokens: 30 bytes of a hash in Base32, in groups of four (`ABCD:EFGH:…`). */
export function keyFingerprint(key: KeyObject): string {
  const spki = key.export({ type: 'spki', format: 'der' });
  const hash = createHash('sha256').update(spki).digest().subarray(0, 30);
  return (base32(hash).match(/.{4}/gu) ?? []).join(':');
}

/** RFC 4648 §6, of a whole number of five-byte groups. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let [bits, held] = [0, 0];
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    for (held += 8; held >= 5; held -= 5) text += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.charAt((bits >> (held - 5)) & 31);
    bits &= 31;
  }
  return text;
}

/** Reads a PEM file of certificates. @throws CountersignError `usage` where it cannot be read, or is none */
export async function readBundle(file: string): Promise<Bundle> {
  const blocks = (await readSmall(file)).match(PEM) ?? [];
  if (blocks.length === 0) throw unusable(file, 'holds no PEM certificate');
  if (blocks.length > MAX_CERTIFICATES) throw unusable(file, `holds more than ${MAX_CERTIFICATES} certificates`);
  try {
    return new Bundle(blocks.map((block) => new X509Certificate(block)));
  } catch (cause) {
    throw unusable(file, 'holds a certificate that cannot be read', cause);
  }
}

async function readSmall(file: string): Promise<string> {
  const handle = await open(file).catch((cause: unknown) => {
    throw unusable(file, 'cannot be read', cause);
  });
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_BYTES + 1), 0, MAX_BYTES + 1, 0);
    if (bytesRead > MAX_BYTES) throw unusable(file, `is larger than ${MAX_BYTES} bytes`);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function unusable(file: string, why: string, cause?: unknown): CountersignError {
  return new CountersignError('usage', `the certificate bundle ${file} ${why}`, {
    cause,
    next: 'Give auth.rootcertbundle a PEM file with the certificate that tokens are signed with.',
  });
}
