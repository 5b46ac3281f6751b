import type { ClientRequest } from 'node:http';
import type { FetchInit } from '../http/fetch.js';

/**
 * Sends a request's body, a stream no faster than the connection takes it. Resolves at its end, or where the answer has come
 * before or the connection has gone: the rest is then not asked for. Rejects with the failure of the stream itself.
 */
export async function upload(request: ClientRequest, body: FetchInit['body']): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    request.end(body);
    return;
  }
  const reader = body.getReader();
  const over = new AbortController();
  const stop = (): void => {
    over.abort();
    reader.cancel().catch(() => undefined);
  };
  request.once('response', stop).once('close', stop);
  for (;;) {
    const { done, value } = await reader.read();
    // An answer that is here already is read first: a failing write to what its server has closed would lose it.
    await new Promise((resolve) => setImmediate(resolve));
    if (over.signal.aborted) return;
    if (done) break;
    if (!request.write(value)) await drained(request);
  }
  request.end();
}

/** When more can be written, or nothing any more. */
function drained(request: ClientRequest): Promise<void> {
  const events = ['drain', 'response', 'close'];
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const event of events) request.off(event, settle);
      resolve();
    };
    for (const event of events) request.once(event, settle);
  });
}
