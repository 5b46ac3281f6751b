import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from './installation.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEFAULT_SERVER = 'https://127.0.0.1:4443';

/** The shell commands of the README's walk-through, block by block. */
function walkThrough(): readonly string[] {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const section = text.slice(text.indexOf('<!-- walk-through'), text.indexOf('## More'));
  return [...section.matchAll(/^```sh\n(.*?)^```/gmsu)].map((match) => match[1]!);
}

describe("the README's walk-through, as it stands", () => {
  const installation = new Installation();
  let folder: string;
  let server: string;

  beforeAll(async () => {
    server = await installation.launch().ready();
    // A folder of its own stands for the clone: only what the commands write is new in it.
    folder = await mkdtemp(join(tmpdir(), 'countersign-readme-'));
    for (const name of ['node_modules', 'packages', 'package.json'])
      await symlink(join(ROOT, name), join(folder, name));
    await symlink(installation.data, join(folder, '.countersign'));
  }, 60_000);
  afterAll(async () => {
    await installation.remove();
    await rm(folder, { recursive: true, force: true });
  });

  async function shell(script: string): Promise<{ readonly code: number | null; readonly output: string }> {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output };
  }

  it('publishes a real package, reads it with the fingerprint alone, withdraws a file and rotates a key', async () => {
    const blocks = walkThrough();
    expect(blocks).toHaveLength(3);
    // The port is the one thing that differs: a test must not need 4443 to be free.
    const { code, output } = await shell(blocks.join('\n').replaceAll(DEFAULT_SERVER, server));
    expect(code, output).toBe(0);
    const original = join(ROOT, 'node_modules', 'lodash', 'package.json');
    const [fetched, read] = await Promise.all(
      [original, join(folder, '.countersign', 'fetched.json')].map((file) => readFile(file)),
    );
    expect(fetched).toEqual(read);
  }, 240_000);
});
