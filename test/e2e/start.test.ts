import { readFileSync, renameSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Installation, until } from './installation.js';

// Each test starts up to six processes; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

let installation: Installation;
beforeEach(() => {
  installation = new Installation();
});
afterEach(() => installation.remove());

/** The body of a GET over HTTPS, trusting the installation's CA only. */
function get(url: string): Promise<string> {
  const ca = readFileSync(installation.path('tls/ca.crt'));
  return new Promise((resolve, reject) => {
    request(url, { ca, agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => (body += text));
      answer.on('end', () => resolve(body));
    })
      .on('error', reject)
      .end();
  });
}

const keyOf = (server: string): Promise<string> =>
  get(`${server}/v2/example/hello/_trust/tuf/timestamp.key?format=tuf-1`);

describe('a start', () => {
  test('says what it made, what is running and three commands to try, in a few lines', async () => {
    const launched = installation.launch();
    const server = await launched.ready();
    const text = await launched.says('Stop with Ctrl-C.');
    expect(text).toContain(`The passphrase is in ${installation.path('secrets/signer-passphrase')}\n`);
    expect(text).toContain(`CA      ${installation.path('tls/ca.crt')}\n`);
    const where = `--server ${server} --ca ${installation.path('tls/ca.crt')}`;
    expect(text.split('\n').filter((line) => line.startsWith('  npx countersign'))).toEqual([
      `  npx countersign init example/hello ${where}`,
      '  npx countersign add example/hello README.md',
      `  npx countersign publish example/hello ${where}`,
    ]);
    expect(text.split('\n').length).toBeLessThan(20);
  });

  test('runs signer and server as two processes that reach each other', async () => {
    const server = await installation.launch().ready();
    const commands = installation.processes().map(({ command }) => /countersign-(?:server|signer)/u.exec(command)?.[0]);
    expect(commands.toSorted()).toEqual(['countersign-server', 'countersign-signer']);
    expect(JSON.parse(await keyOf(server))).toHaveProperty('keytype');
  });

  test('keeps secrets from other users', async () => {
    await installation.launch().ready();
    for (const name of [
      'tls/ca.key',
      'tls/server.key',
      'tls/signer.key',
      'tls/client.key',
      'secrets/signer-passphrase',
      'logs/signer.log',
      'logs/server.log',
    ]) {
      expect([name, statSync(installation.path(name)).mode & 0o777]).toEqual([name, 0o600]);
    }
  });

  test('takes the address it is given', async () => {
    const port = await freePort();
    const launched = installation.launch({ COUNTERSIGN_HTTPS: `localhost:${port}` });
    expect(await launched.ready()).toBe(`https://localhost:${port}`);
    expect(await keyOf(`https://localhost:${port}`)).toContain('keytype');
  });
});

describe('a stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('by %s ends both processes and exits with 0', async (signal) => {
    const launched = installation.launch();
    await launched.ready();
    const ending = await launched.stop(signal);
    expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(ending.stdout).toMatch(/\nStopped\.\n$/u);
    expect(installation.processes()).toEqual([]);
  });

  test('in the middle of a start exits with 0 and leaves nothing running', async () => {
    const launched = installation.launch();
    await launched.says('The passphrase is in');
    expect(await launched.stop()).toMatchObject({ code: 0, stderr: '' });
    expect(installation.processes()).toEqual([]);
    await installation.launch().ready();
  });
});

describe('kill -9', () => {
  test('of the launcher: both processes notice and end, and the next start has everything', async () => {
    const first = installation.launch();
    const key = await keyOf(await first.ready());
    await first.stop('SIGKILL');
    await until(() => installation.processes().length === 0);

    const second = installation.launch();
    expect(await keyOf(await second.ready())).toBe(key);
    const said = await second.says('Stop with Ctrl-C.');
    expect(said).toContain('Countersign is running');
    expect(said).not.toContain('Made in');
    expect(said).not.toContain('countersign init');
  });

  test('of everything at once, the same', async () => {
    const first = installation.launch();
    const key = await keyOf(await first.ready());
    for (const { pid } of installation.processes()) process.kill(pid, 'SIGKILL');
    await first.stop('SIGKILL');
    expect(await keyOf(await installation.launch().ready())).toBe(key);
  });

  test.each(['countersign-server', 'countersign-signer'])(
    'of %s: it is started again under the same address',
    async (name) => {
      const launched = installation.launch();
      const server = await launched.ready();
      const key = await keyOf(server);
      const victim = installation.processes().find(({ command }) => command.includes(`${name}.js`))!;
      process.kill(victim.pid, 'SIGKILL');
      await launched.says(`${name} died (SIGKILL); starting it again.`);
      await until(() =>
        installation.processes().some(({ pid, command }) => pid !== victim.pid && command.includes(`${name}.js`)),
      );
      await expect.poll(() => keyOf(server).catch(() => 'down'), { timeout: 20_000 }).toBe(key);
      // a collection nobody asked about yet needs a new key: the signer answers too
      const another = `${server}/v2/example/other/_trust/tuf/timestamp.key?format=tuf-1`;
      await expect.poll(() => get(another).catch(() => 'down'), { timeout: 20_000 }).toContain('keytype');
    },
  );
});

describe('refused', () => {
  test('a second start on the same directory, which the first survives', async () => {
    const first = installation.launch();
    const server = await first.ready();
    const second = await installation.launch().ending;
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`already running on ${installation.data} (process ${first.process.pid!})`);
    expect(second.stderr).toContain('COUNTERSIGN_DATA');
    expect(await keyOf(server)).toContain('keytype');
  });

  test.each(['COUNTERSIGN_HTTPS', 'COUNTERSIGN_HTTP'])('a taken port, saying that %s is to change', async (setting) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const { code, stderr } = await installation.launch({ [setting]: address }).ending;
    other.close();
    expect(code).toBe(2);
    expect(stderr).toContain(`cannot listen on ${address}: something else listens there`);
    expect(stderr).toContain(`Set ${setting} to another`);
  });

  test('an address beyond this machine, before anything is made', async () => {
    const { code, stderr } = await installation.launch({ COUNTERSIGN_HTTP: '0.0.0.0:0' }).ending;
    expect(code).toBe(2);
    expect(stderr).toContain('COUNTERSIGN_HTTP is 0.0.0.0:0: a local start listens on this machine only');
    expect(() => statSync(installation.data)).toThrow('ENOENT');
  });

  test('a lost passphrase, until it is put back', async () => {
    const first = installation.launch();
    await first.ready();
    await first.stop();
    const passphrase = installation.path('secrets/signer-passphrase');
    renameSync(passphrase, `${passphrase}.away`);
    const { code, stderr } = await installation.launch().ending;
    expect(code).toBe(1);
    expect(stderr).toContain(`the passphrase file ${passphrase} is gone`);
    renameSync(`${passphrase}.away`, passphrase);
    await installation.launch().ready();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
