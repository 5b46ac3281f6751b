import { mkdir, readFile } from 'node:fs/promises';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { World } from '../support/world.js';
import { CHROMIUM, openTab } from './support/browsers.js';
import { Site } from './support/site.js';

const { missing } = CHROMIUM;
const GUN = 'example.com/app';
const PICTURES = 'reports/runtimes';

/** The page of the guide, with a reader's own values in place of its examples. */
async function documentedPage(values: Readonly<Record<string, string>>): Promise<string> {
  const guide = await readFile('docs/browser.md', 'utf8');
  let page = /^```html\n(.*?)^```$/msu.exec(guide)?.[1] ?? '';
  for (const [example, value] of Object.entries(values)) {
    if (!page.includes(example)) throw new Error(`the page in docs/browser.md has no ${example}`);
    page = page.replace(example, value);
  }
  return page;
}

/** Somebody on the way who answers with another file of the same length. */
async function tamperWith(page: Page, ending: string, body: string): Promise<void> {
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    if (!request.url().endsWith(ending)) return void request.continue();
    const headers = { 'Access-Control-Allow-Origin': '*' };
    return void request.respond({ status: 200, headers, contentType: 'application/octet-stream', body });
  });
}

async function linesOf(page: Page): Promise<readonly (readonly [string, string])[]> {
  await page.waitForSelector('li:nth-of-type(2)');
  return page.$$eval('li', (items) => items.map((item) => [item.className, item.textContent] as const));
}

describe.skipIf(missing.length > 0)(`the page in docs/browser.md (missing: ${missing.join(', ') || 'nothing'})`, () => {
  let browser: Browser;
  let site: Site;
  let world: World;
  beforeAll(async () => {
    [site, browser, world] = await Promise.all([Site.start(), CHROMIUM.start(), World.start()]);
    await mkdir(PICTURES, { recursive: true });
  });
  afterAll(async () => {
    await Promise.all([browser.close(), site.close(), world.stop()]);
  });

  it('shows what was verified, and what was refused and why', async () => {
    const publisher = await Publisher.begin(world, GUN, {
      'app-1.4.txt': 'The release its publisher means.',
      'app-1.5.txt': 'The next one, as it was signed.',
    });
    const page = await documentedPage({
      'https://trust.example.com': world.url,
      [`sha256:${'0'.repeat(64)}`]: `sha256:${sha256(publisher.firstRoot)}`,
    });
    site.page('/documented', page);
    const tab = await openTab(browser, 'about:blank');
    await tab.setViewport({ width: 760, height: 420 });
    await tamperWith(tab, '.app-1.5.txt', 'The next one, as somebody likes.'.slice(0, 31));
    await tab.goto(`${site.origin}/documented`);
    const lines = await linesOf(tab);
    expect(lines).toEqual([
      ['verified', expect.stringMatching(/^app-1\.4\.txt: 32 bytes, verified\. “The release its publisher means\.”$/u)],
      ['refused', expect.stringMatching(/^app-1\.5\.txt: refused \(arbitrary-software\)\..*Do not use the file/u)],
    ]);
    expect(await tab.$eval('#state', (state) => state.textContent)).toBe(`${GUN}: root 1, timestamp 1`);
    await tab.screenshot({ path: `${PICTURES}/documented-page.png` });
    await tab.close();
  });

  it('tells its visitor what to do where the server is not there', async () => {
    const page = await documentedPage({ 'https://trust.example.com': 'http://127.0.0.1:1024' });
    site.page('/unreachable', page.replace(GUN, 'example.com/other'));
    const tab = await openTab(browser, `${site.origin}/unreachable`);
    await tab.waitForFunction(() => document.querySelector('#state')?.textContent !== 'Asking…');
    expect(await tab.$eval('#state', (state) => state.textContent)).toMatch(
      /^cannot fetch 1\.root\.json from 127\.0\.0\.1:1024: .*console/u,
    );
    await tab.close();
  });
});
