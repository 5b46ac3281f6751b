import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Agent, fetch } from 'undici';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { instant } from '@countersign/client/tuf';
import type { KeyInfo } from '../../packages/signer/src/wire.js';
import { makeCa, type Ca, type Issued } from '../support/certificates.js';
import { itemOf, openStore, temporaryDirectory, timestamp } from './workbench.js';

/** The built program (`npm test` builds first): many starts, and each from sources would cost seconds. */
const COMMAND = fileURLToPath(new URL('../../packages/signer/bin/countersign-signer.js', import.meta.url));
const EXPIRES = Date.now() + 86_400_000;

let ca: Ca;
let pair: Issued;

beforeAll(async () => {
  ca = await makeCa();
  pair = await ca.issue({ cn: 'metadata-server', use: 'client' });
});

interface Run {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  /** The first line on standard output that matches. */
  line(pattern: RegExp): Promise<string>;
}

function command(...args: readonly string[]): Run {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let [out, err] = ['', ''];
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  const ended = new Promise<Awaited<Run['ended']>>((resolve) =>
    child.on('close', (code) => resolve({ code, out, err })),
  );
  const line = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(out);
        if (match !== null) resolve(match[1] ?? match[0]);
      };
      child.stdout.on('data', look);
      look();
      void ended.then((end) =>
        reject(new Error(`ended with ${end.code} before ${String(pattern)}: ${end.out}${end.err}`)),
      );
    });
  return { child, ended, line };
}

/** A directory with everything a signer needs, migrated; answers its configuration file. */
async function installed(): Promise<{ readonly config: string; readonly directory: string }> {
  const directory = await temporaryDirectory();
  const write = (name: string, text: string): Promise<void> => writeFile(join(directory, name), text, { mode: 0o600 });
  const server = await ca.issue({ cn: 'signer', use: 'server' });
  await write('signer.crt', server.certificate);
  await write('signer.key', server.key);
  await write('ca.crt', ca.certificate);
  await write('first', 'correct horse\n');
  await write('second', 'battery staple\n');
  const file = {
    listen: '127.0.0.1:0',
    tls: { certificate: 'signer.crt', key: 'signer.key', clientCa: 'ca.crt' },
    database: { file: 'signer.db' },
    keks: [
      { alias: 'first', passphraseFile: 'first' },
      { alias: 'second', passphraseFile: 'second' },
    ],
    log: { file: 'signer.log' },
  };
  await write('signer.json', JSON.stringify(file));
  const config = join(directory, 'signer.json');
  expect(await command('migrate', '--config', config).ended).toMatchObject({ code: 0, out: 'ran 0001_keys.js\n' });
  return { config, directory };
}

async function started(config: string): Promise<Run & { readonly url: string }> {
  const run = command('--config', config);
  return { ...run, url: await run.line(/^countersign-signer listening on (https:\S+)$/mu) };
}

function asker(): (url: string, method: string, body?: object) => Promise<unknown> {
  const agent = new Agent({ connect: { ca: ca.certificate, cert: pair.certificate, key: pair.key } });
  onTestFinished(() => agent.destroy());
  return async (url, method, body) => {
    const answer = await fetch(url, { method, dispatcher: agent, ...(body && { body: JSON.stringify(body) }) });
    return answer.json();
  };
}

const REQUEST = { gun: 'example.com/app', role: 'timestamp', algorithm: 'ecdsa-p256-sha256' };

