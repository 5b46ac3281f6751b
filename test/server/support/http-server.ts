import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import {
  ANYBODY,
  createApp,
  DEFAULT_HTTP_LIMITS,
  listen,
  OFFER_ALL,
  OPEN_ACCESS,
  type HttpLimits,
  type Log,
} from '@countersign/server';
import { MemoryCollections } from './memory-collections.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  json(): unknown;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer | string;
}

export interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly what: Record<string, unknown>;
  readonly message: string;
}

/** The HTTP layer on a free port, over collections in memory. */
export interface TestServer {
  readonly collections: MemoryCollections;
  readonly url: string;
  readonly log: readonly Line[];
  /** Sends `path` as it is: nothing is normalised or encoded. */
  ask(path: string, ask?: Ask): Promise<Answer>;
  /** Sends raw bytes, leaves the sending side open, and reads until the server closes or `milliseconds` pass. */
  raw(text: string, milliseconds: number): Promise<string>;
  close(): Promise<void>;
}

export async function startTestServer(
  limits: Partial<HttpLimits> = {},
  access = OPEN_ACCESS,
  authorizer = ANYBODY,
  offer = OFFER_ALL,
): Promise<TestServer> {
  const lines: Line[] = [];
  const log = collectingLog(lines);
  const collections = new MemoryCollections();
  const app = createApp({
    collections,
    limits: { ...DEFAULT_HTTP_LIMITS, ...limits },
    offer,
    meter: undefined,
    access,
    authorizer,
    log,
  });
  const listening = await listen(app, {
    https: undefined,
    http: { host: '127.0.0.1', port: 0 },
    connections: { headers: 500, request: 10_000, connections: 100 },
    log,
  });
  const url = listening.urls[0] ?? '';
  const port = Number(new URL(url).port);
  return {
    collections,
    url,
    log: lines,
    ask: (path, ask = {}) => send(port, path, ask),
    raw: (text, milliseconds) => sendRaw(port, text, milliseconds),
    close: () => listening.close(0),
  };
}

export function collectingLog(lines: Line[]): Log {
  const at = (level: Line['level']) => (what: Record<string, unknown>, message: string) =>
    void lines.push({ level, what, message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function send(port: number, path: string, { method = 'GET', headers = {}, body }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const whole = Buffer.concat(chunks);
        const json = (): unknown => JSON.parse(whole.toString());
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole, json });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

function sendRaw(port: number, text: string, milliseconds: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    let received = '';
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(received);
    };
    const timer = setTimeout(end, milliseconds);
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    socket.on('error', end);
    socket.on('close', end);
  });
}

/** The error code in a refusal. */
export function codeOf(answer: Answer): string {
  return (answer.json() as { error: { code: string } }).error.code;
}
