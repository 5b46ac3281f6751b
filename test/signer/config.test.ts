import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../packages/signer/src/config.js';
import { OPTIONS, describeOptions } from '../../packages/signer/src/options.js';
import { readPassphrases } from '../../packages/signer/src/passphrases.js';
import { temporaryDirectory } from './workbench.js';

const LEAST = {
  tls: { certificate: 'tls/signer.crt', key: '/etc/signer.key', clientCa: 'tls/ca.crt' },
  database: { file: 'signer.db' },
  keks: [{ alias: 'first', passphraseFile: 'passphrase' }, { alias: 'second' }],
};

function parse(file: object): ReturnType<typeof parseConfig> {
  return parseConfig(JSON.stringify(file), '/srv/signer/signer.json');
}

describe('a configuration', () => {
  it('needs little, has defaults, and counts file names from its own place', () => {
    expect(parse(LEAST)).toMatchObject({
      listen: { host: '127.0.0.1', port: 4444 },
      tls: { certificate: '/srv/signer/tls/signer.crt', key: '/etc/signer.key', clients: [] },
      database: { client: 'sqlite', file: '/srv/signer/signer.db' },
      keks: [{ alias: 'first', passphraseFile: '/srv/signer/passphrase' }, { alias: 'second' }],
      defaultKek: 'first',
      lifetimes: { 'tuf-1': { timestamp: 15 * 86_400_000, snapshot: 31 * 86_400_000 } },
      limits: { bodyBytes: 8 * 1024 * 1024, items: 64 },
      log: { level: 'info' },
    });
  });

  it('takes IPv6 addresses and port 0', () => {
    expect(parse({ ...LEAST, listen: '[::1]:0' }).listen).toEqual({ host: '::1', port: 0 });
  });

  it.each([
    ['an unknown option', { lisen: ':1' }, 'unknown option "lisen" (did you mean "listen"?)'],
    ['an unknown inner option', { limits: { item: 3 } }, 'unknown option "limits.item" (did you mean "limits.items"?)'],
    ['a wrong type', { limits: { items: '3' } }, '"limits.items" must be a whole number'],
    ['a value out of range', { limits: { items: 0 } }, '"limits.items" must be >= 1'],
    ['a wrong choice', { log: { level: 'loud' } }, 'error, warn, info, debug'],
    ['a missing option', { tls: { certificate: 'a', key: 'b' } }, '"tls.clientCa" is missing'],
    ['an address without a port', { listen: 'localhost' }, '"listen" is not host:port'],
    ['a port that is none', { listen: 'localhost:70000' }, '"listen" is not host:port'],
    ['PostgreSQL without an address', { database: { client: 'postgres' } }, '"database.url" is missing'],
    ['the same alias twice', { keks: [{ alias: 'a' }, { alias: 'a' }] }, '"keks" names "a" twice'],
    ['a default alias that is not there', { defaultKek: 'third' }, '"keks" does not name'],
    ['a secret where a file name belongs', { keks: [{ alias: 'a', passphrase: 'secret' }] }, 'keks.0.passphrase'],
  ])('with %s is refused, and says so', (_, change, message) => {
    expect(() => parse({ ...LEAST, ...change })).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(message) as string }) as Error,
    );
  });

  it('that is not JSON is refused', () => {
    expect(() => parseConfig('{', 'signer.json')).toThrow(expect.objectContaining({ code: 'usage' }) as Error);
  });

  it('has every option in the manual', () => {
    const manual = describeOptions();
    for (const { name, doc } of OPTIONS) {
      expect(manual).toContain(`  ${name} (`);
      expect(manual).toContain(doc);
    }
  });
});

describe('a passphrase', () => {
  const keks = (file: string | undefined): Parameters<typeof readPassphrases>[0] => [
    { alias: 'my-kek', passphraseFile: file },
  ];

  it('comes from its file, without the line end', async () => {
    const file = await passphraseFile('correct horse\n', 0o600);
    expect(await readPassphrases(keks(file), {})).toEqual([{ alias: 'my-kek', passphrase: 'correct horse' }]);
  });

  it('comes from the environment first', async () => {
    const environment = { COUNTERSIGN_SIGNER_PASSPHRASE_MY_KEK: 'battery' };
    expect(await readPassphrases(keks('/nowhere'), environment)).toEqual([{ alias: 'my-kek', passphrase: 'battery' }]);
  });

  it.each([
    ['others may read', 'secret', 0o640, 'can be read by others'],
    ['is empty', '\n', 0o600, 'is empty'],
    ['is far too long', 'x'.repeat(5000), 0o600, 'is longer than'],
  ])('in a file that %s is refused', async (_, text, mode, message) => {
    const refused = readPassphrases(keks(await passphraseFile(text, mode)), {});
    await expect(refused).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining(message) as string });
  });

  it('that is nowhere is refused', async () => {
    await expect(readPassphrases(keks('/nowhere/passphrase'), {})).rejects.toMatchObject({ code: 'usage' });
    await expect(readPassphrases(keks(undefined), {})).rejects.toMatchObject({ code: 'usage' });
  });
});

async function passphraseFile(text: string, mode: number): Promise<string> {
  const file = join(await temporaryDirectory(), 'passphrase');
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}
