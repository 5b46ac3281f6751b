import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { CollectionServer } from '../../packages/client/src/publishing/collection-server.js';
import type { Fetch } from '../../packages/client/src/http/fetch.js';
import { gather } from '../../packages/client/src/http/gather.js';
import { Http } from '../../packages/client/src/http/http.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const LIMIT = 200_000;
const byteAt = (index: number): number => (index * 31 + (index >> 8)) & 0xff;
const whole = Uint8Array.from({ length: LIMIT }, (_, index) => byteAt(index));

/** A body of `length` bytes in chunks of one byte, each an object of its own. */
function dripping(length: number): Fetch {
  let sent = 0;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (sent === length) controller.close();
    else controller.enqueue(new Uint8Array([byteAt(sent++)]));
  };
  return async () => new Response(new ReadableStream({ pull }));
}

describe('a body of one-byte chunks', () => {
  it('up to the limit is read right as metadata', async () => {
    expect(await new Http(dripping(LIMIT)).fetchBytes('https://repo.example/1.root.json', LIMIT)).toEqual(whole);
  });

  it('beyond the limit is refused', async () => {
    await expect(
      new Http(dripping(LIMIT + 1)).fetchBytes('https://repo.example/1.root.json', LIMIT),
    ).rejects.toMatchObject({ code: 'endless-data' });
  });

  it("is read right as a server's answer", async () => {
    const urls = { metadata: 'https://repo.example/tuf/', targets: 'https://repo.example/targets/' };
    const server = new CollectionServer({ urls, fetch: dripping(LIMIT), format: 'tuf-1' });
    expect(await server.onlineKey('timestamp', 'current')).toEqual(whole);
  });

  it('does not hold on to its chunks: memory goes with the bytes', async () => {
    const alive: WeakRef<Uint8Array>[] = [];
    let kept = 0;
    const drip = async function* (): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < LIMIT; sent += 1) {
        const chunk = new Uint8Array([byteAt(sent)]);
        if (sent % 1000 === 0) alive.push(new WeakRef(chunk));
        // Weak references are only cleared between turns of the event loop.
        if (sent % 20_000 === 0) await new Promise((resolve) => setTimeout(resolve));
        yield chunk;
      }
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 10));
      kept = alive.filter((chunk) => chunk.deref() !== undefined).length;
    };
    expect(await gather(drip(), LIMIT)).toEqual(whole);
    expect(kept).toBeLessThan(alive.length / 2);
  });
});

describe('gathering', () => {
  it.each([0, 1, 4095, 4096, 4097, 10_000])('%i bytes in uneven chunks gives them all', async (length) => {
    const bytes = whole.slice(0, length);
    const uneven = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0, step = 0; at < length; at += step) yield bytes.subarray(at, at + (step = (step * 3 + 1) % 701));
    };
    expect(await gather(uneven(), length)).toEqual(bytes);
  });
});

describe('a body whose server says how long it is', () => {
  it('is given no room that no machine has: denial of service', async () => {
    const fetch: Fetch = async () => new Response('short', { headers: { 'content-length': '900000000000000' } });
    const file = await new Http(fetch).fetchBytes('https://repo.example/1.root.json', 2 ** 52);
    expect(Buffer.from(file!).toString()).toBe('short');
    expect(file!.buffer.byteLength).toBe(5);
  });

  it.each([0, 1, 1_000, LIMIT - 1, LIMIT, LIMIT + 1, 10 * LIMIT])(
    '(%i bytes) is read right, whatever it says',
    async (said) => {
      async function* chunks(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < LIMIT; at += 60_000) yield whole.subarray(at, at + 60_000);
      }
      const file = await gather(chunks(), 2 * LIMIT, said);
      expect(Buffer.from(file).equals(Buffer.from(whole))).toBe(true);
      // What is kept is no part of something larger.
      expect(file.buffer.byteLength).toBe(LIMIT);
    },
  );
});
