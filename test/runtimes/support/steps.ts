import type { Page } from 'puppeteer-core';
import { collectionUrls, parseGun, type Saved } from '@countersign/client';
import type { Seen, Steps, Visit } from '../page/steps.js';
import type { Judgement, Vectors } from '../page/vectors.js';

/** The page's own part of the tests, called from here. */
type Global = typeof globalThis & { readonly steps: Steps };

export function visit(page: Page, what: Visit): Promise<Seen> {
  return page.evaluate((visited) => (globalThis as Global).steps.visit(visited), what);
}

export function forgetEd25519(page: Page): Promise<void> {
  return page.evaluate(() => (globalThis as Global).steps.forgetEd25519());
}

export function ask(page: Page, url: string, headers: Readonly<Record<string, string>>): Promise<number | 'refused'> {
  return page.evaluate((...asked) => (globalThis as Global).steps.ask(...asked), url, headers);
}

export function replace(
  page: Page,
  collection: string,
  over: string | undefined,
  texts: readonly string[],
): Promise<readonly Saved[]> {
  return page.evaluate((...args) => (globalThis as Global).steps.replace(...args), collection, over, texts);
}

export function saved(page: Page, collection: string): Promise<string> {
  return page.evaluate((name) => (globalThis as Global).steps.saved(name), collection);
}

export function judgeInPage(page: Page, vectors: Vectors): Promise<Judgement> {
  return page.evaluate((judged) => (globalThis as Global).steps.judge(judged), vectors);
}

/** A visit to a collection of the server at `server`, which need not be one of ours. */
export function visitTo(server: string, gun: string, path: string, more: Partial<Visit> = {}): Visit {
  return { urls: collectionUrls(server, parseGun(gun)), gun, path, ...more };
}
