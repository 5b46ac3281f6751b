import { expect, it } from 'vitest';
import { MemoryCache } from '../../packages/client/src/cache/cache.js';
import { telling } from '../../packages/client/src/cli/trust/first-use.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it('a root that another command has saved another in place of is told as trusted for this run alone', async () => {
  const saved = new MemoryCache();
  const notes: string[] = [];
  const cache = telling(saved, { note: (text) => void notes.push(text) });
  expect(await cache.startFrom(bytes('theirs'), 'sha256:01', undefined)).toBe('saved');
  expect(await cache.startFrom(bytes('ours'), 'sha256:02', undefined)).toBe('overtaken');
  expect(notes).toEqual([
    expect.stringMatching(/^trusted on first use: the root sha256:01;/u),
    expect.stringMatching(/^trusted on first use, in this run alone since .+: the root sha256:02;/u),
  ]);
});
