import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { missingPrograms, programPath } from '../../interop/notary/programs.js';

/** What is missing to run a browser here; in CI that is an error. */
export const missing = missingPrograms(['chromium']);

/** A browser without a window and with an empty profile. */
export function startChromium(): Promise<Browser> {
  return puppeteer.launch({
    executablePath: programPath('chromium'),
    // Nobody but the tests' own servers is asked; the sandbox needs what containers and root do not have.
    args: ['--no-sandbox', '--disable-background-networking', '--disable-dev-shm-usage'],
    pipe: true,
  });
}

/** A tab at `url`, which fails the test if the page itself fails. */
export async function openTab(browser: Pick<Browser, 'newPage'>, url: string): Promise<Page> {
  const page = await browser.newPage();
  const failures: string[] = [];
  page.on('pageerror', (error) => failures.push(String(error)));
  await page.goto(url);
  if (failures.length > 0) throw new Error(failures.join('\n'));
  return page;
}
