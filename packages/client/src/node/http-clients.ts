import type { Agent, request } from 'node:http';

/** Node's client of one scheme, and connections of its own. */
export interface HttpClient {
  readonly request: typeof request;
  readonly agent: Agent;
}

export interface HttpClientsOptions {
  /** PEM certificates of the authorities to trust instead of the well-known ones. */
  readonly ca: string | undefined;
  /** Milliseconds an idle connection is kept, unless its server says less. */
  readonly keepAlive: number;
}

/** A client for each scheme, loaded with its first request: a short process is not to wait for TLS that it does not use. */
export class HttpClients {
  readonly #options: HttpClientsOptions;
  readonly #loaded = new Map<string, Promise<HttpClient>>();

  constructor(options: HttpClientsOptions) {
    this.#options = options;
  }

  /** `scheme`: of a URL, with its colon. A client refuses what it does not speak. */
  of(scheme: string): Promise<HttpClient> {
    let client = this.#loaded.get(scheme);
    if (client === undefined) this.#loaded.set(scheme, (client = this.#load(scheme)));
    return client;
  }

  /** Ends all connections, also of requests under way. */
  close(): void {
    for (const client of this.#loaded.values()) void client.then(({ agent }) => agent.destroy());
  }

  async #load(scheme: string): Promise<HttpClient> {
    const { ca, keepAlive } = this.#options;
    const options = { keepAlive: true, timeout: keepAlive };
    if (scheme !== 'https:') {
      const http = await import('node:http');
      return { request: http.request, agent: new http.Agent(options) };
    }
    const https = await import('node:https');
    return { request: https.request, agent: new https.Agent({ ...options, ...(ca === undefined ? {} : { ca }) }) };
  }
}
