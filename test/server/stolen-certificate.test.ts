import { createHash } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { openTransport, type SignerTransport } from '../../packages/server/src/signer-transport.js';
import { canonical, type MetaDoc } from '../simulator/documents.js';
import { sha256 } from '../simulator/keys.js';
import { NO_JOBS } from '../support/by-hand.js';
import { Publisher } from '../support/publisher.js';
import { date } from '../simulator/repository.js';
import { SILENT, World } from '../support/world.js';

const DAY = 86_400;

let world: World | undefined;
let thief: SignerTransport | undefined;
afterEach(async () => {
  await thief?.close();
  await world?.stop();
});

async function published(publisher: Publisher, name: string): Promise<string> {
  return String(await publisher.read(name));
}

it('a stolen server certificate has no timestamp signed that names an old snapshot', async () => {
  world = await World.start({ server: NO_JOBS });
  const publisher = await Publisher.begin(world, 'stolen', { app: 'release 1' });
  for (let release = 2; release <= 6; release += 1) {
    const targets = publisher.next();
    await publisher.host(targets, 'app', `release ${release}`);
    await publisher.publish({ targets });
    world.clock.advance(2 * DAY);
  }
  thief = await openTransport((await world.serverConfig()).signer, SILENT);
  const current = await published(publisher, 'timestamp.json');
  const { signed } = JSON.parse(current) as { signed: MetaDoc };
  const key = publisher.nextRoot().roles['timestamp']!.keyids[0]!;
  const { keyval } = publisher.nextRoot().keys[key] as { keyval: { public: string } };
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(keyval.public, 'hex')]);
  const keyId = createHash('sha256').update(spki).digest('hex');

  const ask = async (names: number, follows: string | undefined): Promise<unknown> => {
    const old = await published(publisher, `${names}.snapshot.json`);
    const entry = { version: names, length: Buffer.byteLength(old), hashes: { sha256: sha256(old) } };
    const expires = date(world!.clock.now() + 14 * DAY * 1000);
    const payload = canonical({ ...signed, version: signed.version + 1, expires, meta: { 'snapshot.json': entry } });
    const item = { keyId, gun: 'stolen', role: 'timestamp', format: 'tuf-1', payload: base64(payload) };
    const items = [{ ...item, ...(follows === undefined ? {} : { follows: base64(follows) }) }];
    return ((await thief!.send('POST', '/v1/sign', { items })) as { results: unknown[] }).results[0];
  };
  const newest = signed.meta['snapshot.json']!.version;
  for (const follows of [current, undefined])
    for (const names of [1, newest - 2]) expect(await ask(names, follows)).toMatchObject({ error: { code: 'policy' } });
  // One behind the published one is what remains: see docs/threat-model.md.
  expect(await ask(newest, current)).toHaveProperty('signature');
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
