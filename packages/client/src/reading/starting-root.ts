import type { CacheView } from '../cache/cache-view.js';
import { firstRoot, fingerprint, pinned, type FirstTrust } from './pinning.js';
import { formatOfRoot } from './root-format.js';
import type { Crypto } from '../tuf/crypto.js';
import { CountersignError, hasCode } from '../tuf/errors.js';
import { DEFAULT_PARSE_LIMITS, type Format } from '../tuf/formats/format.js';
import { rootFileName } from '../tuf/formats/index.js';
import { instant, ROOT, SNAPSHOT, TIMESTAMP, type Gun, type Instant } from '../tuf/names.js';
import type { RefreshLimits, WantedFile } from '../tuf/refresh.js';
import { bootstrapRoot, type RootTrust, type TrustContext } from '../tuf/trust.js';

const EPOCH = instant(0);

export interface StartingRootSettings {
  readonly crypto: Crypto;
  readonly firstTrust: FirstTrust | undefined;
  /** The one format to take; any where it is undefined. */
  readonly format: Format | undefined;
  readonly gun: Gun | undefined;
  readonly purpose: 'read' | 'publish' | 'copy';
  readonly limits: Partial<RefreshLimits> | undefined;
}

/** When a client with this purpose takes a role to have expired (`UpdaterOptions.purpose`). */
export function judging(purpose: StartingRootSettings['purpose'], now: Instant): TrustContext['judgeAt'] {
  return (role) =>
    purpose === 'copy' || (purpose === 'publish' && role !== TIMESTAMP && role !== SNAPSHOT) ? EPOCH : now;
}

/** The root a refresh starts from: the saved one where it descends from the pinned one, else the first (§5.2). */
export class StartingRoot {
  readonly #settings: StartingRootSettings;
  readonly #now: Instant;

  constructor(settings: StartingRootSettings, now: Instant) {
    this.#settings = settings;
    this.#now = now;
  }

  /** A first root is checked, then kept. @throws CountersignError `untrusted-root`, and what `firstRoot` throws */
  async open(view: CacheView, fetch: (name: string) => Promise<Uint8Array | undefined>): Promise<RootTrust> {
    const { crypto, firstTrust } = this.#settings;
    const pin = pinned(firstTrust, crypto);
    const cached = await view.load(ROOT);
    if (cached !== undefined && (pin === undefined || pin === (await view.anchor()))) return this.#saved(cached);
    const fetchRoot = ({ version }: WantedFile): Promise<Uint8Array | undefined> => fetch(rootFileName(version));
    const { raw, believed, as = 'new' } = await firstRoot(firstTrust, fetchRoot, { crypto, now: this.#now });
    const trust = await bootstrapRoot(this.#context(raw), raw, as, believed);
    await view.startFrom(raw, pin ?? fingerprint(raw, crypto));
    return trust;
  }

  async #saved(raw: Uint8Array): Promise<RootTrust> {
    try {
      return await bootstrapRoot(this.#context(raw), raw, 'previous');
    } catch (error) {
      if (hasCode(error, 'unsupported')) throw error;
      throw new CountersignError('untrusted-root', 'the saved root of this collection is damaged', {
        cause: error,
        next: 'Remove the saved metadata of this collection and give --root or --root-fingerprint again.',
      });
    }
  }

  #context(root: Uint8Array): TrustContext {
    const { gun, crypto, purpose, format, limits } = this.#settings;
    const now = this.#now;
    return {
      format: formatOfRoot(root, format),
      crypto,
      judgeAt: judging(purpose, now),
      now,
      parseLimits: { bytes: Math.max(DEFAULT_PARSE_LIMITS.bytes, limits?.snapshot ?? 0, limits?.targets ?? 0) },
      ...(gun === undefined ? {} : { gun }),
    };
  }
}