describe('countersign-signer', { timeout: 90_000 }, () => {
  it('survives kill -9 with all it has signed, and ends cleanly on SIGTERM', async () => {
    const { config, directory } = await installed();
    const ask = asker();
    const first = await started(config);
    const key = (await ask(`${first.url}/v1/keys`, 'POST', REQUEST)) as KeyInfo;
    const sign = (url: string, version: number): Promise<unknown> =>
      ask(`${url}/v1/sign`, 'POST', { items: [itemOf(key, timestamp(version, EXPIRES))] });
    expect(await sign(first.url, 9)).toEqual({ results: [{ signature: expect.any(String) as string }] });
    first.child.kill('SIGKILL');
    await first.ended;

    const second = await started(config);
    expect(await sign(second.url, 8)).toMatchObject({ results: [{ error: { code: 'stale-version', highest: 9 } }] });
    expect(await sign(second.url, 10)).toEqual({ results: [{ signature: expect.any(String) as string }] });
    second.child.kill('SIGTERM');
    expect(await second.ended).toMatchObject({ code: 0 });
    const log = await readFile(join(directory, 'signer.log'), 'utf8');
    expect(log.match(/"msg":"request"/gu)).toHaveLength(4);
    expect(log).not.toContain('correct horse');
  });

  it('ends cleanly on SIGINT', async () => {
    const run = await started((await installed()).config);
    run.child.kill('SIGINT');
    expect(await run.ended).toMatchObject({ code: 0 });
  });

  it('does not start with a wrong passphrase, and names its alias', async () => {
    const { config, directory } = await installed();
    const run = await started(config);
    run.child.kill('SIGTERM');
    await run.ended;
    await writeFile(join(directory, 'second'), 'wrong');
    expect(await command('--config', config).ended).toMatchObject({
      code: 1,
      err: expect.stringContaining('wrong passphrase for the key-encryption key "second"') as string,
    });
  });

  it('does not start on a database that was not migrated', async () => {
    const { config, directory } = await installed();
    const file = JSON.parse(await readFile(config, 'utf8')) as object;
    await writeFile(join(directory, 'other.json'), JSON.stringify({ ...file, database: { file: 'other.db' } }));
    const { code, err } = await command('--config', join(directory, 'other.json')).ended;
    expect([code, err]).toEqual([2, expect.stringContaining('migrate') as string]);
  });

  it('does not start when others can read a passphrase', async () => {
    const { config, directory } = await installed();
    await chmod(join(directory, 'first'), 0o644);
    expect(await command('--config', config).ended).toMatchObject({
      code: 2,
      err: expect.stringContaining('chmod 600') as string,
    });
  });

  it('rekey killed with -9 loses nothing and goes on', async () => {
    const { config, directory } = await installed();
    const ask = asker();
    const run = await started(config);
    const keys: KeyInfo[] = [];
    for (let made = 0; made < 300; made++) keys.push((await ask(`${run.url}/v1/keys`, 'POST', REQUEST)) as KeyInfo);

    const killed = command('rekey', '--config', config, '--to', 'second');
    await killed.line(/^\d+ of 300$/mu);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const store = openStore({ client: 'sqlite', file: join(directory, 'signer.db') });
    const sealed = await store.sealedWith();
    expect(sealed.reduce((sum, each) => sum + each.keys, 0)).toBe(300);

    const resumed = await command('rekey', '--config', config, '--to', 'second').ended;
    expect(resumed).toMatchObject({ code: 0, out: expect.stringContaining('set "defaultKek" to second') as string });
    expect(await store.sealedWith()).toEqual([{ alias: 'second', keys: 300 }]);
    const items = keys.slice(0, 50).map((key) => itemOf(key, timestamp(1, instant(EXPIRES))));
    const { results } = (await ask(`${run.url}/v1/sign`, 'POST', { items })) as { results: object[] };
    for (const result of results) expect(result).toHaveProperty('signature');
  });

  it('rekey to an alias that is not configured is refused', async () => {
    const { config } = await installed();
    const { code, err } = await command('rekey', '--config', config, '--to', 'third').ended;
    expect([code, err]).toEqual([2, expect.stringContaining('"third"') as string]);
  });

  it.each([
    [['--help'], 0, /limits\.unusedKeys \(10000\)/u],
    [['--version'], 0, /^\d+\.\d+\.\d+$/mu],
  ])('%s answers', async (args, code, pattern) => {
    const end = await command(...args).ended;
    expect([end.code, pattern.test(end.out)]).toEqual([code, true]);
  });

  it.each([[[]], [['--config', '/nowhere.json']], [['--no-such-flag']]])('with %j is wrong usage', async (args) => {
    expect(await command(...args).ended).toMatchObject({ code: 2 });
  });

  it.each([
    [['frob'], 'there is no command frob'],
    [['--no-such-flag'], "unknown option '--no-such-flag'"],
    [['migrate'], '--config FILE is missing'],
    [['--config', '/nowhere.json'], 'countersign-signer: cannot read /nowhere.json: there is no such file\n'],
  ])('with %j says what is wrong', async (args, told) => {
    expect((await command(...args).ended).err).toContain(told);
  });

  it('names the file whose options contradict each other', async () => {
    const { config } = await installed();
    const file = JSON.parse(await readFile(config, 'utf8')) as object;
    await writeFile(config, JSON.stringify({ ...file, defaultKek: 'third' }));
    expect((await command('--config', config).ended).err).toContain(`${config}: "defaultKek" is "third"`);
  });

  it('keeps its log from other users', async () => {
    const { config, directory } = await installed();
    const run = command('--config', config);
    await run.line(/listening on/u);
    expect((await stat(join(directory, 'signer.log'))).mode & 0o777).toBe(0o600);
    run.child.kill('SIGTERM');
    await run.ended;
  });
});
