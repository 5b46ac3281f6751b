import { CountersignError } from '@countersign/client/tuf';
import type { Store, Signer, TargetFiles } from '../../packages/server/src/collection/ports.js';
import type { StartOptions } from '../../packages/server/src/index.js';

/** One call of one port, before it happens or after. */
export interface Call {
  /** For example `store.commit` or `targetFiles.write`. */
  readonly name: string;
  /** Counted over all ports, from 0, since the last `reset`. */
  readonly number: number;
  readonly when: 'before' | 'after';
}

/** What to do at a call; a rejection becomes the call's own. */
export type OnCall = (call: Call) => void | Promise<void>;

/** Stands around every port of a server: counts the calls that return promises, and lets a test step in at each. */
export class Faults {
  /** Names of the calls since the last `reset`, in order. */
  calls: string[] = [];
  onCall: OnCall = () => undefined;

  readonly wrap: NonNullable<StartOptions['wrap']> = {
    store: (store: Store) => ({
      ...this.#around('store', store),
      uploads: this.#around('store.uploads', store.uploads),
    }),
    signer: (signer: Signer) => this.#around('signer', signer),
    targetFiles: (targetFiles: TargetFiles) => this.#around('targetFiles', targetFiles),
  };

  /** Forgets the calls so far, and steps in from now on with `onCall`. */
  reset(onCall: OnCall = () => undefined): void {
    this.calls = [];
    this.onCall = onCall;
  }

  /** Fails call `number`: before it is done, or after. The caller cannot tell which. */
  failAt(number: number, when: Call['when']): void {
    this.reset((call) => {
      if (call.number !== number || call.when !== when) return;
      throw new CountersignError('unavailable', `${call.name} failed ${when} it was done, for a test`);
    });
  }

  #around<T extends object>(port: string, target: T): T {
    return new Proxy(target, {
      get: (object, property) => {
        const member: unknown = Reflect.get(object, property);
        if (typeof member !== 'function' || typeof property !== 'string' || ['close', 'sweep'].includes(property))
          return member;
        return (...args: unknown[]): Promise<unknown> =>
          this.step(`${port}.${property}`, () => Reflect.apply(member, object, args) as Promise<unknown>);
      },
    });
  }

  /** Does one call of a port, stepping in around it. */
  async step(name: string, done: () => Promise<unknown>): Promise<unknown> {
    const call = { name, number: this.calls.length };
    this.calls.push(name);
    await this.onCall({ ...call, when: 'before' });
    const result = await done();
    await this.onCall({ ...call, when: 'after' });
    return result;
  }
}
