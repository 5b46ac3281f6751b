import { Agent, request } from 'undici';
import { CountersignError } from '@countersign/client/tuf';
import { readCertificates, watchCertificates, type CertificateFiles } from './certificates.js';
import type { Log } from './log.js';
import { failureError, nonsense } from './signer-errors.js';

export interface SignerTransportConfig extends Required<CertificateFiles> {
  /** `https://host:port`. */
  readonly url: string;
  /** Milliseconds for connecting, and again for the whole answer. */
  readonly timeout: number;
}

export interface SignerTransport {
  /**
   * Sends `body` as JSON and reads the JSON answer (undefined for an empty one).
   * @throws CountersignError what the signer refused; `unavailable` when it did not answer, with `detail.connectionLost`
   * where a kept connection may merely have been closed at the same moment
   */
  send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>;
  close(): Promise<void>;
}

const MAX_ANSWER = 4 * 1024 * 1024;
const LOST = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

export async function openTransport(config: SignerTransportConfig, log: Log): Promise<SignerTransport> {
  const origin = config.url.replace(/\/+$/u, '');
  let agent = await connect(config);
  const watch = watchCertificates(config, () => {
    connect(config)
      .then((next) => {
        const previous = agent;
        agent = next;
        log.info({ certificate: config.certificate }, 'signer client certificate read again');
        return previous.close();
      })
      .catch((error: unknown) =>
        log.error({ err: error }, 'signer client certificate is not usable; the old one stays'),
      );
  });
  return {
    send: async (method, path, body) => exchange({ agent, url: origin + path, method, body, timeout: config.timeout }),
    close: async () => {
      watch.stop();
      await agent.destroy();
    },
  };
}

async function connect(config: SignerTransportConfig): Promise<Agent> {
  return new Agent({
    connect: { ...(await readCertificates(config)), timeout: config.timeout, minVersion: 'TLSv1.3' },
    connections: 8,
    keepAliveTimeout: 30_000,
    maxResponseSize: MAX_ANSWER,
  });
}

interface Exchange {
  readonly agent: Agent;
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly body: object | undefined;
  readonly timeout: number;
}

async function exchange({ agent, url, method, body, timeout }: Exchange): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const answer = await request(url, {
      dispatcher: agent,
      method,
      signal: AbortSignal.timeout(timeout),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    status = answer.statusCode;
    text = await answer.body.text();
  } catch (cause) {
    throw unreachable(cause);
  }
  const parsed = parse(text);
  if (status >= 200 && status < 300) return parsed;
  throw failureError(parsed, `${method} ${new URL(url).pathname}`);
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw nonsense('JSON');
  }
}

function unreachable(cause: unknown): CountersignError {
  const { code } = cause as { code?: unknown };
  return new CountersignError('unavailable', 'the signer does not answer', {
    cause,
    detail: LOST.has(String(code)) ? { connectionLost: true } : {},
    next: 'Nothing was stored; try again when it is back. What was signed before is still served.',
  });
}
