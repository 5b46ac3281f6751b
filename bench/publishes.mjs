import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchPublisher, someTargets } from './collection.mjs';
import { plainCommits } from './plain-commits.mjs';
import { report } from './report.mjs';
import { startWorld } from './world.mjs';

// Publishes of a ten-target collection through server and signer, both durable, against plain commits of the same
// database: one transaction each, by eight committers, through the same connection settings.

const SECONDS = 8;

async function measure(world, publishers, run) {
  const people = Array.from(
    { length: publishers },
    (_, i) => new BenchPublisher(world.http, `bench/run-${run}/publisher-${i}`),
  );
  for (const person of people) await person.create(someTargets(10, 'first'));
  const latencies = [];
  const end = performance.now() + SECONDS * 1000;
  await Promise.all(
    people.map(async (person) => {
      for (let turn = 0; performance.now() < end; turn += 1) {
        const start = performance.now();
        await person.publish(someTargets(10, `turn ${turn}`));
        latencies.push(performance.now() - start);
      }
    }),
  );
  latencies.sort((a, b) => a - b);
  return {
    perSecond: latencies.length / SECONDS,
    p50: latencies[Math.floor(latencies.length * 0.5)],
    p99: latencies[Math.floor(latencies.length * 0.99)],
  };
}

const world = await startWorld();
const scratch = mkdtempSync(join(tmpdir(), 'countersign-commits-'));
try {
  const commits = await plainCommits({ file: join(scratch, 'plain.db'), committers: 8, seconds: SECONDS });
  const warm = await measure(world, 8, 'warm');
  const one = await measure(world, 1, 'one');
  const eight = await measure(world, 8, 'eight');
  const line = (name, m) =>
    `${name.padEnd(22)}${m.perSecond.toFixed(0).padStart(6)} /s   median ${m.p50.toFixed(1)} ms, 99th percentile ${m.p99.toFixed(1)} ms`;
  report('publishes', [
    `ten targets a collection, each publisher its own; ${SECONDS} s a row; SQLite synchronous=FULL in server and signer`,
    `plain commits, 8      ${commits.toFixed(0).padStart(6)} /s`,
    line('publishes, 8 (warm-up)', warm),
    line('publishes, 1', one),
    line('publishes, 8', eight),
    `ratio 8 : plain commits   ${(eight.perSecond / commits).toFixed(2)}`,
  ]);
} finally {
  await world.stop();
  rmSync(scratch, { recursive: true, force: true });
}
