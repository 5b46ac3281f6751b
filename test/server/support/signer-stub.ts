import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import type { SignItem, SignRequest, SignResult } from '@countersign/signer/wire';
import type { SignerConfig } from '../../../packages/server/src/signer.js';
import { makeCa, type Ca, type Issued } from '../../support/certificates.js';

/** A signer as far as the wire goes: mutual TLS, and answers a test decides about. */
export interface SignerStub {
  readonly config: SignerConfig;
  /** How many payloads each request to sign carried. */
  readonly batches: number[];
  /** Common names of the client certificates, one a request. */
  readonly clients: string[];
  readonly ca: Ca;
  /** Decides about one payload. */
  onSign: (item: SignItem) => SignResult;
  /** Answers a whole request instead, if it returns true. */
  onRequest: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
  /** Replaces the client's certificate files, each at once. */
  renew(issued: Issued): Promise<void>;
  stop(): Promise<void>;
}

export async function startSignerStub(): Promise<SignerStub> {
  const ca = await makeCa();
  const directory = await mkdtemp(join(tmpdir(), 'signer-stub-'));
  const server = createServer({
    ...pair(await ca.issue({ cn: 'signer', use: 'server' })),
    ca: ca.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const file = (name: string): string => join(directory, name);
  const write = async (name: string, content: string): Promise<void> => {
    await writeFile(file(`${name}.new`), content);
    await rename(file(`${name}.new`), file(name));
  };
  const stub: SignerStub = {
    config: {
      url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ca: file('ca.crt'),
      certificate: file('client.crt'),
      key: file('client.key'),
      timeout: 10_000,
      requestBytes: 8 * 1024 * 1024,
    },
    batches: [],
    clients: [],
    ca,
    onSign: ({ payload }) => ({
      signature: Buffer.from(`signed ${Buffer.from(payload, 'base64').toString()}`).toString('base64'),
    }),
    onRequest: () => false,
    renew: async ({ certificate, key }) => {
      await write('client.key', key);
      await write('client.crt', certificate);
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
  await write('ca.crt', ca.certificate);
  await stub.renew(await ca.issue({ cn: 'server-one', use: 'client' }));
  server.on('request', (request, response) => void answer(stub, request, response));
  return stub;
}

function pair({ certificate, key }: Issued): { cert: string; key: string } {
  return { cert: certificate, key };
}

async function answer(stub: SignerStub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.socket instanceof TLSSocket) stub.clients.push(String(request.socket.getPeerCertificate().subject.CN));
  if (await stub.onRequest(request, response)) return;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  response.setHeader('Content-Type', 'application/json');
  if (request.url === '/v1/sign') {
    const { items } = JSON.parse(text) as SignRequest;
    stub.batches.push(items.length);
    response.end(JSON.stringify({ results: items.map(stub.onSign) }));
  } else if (request.url === '/v1/keys') {
    const asked = JSON.parse(text) as object;
    response.end(JSON.stringify({ ...asked, ...newKey() }));
  } else {
    response.end('{"status":"ok"}');
  }
}

function newKey(): { id: string; spki: string } {
  const spki = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
  return { id: createHash('sha256').update(spki).digest('hex'), spki: spki.toString('base64') };
}

/** Answers every request with a failure. */
export function failWith(status: number, body: string): SignerStub['onRequest'] {
  return (request, response) => {
    request.resume();
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
    return true;
  };
}
