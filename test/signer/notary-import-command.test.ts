import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { migrated, temporaryDirectory } from './workbench.js';

const COMMAND = fileURLToPath(new URL('../../packages/signer/bin/countersign-signer.js', import.meta.url));

interface Ending {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function command(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ending> {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

/** The configuration of a signer with an empty database. */
async function configured(): Promise<string> {
  const directory = await temporaryDirectory();
  const write = (name: string, text: string): Promise<void> => writeFile(join(directory, name), text, { mode: 0o600 });
  await write('passphrase', 'correct horse');
  await write(
    'signer.json',
    JSON.stringify({
      tls: { certificate: 'signer.crt', key: 'signer.key', clientCa: 'ca.crt' },
      database: { file: 'signer.db' },
      keks: [{ alias: 'first', passphraseFile: 'passphrase' }],
    }),
  );
  await migrated({ client: 'sqlite', file: join(directory, 'signer.db') });
  return join(directory, 'signer.json');
}

describe('countersign-signer import-notary', { timeout: 60_000 }, () => {
  it('is in the help', async () => {
    expect((await command(['--help'])).out).toContain('import-notary');
    expect((await command(['import-notary', '--help'])).out).toContain('COUNTERSIGN_NOTARY_METADATA_DATABASE');
  });

  it('without the address of a database says where to give one', async () => {
    const end = await command(['import-notary', '--config', await configured()]);
    expect(end).toMatchObject({ code: 2, out: '' });
    expect(end.err).toContain('--database URL is missing, and so is COUNTERSIGN_NOTARY_DATABASE');
  });

  it.each([
    'root:s3cret@tcp(db:3306)/notarysigner?parseTime=True',
    'host=db user=signer password=s3cret dbname=notarysigner',
    'redis://signer:s3cret@db/0',
  ])('refuses an address of another kind without repeating it: %s', async (url) => {
    const end = await command(['import-notary', '--config', await configured()], { COUNTERSIGN_NOTARY_DATABASE: url });
    expect(end.code).toBe(2);
    expect(end.err).toContain('not a postgres:// or mysql:// URL');
    expect(end.out + end.err).not.toContain('s3cret');
  });

  it.each(['postgres', 'mysql'])('does not tell the password of a %s database that is not there', async (scheme) => {
    const url = `${scheme}://signer:s3cret@127.0.0.1:1/notarysigner`;
    const end = await command(['import-notary', '--config', await configured()], { COUNTERSIGN_NOTARY_DATABASE: url });
    expect(end.code).toBe(1);
    expect(end.err).toContain('the Notary database does not answer');
    expect(end.out + end.err).not.toContain('s3cret');
  });
});
