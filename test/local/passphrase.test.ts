import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataDirectory, type DataDirectory } from '../../packages/server/src/local/data-directory.js';
import { ensurePassphrase } from '../../packages/server/src/local/passphrase.js';

let data: DataDirectory;
beforeEach(() => {
  data = openDataDirectory(mkdtempSync(join(tmpdir(), 'passphrase-')));
});
afterEach(() => {
  rmSync(data.root, { recursive: true });
});

test('it is made once, for its owner alone, in a directory apart from the database', () => {
  expect(ensurePassphrase(data)).toBe('made');
  const passphrase = readFileSync(data.passphrase, 'utf8');
  expect(passphrase).toMatch(/^[\w-]{43}\n$/u);
  expect(statSync(data.passphrase).mode & 0o777).toBe(0o600);
  expect(statSync(join(data.passphrase, '..')).mode & 0o777).toBe(0o700);
  expect(ensurePassphrase(data)).toBe('found');
  expect(readFileSync(data.passphrase, 'utf8')).toBe(passphrase);
});

test('a lost one is not replaced while there are keys that only it opens', () => {
  writeFileSync(data.signerDatabase, '');
  expect(() => ensurePassphrase(data)).toThrow(expect.objectContaining({ code: 'unsealed' }));
});
