import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Publisher } from '../support/publisher.js';
import { World } from '../support/world.js';
import { NEWER, NewerNode } from './support/newer-node.js';

const GUN = 'example.com/app';
const CONTENT = 'what the publisher meant';
const READ = fileURLToPath(new URL('support/read.mjs', import.meta.url));
/** What starts a server, whose database driver is compiled for the Node that installed it. */
const WITH_SERVER = ['test/client/earlier-versions.test.ts', 'test/client/publisher.test.ts'];

const node = await NewerNode.install();
const [missing, skip] = node instanceof NewerNode ? ['nothing', false] : [node, true];

describe.skipIf(skip)(`the client on Node ${NEWER} (missing: ${missing})`, () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'countersign-newer-'));
  });
  afterEach(() => rm(directory, { recursive: true }));
  afterAll(async () => {
    if (node instanceof NewerNode) await node.remove();
  });

  function run(...args: readonly string[]): Promise<string> {
    if (node instanceof NewerNode) return node.run(...args);
    throw new Error(node);
  }

  it('reads a collection of a real server, by both implementations of the cryptography', async () => {
    const world = await World.start();
    try {
      const publisher = await Publisher.begin(world, GUN, { 'docs/guide.txt': CONTENT });
      const root = join(directory, 'root.json');
      await writeFile(root, publisher.firstRoot);
      const found: unknown = JSON.parse(
        await run(READ, world.url, GUN, root, join(directory, 'cache'), 'docs/guide.txt'),
      );
      expect(found).toEqual({
        version: expect.stringMatching(new RegExp(`^v${NEWER}\\.`, 'u')) as string,
        'node:crypto': { content: CONTENT, asked: 2 },
        WebCrypto: { content: CONTENT, asked: 1 },
      });
    } finally {
      await world.stop();
    }
  });

  it('passes the tests of the core and the library', { timeout: 600_000 }, async () => {
    const report = join(directory, 'report.json');
    const excluded = WITH_SERVER.flatMap((path) => ['--exclude', path]);
    const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
    await run(vitest, 'run', 'test/tuf', 'test/client', ...excluded, '--reporter', 'json', '--outputFile', report);
    const counted = JSON.parse(await readFile(report, 'utf8')) as Readonly<Record<string, number>>;
    expect(counted).toMatchObject({ success: true, numFailedTests: 0, numPendingTests: 0 });
    expect(counted['numPassedTests']).toBeGreaterThan(1_000);
  });
});
