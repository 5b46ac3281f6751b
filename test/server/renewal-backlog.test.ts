import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instant } from '@countersign/client/tuf';
import { firstPublish, gun } from '../contracts/commits.js';
import { ByHand } from '../support/by-hand.js';
import { Publisher } from '../support/publisher.js';

const DAY = 86_400;
/** More than two pages of the job. */
const BROKEN = 230;

describe('renewal behind collections that always fail', () => {
  let host: ByHand;
  let publisher: Publisher;
  beforeEach(async () => {
    host = await ByHand.start();
    publisher = await Publisher.begin(host.world, 'backlog/honest');
    // What is stored of them is no metadata at all; they come before everybody else.
    const renewAt = instant(host.clock.now() - 1_000);
    for (let number = 0; number < BROKEN; number += 1)
      await host.store.commit(firstPublish(gun(`backlog/broken/${number}`), { renewAt }));
    host.clock.advance(DAY);
  });
  afterEach(() => host.stop());

  it('comes to the ones behind them in the same run', async () => {
    expect(await host.collections.renewDue()).toEqual({ renewed: 1, failed: BROKEN });
    expect(JSON.parse(String(await publisher.read('timestamp.json')))).toMatchObject({ signed: { version: 2 } });
    expect(await host.collections.renewDue()).toEqual({ renewed: 0, failed: BROKEN });
  });

  it('stops after a page when it is the signer that does not answer', async () => {
    await host.world.stopSigner();
    host.faults.reset();
    expect(await host.collections.renewDue()).toEqual({ renewed: 0, failed: 100 });
    expect(host.calls('signer.ping')).toBe(1);
    await host.world.startSigner();
    expect(await host.collections.renewDue()).toEqual({ renewed: 1, failed: BROKEN });
  });
});
