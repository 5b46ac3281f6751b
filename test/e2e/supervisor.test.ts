import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
// As it is built: it loads follow-launcher.js into the processes it starts.
import { Supervisor } from '../../packages/server/dist/local/processes.js';

let directory: string;
let running: Supervisor[];
let said: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'supervisor-'));
  running = [];
  said = [];
});
afterEach(async () => {
  await Promise.all(running.map((supervisor) => supervisor.stop()));
  rmSync(directory, { recursive: true });
});

function supervise(script: string, uptime: () => number = () => 0): Supervisor {
  const path = join(directory, 'script.mjs');
  writeFileSync(path, script);
  const spec = { name: 'thing', script: path, args: [directory], log: () => undefined };
  const supervisor = new Supervisor(spec, { uptime, say: (line) => said.push(line), firstDelay: 10 });
  running.push(supervisor);
  return supervisor;
}

test('a process that keeps dying is given up after five times, with its last lines', async () => {
  const supervisor = supervise(
    "console.log('setting up'); console.error('the disk is on fire'); process.exitCode = 3;",
  );
  const error = await supervisor.givenUp;
  expect(error).toMatchObject({ code: 'unavailable' });
  expect(error.message).toContain('thing died 5 times in a row (exit code 3)');
  expect(error.message.split('\n').toSorted()).toEqual(
    expect.arrayContaining(['  setting up', '  the disk is on fire']),
  );
  expect(said).toEqual(Array(4).fill('thing died (exit code 3); starting it again.'));
});

test('deaths far apart are never too many', async () => {
  let now = 0;
  // every reading of the clock is two minutes after the one before
  const supervisor = supervise('process.exitCode = 1;', () => (now += 120_000));
  const manyDeaths = expect.poll(() => said.length, { timeout: 20_000 }).toBeGreaterThan(6);
  expect(await Promise.race([supervisor.givenUp, manyDeaths.then(() => 'still trying')])).toBe('still trying');
});

test('it is ready when it says that it listens, and not before', async () => {
  const supervisor = supervise(
    "console.log('listening soon'); setTimeout(() => console.log('thing listening on x'), 500); setInterval(() => {}, 1000);",
  );
  const before = await Promise.race([
    supervisor.ready.then(() => 'ready'),
    new Promise((resolve) => setTimeout(resolve, 50, 'not yet')),
  ]);
  expect(before).toBe('not yet');
  await supervisor.ready;
});

test('stopping cancels a restart that is due', async () => {
  const supervisor = supervise('process.exitCode = 1;');
  await expect.poll(() => said.length).toBe(1);
  await supervisor.stop();
  const deaths = said.length;
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(said.length).toBe(deaths);
});
