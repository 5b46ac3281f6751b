import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { listening, type Served } from './served-simulator.js';

/** A plain web server of a directory: decodes the path, as they do, and knows nothing else. */
export async function serveFiles(directory: string): Promise<Served> {
  const server = createServer((request, response) => {
    readFile(join(directory, decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname))).then(
      (bytes) => response.writeHead(200).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  return listening(server);
}
