import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../packages/client/bin/countersign.js', import.meta.url));

let home: string;
/** Takes connections, and never answers. */
let silent: Server;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'countersign-process-'));
  silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
});
afterAll(async () => {
  silent.close();
  await rm(home, { recursive: true, force: true });
});

/** The command as a process of its own; its standard input stays open, and is no terminal. */
function start(...argv: string[]): ChildProcess {
  return startWith({}, ...argv);
}

function startWith(more: Readonly<Record<string, string>>, ...argv: string[]): ChildProcess {
  const env = { ...process.env, COUNTERSIGN_HOME: home, COUNTERSIGN_PASSPHRASE: '', ...more };
  return spawn(process.execPath, [COMMAND, ...argv], { env, stdio: ['pipe', 'pipe', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<{ readonly code: unknown; readonly err: string }> {
  let err = '';
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as unknown[];
  return { code, err };
}

describe('the command as a process', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('that waits for a server ends with 130 at %s', async (signal) => {
    const { port } = silent.address() as AddressInfo;
    const connected = once(silent, 'connection');
    const child = start('list', 'ex.com/a', '--server', `http://127.0.0.1:${port}`, '--trust-on-first-use');
    const ending = ended(child);
    await connected;
    child.kill(signal);
    expect(await ending).toEqual({ code: 130, err: 'countersign: interrupted\n' });
  });

  it('that lacks a passphrase ends with 8, and waits for no input', async () => {
    const { code, err } = await ended(start('key', 'generate'));
    expect(code).toBe(8);
    expect(err).toContain('there is no terminal to ask for it');
  }, 15_000);

  it('whose reader has seen enough ends quietly', async () => {
    const child = start('help');
    child.stdout?.destroy();
    expect(await ended(child)).toEqual({ code: 0, err: '' });
  });

  it.each(['stdout', 'stderr'] as const)(
    'whose reader of %s has seen enough does its work to the end',
    async (stream) => {
      const [keys, own] = [join(home, `pem-${stream}`), join(home, `home-${stream}`)];
      await mkdir(join(keys, 'private'), { recursive: true });
      const pem = (): string =>
        generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      for (const name of ['a', 'b', 'c']) await writeFile(join(keys, 'private', `${name}.key`), pem());
      await writeFile(join(keys, 'private', 'bad.key'), 'no key');
      const child = startWith({ COUNTERSIGN_HOME: own, COUNTERSIGN_PASSPHRASE: 'secret' }, 'key', 'import', keys);
      child[stream]?.destroy();
      expect((await ended(child)).code).toBe(8);
      expect(await readdir(join(own, 'keys'))).toHaveLength(3);
    },
  );
});
