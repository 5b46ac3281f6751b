import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'undici';
import { BenchPublisher, someTargets } from './collection.mjs';
import { emptyUploads } from './empty-upload.mjs';
import { plainCommits } from './plain-commits.mjs';
import { report } from './report.mjs';
import { slowDisk } from './slow-fsync.mjs';
import { startWorld } from './world.mjs';

// Publishes of a ten-target collection through server and signer, both durable, against plain commits of the same
// database: one row in a transaction of its own, by eight committers, through knex on the same driver and settings. Once on
// this machine's disk, and once as on one whose fsync takes longer.

const SECONDS = 8;
const AHEAD = 8000;
const SLOWER = 4;

async function publishersOf(world, name, publishers, changing) {
  const people = Array.from(
    { length: publishers },
    (_, i) => new BenchPublisher(world.http, `bench/${name}/publisher-${i}`),
  );
  const work = [];
  for (const person of people) {
    await person.create(someTargets(10, 'first'));
    work.push(await person.prepare(AHEAD / publishers, changing, 'turn'));
  }
  return { people, work };
}

async function measure(world, name, publishers, changing) {
  const { people, work } = await publishersOf(world, name, publishers, changing);
  const latencies = [];
  const begin = performance.now();
  const end = begin + SECONDS * 1000;
  await Promise.all(
    people.map(async (person, i) => {
      const connection = new Client(world.http);
      for (const prepared of work[i] ?? []) {
        const start = performance.now();
        if (start >= end) break;
        await person.send(connection, prepared);
        latencies.push(performance.now() - start);
      }
      await connection.close();
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    work,
    perSecond: latencies.length / seconds,
    p50: latencies[Math.floor(latencies.length * 0.5)],
    p99: latencies[Math.floor(latencies.length * 0.99)],
  };
}

function row(name, m) {
  return `${name.padEnd(44)}${m.perSecond.toFixed(0).padStart(5)} /s   median ${m.p50.toFixed(1)} ms, 99th percentile ${m.p99.toFixed(1)} ms`;
}

async function onDisk(title, slower) {
  const scratch = mkdtempSync(join(tmpdir(), 'countersign-commits-'));
  const env = slowDisk(slower, scratch);
  const world = await startWorld(env);
  try {
    const commits = await plainCommits({ file: join(scratch, 'plain.db'), committers: 8, seconds: SECONDS, env });
    const { work } = await measure(world, 'warm-up', 8, 10);
    const bound = slower === 0 ? await emptyUploads(work, SECONDS) : undefined;
    const one = await measure(world, 'one', 1, 1);
    const eight = await measure(world, 'eight', 8, 1);
    const all = await measure(world, 'all-ten', 8, 10);
    const plain = (name, perSecond) => `${name.padEnd(44)}${perSecond.toFixed(0).padStart(5)} /s`;
    return [
      '',
      title,
      plain('plain commits, 8 committers', commits),
      ...(bound === undefined ? [] : [plain('koa handler that only reads the forms', bound)]),
      row('publishes, 1 publisher, 1 target new', one),
      row('publishes, 8 publishers, 1 new each', eight),
      row('publishes, 8 publishers, 10 new each', all),
      `ratio, 8 publishers : plain commits           ${(eight.perSecond / commits).toFixed(2)}`,
    ];
  } finally {
    await world.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

const here = await onDisk("on this machine's disk", 0);
const slow = await onDisk(`as on a disk whose fsync takes ${SLOWER} ms longer (slow-fsync.c)`, SLOWER);
report('publishes', [
  `ten targets a collection, each publisher its own; ${SECONDS} s a row; SQLite synchronous=FULL in server and signer;`,
  'uploads are signed ahead of time; load generator, server and signer share the machine',
  ...here,
  ...slow,
]);
