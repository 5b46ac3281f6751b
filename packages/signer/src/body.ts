import type { IncomingMessage } from 'node:http';
import { CountersignError } from '@countersign/client/tuf';

/**
 * Reads a request's body, at most `most` bytes of it.
 * @throws CountersignError `too-large`
 */
export async function readBody(request: IncomingMessage, most: number): Promise<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge(most);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > most) throw tooLarge(most);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(limit: number): CountersignError {
  return new CountersignError('too-large', `the request body is longer than ${limit} bytes`, { detail: { limit } });
}
