import type { IncomingMessage } from 'node:http';
import { CountersignError } from '@countersign/client/tuf';

/**
 * Reads a request's body, at most `most` bytes of it.
 * @throws CountersignError `too-large`
 */
export async function readBody(request: IncomingMessage, most: number): Promise<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge(most);
  // grown by doubling: chunk objects cost a hundred times what is in them where a client sends one byte a chunk
  let bytes = Buffer.alloc(0);
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    if (length + chunk.length > most) throw tooLarge(most);
    if (length + chunk.length > bytes.length) bytes = grown(bytes, Math.min(most, 2 * (length + chunk.length)));
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return bytes.subarray(0, length);
}

function grown(bytes: Buffer, size: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(size);
  larger.set(bytes);
  return larger;
}

function tooLarge(limit: number): CountersignError {
  return new CountersignError('too-large', `the request body is longer than ${limit} bytes`, { detail: { limit } });
}
