import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpLimits } from './limits.js';

/**
 * Sees to it that a client which is still sending gets the answer to a request refused early. Closing a socket with unread
 * bytes in it makes the kernel reset the connection, and the client then often loses the answer it had already been sent; so
 * the rest is read and dropped, up to the limits, and only then is the connection cut. Call before the answer is written.
 */
export function drain(request: IncomingMessage, response: ServerResponse, limits: HttpLimits): void {
  if (request.complete || request.destroyed) return;
  // Or Node closes the socket as soon as the answer is out. A client that wanted to close does so itself.
  response.setHeader('Connection', 'keep-alive');
  let dropped = 0;
  const cut = (): void => void request.socket.destroy();
  const timer = setTimeout(cut, limits.drainTime);
  request.on('data', (chunk: Uint8Array) => {
    dropped += chunk.length;
    if (dropped > limits.drainBytes) cut();
  });
  request.once('close', () => clearTimeout(timer));
  request.on('error', () => undefined);
  request.resume();
}
