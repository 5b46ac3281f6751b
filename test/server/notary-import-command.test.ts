import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NOTARY_ENGINES, type RunningEngine } from '../support/notary-database.js';
import { World } from '../support/world.js';

const BIN = fileURLToPath(new URL('../../packages/server/bin/countersign-server.js', import.meta.url));

interface Ending {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function command(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ending> {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

describe('countersign-server import-notary', { timeout: 60_000 }, () => {
  let config: string;
  let world: World;
  beforeAll(async () => {
    world = await World.start();
    await world.stopServer();
    config = join(world.directory, 'server.json');
    const { url, ca, certificate, key } = (await world.serverConfig()).signer;
    const file = {
      listen: { http: '127.0.0.1:0' },
      database: { sqlite: 'server.db' },
      signer: { url, ca, certificate, key },
    };
    await writeFile(config, JSON.stringify(file));
  });
  afterAll(() => world.stop());

  it('is in the help', async () => {
    expect((await command(['--help'])).out).toContain('import-notary');
    expect((await command(['import-notary', '--help'])).out).toContain('COUNTERSIGN_NOTARY_DATABASE');
  });

  it('without the address of a database says where to give one', async () => {
    const end = await command(['import-notary', '--config', config]);
    expect(end).toMatchObject({ code: 2, out: '' });
    expect(end.err).toContain('--database URL is missing, and so is COUNTERSIGN_NOTARY_DATABASE');
  });

  it.each(['server:s3cret@tcp(db:3306)/notaryserver?parseTime=True', 'redis://server:s3cret@db/0'])(
    'refuses an address of another kind without repeating it: %s',
    async (url) => {
      const end = await command(['import-notary', '--config', config], { COUNTERSIGN_NOTARY_DATABASE: url });
      expect(end.code).toBe(2);
      expect(end.err).toContain('not a postgres:// or mysql:// URL');
      expect(end.out + end.err).not.toContain('s3cret');
    },
  );

  it.each(['postgres', 'mysql'])('does not tell the password of a %s database that is not there', async (scheme) => {
    const url = `${scheme}://server:s3cret@127.0.0.1:1/notaryserver`;
    const end = await command(['import-notary', '--config', config], { COUNTERSIGN_NOTARY_DATABASE: url });
    expect(end.code).toBe(1);
    expect(end.err).toContain('the Notary database does not answer');
    expect(end.out + end.err).not.toContain('s3cret');
  });

  const [postgres] = NOTARY_ENGINES;
  describe.skipIf(postgres!.missing.length > 0)('with a database', () => {
    let running: RunningEngine;
    beforeAll(async () => {
      running = await postgres!.start();
    });
    afterAll(() => running.stop());

    it('names from the database reach the terminal as text only', async () => {
      const tables = await running.create('server');
      const row = { version: 1, data: Buffer.from('{}'), sha256: 'ab'.repeat(32) };
      await tables.insert('tuf_files', { ...row, gun: 'example.com/\u001b]0;owned\u0007\u202e', role: 'root' });
      const end = await command(['import-notary', '--config', config], { COUNTERSIGN_NOTARY_DATABASE: tables.url });
      expect(end).toMatchObject({ code: 1 });
      expect(end.out).toContain('left out: ');
      expect(end.out + end.err).not.toMatch(/[\u001b\u0007\u202e]/u);
    });
  });
});
