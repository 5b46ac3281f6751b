import { once } from 'node:events';
import { createServer, request, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Issued } from '../../support/certificates.js';

/** A proxy on a free port of 127.0.0.1. */
export interface Proxy {
  readonly url: string;
  stop(): Promise<void>;
}

/** HTTPS before the plain HTTP server at `behind`. */
export async function startHttpsProxy(behind: string, { certificate, key }: Issued): Promise<Proxy> {
  return start('https', createTlsServer({ cert: certificate, key }, passOnTo(behind)));
}

/**
 * Keeps uploads to the plain HTTP server at `behind` back until `count` of them have come, and lets these go at once:
 * publishers who go through it have all built on the same state.
 */
export async function startGate(behind: string, count: number): Promise<Proxy> {
  const pass = passOnTo(behind);
  const waiting: (() => void)[] = [];
  const gate = createServer((incoming, outgoing) => {
    if (incoming.method !== 'POST') pass(incoming, outgoing);
    else if (waiting.push(() => pass(incoming, outgoing)) === count) for (const go of waiting.splice(0)) go();
  });
  return start('http', gate);
}

/**
 * Path, headers and bodies pass unchanged; where the server behind drops a connection, the one before it is dropped too.
 */
function passOnTo(behind: string): RequestListener {
  const { hostname, port } = new URL(behind);
  return (incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const onward = request({ hostname, port, method, path: url, headers, agent: false });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  };
}

async function start(scheme: 'http' | 'https', server: Server): Promise<Proxy> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
