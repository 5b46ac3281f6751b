import { createServer, request as ask, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { errorBody, statusOf } from '@countersign/client/wire';
import { CountersignError, type ErrorCode } from '@countersign/client/tuf';
import type { Issued } from './certificates.js';

/** What to do with a request instead of passing it on: refuse it, break the connection, or answer with a text. */
export type Meddling = ErrorCode | 'drop' | { readonly answer: string };

/** A proxy before a server: gives it TLS, counts what is asked, and answers in its place where a test says so. */
export class Front {
  /** Method and decoded path of every request, in order. */
  readonly requests: string[] = [];
  /** What requests said of who asks, in order. */
  readonly tokens: string[] = [];
  /** What the last request that was passed on carried. */
  body = '';
  meddle: (request: string) => Meddling | undefined = () => undefined;
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, scheme: string) {
    this.#server = server;
    this.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  static async before(behind: string, tls?: Issued): Promise<Front> {
    const listener: RequestListener = (request, response) => front.#answer(behind, request, response);
    const server =
      tls === undefined ? createServer(listener) : createTlsServer({ cert: tls.certificate, key: tls.key }, listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const front = new Front(server, tls === undefined ? 'http' : 'https');
    return front;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(behind: string, request: IncomingMessage, response: Parameters<RequestListener>[1]): void {
    const { method = '', url = '', headers } = request;
    const what = `${method} ${decodeURIComponent(url)}`;
    this.requests.push(what);
    if (headers.authorization !== undefined) this.tokens.push(headers.authorization);
    const meddling = this.meddle(what);
    if (meddling === 'drop') request.socket.destroy();
    else if (typeof meddling === 'object') request.resume().on('end', () => response.end(meddling.answer));
    else if (meddling !== undefined) {
      const error = new CountersignError(meddling, 'the front refuses');
      request.resume().on('end', () => {
        response.writeHead(statusOf(meddling), { 'content-type': 'application/json' });
        response.end(method === 'HEAD' ? '' : JSON.stringify(errorBody(error)));
      });
    } else {
      const passed = ask(new URL(url, behind), { method, headers: { ...headers, host: new URL(behind).host } });
      passed.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      passed.on('error', () => response.destroy());
      this.body = '';
      request.on('data', (chunk: Buffer) => (this.body += chunk.toString('latin1')));
      request.pipe(passed);
    }
  }
}
