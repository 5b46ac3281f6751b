import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const PACKAGES = fileURLToPath(new URL('../../packages/', import.meta.url));
const LIB = join(PACKAGES, 'client/lib');

/** What a process prints that runs `code` as a module of `package`, as it would be installed. */
function run(code: string, { of }: { readonly of: string }): string {
  const args = ['--input-type=module', '--eval', code];
  return execFileSync(process.execPath, args, { cwd: join(PACKAGES, of), encoding: 'utf8' });
}

describe('the bundled client', () => {
  it.each(['client', 'server', 'signer'])('is what %s loads, with one class of errors in all its parts', (of) => {
    const code = `
      const parts = ['', '/node', '/tuf'].map((part) => '@countersign/client' + part);
      const [whole, node, core] = await Promise.all(parts.map((part) => import(part)));
      const unreadable = (() => { try { core.parseGun('..'); } catch (error) { return error; } })();
      const noAuthority = (() => { try { node.certificateAuthority(''); } catch (error) { return error; } })();
      const errors = [unreadable, noAuthority].map((error) => error instanceof core.CountersignError);
      const places = parts.map((part) => import.meta.resolve(part).split('/packages/')[1]);
      console.log(JSON.stringify([places, errors, whole.CountersignError === core.CountersignError]));`;
    const places = ['client/lib/index.js', 'client/lib/node.js', 'client/lib/tuf/index.js'];
    expect(JSON.parse(run(code, { of }))).toEqual([places, [true, true], true]);
  });

  it('leads from an error to the source', () => {
    for (const name of readdirSync(LIB, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.js.map')) continue;
      const { sources } = JSON.parse(readFileSync(join(LIB, name), 'utf8')) as { readonly sources: readonly string[] };
      for (const source of sources) {
        const path = join(LIB, dirname(name), source);
        expect(path).toMatch(/packages\/client\/src\/.*\.ts$/u);
        expect(existsSync(path)).toBe(true);
      }
    }
  });

  it('loads the package for certificates only when there is one to be made', () => {
    const code = `
      await import('@countersign/client');
      await import('@countersign/client/node');
      console.log(typeof Reflect.defineMetadata);`;
    expect(run(code, { of: 'client' }).trim()).toBe('undefined');
  });
});
