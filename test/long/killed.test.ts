import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TargetsDoc } from '../simulator/documents.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import type { Order, Word } from '../support/victim.js';
import { World } from '../support/world.js';

const LOADER = pathToFileURL(fileURLToPath(new URL('../support/typescript.mjs', import.meta.url))).href;
const VICTIM = fileURLToPath(new URL('../support/victim.ts', import.meta.url));

/** A process of `victim.ts`. */
class Victim {
  readonly url: string;
  readonly exit: Promise<NodeJS.Signals | null>;
  readonly #process: ChildProcess;

  private constructor(url: string, child: ChildProcess, exit: Promise<NodeJS.Signals | null>) {
    this.url = url;
    this.#process = child;
    this.exit = exit;
  }

  static async start(kind: 'server' | 'signer', config: object): Promise<Victim> {
    const args = ['--conditions=source', '--import', LOADER, VICTIM, kind, JSON.stringify(config)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    const exit = once(child, 'exit').then(([, signal]) => signal as NodeJS.Signals | null);
    const word = await Promise.race([once(child, 'message'), exit]);
    if (!Array.isArray(word)) throw new Error(`the ${kind} ended at its start: ${complaint}`);
    return new Victim((word[0] as Exclude<Word, 'armed'>).url, child, exit);
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async killAt(order: Order): Promise<void> {
    const armed = once(this.#process, 'message');
    this.#process.send(order);
    await armed;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exit;
  }
}

let world: World;
let victim: Victim;
let publisher: Publisher;

beforeEach(async () => {
  world = await World.start({ server: { jobs: { renew: 1_000_000, collect: 1_000_000 } } });
});
afterEach(async () => {
  if (victim.alive) await victim.kill();
  await world.stop();
});

/** The next targets, with one file more, which may not be on the server yet. */
function withOneMore(): TargetsDoc {
  const targets = publisher.next();
  publisher.list(targets, `${targets.version}.txt`, String(targets.version));
  return targets;
}

/** Uploads and publishes; whether that was acknowledged. */
async function send(targets: TargetsDoc): Promise<boolean> {
  try {
    const uploaded = await publisher.upload(`${targets.version}.txt`, String(targets.version));
    if (uploaded.status >= 300) return false;
    return (await publisher.post(publisher.signAll({ targets }), { targets: 'hosted' })).status === 200;
  } catch {
    return false; // the connection went with the process
  }
}

/**
 * Kills at every call of every port of one publish, before and after, until a publish makes fewer calls; starts again with
 * `revive` each time.
 */
async function killAtEveryCall(revive: () => Promise<void>): Promise<number> {
  for (let number = 0; ; number += 1) {
    for (const when of ['before', 'after'] as const) {
      const before = await readAll(publisher);
      const targets = withOneMore();
      await victim.killAt({ number, when });
      const acknowledged = await send(targets);
      if (victim.alive && acknowledged) return number;
      expect(await victim.exit).toBe('SIGKILL');
      await revive();
      const after = await readAll(publisher);
      const at = `killed ${when} call ${number}`;
      if (after.versions['targets'] !== targets.version) expect(after, at).toEqual(before);
      if (acknowledged) expect(after.versions['targets'], at).toBe(targets.version);
      expect(await send(targets), `sent again, ${at}`).toBe(true);
      publisher.adopt({ targets });
      const contents = { ...before.contents, [`${targets.version}.txt`]: String(targets.version) };
      expect((await readAll(publisher)).contents, at).toEqual(contents);
    }
  }
}

describe('kill -9 before and after each call of each port during a publish, and started again', () => {
  it('server: everything acknowledged is there, nothing half-done is visible', async () => {
    await world.stopServer();
    const config = await world.serverConfig();
    const revive = async (): Promise<void> => void (victim = await Victim.start('server', config));
    await revive();
    const where = {
      clock: world.clock,
      get url() {
        return victim.url;
      },
    };
    publisher = await Publisher.begin(where, 'example.com/killed', { 'a.txt': 'a' });
    // upload: quota, bytes, row; publish: head, files, signatures, commit
    expect(await killAtEveryCall(revive)).toBeGreaterThan(5);
  });

  it('signer: the publish is refused or done, and nothing it signed is in the way of the next', async () => {
    await world.stopSigner();
    const config = world.signerConfig();
    const revive = async (): Promise<void> => void (victim = await Victim.start('signer', config));
    await revive();
    publisher = await Publisher.begin(world, 'example.com/killed', { 'a.txt': 'a' });
    // One write, for both signatures.
    expect(await killAtEveryCall(revive)).toBeGreaterThan(0);
  });
});
