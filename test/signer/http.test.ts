import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig, type Config } from '../../packages/signer/src/config.js';
import { migrateSigner, startSigner, type RunningSigner } from '../../packages/signer/src/signer.js';
import type { KeyInfo, SignResponse } from '../../packages/signer/src/wire.js';
import { makeCa, type Ca, type Issued } from '../support/certificates.js';
import { CHEAP, GUN, KEKS, NOW, itemOf, temporaryDirectory, timestamp } from './workbench.js';

const REQUEST = { gun: GUN, role: 'timestamp', algorithm: 'ed25519' };

let ca: Ca;
let serverPair: Issued;
let clientPair: Issued;

beforeAll(async () => {
  ca = await makeCa();
  serverPair = await ca.issue({ cn: 'signer', use: 'server' });
  clientPair = await ca.issue({ cn: 'metadata-server', use: 'client' });
});

interface Running {
  readonly config: Config;
  readonly signer: RunningSigner;
  readonly audit: readonly Record<string, unknown>[];
}

async function running(options: object = {}): Promise<Running> {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, 'signer.crt'), serverPair.certificate);
  await writeFile(join(directory, 'signer.key'), serverPair.key);
  await writeFile(join(directory, 'ca.crt'), ca.certificate);
  const file = {
    listen: '127.0.0.1:0',
    tls: { certificate: 'signer.crt', key: 'signer.key', clientCa: 'ca.crt' },
    database: { file: 'signer.db' },
    keks: [{ alias: 'first' }],
    ...options,
  };
  const config = parseConfig(JSON.stringify(file), join(directory, 'signer.json'));
  await migrateSigner(config);
  const audit: Record<string, unknown>[] = [];
  const log = {
    info: (what: Record<string, unknown>, message: string) => {
      if (message === 'request') audit.push(what);
    },
    warn: () => undefined,
    error: () => undefined,
  };
  const signer = await startSigner(config, log, { passphrases: KEKS, clock: () => NOW, scrypt: CHEAP });
  onTestFinished(() => signer.close());
  return { config, signer, audit };
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

type Ask = (method: string, path: string, body?: string | object) => Promise<Reply>;

function client(signer: RunningSigner, pair: Issued = clientPair): Ask {
  const agent = new Agent({ connect: { ca: ca.certificate, cert: pair.certificate, key: pair.key } });
  onTestFinished(() => agent.destroy());
  return async (method, path, body) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const answer = await fetch(`${signer.url}${path}`, {
      method,
      dispatcher: agent,
      ...(text === undefined ? {} : { body: text, headers: { 'content-type': 'application/json' } }),
    });
    const received = await answer.text();
    return { status: answer.status, body: received === '' ? undefined : (JSON.parse(received) as unknown) };
  };
}

