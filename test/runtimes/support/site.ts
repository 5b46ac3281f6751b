import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { bundleForBrowsers } from '../../support/browser-bundle.js';

const IMPORTS = { '@countersign/client': '/client.js', '@countersign/client/browser': '/browser.js' };
/** The page knows its own scripts alone, and no `eval`. */
const POLICY =
  "default-src 'none'; connect-src *; img-src 'self'; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'";

const EMPTY = '<!doctype html><title>Tests</title><script type="module" src="/steps.js"></script>';

/** A website of its own origin, whose pages use the library as a bundler hands it out. */
export class Site {
  readonly #server: Server;
  readonly #pages = new Map<string, { readonly html: string; readonly policy: string }>();

  private constructor(scripts: ReadonlyMap<string, { readonly code: string }>) {
    this.#server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://site').pathname;
      const script = scripts.get(path.slice(1));
      const page = this.#pages.get(path);
      if (script !== undefined) {
        // A sandboxed page has an origin of its own, and asks for its scripts as a stranger.
        const headers = { 'Content-Type': 'text/javascript', 'Access-Control-Allow-Origin': '*' };
        response.writeHead(200, headers).end(script.code);
      } else if (page !== undefined) {
        const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': page.policy };
        response.writeHead(200, headers).end(page.html);
      } else {
        response.writeHead(404).end();
      }
    });
    this.page('/', EMPTY);
    this.page('/sandboxed', EMPTY, `${POLICY}; sandbox allow-scripts`);
  }

  /** `/` runs `page/steps.ts`; so does `/sandboxed`, which has no origin and no storage. */
  static async start(): Promise<Site> {
    const steps = fileURLToPath(new URL('../page/steps.ts', import.meta.url));
    const entries = { client: '@countersign/client', browser: '@countersign/client/browser', steps };
    const site = new Site(await bundleForBrowsers(entries));
    site.#server.listen(0, '127.0.0.1');
    await once(site.#server, 'listening');
    return site;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Another page; what it imports by name is found by an import map. */
  page(path: string, html: string, policy = POLICY): void {
    const map = `<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`;
    this.#pages.set(path, { html: html.replace('<title>', `${map}<title>`), policy });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
