import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Fetch, FetchInit } from '../../packages/client/src/http/fetch.js';
import { METADATA, TARGETS_URL } from '../simulator/repository.js';

export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * A simulated repository where a Countersign server would have a collection, over HTTP. Its clock stands at `START`. Pages of
 * every origin may read it, unless `headers` say otherwise.
 */
export async function serve(
  sim: { readonly fetch: Fetch },
  headers: Readonly<Record<string, string>> = { 'Access-Control-Allow-Origin': '*' },
): Promise<Served> {
  const server = createServer((request, response) => {
    const [, area = '', name = ''] = /^\/v2\/.*\/_trust\/(tuf|targets)\/(.*)$/u.exec(request.url ?? '') ?? [];
    void sentWith(request)
      .then((init) => sim.fetch((area === 'tuf' ? METADATA : TARGETS_URL) + name, init))
      .then(async (answer) => {
        const chunks: Uint8Array[] = [];
        const reader = answer.body?.getReader();
        for (let read = await reader?.read(); read?.done === false; read = await reader?.read())
          if (read.value !== undefined) chunks.push(read.value);
        response.writeHead(answer.status, headers).end(Buffer.concat(chunks));
      })
      .catch(() => response.writeHead(400, headers).end());
  });
  return listening(server);
}

async function sentWith(request: IncomingMessage): Promise<FetchInit> {
  if (request.method !== 'POST') return {};
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  return { method: 'POST', headers, body: new Uint8Array(await buffer(request)) };
}

/** Starts `server` on a free port of this machine. */
export async function listening(server: Server): Promise<Served> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
