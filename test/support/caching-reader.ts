import {
  bootstrapRoot,
  ROOT,
  type Format,
  type FormatName,
  formatNamed,
  instant,
  parseGun,
  refresh,
  type RefreshPorts,
  type RoleName,
  type TargetsTrust,
} from '@countersign/client/tuf';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import type { Where } from './publisher.js';

/** A collection as it is read, by name of the file. */
export interface ReadBy {
  readonly where: Where;
  readonly gun: string;
  read(name: string): Promise<string | number>;
}

/** A client of one collection that keeps what it has seen, at the server's time. */
export class CachingReader {
  readonly saved = new Map<RoleName, Uint8Array>();
  /** Where it reads from; another server is only another place. */
  of: ReadBy;
  readonly #format: Format;

  constructor(of: ReadBy, format: FormatName = 'notary-1') {
    this.of = of;
    this.#format = formatNamed(format);
  }

  /** Refreshes from what it holds, or from the root there is. @throws CountersignError what a client would refuse */
  async refresh(): Promise<TargetsTrust> {
    const now = instant(this.of.where.clock.now());
    const context = { format: this.#format, crypto: nodeCrypto, gun: parseGun(this.of.gun), judgeAt: () => now, now };
    const held = this.saved.get(ROOT);
    const root = held ?? Buffer.from(String(await this.of.read('root.json')));
    this.saved.set(ROOT, root);
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
        const text = await this.of.read(this.#format.fileName(role, entry));
        return typeof text === 'string' ? Buffer.from(text) : undefined;
      },
      cached: (role) => Promise.resolve(this.saved.get(role)),
      save: (role, raw) => Promise.resolve(void this.saved.set(role, raw)),
    };
  }
}
