import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ByHand } from '../support/by-hand.js';
import { Publisher } from '../support/publisher.js';

const DAY = 86_400;

describe('GET /health', () => {
  let host: ByHand;
  beforeEach(async () => {
    host = await ByHand.start();
  });
  afterEach(() => host.stop());

  const health = async (): Promise<unknown> => (await fetch(`${host.world.url}/health`)).json();

  async function expires(publisher: Publisher): Promise<string> {
    const { signed } = JSON.parse(String(await publisher.read('timestamp.json'))) as { signed: { expires: string } };
    return signed.expires;
  }

  it('says until when reads go on without the signer: the expiry of the timestamp that expires first', async () => {
    expect(await health()).toEqual({ store: 'ok', signer: 'ok' });
    const first = await Publisher.begin(host.world, 'health/first');
    host.clock.advance(DAY / 2);
    const second = await Publisher.begin(host.world, 'health/second');
    const [earlier, later] = [await expires(first), await expires(second)];
    expect(earlier < later).toBe(true);
    expect(await health()).toEqual({ store: 'ok', signer: 'ok', signedUntil: earlier });
    await first.publish({ targets: first.next() });
    expect(await health()).toMatchObject({ signedUntil: later });

    await host.world.stopSigner();
    expect(await health()).toEqual({ store: 'ok', signer: 'down', signedUntil: later });
    host.clock.advance(10 * DAY);
    expect(await health()).toEqual({ store: 'ok', signer: 'down', signedUntil: later });
    await host.world.startSigner();
    expect(await host.collections.renewDue()).toEqual({ renewed: 2, failed: 0 });
    expect(await health()).toMatchObject({ signer: 'ok', signedUntil: await expires(first) });
  });
});
