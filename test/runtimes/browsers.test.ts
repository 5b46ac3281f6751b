import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Publisher } from '../support/publisher.js';
import { World } from '../support/world.js';
import type { Visit } from './page/steps.js';
import { BROWSERS, openTab } from './support/browsers.js';
import { Site } from './support/site.js';
import { ask, forgetEd25519, replace, saved, visit, visitTo } from './support/steps.js';

const CONTENT = 'what the publisher meant';

for (const { name, missing, start } of BROWSERS)
  describe.skipIf(missing.length > 0)(`a page in ${name} (missing: ${missing.join(', ') || 'nothing'})`, () => {
    let browser: Browser;
    let site: Site;
    let stranger: Site;
    let world: World;
    beforeAll(async () => {
      [site, stranger, browser] = await Promise.all([Site.start(), Site.start(), start()]);
      world = await World.start({ server: { listen: { http: '127.0.0.1:0', allowedOrigins: [site.origin] } } });
    });
    afterAll(async () => {
      await Promise.all([browser.close(), site.close(), stranger.close(), world.stop()]);
    });

    let publisher: Publisher;
    let tab: Page;
    beforeEach(async () => {
      publisher = await Publisher.begin(world, `example.com/${randomUUID()}`, { 'docs/guide.txt': CONTENT });
      tab = await openTab(browser, `${site.origin}/`);
    });
    afterEach(() => tab.close());

    const here = (more: Partial<Visit> = {}): Visit =>
      visitTo(world.url, publisher.gun, 'docs/guide.txt', {
        root: new TextDecoder().decode(publisher.firstRoot),
        ...more,
      });

    it('of another origin refreshes, finds a target and verifies it, by the Ed25519 of WebCrypto', async () => {
      const seen = await visit(tab, here());
      expect(seen).toMatchObject({ content: CONTENT, ed25519: 'WebCrypto', memory: [] });
      expect(seen.requests).toEqual(['2.root.json', 'updates', expect.stringMatching(/\.guide\.txt$/u)]);
    });

    it('does so by a script where WebCrypto has no Ed25519', async () => {
      await forgetEd25519(tab);
      expect(await visit(tab, here())).toMatchObject({ content: CONTENT, ed25519: 'script' });
    });

    it('remembers what it trusts: the next visit asks once, or not at all, and needs no root', async () => {
      await visit(tab, here());
      const [target] = (await visit(tab, here())).requests.slice(-1);
      const next = await openTab(browser, `${site.origin}/`);
      const { urls, gun, path } = here();
      expect(await visit(next, { urls, gun, path })).toMatchObject({ content: CONTENT, requests: ['updates', target] });
      expect(await visit(next, here({ maxStale: 60 }))).toMatchObject({ content: CONTENT, requests: [target] });
      await next.close();
    });

    it('sees what is published between two visits', async () => {
      await visit(tab, here());
      const targets = publisher.next();
      await publisher.host(targets, 'docs/guide.txt', 'a second edition');
      await publisher.publish({ targets }, { targets: 'hosted' });
      expect(await visit(tab, here())).toMatchObject({ content: 'a second edition' });
    });

    it('refuses a target that somebody on the way has changed', async () => {
      await tab.setRequestInterception(true);
      tab.on('request', (request) => {
        if (!request.url().endsWith('.guide.txt')) return void request.continue();
        const body = CONTENT.replace('publisher', 'attacker!');
        const headers = { 'Access-Control-Allow-Origin': '*' };
        return void request.respond({ status: 200, headers, contentType: 'application/octet-stream', body });
      });
      const seen = await visit(tab, here());
      expect(seen.error).toMatchObject({ code: 'arbitrary-software' });
      expect(seen.content).toBeUndefined();
    });

    it('refuses what has expired', async () => {
      await visit(tab, here());
      const inAMonth = Date.now() + 31 * 86_400_000;
      expect((await visit(tab, here({ now: inAMonth }))).error).toMatchObject({ code: 'freeze' });
    });

    it('shares its memory with other tabs, of which one alone replaces what all of them know', async () => {
      const other = await openTab(browser, `${site.origin}/`);
      const collection = randomUUID();
      expect(await replace(tab, collection, undefined, ['old \n'])).toEqual(['saved']);
      expect(await saved(other, collection)).toBe('old \n');
      const texts = [tab, other].map((_, t) => Array.from({ length: 10 }, (_each, i) => `tab ${t}, ${i}`));
      const both = await Promise.all([tab, other].map((page, t) => replace(page, collection, 'old \n', texts[t]!)));
      expect(both.flat().filter((result) => result === 'saved')).toHaveLength(1);
      expect(await saved(tab, collection)).toBe(texts.flat()[both.flat().indexOf('saved')]);
      await other.close();
    });

    it('that has no storage goes on in memory, and says so', async () => {
      const sandboxed = await openTab(browser, `${site.origin}/sandboxed`);
      const seen = await visit(sandboxed, here());
      expect(seen).toMatchObject({ content: CONTENT });
      expect(seen.memory).toEqual(['this browser keeps nothing for this page: nothing is remembered after it']);
      await sandboxed.close();
    });

    it('says that the machine is offline', async () => {
      await tab.setOfflineMode(true);
      const { error } = await visit(tab, here());
      expect(error).toMatchObject({ code: 'network', next: 'This machine is offline: connect it and try again.' });
    });

    it('may ask whether it has the newest; with a token only if its origin is allowed', async () => {
      const other = await openTab(browser, `${stranger.origin}/`);
      const url = `${here().urls.metadata}timestamp.json`;
      const etag = (await fetch(url)).headers.get('etag') ?? '';
      for (const page of [tab, other]) expect(await ask(page, url, { 'If-None-Match': etag })).toBe(304);
      expect(await ask(tab, url, { Authorization: 'Bearer x' })).toBe(200);
      expect(await ask(other, url, { Authorization: 'Bearer x' })).toBe('refused');
      await other.close();
    });
  });
