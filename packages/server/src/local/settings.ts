import { isIP } from 'node:net';
import { CountersignError } from '@countersign/client/tuf';

/** Where to listen. Port 0 means: any that is free. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What the environment may say about a local start. */
export interface Settings {
  readonly data: string;
  readonly https: Address;
  readonly http: Address;
}

/**
 * Reads the settings of `npm start` from the environment: `COUNTERSIGN_DATA` (default `./.countersign`),
 * `COUNTERSIGN_HTTPS` (127.0.0.1:4443) and `COUNTERSIGN_HTTP` (127.0.0.1:4480). Empty means not set.
 * @throws CountersignError `usage`, naming the setting
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const setting = (name: string, otherwise: string): string => {
    const value = environment[name];
    return value === undefined || value === '' ? otherwise : value;
  };
  return {
    data: setting('COUNTERSIGN_DATA', '.countersign'),
    https: parseAddress('COUNTERSIGN_HTTPS', setting('COUNTERSIGN_HTTPS', '127.0.0.1:4443')),
    http: parseAddress('COUNTERSIGN_HTTP', setting('COUNTERSIGN_HTTP', '127.0.0.1:4480')),
  };
}

/** `host:port` as a URL has it: IPv6 in brackets. */
export function formatAddress({ host, port }: Address): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function parseAddress(setting: string, text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/u.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new CountersignError('usage', `${setting} is ${JSON.stringify(text.slice(0, 100))}, not host:port`, {
      next: `Set it to something like 127.0.0.1:4443, or 127.0.0.1:0 for any free port.`,
    });
  }
  if (!isLoopback(host)) {
    throw new CountersignError('usage', `${setting} is ${text}: a local start listens on this machine only`, {
      next: 'Use 127.0.0.1, [::1] or localhost. To serve others, run countersign-server and countersign-signer from configuration files with authentication set up.',
    });
  }
  return { host, port };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
