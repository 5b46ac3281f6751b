import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CountersignError, instant } from '@countersign/client/tuf';
import { readConfig, startServer, type RunningServer, type StartOptions } from '@countersign/server';
import { makeIssuer } from '../support/tokens.js';
import { collectingLog } from './support/http-server.js';
import { startSignerStub, type SignerStub } from './support/signer-stub.js';

const NOW = instant(Date.UTC(2030, 0, 1));
const KEY = '/v2/example.com/app/_trust/tuf/timestamp.key?format=tuf-1';

let signer: SignerStub;
let directory: string;
beforeAll(async () => {
  signer = await startSignerStub();
  directory = await mkdtemp(join(tmpdir(), 'server-'));
});
afterAll(() => signer.stop());

function document(changes: object = {}): object {
  const { url, ca, certificate, key } = signer.config;
  return {
    listen: { http: '127.0.0.1:0' },
    database: { sqlite: 'server.sqlite' },
    signer: { url, ca, certificate, key },
    ...changes,
  };
}

async function start(changes: object = {}, wrap: StartOptions['wrap'] = {}): Promise<RunningServer> {
  const config = await readConfig(document(changes), { directory, environment: {} });
  return startServer(config, { clock: () => NOW, log: collectingLog([]), wrap });
}

async function get(server: RunningServer, path: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch((server.urls[0] ?? '') + path);
  return { status: answer.status, body: await answer.json() };
}

describe('a server', () => {
  it('makes its database, gives out keys of its signer, and has them again after a restart', async () => {
    const first = await start();
    expect(await get(first, '/health')).toEqual({ status: 200, body: { store: 'ok', signer: 'ok' } });
    const key = await get(first, KEY);
    expect(key).toMatchObject({ status: 200, body: { keytype: 'ed25519' } });
    await first.close();
    const second = await start();
    expect(await get(second, KEY)).toEqual(key);
    await second.close();
  });

  it('says so when its signer is down, and goes on', async () => {
    const server = await start({ signer: { ...signer.config, url: 'https://127.0.0.1:1' } });
    expect(await get(server, '/health')).toMatchObject({ status: 200, body: { signer: 'down' } });
    expect(await get(server, '/v2/new/_trust/tuf/timestamp.key?format=tuf-1')).toMatchObject({
      status: 503,
      body: { error: { code: 'unavailable' } },
    });
    expect(await get(server, '/v2/new/_trust/tuf/timestamp.json')).toMatchObject({ status: 404 });
    await server.close();
  });

  it('goes through the ports a test wraps', async () => {
    const broken = new CountersignError('unavailable', 'broken for the test');
    const server = await start({}, { store: (store) => ({ ...store, ping: () => Promise.reject(broken) }) });
    expect(await get(server, '/health')).toMatchObject({ status: 503, body: { error: { message: broken.message } } });
    await server.close();
  });

  it('does not listen beyond loopback', async () => {
    await expect(start({ listen: { http: '0.0.0.0:0' } })).rejects.toMatchObject({ code: 'usage' });
  });

  it('listens beyond loopback with authentication, and lets nobody in without a token', async () => {
    await writeFile(join(directory, 'issuer.pem'), (await makeIssuer({ kind: 'EC' })).certificate.toString());
    const auth = { type: 'token', realm: 'https://a/token', issuer: 'i', service: 's', rootcertbundle: 'issuer.pem' };
    const server = await start({ listen: { http: '0.0.0.0:0' }, auth });
    const url = (server.urls[0] ?? '').replace('0.0.0.0', '127.0.0.1');
    const answer = await fetch(url + KEY);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="https://a/token",service="s",scope="repository:example.com/app:push,pull"',
    ]);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    await server.close();
    await expect(start({ auth: { ...auth, rootcertbundle: 'gone.pem' } })).rejects.toMatchObject({ code: 'usage' });
  });

  it('leaves nothing open when it cannot start', async () => {
    const server = await start();
    const { host } = new URL(server.urls[0] ?? '');
    await expect(start({ listen: { http: host } })).rejects.toMatchObject({ code: 'usage' });
    await server.close();
  });
});

const BIN = fileURLToPath(new URL('../../packages/server/bin/countersign-server.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the command; `onOutput` sees what it has written so far. */
function command(
  args: readonly string[],
  onOutput: (output: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args]);
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
      onOutput(output, (signal) => child.kill(signal));
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

describe.runIf(existsSync(fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url))))(
  'countersign-server',
  () => {
    async function file(changes: object = {}): Promise<string> {
      const path = join(directory, 'server.json');
      await writeFile(path, JSON.stringify(document(changes)));
      return path;
    }

    it.each(['SIGINT', 'SIGTERM'] as const)('says where it listens, and ends cleanly on %s', async (signal) => {
      const config = await file();
      const { code, output } = await command(['--config', config], (text, kill) => {
        if (text.includes('listening on')) kill(signal);
      });
      expect(output).toMatch(/^countersign-server listening on http:\/\/127\.0\.0\.1:\d+$/mu);
      expect(code).toBe(0);
    });

    it('migrates, once and again', async () => {
      const config = await file({ database: { sqlite: 'migrated.sqlite' } });
      for (let time = 1; time <= 2; time += 1) {
        expect(await command(['migrate', '--config', config])).toMatchObject({
          code: 0,
          output: expect.stringContaining('up to date') as string,
        });
      }
    });

    it('refuses to listen beyond loopback, and says how to', async () => {
      const { code, output } = await command(['--config', await file({ listen: { http: '0.0.0.0:0' } })]);
      expect(code).toBe(2);
      expect(output).toContain('--insecure-no-authentication');
    });

    it('does listen beyond loopback when told so by its ugly name', async () => {
      const config = await file({ listen: { http: '0.0.0.0:0' } });
      const { code } = await command(['--config', config, '--insecure-no-authentication'], (text, kill) => {
        if (text.includes('listening on')) kill('SIGTERM');
      });
      expect(code).toBe(0);
    });

    it('names a wrong option, and exits with 2', async () => {
      expect(await command(['--config', await file({ tsl: {} })])).toMatchObject({
        code: 2,
        output: expect.stringMatching(/tsl .*tls/u) as string,
      });
    });

    it.each([
      [['frob'], 'there is no command frob'],
      [['--bogus'], "unknown option '--bogus'"],
      [['migrate', '--bogus'], "unknown option '--bogus'"],
      [[], '--config FILE is missing'],
      [['migrate'], '--config FILE is missing'],
      [['--config', 'x', 'migrate'], 'migrate comes before the options'],
      [['--config', '/nowhere.json'], 'the configuration file /nowhere.json cannot be read: there is no such file'],
    ])('%j is answered with what is wrong, and ends with 2', async (args, told) => {
      const { code, output } = await command(args);
      expect(code).toBe(2);
      expect(output).toContain(told);
    });

    it('names the file that is wrong, and suggests only what is near', async () => {
      const config = await file({ zzzzzz: {}, listen: [] });
      const { output } = await command(['--config', config]);
      expect(output).toContain(`${config}: the configuration is wrong`);
      expect(output).toContain('listen must be an object');
      expect(output).not.toContain('did you mean');
    });

    it('says in its help where the options of the file are explained', async () => {
      expect((await command(['--help'])).output).toContain('countersign-server config-manual');
    });

    it.each([['--help'], ['--version'], ['config-manual']])('%s needs no configuration', async (flag) => {
      expect((await command([flag])).code).toBe(0);
    });
  },
);
