import type { Fetch } from '../http/fetch.js';
import { connectionFault } from './connection-faults.js';
import { HttpFetch } from './http-fetch.js';

export interface ConnectOptions {
  /** PEM certificates of the authorities to trust *instead of* the well-known ones, as curl's `--cacert`. */
  readonly ca?: string;
  /** Milliseconds to connect, TLS included. */
  readonly connectTimeout?: number;
}

/** A `fetch` that keeps its connections; `close` ends them, so that the process can end. */
export interface Connection {
  readonly fetch: Fetch;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT = 15_000;
/** As most servers keep idle connections for 5 s and more. */
const KEEP_ALIVE = 4_000;

/** Connections of this process to trust servers. Failures to connect are `CountersignError`s that say what to do next. */
export function connect(options: ConnectOptions = {}): Connection {
  const { ca, connectTimeout = CONNECT_TIMEOUT } = options;
  const http = new HttpFetch({ ca, connectTimeout, keepAlive: KEEP_ALIVE });
  return {
    fetch: async (url, init) => {
      try {
        return await http.fetch(url, init);
      } catch (error) {
        throw connectionFault(url, error);
      }
    },
    close: () => {
      http.close();
      return Promise.resolve();
    },
  };
}
