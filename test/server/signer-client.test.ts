import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseGun, type CountersignError } from '@countersign/client/tuf';
import type { ToSign } from '../../packages/server/src/collection/ports.js';
import { openSigner, type OpenSigner } from '../../packages/server/src/signer.js';
import { makeCa } from '../support/certificates.js';
import { collectingLog, type Line } from './support/http-server.js';
import { digest } from './support/memory-collections.js';
import { failWith, startSignerStub, type SignerStub } from './support/signer-stub.js';

let stub: SignerStub;
let signer: OpenSigner;
let lines: Line[];

beforeEach(async () => {
  stub = await startSignerStub();
  lines = [];
  signer = await openSigner(stub.config, collectingLog(lines));
});
afterEach(async () => {
  await signer.close();
  await stub.stop();
});

const gun = parseGun('example.com/app');

function toSign(text: string): ToSign {
  return { keyId: 'k', gun, role: 'timestamp', format: 'tuf-1', payload: Buffer.from(text) };
}

async function refusal(promise: Promise<unknown>): Promise<CountersignError> {
  return promise.then(
    () => expect.unreachable('it was not refused'),
    (error: unknown) => error as CountersignError,
  );
}

describe('the signer over mutual TLS', () => {
  it('makes keys, signs and answers', async () => {
    const key = await signer.createKey(gun, 'snapshot', 'ed25519');
    expect(key.id).toBe(digest('sha256', key.spki));
    expect(Buffer.from(await signer.sign(toSign('a'))).toString()).toBe('signed a');
    await expect(signer.ping()).resolves.toBeUndefined();
    expect(stub.clients).toEqual(['server-one', 'server-one', 'server-one']);
  });

  it('says what a key was made for, and undefined of one that is not there', async () => {
    const id = 'ab'.repeat(32);
    stub.onRequest = ({ method, url }, response) => {
      expect([method, url]).toEqual(['GET', `/v1/keys/${id}`]);
      response.end(JSON.stringify({ id, gun, role: 'snapshot', algorithm: 'ed25519', spki: '' }));
      return true;
    };
    expect(await signer.findKey(id)).toEqual({ gun, role: 'snapshot', algorithm: 'ed25519' });
    stub.onRequest = failWith(404, '{"code":"not-found","message":"there is no such key"}');
    expect(await signer.findKey(id)).toBeUndefined();
    stub.onRequest = failWith(503, '{"code":"unavailable","message":"no database"}');
    expect((await refusal(signer.findKey(id))).code).toBe('unavailable');
    stub.onRequest = (_, response) => {
      response.end('{}');
      return true;
    };
    expect((await refusal(signer.findKey(id))).message).toContain('holds no key');
  });

  it('hands over every field, and the file a snapshot follows', async () => {
    const seen: unknown[] = [];
    stub.onSign = (item) => {
      seen.push(item);
      return { signature: 'AAAA' };
    };
    await signer.sign({ ...toSign('p'), role: 'snapshot', follows: Buffer.from('before') });
    expect(seen).toEqual([
      {
        keyId: 'k',
        gun,
        role: 'snapshot',
        format: 'tuf-1',
        payload: Buffer.from('p').toString('base64'),
        follows: Buffer.from('before').toString('base64'),
      },
    ]);
  });

  it('deletes a key; one that has signed is refused by policy', async () => {
    const asked: string[] = [];
    stub.onRequest = (request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
      response.writeHead(204).end();
      return true;
    };
    await signer.deleteKey('ab'.repeat(32));
    expect(asked).toEqual([`DELETE /v1/keys/${'ab'.repeat(32)}`]);
    stub.onRequest = failWith(403, JSON.stringify({ code: 'policy', message: 'it has signed' }));
    expect(await refusal(signer.deleteKey('ab'.repeat(32)))).toMatchObject({ code: 'policy' });
  });

  it('asked to sign with a key the signer does not have is missing-key; an address that is not there is a fault', async () => {
    stub.onSign = () => ({ error: { code: 'not-found', message: 'there is no key' } });
    expect(await refusal(signer.sign(toSign('a')))).toMatchObject({ code: 'missing-key' });
    stub.onRequest = failWith(404, JSON.stringify({ code: 'not-found', message: 'no such operation' }));
    expect(await refusal(signer.createKey(gun, 'timestamp', 'ed25519'))).toMatchObject({ code: 'internal' });
  });

  it('sends payloads of the same moment together, each answer to its own', async () => {
    const texts = Array.from({ length: 150 }, (_, index) => `p${index}`);
    const signatures = await Promise.all(texts.map((text) => signer.sign(toSign(text))));
    expect(signatures.map((bytes) => Buffer.from(bytes).toString())).toEqual(texts.map((text) => `signed ${text}`));
    expect([...stub.batches].sort((a, b) => a - b)).toEqual([22, 64, 64]);
  });

  it('does not put more into a request than a signer takes', async () => {
    const large = 'x'.repeat(3_000_000);
    await Promise.all([1, 2, 3].map(() => signer.sign(toSign(large))));
    expect(stub.batches).toEqual([1, 1, 1]);
  });

  it('refuses one payload of a request without touching the others', async () => {
    stub.onSign = ({ payload }) =>
      payload === Buffer.from('bad').toString('base64')
        ? { error: { code: 'policy', message: 'expires too late' } }
        : { signature: 'AAAA' };
    const [good, bad] = await Promise.allSettled([signer.sign(toSign('good')), signer.sign(toSign('bad'))]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toMatchObject({
      status: 'rejected',
      reason: { code: 'policy', message: expect.stringContaining('expires too late') as string },
    });
  });

  it.each([
    [{ code: 'stale-version', message: 'signed already', highest: 41 }, 'stale-version', { current: 41 }],
    [{ code: 'policy', message: 'no' }, 'policy', {}],
    [{ code: 'rate-limit', message: 'no' }, 'rate-limit', {}],
    [{ code: 'unavailable', message: 'no' }, 'unavailable', {}],
    [{ code: 'storage-full', message: 'no' }, 'storage-full', {}],
    [{ code: 'too-large', message: 'no' }, 'too-large', {}],
    [{ code: 'too-many', message: 'no' }, 'too-many', {}],
    [{ code: 'unsealed', message: 'no' }, 'unavailable', {}],
    [{ code: 'stale-version', message: 'without a number' }, 'internal', {}],
    [{ code: 'constructor', message: 'no' }, 'internal', {}],
  ])('reads the failure %j', async (error, code, detail) => {
    stub.onSign = () => ({ error });
    expect(await refusal(signer.sign(toSign('a')))).toMatchObject({ code, detail });
    stub.onRequest = failWith(400, JSON.stringify(error));
    expect(await refusal(signer.createKey(gun, 'timestamp', 'ed25519'))).toMatchObject({ code, detail });
  });
});

describe('a signer in trouble', () => {
  it('that is down is unavailable, and works again after', async () => {
    const { url } = stub.config;
    const down = await openSigner({ ...stub.config, url: 'https://127.0.0.1:1' }, collectingLog(lines));
    const asks = [() => down.sign(toSign('a')), () => down.ping(), () => down.createKey(gun, 'timestamp', 'ed25519')];
    for (const ask of asks) {
      expect(await refusal(ask())).toMatchObject({
        code: 'unavailable',
        next: expect.stringContaining('try again') as string,
      });
    }
    await down.close();
    const up = await openSigner({ ...stub.config, url }, collectingLog(lines));
    await expect(up.ping()).resolves.toBeUndefined();
    await up.close();
  });

  it('is not asked what is larger than it takes', async () => {
    const small = await openSigner({ ...stub.config, requestBytes: 40_000 }, collectingLog(lines));
    let asked = false;
    stub.onRequest = () => !(asked = true);
    expect(await refusal(small.sign(toSign('x'.repeat(20_000))))).toMatchObject({ code: 'too-large' });
    expect(asked).toBe(false);
    await small.close();
  });

  it('that does not answer in time is unavailable', async () => {
    const hasty = await openSigner({ ...stub.config, timeout: 300 }, collectingLog(lines));
    stub.onRequest = () => true;
    expect(await refusal(hasty.sign(toSign('a')))).toMatchObject({ code: 'unavailable' });
    stub.onRequest = () => false;
    expect(Buffer.from(await hasty.sign(toSign('b'))).toString()).toBe('signed b');
    await hasty.close();
  });

  it('that closed the connection is asked once more to sign, and only once', async () => {
    let left = 1;
    stub.onRequest = (request) => {
      if (left === 0) return false;
      left -= 1;
      request.socket.destroy();
      return true;
    };
    expect(Buffer.from(await signer.sign(toSign('a'))).toString()).toBe('signed a');
    left = 2;
    expect(await refusal(signer.sign(toSign('a')))).toMatchObject({ code: 'unavailable' });
    expect(left).toBe(0);
  });

  it.each([
    ['a web page', failWith(200, '<html>')],
    ['nothing', failWith(200, '')],
    ['too few results', failWith(200, '{"results":[]}')],
    ['a result that is none', failWith(200, '{"results":[{}]}')],
    ['null', failWith(200, 'null')],
    ['a web page and an error', failWith(502, '<html>')],
    ['more than it may', failWith(200, `{"results":[{"signature":"${'A'.repeat(5_000_000)}"}]}`)],
  ])('that answers %s is unavailable', async (_what, onRequest) => {
    stub.onRequest = onRequest;
    expect(await refusal(signer.sign(toSign('a')))).toMatchObject({ code: 'unavailable' });
  });

  it('with a certificate of another CA is unavailable', async () => {
    await writeFile(stub.config.ca, (await makeCa('Stranger')).certificate);
    const wary = await openSigner(stub.config, collectingLog(lines));
    expect(await refusal(wary.ping())).toMatchObject({ code: 'unavailable' });
    await wary.close();
    expect(stub.clients).toEqual([]);
  });

  it('turns away a client certificate of another CA', async () => {
    const stranger = await makeCa('Stranger');
    await stub.renew(await stranger.issue({ cn: 'server-one', use: 'client' }));
    const wrong = await openSigner(stub.config, collectingLog(lines));
    expect(await refusal(wrong.ping())).toMatchObject({ code: 'unavailable' });
    await wrong.close();
    expect(stub.clients).toEqual([]);
  });
});

describe('the client certificate', () => {
  it('is read again when it changes, and the old one stays while the new one is not usable', async () => {
    await signer.ping();
    await stub.renew(await stub.ca.issue({ cn: 'server-two', use: 'client' }));
    await vi.waitUntil(
      async () => {
        await signer.ping();
        return stub.clients.at(-1) === 'server-two';
      },
      { timeout: 15_000, interval: 200 },
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'info', message: 'signer client certificate read again' }),
    );
  });
});
