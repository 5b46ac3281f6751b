import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '@countersign/client/node';
import {
  formatNamed,
  instant,
  parseGun,
  type Crypto,
  type Envelope,
  type Instant,
  type Root,
} from '@countersign/client/tuf';
import {
  createCollections,
  DEFAULT_POLICY,
  type Collections,
  type Signer,
} from '../../packages/server/src/collection/index.js';
import { ByHand } from '../support/by-hand.js';
import { SILENT } from '../support/world.js';

/*
 * Everything that `notary` and `docker trust` sent to the real server and that it took, sent again to ours, in the same
 * order and at the same time. The private halves of the online keys stayed in that server's signer: another key signs in
 * their stead, and what it has signed counts as signed by them. All else is as in production, both walks included.
 */

interface Sent {
  readonly at: string;
  readonly gun: string;
  readonly label: string;
  /** By role; a deletion where there are none. */
  readonly files?: Readonly<Record<string, string>>;
}

const SENT = JSON.parse(
  readFileSync(fileURLToPath(new URL('../vectors/notary-1/uploads.json', import.meta.url)), 'utf8'),
) as readonly Sent[];
const GUNS = [...new Set(SENT.map(({ gun }) => gun))];
const FORMAT = formatNamed('notary-1');

const standIn = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const crypto: Crypto = {
  ...nodeCrypto,
  verify: async (key, signature, bytes) =>
    (await nodeCrypto.verify(key, signature, bytes)) || verify('sha256', bytes, standIn.publicKey, signature.value),
};
const signer: Signer = {
  createKey: () => Promise.reject(new Error('no key is asked for')),
  deleteKey: () => Promise.resolve(),
  sign: ({ payload }) => Promise.resolve(sign('sha256', payload, standIn.privateKey)),
  ping: () => Promise.resolve(),
};

let held: ByHand;
let collections: Collections;
let now: Instant;
beforeAll(async () => {
  held = await ByHand.start();
  const { store, targetFiles } = held;
  const ports = { store, targetFiles, signer, crypto, policy: DEFAULT_POLICY, log: SILENT };
  collections = createCollections({ ...ports, clock: () => now });
});
afterAll(() => held.stop());

/** Records the online keys of an uploaded root as ours; the snapshot key is, where no snapshot comes along. */
async function own({ gun, files }: Sent): Promise<void> {
  if (files?.['root'] === undefined) return;
  const root: Envelope<Root> = FORMAT.parseRoot(Buffer.from(files['root']));
  for (const role of ['timestamp', ...(files['snapshot'] === undefined ? ['snapshot' as const] : [])] as const) {
    const { spki } = root.signed.keys.get(root.signed.roles[role].keyIds[0]!)!;
    const id = createHash('sha256').update(spki).digest('hex');
    const known = await held.store.onlineKeys(parseGun(gun), role);
    if (known.some((key) => key.id === id)) continue;
    const algorithm = 'ecdsa-p256-sha256';
    await held.store.addPendingKey({ id, gun: parseGun(gun), role, algorithm, spki, pending: true, createdAt: now });
  }
}

describe.each(GUNS)('what was sent to %s', (gun) => {
  const sent = SENT.filter((one) => one.gun === gun);

  it(`is taken again (${sent.length} requests), and is what readers then get`, async () => {
    for (const one of sent) {
      now = instant(Date.parse(one.at));
      if (one.files === undefined) {
        await collections.remove(parseGun(gun));
        continue;
      }
      await own(one);
      const files = Object.entries(one.files).map(([role, text]) => ({ role, bytes: Buffer.from(text) }));
      const answer = await collections
        .publish({ gun: parseGun(gun), files, targets: 'anywhere', abandons: [] })
        .catch((cause: unknown) => {
          throw new Error(`${one.label}: ${(cause as Error).message}`, { cause });
        });
      expect(answer).toMatchObject({ format: 'notary-1', repeated: false });
      for (const { role, bytes } of files) {
        const { file } = await collections.current(parseGun(gun), role as never);
        expect(Buffer.from(file.bytes).equals(bytes)).toBe(true);
      }
    }
  });
});
