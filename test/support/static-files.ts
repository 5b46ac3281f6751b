import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Served } from './served-simulator.js';

/** A plain web server of a directory: decodes the path, as they do, and knows nothing else. */
export async function serveFiles(directory: string): Promise<Served> {
  const server = createServer((request, response) => {
    readFile(join(directory, decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname))).then(
      (bytes) => response.writeHead(200).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
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