describe('the wire', () => {
  it('makes, finds, uses and deletes a key', async () => {
    const { signer } = await running();
    const ask = client(signer);
    const made = await ask('POST', '/v1/keys', REQUEST);
    expect(made).toMatchObject({ status: 200, body: REQUEST });
    const key = made.body as KeyInfo;
    expect(await ask('GET', `/v1/keys/${key.id}`)).toEqual({ status: 200, body: key });
    const signed = await ask('POST', '/v1/sign', { items: [itemOf(key, timestamp(3)), itemOf(key, timestamp(2))] });
    expect(signed.status).toBe(200);
    const [first, second] = (signed.body as SignResponse).results;
    expect(first).toEqual({ signature: expect.stringMatching(/^[\w+/]{86}==$/u) as string });
    expect(second).toEqual({
      error: { code: 'stale-version', message: expect.any(String) as string, highest: 3 },
    });
    const { id } = (await ask('POST', '/v1/keys', REQUEST)).body as KeyInfo;
    expect(await ask('DELETE', `/v1/keys/${id}`)).toEqual({ status: 204, body: undefined });
    expect(await ask('DELETE', `/v1/keys/${id}`)).toEqual({ status: 204, body: undefined });
    expect(await ask('GET', `/v1/keys/${id}`)).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });

  it('does not let a stolen server credential delete a key that has signed', async () => {
    const { signer, audit } = await running();
    const ask = client(signer);
    const key = (await ask('POST', '/v1/keys', REQUEST)).body as KeyInfo;
    await ask('POST', '/v1/sign', { items: [itemOf(key, timestamp(1))] });
    expect(await ask('DELETE', `/v1/keys/${key.id}`)).toMatchObject({ status: 403, body: { code: 'policy' } });
    expect(audit.at(-1)).toMatchObject({ method: 'DELETE', items: [{ key: key.id, outcome: 'policy' }] });
    const again = await ask('POST', '/v1/sign', { items: [itemOf(key, timestamp(2))] });
    expect(again.body).toMatchObject({ results: [{ signature: expect.any(String) as string }] });
  });

  it('says that it is well', async () => {
    const { signer } = await running();
    expect(await client(signer)('GET', '/v1/health')).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it.each([
    ['not JSON', '/v1/keys', '{', 400, 'malformed'],
    ['an unknown member', '/v1/keys', { ...REQUEST, more: 1 }, 400, 'malformed'],
    ['a root key', '/v1/keys', { ...REQUEST, role: 'root' }, 400, 'malformed'],
    ['an unknown algorithm', '/v1/keys', { ...REQUEST, algorithm: 'rsa' }, 400, 'malformed'],
    ['an impossible name', '/v1/keys', { ...REQUEST, gun: 'a//b' }, 400, 'invalid-name'],
    ['nothing to sign', '/v1/sign', { items: [] }, 400, 'malformed'],
    ['another path', '/v1/other', {}, 404, 'not-found'],
    ['a path that goes on', '/v1/sign/', {}, 404, 'not-found'],
  ])('refuses %s', async (_, path, body, status, code) => {
    const { signer } = await running();
    expect(await client(signer)('POST', path, body)).toMatchObject({ status, body: { code } });
  });

  it('refuses more payloads than the limit', async () => {
    const { signer } = await running({ limits: { items: 2 } });
    const ask = client(signer);
    const key = (await ask('POST', '/v1/keys', REQUEST)).body as KeyInfo;
    const items = [1, 2, 3].map((version) => itemOf(key, timestamp(version)));
    expect(await ask('POST', '/v1/sign', { items })).toMatchObject({ status: 400, body: { code: 'too-many' } });
  });

  it('refuses a longer body than the limit', async () => {
    const { signer } = await running({ limits: { bodyBytes: 1024 } });
    const ask = client(signer);
    expect(await ask('POST', '/v1/keys', 'x'.repeat(1025))).toMatchObject({ status: 413, body: { code: 'too-large' } });
  });

  it('refuses more new keys than the limit', async () => {
    const { signer } = await running({ limits: { keysPerMinute: 1 } });
    const ask = client(signer);
    await ask('POST', '/v1/keys', REQUEST);
    expect(await ask('POST', '/v1/keys', REQUEST)).toMatchObject({ status: 429, body: { code: 'rate-limit' } });
  });
});

describe('mutual TLS', () => {
  it.each([
    ['no certificate', () => Promise.resolve(undefined)],
    ['a certificate of a stranger', async () => (await makeCa()).issue({ cn: 'metadata-server', use: 'client' })],
    ["the CA's certificate for a server", () => ca.issue({ cn: 'metadata-server', use: 'server' })],
  ])('lets nobody in with %s', async (_, pair) => {
    const { signer, audit } = await running();
    const agent = await pair();
    const ask = agent === undefined ? anonymous(signer) : client(signer, agent);
    await expect(ask('GET', '/v1/health')).rejects.toThrow();
    expect(audit).toEqual([]);
  });

  it('lets in only the names that are configured', async () => {
    const tls = { certificate: 'signer.crt', key: 'signer.key', clientCa: 'ca.crt', clients: ['metadata-server'] };
    const { signer } = await running({ tls });
    const other = await ca.issue({ cn: 'somebody', use: 'client' });
    expect(await client(signer)('GET', '/v1/health')).toMatchObject({ status: 200 });
    expect(await client(signer, other)('GET', '/v1/health')).toMatchObject({
      status: 401,
      body: { code: 'unauthorized' },
    });
  });

  it('is spoken by nothing else on that port', async () => {
    const { signer } = await running();
    await expect(fetch(signer.url.replace('https:', 'http:'))).rejects.toThrow();
  });

  it('takes up new certificates without a restart', async () => {
    const { signer, config } = await running();
    const newer = await makeCa('Newer CA');
    const mine = await newer.issue({ cn: 'metadata-server', use: 'client' });
    await expect(client(signer, mine)('GET', '/v1/health')).rejects.toThrow();
    await writeFile(config.tls.clientCa, newer.certificate);
    await expect
      .poll(() => client(signer, mine)('GET', '/v1/health'), { timeout: 15_000, interval: 500 })
      .toMatchObject({ status: 200 });
  });
});

describe('the audit log', () => {
  it('has one line a request that says who asked for what, and how it ended', async () => {
    const { signer, audit } = await running();
    const ask = client(signer);
    const key = (await ask('POST', '/v1/keys', REQUEST)).body as KeyInfo;
    await ask('POST', '/v1/sign', { items: [itemOf(key, timestamp(3)), itemOf(key, timestamp(2))] });
    await ask('POST', '/v1/keys', { ...REQUEST, gun: 'a//b' });
    const who = { name: 'metadata-server', fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}/u) as string };
    expect(audit).toHaveLength(3);
    for (const line of audit) expect(line).toMatchObject({ client: who });
    const about = { gun: GUN, role: 'timestamp', key: key.id };
    expect(audit.map((line) => [line['status'], line['items']])).toEqual([
      [200, [{ ...about, outcome: 'made' }]],
      [
        200,
        [
          { ...about, version: 3, outcome: 'signed' },
          { ...about, version: 2, outcome: 'stale-version' },
        ],
      ],
      [400, [{ gun: 'a//b', role: 'timestamp', outcome: 'invalid-name' }]],
    ]);
  });

  it('holds no payload, no signature and no key material', async () => {
    const { signer, audit } = await running();
    const ask = client(signer);
    const key = (await ask('POST', '/v1/keys', REQUEST)).body as KeyInfo;
    const payload = timestamp(1);
    const { results } = (await ask('POST', '/v1/sign', { items: [itemOf(key, payload)] })).body as SignResponse;
    await ask('POST', '/v1/sign', { items: [{ ...itemOf(key, payload), payload: 'c2VjcmV0IQ=!' }] });
    await ask('POST', '/v1/sign', '{"items": "secret');
    const [result] = results;
    if (result === undefined || !('signature' in result)) throw new Error('not signed');
    const text = JSON.stringify(audit);
    const secrets = [
      Buffer.from(payload).toString('base64'),
      result.signature,
      key.spki,
      'c2VjcmV0IQ',
      'secret',
      'horse',
      'BEGIN',
    ];
    for (const secret of secrets) expect(text).not.toContain(secret);
  });
});

function anonymous(signer: RunningSigner): Ask {
  const agent = new Agent({ connect: { ca: ca.certificate } });
  onTestFinished(() => agent.destroy());
  return async (method, path) => {
    const answer = await fetch(`${signer.url}${path}`, { method, dispatcher: agent });
    return { status: answer.status, body: await answer.text() };
  };
}
