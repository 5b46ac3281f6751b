import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkExposure, configManual, loadConfig, readConfig, type Config } from '@countersign/server';
import { DEFAULT_POLICY } from '../../packages/server/src/collection/service.js';
import { OPTIONS } from '../../packages/server/src/options.js';

const SIGNER = { url: 'https://127.0.0.1:4444', ca: 'ca.crt', certificate: 'c.crt', key: 'c.key' };
const AUTH = {
  type: 'token',
  realm: 'https://auth.example.com/token',
  issuer: 'issuer',
  service: 'service',
  rootcertbundle: 'bundle.pem',
};
const MINIMAL = { listen: { http: '127.0.0.1:4480' }, database: { sqlite: 'server.sqlite' }, signer: SIGNER };

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-'));
});

function read(document: unknown, environment = {}): Promise<Config> {
  return readConfig(document, { directory, environment });
}

describe('a configuration', () => {
  it('fills in what it does not say', async () => {
    const config = await read(MINIMAL);
    expect(config).toMatchObject({
      https: undefined,
      http: { host: '127.0.0.1', port: 4480 },
      database: { client: 'sqlite', file: join(directory, 'server.sqlite') },
      targetFiles: { kind: 'directory', directory: join(directory, 'targets') },
      signer: { url: SIGNER.url, ca: join(directory, 'ca.crt') },
      logLevel: 'info',
      insecureListenWithoutAuthentication: false,
    });
    expect(config.policy).toEqual(DEFAULT_POLICY);
  });

  it('takes what it says', async () => {
    const config = await read({
      ...MINIMAL,
      listen: { https: '[::1]:0' },
      tls: { certificate: '/tls/s.crt', key: '/tls/s.key' },
      targetFiles: { kept: 'database' },
      policy: { maxRoot: 2_000, maxTargets: 3_000, maxSnapshot: 4_000, maxTargetFile: 5_000 },
      jobs: { renew: 5 },
    });
    expect(config).toMatchObject({
      https: { host: '::1', port: 0, tls: { certificate: '/tls/s.crt', key: '/tls/s.key' } },
      targetFiles: { kind: 'database', database: config.database },
      limits: { part: 4_000, target: 5_000 },
      jobs: { renew: 5_000 },
    });
  });

  it.each([
    ['the file', { postgres: 'postgres:///a' }],
    ['another file', { postgresFile: 'url' }],
    ['the environment', { postgresEnv: 'DATABASE' }],
  ])('takes the PostgreSQL URL from %s', async (_what, database) => {
    await writeFile(join(directory, 'url'), 'postgres:///a\n');
    const config = await read({ ...MINIMAL, database }, { DATABASE: 'postgres:///a' });
    expect(config.database).toEqual({ client: 'postgres', url: 'postgres:///a', connections: 8 });
  });

  it.each<[string, unknown, RegExp]>([
    [
      'an unknown option, with the nearest one',
      { ...MINIMAL, policy: { maxRot: 5_000 } },
      /policy\.maxRot .*policy\.maxRoot/u,
    ],
    ['an unknown group, with the nearest one', { ...MINIMAL, polcy: {} }, /polcy .*policy/u],
    [
      'every wrong option at once',
      { ...MINIMAL, log: { level: 'loud' }, jobs: { renew: '5' } },
      /log\.level.*debug, info.*jobs\.renew|jobs\.renew.*log\.level/u,
    ],
    ['a value out of range', { ...MINIMAL, policy: { maxRoot: 0 } }, /policy\.maxRoot must be >= 1024/u],
    ['a wrong address', { ...MINIMAL, listen: { http: '4480' } }, /listen\.http/u],
    ['a port out of range', { ...MINIMAL, listen: { http: 'localhost:70000' } }, /listen\.http .*65535/u],
    ['nothing to listen on', { ...MINIMAL, listen: {} }, /listen\.https and listen\.http/u],
    ['HTTPS without a certificate', { ...MINIMAL, listen: { https: 'localhost:0' } }, /tls\.certificate is missing/u],
    ['no database', { ...MINIMAL, database: {} }, /exactly one of database\.sqlite/u],
    ['two databases', { ...MINIMAL, database: { sqlite: 'a', postgres: 'b' } }, /exactly one of database\.sqlite/u],
    ['a variable that is not set', { ...MINIMAL, database: { postgresEnv: 'NOT_SET' } }, /NOT_SET is missing/u],
    ['a file that is not there', { ...MINIMAL, database: { postgresFile: 'gone' } }, /gone is missing/u],
    ['no signer', { ...MINIMAL, signer: {} }, /signer\.url is missing/u],
    ['a signer without TLS', { ...MINIMAL, signer: { ...SIGNER, url: 'http://x' } }, /https:\/\//u],
    [
      'a timestamp that expires before it is renewed',
      { ...MINIMAL, policy: { timestampValidity: 100, timestampSigningPeriod: 100 } },
      /timestampSigningPeriod must be shorter/u,
    ],
    ['less for all publishes than for one', { ...MINIMAL, limits: { uploads: 2_000 } }, /limits\.uploads must be/u],
    [
      'snapshots the signer takes no two of',
      { ...MINIMAL, policy: { maxSnapshot: 4_000_000 } },
      /policy\.maxSnapshot is too large/u,
    ],
    [
      'token authentication without an issuer',
      { ...MINIMAL, auth: { ...AUTH, issuer: undefined } },
      /auth\.issuer is missing/u,
    ],
    [
      'token authentication without a service',
      { ...MINIMAL, auth: { ...AUTH, service: undefined } },
      /auth\.service is missing/u,
    ],
    [
      'token authentication without a realm',
      { ...MINIMAL, auth: { ...AUTH, realm: undefined } },
      /auth\.realm is missing/u,
    ],
    [
      'token authentication without certificates',
      { ...MINIMAL, auth: { ...AUTH, rootcertbundle: undefined } },
      /auth\.rootcertbundle is missing/u,
    ],
    ['authentication of no type', { ...MINIMAL, auth: { ...AUTH, type: undefined } }, /auth\.realm .* auth\.type/u],
    ['a redirect of no type', { ...MINIMAL, auth: { autoredirect: true } }, /auth\.autoredirect .* auth\.type/u],
    [
      'a type of authentication nobody knows',
      { ...MINIMAL, auth: { ...AUTH, type: 'basic' } },
      /auth\.type .*none, token/u,
    ],
    [
      'an unknown option of authentication',
      { ...MINIMAL, auth: { ...AUTH, isuer: 'a' } },
      /auth\.isuer .*auth\.issuer/u,
    ],
    ['a realm that is no address', { ...MINIMAL, auth: { ...AUTH, realm: 'a' } }, /auth\.realm/u],
    ['a realm that ends its header', { ...MINIMAL, auth: { ...AUTH, realm: 'https://a"\r\nb' } }, /auth\.realm/u],
    ['a service that ends its header', { ...MINIMAL, auth: { ...AUTH, service: 'a\r\nb' } }, /auth\.service/u],
    ['a redirect to any host', { ...MINIMAL, auth: { ...AUTH, autoredirect: true } }, /needs listen\.names/u],
    ['what is no object', [], /it must be an object/u],
  ])('is refused for %s', async (_what, document, message) => {
    await expect(read(document)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message) as string,
    });
  });

  it('that is no JSON, or not there, is named', async () => {
    const file = join(directory, 'broken.json');
    await writeFile(file, '{');
    await expect(loadConfig(file, {})).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(file) as string,
    });
    await expect(loadConfig(`${file}.gone`, {})).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('listening without authentication', () => {
  it.each(['127.0.0.1', '127.1.2.3', '[::1]', 'localhost'])('is fine on %s', async (host) => {
    const config = await read({ ...MINIMAL, listen: { http: `${host}:0` } });
    expect(() => checkExposure(config)).not.toThrow();
  });

  it.each(['0.0.0.0', '[::]', '192.168.1.1', 'example.com', '127.0.0.1.example.com'])(
    'is refused on %s unless told so',
    async (host) => {
      const listen = { http: `${host}:0` };
      const config = await read({ ...MINIMAL, listen });
      expect(() => checkExposure(config)).toThrow(/without authentication/u);
      const told = await read({ ...MINIMAL, listen, insecureListenWithoutAuthentication: true });
      expect(() => checkExposure(told)).not.toThrow();
    },
  );
});

describe('listening with authentication', () => {
  it('is fine beyond loopback', async () => {
    const config = await read({ ...MINIMAL, listen: { http: '0.0.0.0:0' }, auth: AUTH });
    expect(config.auth).toEqual({
      realm: { url: AUTH.realm },
      issuer: 'issuer',
      service: 'service',
      bundle: join(directory, 'bundle.pem'),
    });
    expect(() => checkExposure(config)).not.toThrow();
  });

  it('may send clients to the host they asked for', async () => {
    const listen = { http: '0.0.0.0:0', names: ['trust.example.com'] };
    const config = await read({ ...MINIMAL, listen, auth: { ...AUTH, realm: undefined, autoredirect: true } });
    expect(config.auth?.realm).toBe('host');
  });
});

describe('the manual', () => {
  it('has a row for every option', () => {
    const manual = configManual();
    for (const name of Object.keys(OPTIONS)) expect(manual).toContain(`| \`${name}\` |`);
  });
});
