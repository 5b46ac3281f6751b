import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  composeRoot,
  composeTargets,
  formatNamed,
  instant,
  parseGun,
  signDocument,
  type BareKey,
  type KeySigner,
  type TargetFile,
} from '@countersign/client/tuf';
import { collectionUrls, Updater } from '@countersign/client';
import { nodeCrypto } from '@countersign/client/node';
import { World } from '../support/world.js';

const format = formatNamed('tuf-1');
const GUN = parseGun('example.com:5000/team/app.v1');

function makeSigner(): KeySigner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key: BareKey = { scheme: 'ed25519', spki: publicKey.export({ format: 'der', type: 'spki' }) };
  return { key, sign: (bytes) => Promise.resolve(sign(null, bytes, privateKey)) };
}

const expires = instant(Math.floor(Date.now() / 1000) * 1000 + 90 * 86_400_000);

describe('a collection through the real server and signer', () => {
  let world: World;
  const [rootKey, targetsKey] = [makeSigner(), makeSigner()];
  const content = Buffer.from('hello, world\n');
  const sha256 = createHash('sha256').update(content).digest();
  const url = (): string => `${world.url}/v2/${GUN}/_trust/tuf/`;

  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(async () => {
    await world.stop();
  });

  async function onlineKey(role: string): Promise<BareKey> {
    const answer = await fetch(`${url()}${role}.key?format=tuf-1`);
    expect(answer.status).toBe(200);
    const key = format.parseKey(new Uint8Array(await answer.arrayBuffer()), nodeCrypto);
    if (key.scheme === undefined) throw new Error('unusable key');
    return { scheme: key.scheme, spki: key.spki };
  }

  async function post(files: Record<string, Uint8Array>): Promise<Response> {
    const form = new FormData();
    for (const [role, raw] of Object.entries(files)) form.append('files', new Blob([raw as BlobPart]), role);
    form.append('targets', 'hosted');
    return fetch(url(), { method: 'POST', body: form });
  }

  it('is published, countersigned and fetched', async () => {
    const one = (key: BareKey) => ({ keys: [key], threshold: 1 });
    const change = {
      root: one(rootKey.key),
      targets: one(targetsKey.key),
      timestamp: one(await onlineKey('timestamp')),
      snapshot: one(await onlineKey('snapshot')),
    };
    const root = await signDocument(format, nodeCrypto, composeRoot(format, change, expires, nodeCrypto), [rootKey]);
    const file: TargetFile = { length: content.length, hashes: new Map([['sha256', sha256]]) };
    const targets = await signDocument(
      format,
      nodeCrypto,
      composeTargets(format, { set: new Map([['dir/hello.txt', file]]) }, expires),
      [targetsKey],
    );

    const early = await post({ root, targets });
    expect(early.status).toBe(409);
    expect(await early.text()).toContain('missing-target');

    const name = `${world.url}/v2/${GUN}/_trust/targets/dir/${sha256.toString('hex')}.hello.txt`;
    const put = await fetch(name, { method: 'PUT', body: content });
    await put.arrayBuffer();
    expect([200, 201]).toContain(put.status);

    const answer = await post({ root, targets });
    expect(await answer.text()).toContain('"timestamp":1');
    expect(answer.status).toBe(200);
    const again = await post({ root, targets });
    expect(await again.json()).toMatchObject({ repeated: true });

    const updater = new Updater({
      urls: collectionUrls(world.url, GUN),
      fetch,
      crypto: nodeCrypto,
      now: Date.now,
      firstTrust: { kind: 'file', raw: root },
    });
    const found = await updater.find('dir/hello.txt');
    expect(found?.file.length).toBe(content.length);
    if (found === undefined) return;
    const chunks: Uint8Array[] = [];
    for await (const chunk of updater.open(found)) chunks.push(chunk);
    expect(Buffer.concat(chunks)).toEqual(content);
  });
});
