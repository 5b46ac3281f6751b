import Koa from 'koa';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { CountersignError } from '@countersign/client/tuf';
import { readCertificates, watchCertificates } from './certificates.js';
import type { ConnectionLimits } from './config.js';
import { createHandler } from './http/handler.js';
import type { HttpDeps } from './http/route.js';
import type { Address, TlsFiles } from './listen-config.js';
import type { Log } from './log.js';
import { stoppable } from './stopping.js';

/** How a connection fails whose client ended it. */
const GONE: ReadonlySet<string> = new Set([
  'ERR_STREAM_PREMATURE_CLOSE',
  'ECONNRESET',
  'EPIPE',
  'HPE_INVALID_EOF_STATE',
]);

/** The HTTP interface as a koa application, not listening yet. */
export function createApp(deps: HttpDeps): Koa {
  const app = new Koa();
  app.use(createHandler(deps));
  // What arrives here failed after its answer had begun: mostly clients that went away in a download.
  app.on('error', (error: NodeJS.ErrnoException) => {
    if (GONE.has(error.code ?? '')) deps.log.debug({ err: error }, 'client went away');
    else deps.log.error({ err: error }, 'answer broke off');
  });
  return app;
}

export interface ListenOptions {
  readonly https: (Address & { readonly tls: TlsFiles }) | undefined;
  readonly http: Address | undefined;
  readonly connections: ConnectionLimits;
  readonly log: Log;
}

export interface Listening {
  /** `https://host:port` first, with the port that was picked. */
  readonly urls: readonly string[];
  /** Stops accepting, lets requests in flight finish for `grace` milliseconds, then cuts them. */
  close(grace: number): Promise<void>;
}

/** Serves `app` on the addresses asked for, on all or on none. */
export async function listen(app: Koa, options: ListenOptions): Promise<Listening> {
  const { https, http, connections, log } = options;
  const callback = app.callback();
  const handle: RequestListener = (request, response) => void callback(request, response);
  const opened: Opened[] = [];
  const stop = async (grace: number): Promise<void> => {
    await Promise.all(opened.map((one) => one.close(grace)));
  };
  try {
    if (https !== undefined) opened.push(await openHttps(https, handle, connections, log));
    if (http !== undefined)
      opened.push(await open('http', createHttpServer(settings(connections), handle), http, connections));
  } catch (error) {
    await stop(0);
    throw error;
  }
  return { urls: opened.map(({ url }) => url), close: stop };
}

interface Opened {
  readonly url: string;
  close(grace: number): Promise<void>;
}

function settings(limits: ConnectionLimits): {
  headersTimeout: number;
  requestTimeout: number;
  maxHeaderSize: number;
  connectionsCheckingInterval: number;
} {
  return {
    headersTimeout: Math.min(limits.headers, limits.request),
    requestTimeout: limits.request,
    maxHeaderSize: 16 * 1024,
    connectionsCheckingInterval: Math.min(5_000, limits.headers),
  };
}

async function openHttps(
  address: Address & { readonly tls: TlsFiles },
  handle: RequestListener,
  limits: ConnectionLimits,
  log: Log,
): Promise<Opened> {
  const tls = { minVersion: 'TLSv1.2' as const };
  const server: HttpsServer = createHttpsServer(
    { ...settings(limits), ...tls, ...(await readCertificates(address.tls)) },
    handle,
  );
  const opened = await open('https', server, address, limits);
  const watch = watchCertificates(address.tls, () => {
    readCertificates(address.tls)
      .then((certificates) => {
        server.setSecureContext({ ...tls, ...certificates });
        log.info({ certificate: address.tls.certificate }, 'certificate read again');
      })
      .catch((error: unknown) => log.error({ err: error }, 'certificate is not usable; the old one stays'));
  });
  return {
    url: opened.url,
    close: (grace) => {
      watch.stop();
      return opened.close(grace);
    },
  };
}

async function open(
  scheme: 'http' | 'https',
  server: Server | HttpsServer,
  { host, port }: Address,
  limits: ConnectionLimits,
): Promise<Opened> {
  const stop = stoppable(server);
  server.maxConnections = limits.connections;
  server.keepAliveTimeout = 30_000;
  // A reader that takes nothing for so long is gone; a client that is slow to send is timed in `http/body.ts`.
  server.timeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown): void => reject(cannotListen(host, port, cause));
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  return {
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound.port}`,
    close: stop,
  };
}

function cannotListen(host: string, port: number, cause: unknown): CountersignError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CountersignError('usage', `cannot listen on ${host}, port ${port}: ${why}`, {
    cause,
    next: 'Stop what listens there, or choose another address.',
  });
}
