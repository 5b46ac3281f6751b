import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request, type RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { instant, parseInstant, type Instant } from '@countersign/client/tuf';
import { authorityWarning, openAuthority } from '../../packages/server/src/local/authority.js';
import { renewCertificates } from '../../packages/server/src/local/certificates.js';
import { openDataDirectory, type DataDirectory } from '../../packages/server/src/local/data-directory.js';

const START = parseInstant('2030-01-01T00:00:00Z');
const day = (count: number): Instant => instant(START + count * 86_400_000);

let data: DataDirectory;
beforeEach(() => {
  data = openDataDirectory(mkdtempSync(join(tmpdir(), 'certificates-')));
});
afterEach(() => {
  rmSync(data.root, { recursive: true });
});

async function start(now: Instant): Promise<readonly string[]> {
  return renewCertificates(data, await openAuthority(data.authority, now), now);
}

const certificate = (path: string): X509Certificate => new X509Certificate(readFileSync(path));
const everyCertificate = (): readonly string[] =>
  [data.serverTls, data.signerTls, data.clientTls].map((files) => files.certificate);

describe('the first start', () => {
  test('makes an authority and three certificates it signed', async () => {
    expect(await start(START)).toEqual(everyCertificate());
    const authority = certificate(data.authority.certificate);
    expect(authority.ca).toBe(true);
    expect(authority.verify(authority.publicKey)).toBe(true);
    for (const path of everyCertificate()) {
      const leaf = certificate(path);
      expect(leaf.checkIssued(authority)).toBe(true);
      expect(leaf.verify(authority.publicKey)).toBe(true);
      expect(leaf.ca).toBe(false);
    }
  });

  test('names this machine, by name and by both loopback addresses', async () => {
    await start(START);
    const server = certificate(data.serverTls.certificate);
    expect([server.checkHost('localhost'), server.checkIP('127.0.0.1'), server.checkIP('::1')]).not.toContain(
      undefined,
    );
    expect(server.checkHost('example.com')).toBeUndefined();
  });

  test('leaves the private keys to their owner alone', async () => {
    await start(START);
    for (const files of [data.authority, data.serverTls, data.signerTls, data.clientTls]) {
      expect(statSync(files.key).mode & 0o777).toBe(0o600);
    }
  });
});

describe('renewal', () => {
  test.each([
    { at: 1, renewed: false },
    { at: 60, renewed: false },
    { at: 61, renewed: true },
    { at: 400, renewed: true },
  ])('after $at days: $renewed', async ({ at, renewed }) => {
    await start(START);
    const before = everyCertificate().map((path) => readFileSync(path, 'utf8'));
    expect(await start(day(at))).toEqual(renewed ? everyCertificate() : []);
    const after = everyCertificate().map((path) => readFileSync(path, 'utf8'));
    if (renewed) expect(after).not.toEqual(before);
    else expect(after).toEqual(before);
  });

  test('gives 90 days again, keeps the private key and the authority', async () => {
    await start(START);
    const [key, authority] = [
      readFileSync(data.serverTls.key, 'utf8'),
      readFileSync(data.authority.certificate, 'utf8'),
    ];
    await start(day(70));
    expect(Date.parse(certificate(data.serverTls.certificate).validTo)).toBe(day(160));
    expect(readFileSync(data.serverTls.key, 'utf8')).toBe(key);
    expect(readFileSync(data.authority.certificate, 'utf8')).toBe(authority);
  });

  test('replaces what is damaged, foreign or does not fit', async () => {
    await start(START);
    writeFileSync(data.serverTls.certificate, 'not a certificate');
    writeFileSync(data.signerTls.certificate, readFileSync(data.clientTls.certificate));
    writeFileSync(data.clientTls.key, 'not a key');
    expect(await start(START)).toEqual(everyCertificate());
    for (const files of [data.serverTls, data.signerTls, data.clientTls]) {
      expect(certificate(files.certificate).checkPrivateKey(createPrivateKey(readFileSync(files.key)))).toBe(true);
    }
  });

  test('goes no further than the authority, and does not renew for ever close to its end', async () => {
    await start(START);
    const end = Date.parse(certificate(data.authority.certificate).validTo);
    const late = instant(end - 10 * 86_400_000);
    expect(await start(late)).toEqual(everyCertificate());
    expect(Date.parse(certificate(data.serverTls.certificate).validTo)).toBe(end);
    expect(await start(late)).toEqual([]);
  });
});

describe('the authority', () => {
  test('warns in its last 180 days and not before', async () => {
    const authority = await openAuthority(data.authority, START);
    expect(authorityWarning(authority, day(3_650 - 181))).toBeUndefined();
    expect(authorityWarning(authority, day(3_650 - 180))).toContain('expires in 180 days');
  });

  test('is refused once it has expired', async () => {
    await openAuthority(data.authority, START);
    await expect(openAuthority(data.authority, day(3_650))).rejects.toMatchObject({ code: 'freeze' });
  });

  test('is refused without its key, rather than replaced behind the back of its clients', async () => {
    await openAuthority(data.authority, START);
    rmSync(data.authority.key);
    await expect(openAuthority(data.authority, START)).rejects.toMatchObject({ code: 'not-found' });
  });

  test("is refused with another's key", async () => {
    await start(START);
    writeFileSync(data.authority.key, readFileSync(data.serverTls.key));
    await expect(openAuthority(data.authority, START)).rejects.toMatchObject({ code: 'malformed' });
  });

  test('is made again where the first start died between key and certificate', async () => {
    await openAuthority(data.authority, START);
    rmSync(data.authority.certificate);
    expect(await openAuthority(data.authority, START)).toMatchObject({ isNew: true });
    expect(await openAuthority(data.authority, START)).toMatchObject({ isNew: false });
  });

  test('serves mutual TLS: the client certificate gets in, none and a server certificate do not', async () => {
    await start(instant(Date.now()));
    const read = (files: { certificate: string; key: string }): { cert: Buffer; key: Buffer } => ({
      cert: readFileSync(files.certificate),
      key: readFileSync(files.key),
    });
    const ca = readFileSync(data.authority.certificate);
    const server = createServer(
      { ...read(data.signerTls), ca, requestCert: true, rejectUnauthorized: true },
      (_, answer) => answer.end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const ask = (credentials: RequestOptions): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request({ host: 'localhost', family: 4, port, ca, agent: false, ...credentials }, (answer) =>
          resolve(answer.resume().statusCode),
        )
          .on('error', reject)
          .end();
      });
    await expect(ask(read(data.clientTls))).resolves.toBe(200);
    await expect(ask({})).rejects.toThrow();
    await expect(ask(read(data.serverTls))).rejects.toThrow();
    await new Promise((resolve) => server.close(resolve));
  });
});

test('a key file that was opened to others is closed again when it is replaced', async () => {
  await start(START);
  chmodSync(data.serverTls.key, 0o644);
  writeFileSync(data.serverTls.key, 'damaged');
  await start(START);
  expect(statSync(data.serverTls.key).mode & 0o777).toBe(0o600);
});
