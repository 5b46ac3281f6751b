import puppeteer, { type Browser, type LaunchOptions, type Page } from 'puppeteer-core';
import { missingPrograms, programPath } from '../../support/programs.js';

/** A browser the tests run in. */
export interface Installed {
  readonly name: string;
  /** What is missing to run it here; in CI that is an error. */
  readonly missing: readonly string[];
  /** Begins one without a window and with an empty profile, which asks nobody but the tests' own servers. */
  readonly start: () => Promise<Browser>;
}

export const CHROMIUM = installed('Chromium', 'chromium', {
  browser: 'chrome',
  // The sandbox needs what containers and root do not have.
  args: ['--no-sandbox', '--disable-background-networking', '--disable-dev-shm-usage'],
  pipe: true,
});

const FIREFOX = installed('Firefox', 'firefox-esr', { browser: 'firefox' });

export const BROWSERS: readonly Installed[] = [CHROMIUM, FIREFOX];

function installed(name: string, program: string, options: LaunchOptions): Installed {
  const start = (): Promise<Browser> => puppeteer.launch({ ...options, executablePath: programPath(program) });
  return { name, missing: missingPrograms([program]), start };
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
