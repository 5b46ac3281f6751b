import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../packages/client/src/http/at-once.js';

const numbers = Array.from({ length: 20 }, (_, index) => index);

describe('work on several items', () => {
  it('is done once each, so many at once and no more', async () => {
    const done: number[] = [];
    let under = 0;
    let most = 0;
    await atOnce(3, numbers, async (number) => {
      most = Math.max(most, (under += 1));
      await delay(1);
      under -= 1;
      done.push(number);
    });
    expect(done.sort((a, b) => a - b)).toEqual(numbers);
    expect(most).toBe(3);
  });

  it('after a failure is begun no more; what is under way is told, waited for, and may fail as well', async () => {
    const begun: number[] = [];
    let ended = 0;
    const work = atOnce(3, numbers, async (number, stopped) => {
      begun.push(number);
      if (number === 1) throw new Error('first');
      await delay(20);
      ended += 1;
      stopped.throwIfAborted();
    });
    await expect(work).rejects.toThrow('first');
    expect(begun).toEqual([0, 1, 2]);
    expect(ended).toBe(2);
  });

  it('of none is nothing', async () => {
    await atOnce(3, [], () => Promise.reject(new Error('never')));
  });
});
