import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import knex from 'knex';

const HERE = fileURLToPath(import.meta.url);

/**
 * Plain commits a second: `committers` loops that each write one row the size of a small timestamp in a transaction of its
 * own, through knex on better-sqlite3, WAL, synchronous=FULL, in a process of its own.
 * @param {{ file: string; committers: number; seconds: number; env: Record<string, string> }} options
 */
export async function plainCommits({ file, committers, seconds, env }) {
  const args = [HERE, file, String(committers), String(seconds)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } });
  return Number(stdout);
}

async function commitsPerSecond(file, committers, seconds) {
  const db = knex({ client: 'better-sqlite3', connection: { filename: file }, useNullAsDefault: true });
  try {
    await db.raw('PRAGMA journal_mode = WAL');
    await db.raw('PRAGMA synchronous = FULL');
    await db.schema.createTable('rows', (table) => {
      table.bigIncrements('id');
      table.text('name');
      table.binary('bytes');
    });
    const bytes = Buffer.alloc(600, 7);
    let commits = 0;
    const end = performance.now() + seconds * 1000;
    await Promise.all(
      Array.from({ length: committers }, async (_, i) => {
        while (performance.now() < end) {
          await db.transaction((trx) => trx('rows').insert({ name: `committer ${i}`, bytes }));
          commits += 1;
        }
      }),
    );
    return commits / seconds;
  } finally {
    await db.destroy();
  }
}

if (process.argv[1] === HERE) {
  const [, , file, committers, seconds] = process.argv;
  process.stdout.write(String(await commitsPerSecond(file, Number(committers), Number(seconds))));
}
