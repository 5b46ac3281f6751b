import { readFile } from 'node:fs/promises';
import { unwatchFile, watchFile } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CountersignError } from '@countersign/client/tuf';
import type { ConfigLimits, TlsConfig } from './config.js';
import type { Log } from './log.js';

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls: TlsConfig;
  readonly limits: Pick<ConfigLimits, 'connections' | 'requestSeconds'>;
  readonly log: Log;
  /** How often the certificate files are looked at, in milliseconds. */
  readonly reloadEvery?: number;
}

/** A running listener. */
export interface Listener {
  /** For example `https://127.0.0.1:4444`. */
  readonly url: string;
  /** Stops accepting, lets running requests end (five seconds at most), then resolves. */
  close(): Promise<void>;
}

const CLOSE_GRACE = 5_000;
const RELOAD_EVERY = 5_000;

interface Credentials {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/**
 * Listens with mutual TLS: a client without a certificate from `tls.clientCa` does not get as far as a request. Changed
 * certificate files are taken up without a restart.
 * @throws CountersignError `usage` for certificates or an address that cannot be used
 */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listener> {
  const server = await makeServer(handler, options);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const at = `${options.host}:${options.port}`;
      reject(new CountersignError('usage', `cannot listen on ${at}`, { next: 'Choose another "listen".', cause }));
    });
    server.listen(options.port, options.host, resolve);
  });
  const stopWatching = watch(server, options);
  const { address, family, port } = server.address() as AddressInfo;
  return {
    url: `https://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    close: () => {
      stopWatching();
      return close(server);
    },
  };
}

async function makeServer(handler: RequestListener, { tls, limits }: ListenOptions): Promise<Server> {
  const milliseconds = limits.requestSeconds * 1000;
  try {
    const server = createServer(
      {
        ...(await readCredentials(tls)),
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
        handshakeTimeout: Math.min(10_000, milliseconds),
        requestTimeout: milliseconds,
        headersTimeout: Math.min(10_000, milliseconds),
        keepAliveTimeout: 60_000,
      },
      handler,
    );
    server.maxConnections = limits.connections;
    return server;
  } catch (cause) {
    throw new CountersignError('usage', "the signer's certificate, key or client CA cannot be used", {
      next: `Look at ${tls.certificate}, ${tls.key} and ${tls.clientCa}.`,
      cause,
    });
  }
}

async function readCredentials(tls: TlsConfig): Promise<Credentials> {
  const [cert, key, ca] = await Promise.all([readFile(tls.certificate), readFile(tls.key), readFile(tls.clientCa)]);
  return { cert, key, ca };
}

function watch(server: Server, { tls, log, reloadEvery }: ListenOptions): () => void {
  const files = [tls.certificate, tls.key, tls.clientCa];
  const reload = async (): Promise<void> => {
    try {
      server.setSecureContext({ ...(await readCredentials(tls)), minVersion: 'TLSv1.3' });
      log.info({}, 'certificates reloaded');
    } catch (error) {
      // half of a pair may be written already: the other half's change comes next
      log.warn({ err: error }, 'certificates not reloaded');
    }
  };
  const changed = (): void => void reload();
  for (const file of files) watchFile(file, { interval: reloadEvery ?? RELOAD_EVERY, persistent: false }, changed);
  return () => {
    for (const file of files) unwatchFile(file, changed);
  };
}

async function close(server: Server): Promise<void> {
  const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(grace);
}
