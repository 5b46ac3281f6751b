import type { ClientRequest, IncomingMessage } from 'node:http';
import type { FetchInit } from '../http/fetch.js';
import type { HttpClient } from './http-clients.js';
import { upload } from './http-upload.js';

export interface ExchangeOptions {
  /** Of the URL's scheme. */
  readonly client: HttpClient;
  /** Milliseconds, TLS included. */
  readonly connectTimeout: number;
}

/** One request and its answer. */
export interface Exchange {
  readonly request: ClientRequest;
  /** The answer's head; rejects with Node's error, that of the body sent, or the signal's reason. */
  readonly answered: Promise<Answered>;
}

export interface Answered {
  readonly response: IncomingMessage;
  /** HEAD is answered without, and so are some statuses. */
  readonly hasBody: boolean;
}

const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 304]);

/** Asks once. The signal ends it until the answer's body has been read. */
export function exchange(url: URL, init: FetchInit, { client, connectTimeout }: ExchangeOptions): Exchange {
  const { method = 'GET', headers, body, signal } = init;
  signal?.throwIfAborted();
  const request = client.request(url, {
    method,
    headers: { accept: '*/*', 'user-agent': 'countersign', ...headers, ...lengthOf(body) },
    agent: client.agent,
  });
  limitConnecting(request, connectTimeout);
  const answered = new Promise<Answered>((resolve, reject) => {
    let response: IncomingMessage | undefined;
    const onAbort = (): void => {
      const reason = asError(signal?.reason);
      reject(reason);
      (response ?? request).destroy(reason);
    };
    const done = (): void => signal?.removeEventListener('abort', onAbort);
    signal?.addEventListener('abort', onAbort);
    request.on('error', reject).once('close', () => {
      done();
      // An answer that is none, such as 101, ends it without an error.
      reject(Object.assign(new Error('the connection was closed before an answer came'), { code: 'ECONNRESET' }));
    });
    request.once('response', (head) => {
      response = head;
      head.on('error', () => undefined); // whoever reads is told
      // Once all is there, an abort must not take the connection from the next request.
      head.once('end', () => {
        done();
        if (!request.writableFinished) request.destroy(); // the server wants no more of it
      });
      resolve({ response: head, hasBody: method !== 'HEAD' && !WITHOUT_BODY.has(head.statusCode ?? 0) });
    });
    upload(request, body).catch((error: unknown) => {
      reject(asError(error));
      request.destroy();
    });
  });
  return { request, answered };
}

/** A stream's length is not known, so it is sent in chunks. */
function lengthOf(body: FetchInit['body']): Record<string, string> {
  return body instanceof Uint8Array ? { 'content-length': String(body.length) } : {};
}

function limitConnecting(request: ClientRequest, milliseconds: number): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    const late = (): void =>
      void request.destroy(Object.assign(new Error('connecting takes too long'), { code: 'ETIMEDOUT' }));
    const timer = setTimeout(late, milliseconds);
    const stop = (): void => clearTimeout(timer);
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', stop);
    request.once('close', stop);
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('broken off', { cause: reason });
}
