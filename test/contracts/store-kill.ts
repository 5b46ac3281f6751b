import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { TIMESTAMP } from '@countersign/client/tuf';
import type { DatabaseConfig } from '../../packages/server/src/store/index.js';
import { gun, PAST_ROLE, pastFiles, version } from './commits.js';
import type { TestDatabase, TestEngine } from './database.js';

const GUNS = ['a', 'b', 'c', 'd'].map((name) => gun(`example.com/${name}`));

/** @see storeContract */
export function killContract(engine: TestEngine): void {
  test('a process killed in the middle of commits: what was acknowledged is there, nothing is half-done, and the next goes on', async () => {
    const database = await engine.create();
    const directory = await mkdtemp(join(tmpdir(), 'countersign-kill-'));
    const log = join(directory, 'log');
    try {
      for (const lines of [20, 61, 104]) {
        await commitUntilKilled(database.config, log, lines);
        await check(database, await acknowledged(log));
      }
    } finally {
      await database.remove();
      await rm(directory, { recursive: true });
    }
  }, 60_000);
}

async function commitUntilKilled(config: DatabaseConfig, log: string, lines: number): Promise<void> {
  const loader = pathToFileURL(fileURLToPath(new URL('../support/typescript.mjs', import.meta.url))).href;
  const script = fileURLToPath(new URL('committer.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--import', loader, script, JSON.stringify(config), log, ...GUNS],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  while ((await acknowledged(log)).length < lines) {
    if (child.exitCode !== null) throw new Error(`the committer ended by itself: ${complaint}`);
    await delay(1);
  }
  child.kill('SIGKILL');
  await exit;
}

interface Acknowledged {
  readonly gun: (typeof GUNS)[number];
  readonly version: number;
  readonly head: number;
}

async function acknowledged(log: string): Promise<readonly Acknowledged[]> {
  const text = await readFile(log, 'utf8').catch(() => '');
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => {
    const [name = '', number = '', head = ''] = line.split(' ');
    return { gun: gun(name), version: Number(number), head: Number(head) };
  });
}

async function check(database: TestDatabase, commits: readonly Acknowledged[]): Promise<void> {
  const store = await database.open();
  const heads = new Set((await database.query('SELECT id FROM heads')).map((row) => Number(row['id'])));
  for (const commit of commits) {
    expect(heads).toContain(commit.head);
    expect(await store.file(commit.gun, TIMESTAMP, version(commit.version))).toBeDefined();
    for (const past of pastFiles(commit.version))
      expect(await store.file(commit.gun, past.role, past.version)).toBeDefined();
  }
  for (const name of GUNS) {
    const head = await store.head(name);
    expect(head?.snapshot.version).toBe(head?.timestamp.version);
  }
  // Every commit wrote one of each, so a half-done one would show.
  const [counts] = await database.query(`SELECT
    (SELECT count(*) FROM heads) AS heads, (SELECT count(*) FROM changes) AS changes,
    (SELECT sum(uses) FROM targets) AS uses, (SELECT count(*) FROM files WHERE role = 'timestamp') AS timestamps,
    (SELECT count(*) FROM files WHERE role = 'snapshot') AS snapshots`);
  for (const count of Object.values(counts!)) expect(Number(count)).toBe(heads.size);
  const past = await database.query(
    `SELECT count(*) AS count FROM files WHERE role = '${PAST_ROLE}' GROUP BY collection_id, version / 3`,
  );
  for (const { count } of past) expect(Number(count)).toBe(3);
  await store.close();
}
