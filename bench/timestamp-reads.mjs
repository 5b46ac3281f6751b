import { spawn } from 'node:child_process';
import autocannon from 'autocannon';
import { BenchPublisher, someTargets } from './collection.mjs';
import { median, report } from './report.mjs';
import { startWorld } from './world.mjs';

// Reads of timestamp.json at 32 connections, against an empty koa handler in a process of its own, turn by turn.

const SECONDS = 5;
const ROUNDS = 3;

const EMPTY = `
  import Koa from 'koa';
  const app = new Koa();
  app.use((ctx) => { ctx.body = '{}'; });
  const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

async function emptyKoa() {
  const cwd = new URL('../packages/server/', import.meta.url);
  const child = spawn(process.execPath, ['--input-type=module', '-e', EMPTY], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise((resolve) => child.stdout.once('data', (data) => resolve(Number(String(data)))));
  return { url: `http://127.0.0.1:${port}/`, stop: () => child.kill() };
}

async function rate(url) {
  const result = await autocannon({ url, connections: 32, duration: SECONDS });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} refusals, ${result.errors} errors`);
  return { perSecond: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}

const world = await startWorld();
const empty = await emptyKoa();
try {
  await new BenchPublisher(world.http, 'bench/reads').create(someTargets(10, 'a'));
  const url = `${world.http}/v2/bench/reads/_trust/tuf/timestamp.json`;
  const ours = [];
  const baseline = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    baseline.push(await rate(empty.url));
    ours.push(await rate(url));
  }
  const [a, b] = [median(ours.map((r) => r.perSecond)), median(baseline.map((r) => r.perSecond))];
  report('timestamp-reads', [
    `median of ${ROUNDS} rounds of ${SECONDS} s, 32 connections, one load generator on the same machine`,
    `timestamp.json      ${a.toFixed(0)} requests/s  (median latency ${median(ours.map((r) => r.p50))} ms, 99th percentile ${median(ours.map((r) => r.p99))} ms)`,
    `empty koa handler   ${b.toFixed(0)} requests/s`,
    `ratio               ${(a / b).toFixed(2)}`,
  ]);
} finally {
  empty.stop();
  await world.stop();
}
