import {
  bootstrapRoot,
  formatNamed,
  instant,
  parseGun,
  refresh,
  type RefreshPorts,
  type RoleName,
  type TargetsTrust,
} from '@countersign/client/tuf';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import type { NotaryPublisher } from './notary-publisher.js';

const FORMAT = formatNamed('notary-1');

/** A client of one Notary collection that keeps what it has seen, at the server's time. */
export class NotaryReader {
  readonly saved = new Map<RoleName, Uint8Array>();
  readonly #of: NotaryPublisher;

  constructor(of: NotaryPublisher) {
    this.#of = of;
  }

  /** Refreshes from what it holds, or from the root there is. @throws CountersignError what a client would refuse */
  async refresh(): Promise<TargetsTrust> {
    const now = instant(this.#of.where.clock.now());
    const context = { format: FORMAT, crypto: nodeCrypto, gun: parseGun(this.#of.gun), judgeAt: () => now, now };
    const held = this.saved.get('root' as RoleName);
    const root = held ?? Buffer.from(String(await this.#of.read('root.json')));
    this.saved.set('root' as RoleName, root);
    return refresh(await bootstrapRoot(context, root, held === undefined ? 'new' : 'previous'), { ports: this.#ports });
  }

  /** The versions a client ends up with. */
  async versions(): Promise<Record<'root' | 'snapshot' | 'targets' | 'timestamp', number>> {
    const { final, snapshot, targets } = await this.refresh();
    return {
      root: final.root.signed.version,
      timestamp: snapshot.timestamp.signed.version,
      snapshot: snapshot.signed.version,
      targets: targets.signed.version,
    };
  }

  get #ports(): RefreshPorts {
    return {
      fetch: async ({ role, version, hashes }) => {
        const entry = { ...(version === undefined ? {} : { version }), ...(hashes === undefined ? {} : { hashes }) };
        const text = await this.#of.read(FORMAT.fileName(role, entry));
        return typeof text === 'string' ? Buffer.from(text) : undefined;
      },
      cached: (role) => Promise.resolve(this.saved.get(role)),
      save: (role, raw) => Promise.resolve(void this.saved.set(role, raw)),
    };
  }
}
