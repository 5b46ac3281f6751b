import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer as createTlsServer, type Server } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containing } from '../simulator/matchers.js';
import { Http } from '../../packages/client/src/http/http.js';
import { connect, type ConnectOptions } from '../../packages/client/src/node/connect.js';

const directory = mkdtempSync(join(tmpdir(), 'countersign-tls-'));
let server: Server;
let port: number;
let ca: string;

function certificate(name: string, subject: string): { key: string; cert: string } {
  const [keyPath, certPath] = [join(directory, `${name}.key`), join(directory, `${name}.crt`)];
  execFileSync(
    'openssl',
    // prettier-ignore
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-keyout', keyPath, '-out', certPath, '-subj', '/CN=test', '-addext', `subjectAltName=${subject}`],
    { stdio: 'ignore' },
  );
  return { key: readFileSync(keyPath, 'utf8'), cert: readFileSync(certPath, 'utf8') };
}

async function get(address: string, options?: ConnectOptions): Promise<unknown> {
  const connection = connect(options);
  try {
    return await new Http(connection.fetch).fetchBytes(address, 100);
  } finally {
    await connection.close();
  }
}

const answer: RequestListener = (request, response) => {
  if (request.url === '/redirect') response.writeHead(302, { location: 'http://127.0.0.1:1/x' }).end();
  else response.end('ok');
};

beforeAll(async () => {
  const { key, cert } = certificate('server', 'IP:127.0.0.1');
  ca = cert;
  server = createTlsServer({ key, cert }, answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

describe('connecting', () => {
  it('trusts the given authority', async () => {
    expect(await get(`https://127.0.0.1:${port}/x`, { ca })).toEqual(new TextEncoder().encode('ok'));
  });

  it('is not led from TLS to a connection without', async () => {
    await expect(get(`https://127.0.0.1:${port}/redirect`, { ca })).rejects.toMatchObject({
      code: 'network',
      message: containing('to http://127.0.0.1:1, another scheme'),
    });
  });

  it('names --ca for an unknown authority', async () => {
    await expect(get(`https://127.0.0.1:${port}/x`)).rejects.toMatchObject({
      code: 'network',
      message: containing(`127.0.0.1:${port}`),
      next: containing('--ca FILE'),
    });
  });

  it('tells a certificate for another name apart', async () => {
    await expect(get(`https://localhost:${port}/x`, { ca })).rejects.toMatchObject({
      code: 'network',
      message: containing('another name'),
    });
  });

  it('tells a refused connection apart', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const free = (closed.address() as AddressInfo).port;
    closed.close();
    await once(closed, 'close');
    await expect(get(`http://127.0.0.1:${free}/x`)).rejects.toMatchObject({
      code: 'unavailable',
      next: containing('COUNTERSIGN_SERVER'),
    });
  });

  it('tells a server without TLS apart', async () => {
    const plain = createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const address = `https://127.0.0.1:${(plain.address() as AddressInfo).port}/x`;
    await expect(get(address)).rejects.toMatchObject({ code: 'network', message: containing('TLS') });
    plain.close();
  });

  it('tells a dropped connection apart', async () => {
    const rude = createServer((socket) => void socket.destroy()).listen(0, '127.0.0.1');
    await once(rude, 'listening');
    const address = `http://127.0.0.1:${(rude.address() as AddressInfo).port}/x`;
    await expect(get(address)).rejects.toMatchObject({ code: 'unavailable', next: 'Try again.' });
    rude.close();
  });

  it('tells an unknown host apart', async () => {
    await expect(get('http://no-such-host.invalid/x')).rejects.toMatchObject({
      code: 'network',
      message: containing('no-such-host.invalid'),
    });
  });
});
