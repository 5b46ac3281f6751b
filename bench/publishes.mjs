import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'undici';
import { BenchPublisher, someTargets } from './collection.mjs';
import { plainCommits } from './plain-commits.mjs';
import { report } from './report.mjs';
import { startWorld } from './world.mjs';

// Publishes of a ten-target collection through server and signer, both durable, against plain commits of the same
// database: one row in a transaction of its own, by eight committers, through knex on the same driver and settings.

const SECONDS = 8;
const AHEAD = 6000;

async function measure(world, name, publishers, changing) {
  const people = Array.from(
    { length: publishers },
    (_, i) => new BenchPublisher(world.http, `bench/${name}/publisher-${i}`),
  );
  const work = [];
  for (const person of people) {
    await person.create(someTargets(10, 'first'));
    work.push(await person.prepare(AHEAD / publishers, changing, 'turn'));
  }
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
    perSecond: latencies.length / seconds,
    p50: latencies[Math.floor(latencies.length * 0.5)],
    p99: latencies[Math.floor(latencies.length * 0.99)],
  };
}

const world = await startWorld();
const scratch = mkdtempSync(join(tmpdir(), 'countersign-commits-'));
try {
  const commits = await plainCommits({ file: join(scratch, 'plain.db'), committers: 8, seconds: SECONDS });
  await measure(world, 'warm-up', 8, 10);
  const one = await measure(world, 'one', 1, 1);
  const eight = await measure(world, 'eight', 8, 1);
  const all = await measure(world, 'all-ten', 8, 10);
  const line = (name, m) =>
    `${name.padEnd(36)}${m.perSecond.toFixed(0).padStart(5)} /s   median ${m.p50.toFixed(1)} ms, 99th percentile ${m.p99.toFixed(1)} ms`;
  report('publishes', [
    `ten targets a collection, each publisher its own; ${SECONDS} s a row; SQLite synchronous=FULL in server and signer;`,
    'uploads are signed ahead of time; load generator, server and signer share the machine',
    `${'plain commits, 8 committers'.padEnd(36)}${commits.toFixed(0).padStart(5)} /s`,
    line('publishes, 1 publisher, 1 target new', one),
    line('publishes, 8 publishers, 1 new each', eight),
    line('publishes, 8 publishers, 10 new each', all),
    `ratio, 8 publishers : plain commits   ${(eight.perSecond / commits).toFixed(2)}`,
  ]);
} finally {
  await world.stop();
  rmSync(scratch, { recursive: true, force: true });
}
