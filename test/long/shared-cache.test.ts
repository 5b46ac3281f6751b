import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newKey } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';
import { serve, type Served } from '../support/served-simulator.js';

const SCRIPT = fileURLToPath(new URL('support/updating.mjs', import.meta.url));
const ROLES = ['root', 'timestamp', 'snapshot', 'targets'] as const;

let sim: RepositorySimulator;
let served: Served;
let directory: string;
beforeEach(async () => {
  sim = new RepositorySimulator();
  served = await serve(sim);
  directory = mkdtempSync(join(tmpdir(), 'countersign-shared-'));
  writeFileSync(join(directory, 'first.json'), sim.firstRoot);
  mkdirSync(join(directory, 'cache'));
});
afterEach(async () => {
  await served.close();
  rmSync(directory, { recursive: true });
});

function start(updates: number): ChildProcess {
  const args = [SCRIPT, served.url, join(directory, 'cache'), join(directory, 'first.json'), String(updates)];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The versions that are saved, by role; what is there must be whole. */
function saved(): readonly number[] {
  return ROLES.map((role) => {
    const { signed } = JSON.parse(readFileSync(join(directory, 'cache', `${role}.json`), 'utf8')) as {
      signed: { version: number };
    };
    return signed.version;
  });
}

function expectNotBelow(now: readonly number[], before: readonly number[]): void {
  for (const [i, role] of ROLES.entries()) {
    if (now[i]! < before[i]!) throw new Error(`${role} went from version ${before[i]} back to ${now[i]}`);
  }
}

/** Publishes something new each few answers: a targets role mostly, now and then a root. */
function publishAlways(): void {
  let answers = 0;
  const { fetch } = sim;
  Object.assign(sim, {
    fetch: (...request: Parameters<typeof fetch>) => {
      answers += 1;
      if (answers % 5 === 0) sim.publish('targets');
      if (answers % 401 === 0) {
        sim.setKeys('root', [newKey()]);
        sim.publishRoot();
      }
      return fetch(...request);
    },
  });
}

describe('a cache that processes share', () => {
  it('never goes back, over ten thousand updates by two processes of a repository that changes all the time', async () => {
    publishAlways();
    const processes = [start(5_000), start(5_000)];
    let updates = 0;
    const ended = processes.map(async (process) => {
      let seen = [0, 0, 0, 0];
      let cached = [0, 0, 0, 0] as readonly number[];
      for await (const line of createInterface(process.stdout!)) {
        const versions = line.split(' ').map(Number);
        expectNotBelow(versions, seen);
        seen = versions;
        updates += 1;
        if (updates % 50 !== 0) continue;
        const now = saved();
        expectNotBelow(now, cached);
        cached = now;
      }
      if (process.exitCode === null) await once(process, 'exit');
      expect(process.exitCode).toBe(0);
    });
    await Promise.all(ended);
    expect(updates).toBe(10_000);
    expect(
      readdirSync(join(directory, 'cache'))
        .filter((name) => !name.endsWith('.json'))
        .sort(),
    ).toEqual(['notes', 'trust-anchor']);
  });

  it('is good after a kill -9 at any moment, and not locked for the next', async () => {
    publishAlways();
    let before: readonly number[] = [0, 0, 0, 0];
    for (let round = 0; round < 60; round += 1) {
      const process = start(1_000_000);
      await once(createInterface(process.stdout!), 'line');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
      process.kill('SIGKILL');
      await once(process, 'exit');
      const now = saved();
      expectNotBelow(now, before);
      before = now;
    }
    const last = start(1);
    const [code] = (await once(last, 'exit')) as [number];
    expect(code).toBe(0);
    expectNotBelow(saved(), before);
  });
});
