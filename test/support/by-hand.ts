import { nodeCrypto } from '@countersign/client/node';
import {
  createCollections,
  type Collections,
  type Signer,
  type Store,
} from '../../packages/server/src/collection/index.js';
import type { TargetFiles } from '../../packages/server/src/collection/ports.js';
import { Faults } from './faults.js';
import { SILENT, TestClock, World, type WorldOptions } from './world.js';

/** Jobs that never come round while a test runs. */
export const NO_JOBS = { jobs: { renew: 1_000_000, collect: 1_000_000 } };

/**
 * A world whose jobs run only when a test says so, on the very ports of its server, under a clock that the test moves.
 * `collections` are what the server's own jobs would run.
 */
export class ByHand {
  readonly faults = new Faults();
  readonly clock = new TestClock();
  world!: World;
  #ports: { store?: Store; signer?: Signer; targetFiles?: TargetFiles } = {};
  #collections: Collections | undefined;

  static async start(server: WorldOptions['server'] = {}, more: Pick<WorldOptions, 'signerOf'> = {}): Promise<ByHand> {
    const self = new ByHand();
    const { wrap } = self.faults;
    self.world = await World.start({
      ...more,
      clock: self.clock,
      server: { ...NO_JOBS, ...server },
      wrap: {
        store: (real) => (self.#ports.store = wrap.store?.(real) ?? real),
        signer: (real) => (self.#ports.signer = wrap.signer?.(real) ?? real),
        targetFiles: (real) => (self.#ports.targetFiles = wrap.targetFiles?.(real) ?? real),
      },
    });
    const { policy } = await self.world.serverConfig();
    const { store, signer, targetFiles } = self;
    const { now: clock } = self.clock;
    self.#collections = createCollections({
      store,
      signer,
      targetFiles,
      crypto: nodeCrypto,
      policy,
      clock,
      log: SILENT,
    });
    return self;
  }

  get collections(): Collections {
    return given(this.#collections);
  }

  get store(): Store {
    return given(this.#ports.store);
  }

  get signer(): Signer {
    return given(this.#ports.signer);
  }

  get targetFiles(): TargetFiles {
    return given(this.#ports.targetFiles);
  }

  /** How often a port was called since the last `faults.reset`. */
  calls(name: string): number {
    return this.faults.calls.filter((call) => call === name).length;
  }

  stop(): Promise<void> {
    return this.world.stop();
  }
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not started');
  return value;
}
