import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CollectionServer } from '../../packages/client/src/publishing/collection-server.js';
import type { Fetch } from '../../packages/client/src/http/fetch.js';
import { parseTargetPath } from '../../packages/client/src/tuf/names.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('an upload that broke off leaves no timer, also where a chunk was on its way', async () => {
  let arrive: ((chunk: Uint8Array) => void) | undefined;
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    yield new Uint8Array(1);
    yield await new Promise<Uint8Array>((resolve) => (arrive = resolve));
  }
  const fetch: Fetch = async (_url, init) => {
    const reader = (init?.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    void reader.read();
    await Promise.resolve();
    throw new TypeError('interrupted');
  };
  const urls = { metadata: 'http://localhost/m/', targets: 'http://localhost/t/' };
  const server = new CollectionServer({ urls, fetch, format: 'tuf-1' });
  const hashes = new Map([['sha256', new Uint8Array(32)]]);
  const target = { path: parseTargetPath('a'), file: { length: 2, hashes } };
  await expect(server.uploadTarget(target, bytes())).rejects.toMatchObject({ code: 'network' });
  await vi.waitFor(() => expect(arrive).toBeDefined());
  arrive?.(new Uint8Array(1));
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect(vi.getTimerCount()).toBe(0);
});
