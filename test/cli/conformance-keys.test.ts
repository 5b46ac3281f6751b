import { beforeEach, describe, expect, it } from 'vitest';
import { newKey, type SimKey } from '../simulator/keys.js';
import { type Conformance, initialisedClient } from '../support/conformance-client.js';

let sim: Conformance['sim'];
let client: Conformance['client'];
beforeEach(async () => {
  ({ sim, client } = await initialisedClient());
});

const keys = (count: number): SimKey[] => Array.from({ length: count }, () => newKey());

interface Signature {
  readonly keyid: string;
  sig: string;
}

/** Changes the signatures of a served file, and nothing that they are over. */
function resign(name: string, change: (signatures: Signature[]) => void): void {
  const file = JSON.parse(Buffer.from(sim.file(name)).toString()) as { signatures: Signature[] };
  change(file.signatures);
  sim.files.set(name, Buffer.from(JSON.stringify(file)));
}

describe('a threshold', () => {
  it('of three is met by three signatures and not by two', async () => {
    sim.setKeys('snapshot', keys(3), 3);
    sim.publishRoot();
    sim.publishSnapshot();
    expect(await client.refresh()).toBe(0);
    sim.signers.get('snapshot')!.pop();
    sim.publishSnapshot();
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toMatchObject({ root: 2, snapshot: 2, timestamp: 3 });
  });

  it('above the number of keys cannot be met; the root that asks for it is kept', async () => {
    sim.setKeys('snapshot', keys(5), 6);
    sim.publishRoot();
    sim.publishSnapshot();
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toEqual({ root: 2, timestamp: 2 });
  });

  it('is not met by one key that is listed nine times and has signed nine times', async () => {
    const one = newKey();
    sim.setKeys('snapshot', [...sim.signers.get('snapshot')!, ...Array.from({ length: 9 }, () => one)], 6);
    sim.publishRoot();
    sim.publishSnapshot();
    expect(await client.refresh()).toBe(1);
    expect(client.trusted('snapshot')).toBeUndefined();
  });
});

describe('signatures', () => {
  it('of which two have one key id make a file that is refused', async () => {
    resign('1.snapshot.json', (signatures) => signatures.push({ ...signatures[0]! }));
    expect(await client.refresh()).toBe(1);
    expect(client.trusted('snapshot')).toBeUndefined();
  });

  it.each([
    ['of another version', 'earlier'],
    ['empty, as of somebody who has not signed yet', ''],
    ['that is no hexadecimal', 'not yet'],
  ])('one of two %s: the other is enough for a threshold of one', async (_what, sig) => {
    const earlier = JSON.parse(Buffer.from(sim.file('timestamp.json')).toString()) as { signatures: Signature[] };
    sim.setKeys('timestamp', [...sim.signers.get('timestamp')!, newKey()]);
    sim.publishRoot();
    sim.publishTimestamp();
    resign('timestamp.json', (signatures) => {
      signatures[0]!.sig = sig === 'earlier' ? earlier.signatures[0]!.sig : sig;
    });
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toMatchObject({ root: 2, timestamp: 2 });
  });
});

describe('a key that the next root needs', () => {
  it.each(['rsa', 'ecdsa', 'ed25519'] as const)('may be %s, and its signature is verified', async (type) => {
    sim.setKeys('root', [...sim.signers.get('root')!, newKey(type)], 2);
    sim.publishRoot();
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toMatchObject({ root: 2 });

    sim.publishRoot();
    const stranger = newKey(type);
    resign('3.root.json', (signatures) => (signatures.at(-1)!.sig = stranger.sign('anything')));
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toMatchObject({ root: 2 });
  });
});
