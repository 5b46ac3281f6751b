import { afterEach, beforeEach, expect, test } from 'vitest';
import { instant, type Instant } from '@countersign/client/tuf';
import type { OpenTargetFiles } from '../../packages/server/src/store/index.js';
import { after, NOW, sha256, sha512 } from './commits.js';

/** One empty place for target files. */
export interface TestTargetFiles {
  /** Opens it, once more on every call. `clock` dates what is written. */
  open(clock: () => Instant): Promise<OpenTargetFiles>;
  /** Closes everything and removes the place. */
  remove(): Promise<void>;
}

const MiB = 1024 * 1024;

/** The contract of `TargetFiles` (see its comment in `ports.ts`), for one implementation. */
export function targetFilesContract(create: () => Promise<TestTargetFiles>): void {
  let place: TestTargetFiles;
  let files: OpenTargetFiles;
  let now = NOW;
  beforeEach(async () => {
    now = NOW;
    place = await create();
    files = await place.open(() => now);
  });
  afterEach(() => place.remove());

  function bytesOf(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index += 1) bytes[index] = index * 31 + (index >> 8);
    return bytes;
  }

  async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
  }

  async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of bytes) parts.push(part);
    return Buffer.concat(parts);
  }

  async function swept(before: Instant): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const batch of files.sweep(before)) names.push(...batch);
    return names.sort();
  }

  test.each([
    [0, 1],
    [1, 1],
    [1_000, 7],
    [512 * 1024, 512 * 1024],
    [512 * 1024 + 1, 64 * 1024],
    [3 * MiB, 3 * MiB],
    [3 * MiB - 1, 100_003],
  ])('%i bytes in pieces of %i come back as written, measured', async (length, size) => {
    const bytes = bytesOf(length);
    const written = await files.write(pieces(bytes, size), length);
    expect(written).toEqual({ blob: written.blob, sha256: sha256(bytes), sha512: sha512(bytes), length });
    expect(Buffer.compare(await collect(await files.open(written.blob)), bytes)).toBe(0);
  });

  test('what was written is there for another process, and stays apart from the same content written again', async () => {
    const other = await place.open(() => now);
    const first = await files.write(pieces(bytesOf(1_000), 100), 1_000);
    const second = await files.write(pieces(bytesOf(1_000), 100), 1_000);
    expect(first.blob).not.toBe(second.blob);
    await other.remove(first.blob);
    expect(await collect(await other.open(second.blob))).toHaveLength(1_000);
    await expect(files.open(first.blob)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('the limit itself is allowed; one byte more is too large, stops the stream and leaves nothing', async () => {
    await files.write(pieces(bytesOf(MiB), 1_000), MiB);
    let ended = false;
    let pulled = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          pulled += 1;
          yield bytesOf(64 * 1024);
        }
      } finally {
        ended = true;
      }
    }
    await expect(files.write(endless(), MiB)).rejects.toMatchObject({ code: 'too-large', detail: { limit: MiB } });
    expect([ended, pulled]).toEqual([true, 17]);
    expect(await swept(after(1_000))).toHaveLength(1);
  });

  test('an error of the stream is passed on as it is, and leaves nothing', async () => {
    const error = Object.assign(new Error('the publisher hung up'), { code: 'ECONNRESET' });
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield bytesOf(700_000);
      throw error;
    }
    await expect(files.write(broken(), MiB)).rejects.toBe(error);
    expect(await swept(after(1_000))).toEqual([]);
  });

  test('names are unguessable and no way out of the place', async () => {
    const { blob } = await files.write(pieces(bytesOf(10), 10), 10);
    expect(blob).toMatch(/^[0-9a-f]{64}$/u);
    for (const name of [
      '',
      '.',
      '..',
      '../../etc/passwd',
      '/etc/passwd',
      blob.toUpperCase(),
      `${blob}\0`,
      '0'.repeat(64),
    ]) {
      await expect(files.open(name)).rejects.toMatchObject({ code: 'not-found' });
      await files.remove(name);
    }
    expect(await collect(await files.open(blob))).toHaveLength(10);
  });

  test('removing twice, or what never was, is no error', async () => {
    const { blob } = await files.write(pieces(bytesOf(5 * MiB), MiB), 5 * MiB);
    await files.remove(blob);
    await files.remove(blob);
    await expect(files.open(blob)).rejects.toMatchObject({ code: 'not-found' });
    expect(await swept(after(1_000))).toEqual([]);
  });

  test('sweep names what was written before, and only that', async () => {
    const old = await files.write(pieces(bytesOf(10), 10), 10);
    now = after(2);
    const young = await files.write(pieces(bytesOf(10), 10), 10);
    expect(await swept(NOW)).toEqual([]);
    expect(await swept(after(1))).toEqual([old.blob]);
    expect(await swept(instant(after(2) + 1))).toEqual([old.blob, young.blob].sort());
  });

  test('many written and read at once', async () => {
    const sizes = Array.from({ length: 12 }, (_, index) => index * 100_001);
    const written = await Promise.all(sizes.map((size) => files.write(pieces(bytesOf(size), 65_536), size)));
    const read = await Promise.all(written.map(async ({ blob }) => sha256(await collect(await files.open(blob)))));
    expect(read).toEqual(written.map((one) => one.sha256));
  });

  test('a file that is being written is not there yet', async () => {
    let seen: readonly string[] = [];
    async function* looking(): AsyncGenerator<Uint8Array> {
      yield bytesOf(600_000);
      seen = await swept(instant(8.64e15));
      for (const name of seen) await expect(files.open(name)).rejects.toMatchObject({ code: 'not-found' });
      yield bytesOf(600_000);
    }
    const { blob } = await files.write(looking(), 2 * MiB);
    expect(seen).toEqual([blob]);
    expect(await collect(await files.open(blob))).toHaveLength(1_200_000);
  });

  test('reading may stop early, and what is removed meanwhile never ends short without an error', async () => {
    const { blob } = await files.write(pieces(bytesOf(4 * MiB), MiB), 4 * MiB);
    for await (const part of await files.open(blob)) {
      expect(part.length).toBeGreaterThan(0);
      break;
    }
    const reading = await files.open(blob);
    await files.remove(blob);
    // A directory goes on reading the removed file; rows are gone.
    const outcome = await collect(reading).then(
      (bytes) => bytes.length,
      (error: unknown) => error,
    );
    if (typeof outcome === 'number') expect(outcome).toBe(4 * MiB);
    else expect(outcome).toMatchObject({ code: 'not-found' });
  });
}
