import type { CacheNotes, HeldVersions } from '../cache/cache.js';
import { stillHeld, type EarlyQuestion } from './early-question.js';
import type { Repository } from './repository.js';
import type { UpdateFile, Updates } from './updates.js';
import { CountersignError } from '../tuf/errors.js';
import { ROOT, TIMESTAMP, type RoleName, type Version } from '../tuf/names.js';
import { tryLocal, type RefreshLimits, type RefreshPorts, type WantedFile } from '../tuf/refresh.js';
import type { TargetsTrust, TrustContext } from '../tuf/trust.js';

export interface UpdatingParts {
  readonly repository: Repository;
  readonly limits: RefreshLimits;
  readonly context: Pick<TrustContext, 'format' | 'parseLimits'>;
  /** The specification's own way, file by file. */
  readonly ports: RefreshPorts;
  /** What has been asked already. */
  readonly early?: EarlyQuestion | undefined;
}

/** Whether the short way may be taken; where it was offered at an earlier refresh, the versions held since. */
export type Way = [way: 'any' | 'file by file', offered?: HeldVersions];

const NOTHING: HeldVersions = { timestamp: 0, snapshot: 0, targets: 0 };

/**
 * The ports of one refresh. Where the repository offers it, all that is lacking is asked for at once, as soon as that is
 * known; a repository that does not sees the requests of the specification, in its order, and no other.
 */
export class UpdatingPorts implements RefreshPorts {
  readonly #parts: UpdatingParts;
  readonly #held: HeldVersions;
  readonly #offered: boolean;
  #mayAsk: boolean;
  #updates: Updates | undefined;
  /** The version of the newest trusted root. */
  #root = 0;
  /** The newest trusted root, where it is not saved yet: the next came in the same answer. */
  #unsaved: { readonly raw: Uint8Array; readonly version: Version } | undefined;

  constructor(parts: UpdatingParts, [way, offered]: Way) {
    this.#parts = parts;
    this.#held = offered ?? NOTHING;
    this.#offered = offered !== undefined;
    this.#mayAsk = way === 'any';
  }

  get tookShortWay(): boolean {
    return this.#updates !== undefined;
  }

  async fetch(file: WantedFile, maxBytes: number): ReturnType<RefreshPorts['fetch']> {
    if (file.role === ROOT && file.version !== undefined) this.#root = file.version - 1;
    const isOffered = this.#offered || this.#parts.repository.offersUpdates;
    const found = isOffered ? await this.#short(file, maxBytes) : 'elsewhere';
    if (found !== 'elsewhere') return found;
    await this.settle();
    return this.#parts.ports.fetch(file, maxBytes);
  }

  cached(role: RoleName): Promise<Uint8Array | undefined> {
    return this.#parts.ports.cached(role);
  }

  /**
   * At once; but of roots that came in one answer only the newest, once it is known to be. No request lies between them, and
   * none is made before it is saved (W2.6).
   */
  async save(role: RoleName, raw: Uint8Array, version: Version): Promise<void> {
    if (role === ROOT && this.#updates?.files.some(({ bytes }) => bytes === raw) === true) {
      this.#unsaved = { raw, version };
      return;
    }
    await this.settle();
    await this.#parts.ports.save(role, raw, version);
  }

  /** Saves what is trusted and was not saved yet: to be called when the refresh ends, and when it fails. */
  async settle(): Promise<void> {
    const root = this.#unsaved;
    this.#unsaved = undefined;
    if (root !== undefined) await this.#parts.ports.save(ROOT, root.raw, root.version);
  }

  /** What to remember for the next refresh. */
  notesAfter({ final, snapshot, targets }: TargetsTrust): Pick<CacheNotes, 'updates'> {
    if (!this.#parts.repository.offersUpdates) return {};
    return {
      updates: {
        root: final.root.signed.version,
        timestamp: snapshot.timestamp.signed.version,
        snapshot: snapshot.signed.version,
        targets: targets.signed.version,
      },
    };
  }

  async #short(file: WantedFile, maxBytes: number): Promise<Uint8Array | undefined | 'elsewhere'> {
    let updates = this.#updates ?? (await this.#ask());
    let found = updates === undefined ? undefined : pick(updates, file);
    if (found === undefined && file.role === ROOT && updates?.complete === false) {
      updates = await this.#ask();
      found = updates === undefined ? undefined : pick(updates, file);
    }
    if (found !== undefined) return checkedLength(found, maxBytes);
    if (updates?.complete !== true) return 'elsewhere';
    if (file.role === ROOT) return undefined;
    // The server says that nothing is newer: so it would by sending the same timestamp again.
    return file.role === TIMESTAMP ? ((await this.#notedTimestamp()) ?? 'elsewhere') : 'elsewhere';
  }

  /** The saved timestamp, where its version is the one the server was told: a power failure may leave notes ahead of the files. */
  async #notedTimestamp(): Promise<Uint8Array | undefined> {
    const { format, parseLimits } = this.#parts.context;
    const raw = await this.cached(TIMESTAMP);
    if (raw === undefined) return undefined;
    const saved = await tryLocal(() => Promise.resolve(format.parseTimestamp(raw, parseLimits)));
    return saved?.signed.version === this.#held.timestamp ? raw : undefined;
  }

  /** A failure to answer is none of the repository: what is needed is then asked for file by file. */
  async #ask(): Promise<Updates | undefined> {
    if (!this.#mayAsk) return undefined;
    await this.settle();
    const { repository, limits, early } = this.#parts;
    const held = { root: this.#root, ...(await stillHeld(this.#held, (role) => this.cached(role))) };
    try {
      this.#updates = await (early?.answerTo(held) ?? repository.updates(held, limits));
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error;
      this.#updates = undefined;
    }
    this.#mayAsk = this.#updates !== undefined;
    return this.#updates;
  }
}

function pick({ files }: Updates, { role, version }: WantedFile): UpdateFile | undefined {
  return files.find((file) => file.role === role && (version === undefined || version === file.version));
}

function checkedLength({ role, bytes }: UpdateFile, limit: number): Uint8Array {
  if (bytes.length <= limit) return bytes;
  throw new CountersignError('endless-data', `${role} has ${bytes.length} bytes, more than the ${limit} allowed`, {
    detail: { role, limit },
  });
}
