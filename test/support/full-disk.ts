import type * as fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** What a disk may find out that it is full at. */
export type FullAt = 'mkdir' | 'open' | 'write' | 'sync' | 'rename';

/**
 * A disk that is full when a test says so, for files in one directory; anywhere else nothing changes. Use with
 * `vi.mock('node:fs/promises', …)`: what the code under test imports is then `faulty` of the real thing.
 */
class FullDisk {
  #directory: string | undefined;
  #at: FullAt | undefined;
  /** How often it was full since `fill`. */
  struck = 0;

  fill(directory: string, at: FullAt): void {
    this.#directory = directory;
    this.#at = at;
    this.struck = 0;
  }

  makeRoom(): void {
    this.#at = undefined;
  }

  check(at: FullAt, path: unknown): void {
    if (at !== this.#at || this.#directory === undefined || typeof path !== 'string') return;
    if (!path.startsWith(join(this.#directory, '/'))) return;
    this.struck += 1;
    throw Object.assign(new Error(`ENOSPC: no space left on device, ${at} '${path}'`), { code: 'ENOSPC', errno: -28 });
  }
}

export const fullDisk = new FullDisk();

export function faulty(real: typeof fs): typeof fs {
  const at =
    <A extends unknown[], R>(what: FullAt, call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      fullDisk.check(what, args[0]);
      return call(...args);
    };
  const open = async (...args: Parameters<typeof fs.open>): Promise<FileHandle> => {
    if (String(args[1]).startsWith('w')) fullDisk.check('open', args[0]);
    return handleOf(await real.open(...args), args[0]);
  };
  return {
    ...real,
    open,
    mkdir: at('mkdir', real.mkdir as (...args: unknown[]) => Promise<string | undefined>) as typeof fs.mkdir,
    rename: at('rename', real.rename),
  };
}

function handleOf(handle: FileHandle, path: unknown): FileHandle {
  return new Proxy(handle, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        if (property !== 'write' && property !== 'sync') return Reflect.apply(member, target, args);
        return Promise.resolve().then(() => {
          fullDisk.check(property, path);
          return Reflect.apply(member, target, args) as unknown;
        });
      };
    },
  });
}
