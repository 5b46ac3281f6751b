import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Signing } from './service.js';
import type { SignItem } from './wire.js';

/** Who asks: the client certificate that the TLS handshake proved. */
export interface Client {
  /** The common name; empty where the certificate has none. */
  readonly name: string;
  /** SHA-256 of the certificate, as OpenSSL prints it. */
  readonly fingerprint: string;
}

/** What the audit line says of one key or payload. Never key material, never a payload. */
export interface AuditItem {
  readonly gun?: string;
  readonly role?: string;
  readonly key?: string;
  readonly version?: number;
  /** `made`, `found`, `deleted`, `signed`, or the code of the refusal. */
  readonly outcome: string;
}

const known = new WeakMap<TLSSocket, Client>();

/** The client at the other end of a request; undefined where there was no verified certificate. */
export function clientOf({ socket }: IncomingMessage): Client | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  let client = known.get(socket);
  if (client === undefined) {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return undefined;
    client = { name: commonName(certificate), fingerprint: certificate.fingerprint256 };
    known.set(socket, client);
  }
  return client;
}

function commonName({ subject }: X509Certificate): string {
  return /^CN=(.*)$/mu.exec(subject)?.[1] ?? '';
}

export function auditSigning(item: SignItem, signing: Signing): AuditItem {
  const { gun, role, keyId: key } = item;
  const version = signing.version === undefined ? {} : { version: signing.version };
  return { gun, role, key, ...version, outcome: signing.kind === 'signed' ? 'signed' : signing.error.code };
}
