import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Credentials } from '@countersign/client';
import { dockerLogin } from '@countersign/client/node';

const ALICE = { username: 'alice', password: 'pass:wörd' };
const AUTH = Buffer.from('alice:pass:wörd').toString('base64');
const HUB = 'https://index.docker.io/v1/';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'docker-'));
  await mkdir(join(directory, 'bin'));
});
afterAll(() => rm(directory, { recursive: true }));

async function login(
  config: unknown,
  registry = 'registry.example',
  timeout = 10_000,
): Promise<Credentials | undefined> {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  await writeFile(join(directory, 'config.json'), text);
  return dockerLogin(registry, { directory, env: { PATH: `${join(directory, 'bin')}:/usr/bin:/bin` }, timeout });
}

async function helper(name: string, script: string): Promise<void> {
  const file = join(directory, 'bin', `docker-credential-${name}`);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

describe('a login is found', () => {
  it.each<[string, unknown, string?]>([
    ['under the name of its registry', { auths: { 'registry.example': { auth: AUTH } } }],
    ['under an address of its registry', { auths: { 'https://registry.example/v1/': { auth: AUTH } } }],
    ['under a name with a port', { auths: { 'registry.example:5000': { auth: AUTH } } }, 'registry.example:5000'],
    ['of Docker Hub', { auths: { [HUB]: { auth: AUTH } } }, HUB],
    ['in plain words', { auths: { 'registry.example': ALICE } }],
    [
      'padded with NUL',
      { auths: { 'registry.example': { auth: Buffer.from('alice:pass:wörd\0\0').toString('base64') } } },
    ],
  ])('%s', async (_what, config, registry) => {
    expect(await login(config, registry)).toEqual(ALICE);
  });

  it('in a helper, before the file', async () => {
    await helper('good', `echo '{"ServerURL":"x","Username":"alice","Secret":"pass:wörd"}'`);
    const auths = { 'registry.example': { auth: Buffer.from('old:old').toString('base64') } };
    expect(await login({ auths, credsStore: 'good' })).toEqual(ALICE);
    expect(await login({ auths, credsStore: 'bad', credHelpers: { 'registry.example': 'good' } })).toEqual(ALICE);
  });
});

it('an identity token is found in the file, before the password beside it, and in a helper', async () => {
  const token = { identityToken: 'an opaque token' };
  const auths = { 'registry.example': { auth: AUTH, identitytoken: 'an opaque token' } };
  expect(await login({ auths })).toEqual(token);
  await helper('token', `echo '{"Username":"<token>","Secret":"an opaque token"}'`);
  expect(await login({ credsStore: 'token' })).toEqual(token);
});

describe('there is no login', () => {
  it.each<[string, unknown]>([
    ['in an empty configuration', {}],
    ['for another registry', { auths: { 'other.example': { auth: AUTH } } }],
    [
      'for a registry that only begins so',
      { auths: { 'registry.example.evil': { auth: AUTH }, 'registry.example:1': { auth: AUTH } } },
    ],
    ['in an empty entry', { auths: { 'registry.example': {} } }],
    ['in what every object has', { auths: {} }],
  ])('%s', async (_what, config) => {
    expect(await login(config, _what.includes('every') ? 'constructor' : undefined)).toBeUndefined();
  });

  it('without a configuration', async () => {
    expect(await dockerLogin('a', { directory: join(directory, 'gone'), env: {} })).toBeUndefined();
  });

  it('in a helper that says so', async () => {
    await helper('empty', 'echo "credentials not found in native keychain"; exit 1');
    expect(await login({ credsStore: 'empty' })).toBeUndefined();
  });
});

describe('told, without a word of what it holds, is', () => {
  it.each<[string, unknown, RegExp]>([
    ['a file that is no JSON', '{"auths":{"registry.example":{"auth":"SECRET"}', /config\.json is damaged/u],
    ['a file that is no object', '"SECRET"', /config\.json is damaged/u],
    [
      'a password that is not base64',
      { auths: { 'registry.example': { auth: 'SECRET!' } } },
      /config\.json is damaged/u,
    ],
    [
      'a password without a user',
      { auths: { 'registry.example': { auth: Buffer.from('SECRET').toString('base64') } } },
      /config\.json is damaged/u,
    ],
    [
      'a password that is not UTF-8',
      { auths: { 'registry.example': { auth: Buffer.from('\xff\xfe:SECRET', 'latin1').toString('base64') } } },
      /config\.json is damaged/u,
    ],
    ['a helper that is not there', { credsStore: 'gone' }, /docker-credential-gone is not installed/u],
    ['a helper by its path', { credsStore: '../../bin/sh' }, /no name of a credential helper/u],
    ['a helper with a command in it', { credsStore: 'a; rm -rf' }, /no name of a credential helper/u],
    ['a helper that fails', { credsStore: 'fails' }, /docker-credential-fails failed/u],
    [
      'a helper that says something else',
      { credsStore: 'babbles' },
      /docker-credential-babbles answers something else/u,
    ],
    ['a helper that says too much', { credsStore: 'floods' }, /docker-credential-floods failed/u],
    ['a helper that never answers', { credsStore: 'hangs' }, /docker-credential-hangs does not answer/u],
  ])('%s', async (_what, config, message) => {
    await helper('fails', 'echo SECRET; echo SECRET >&2; exit 1');
    await helper('babbles', 'echo SECRET');
    await helper('floods', 'yes SECRET | head -c 200000');
    await helper('hangs', 'exec sleep 60');
    const error: unknown = await login(config, undefined, 2_000).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(message) as string });
    const { message: text, stack, next, cause } = error as Error & { next: string };
    expect([text, stack, next, String(cause)].join('\n')).not.toContain('SECRET');
  });
});
