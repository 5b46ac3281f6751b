import type { Change } from './changes.js';
import type { CollectionServer } from './collection-server.js';
import { draftChanges, draftFirst, versionsIn, withSnapshot, type Draft, type DraftContext } from './draft.js';
import type { KeyRing } from './key-ring.js';
import type { Lifetimes } from './lifetimes.js';
import { checkPublished } from './read-back.js';
import { draftRotation, type Rotation } from './rotation.js';
import type { TrustedState } from '../reading/state.js';
import type { Crypto } from '../tuf/crypto.js';
import { CountersignError, hasCode } from '../tuf/errors.js';
import type { Format } from '../tuf/formats/format.js';
import { instant, TIMESTAMP, type RoleName } from '../tuf/names.js';
import type { Updater } from '../reading/updater.js';
import type { PublishedBody } from '../http/wire.js';
import { uploadTargets, type UploadOptions } from './upload-targets.js';

export interface PublisherOptions {
  readonly server: CollectionServer;
  /** Made with `purpose: 'publish'`. */
  readonly updater: Pick<Updater, 'refresh' | 'state'>;
  readonly ring: KeyRing;
  readonly format: Format;
  readonly crypto: Crypto;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Waits before trying again. */
  readonly wait: (milliseconds: number) => Promise<void>;
  /** From 0 to 1: spreads publishers that met once, so that they do not meet again. */
  readonly random: () => number;
  /** The bytes of a change's `source`. */
  readonly open: UploadOptions['open'];
  /** The format's own unless given. */
  readonly lifetimes?: Partial<Lifetimes>;
  readonly onProgress?: UploadOptions['onProgress'];
}

export interface PublishRequest {
  readonly changes: readonly Change[];
  /** Signed first versions of roles that the changes delegate to. */
  readonly newRoles?: ReadonlyMap<RoleName, Uint8Array>;
  /** The root that `init` made, where nothing has been published yet. */
  readonly firstRoot?: Uint8Array;
  /** Whether the files of the targets must be on the server; they must, where the format has them there, unless given. */
  readonly targets?: 'hosted' | 'anywhere';
  readonly abandons?: readonly string[];
}

/** `nothing`: all that was asked for is in force already. */
export type PublishOutcome =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'published';
      readonly versions: Readonly<Record<string, number>>;
      /** Undefined where the server does not say. */
      readonly timestampExpires?: string;
    };

/** How often a publish is made again on what somebody else published first. */
const ATTEMPTS = 5;
/** How often the same bytes are sent while the answer is lost. */
const SENDS = 3;
const BASE_WAIT = 200;
/** What is demanded of the files that targets name. */
const DEMANDED = { hosted: 'hosted', elsewhere: 'anywhere' } as const;

/**
 * Publishes changes, not files: each attempt fetches what is current, applies the changes to it, signs and sends. Losing to
 * another publisher costs another attempt; a lost answer costs sending the same bytes again, which is safe.
 */
export class Publisher {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /**
   * Uploads the files, publishes the changes that name them, and reads them back: what it says is published was seen to be.
   * @throws CountersignError `contradiction` where somebody else changed the same target differently, `conflict` after too
   * many attempts, `missing-key`, `unsealed`, why the server refuses, and why what was published cannot be seen
   */
  async publish(request: PublishRequest): Promise<PublishOutcome> {
    const { server, crypto, open, onProgress, format } = this.#options;
    const upload = { server, crypto, open, ...(onProgress === undefined ? {} : { onProgress }) };
    let uploaded = format.rules.targetFiles === 'elsewhere';
    return this.#attempt(request, async (state, context) => {
      const draft = await this.#draft(request, state, context);
      // After drafting: a contradiction or a missing key shows before anything is sent.
      if (!uploaded && draft.size > 0) await uploadTargets(request.changes, upload);
      uploaded = true;
      return draft;
    });
  }

  /** Gives a role new keys, published at once. @throws CountersignError as `publish` */
  async rotate(rotation: Rotation): Promise<PublishOutcome> {
    const request: PublishRequest = { changes: [], targets: 'anywhere' };
    return this.#attempt(request, async (state, context) => {
      if (state === undefined) throw new CountersignError('not-found', 'the collection has not been published yet');
      return withSnapshot(context, state, await draftRotation(context, state, rotation));
    });
  }

  async #draft(request: PublishRequest, state: TrustedState | undefined, context: DraftContext): Promise<Draft> {
    if (state === undefined) {
      if (request.firstRoot === undefined) throw new CountersignError('internal', 'a first publish without a root');
      return draftFirst(context, context.format.parseRoot(request.firstRoot), request.changes);
    }
    const draft = await draftChanges(context, state, request.changes);
    const delegates = request.changes.some((change) => draft.has(change.role));
    return withSnapshot(context, state, delegates ? new Map([...draft, ...(request.newRoles ?? [])]) : draft);
  }

  async #attempt(
    request: PublishRequest,
    make: (state: TrustedState | undefined, context: DraftContext) => Promise<Draft>,
  ): Promise<PublishOutcome> {
    for (let attempt = 1; ; attempt += 1) {
      const state = await this.#state(request);
      const draft = await make(state, this.#context());
      if (draft.size === 0) return { kind: 'nothing' };
      const told = await this.#send(draft, request).catch((error: unknown) => {
        if (!hasCode(error, 'conflict')) throw error;
        if (state === undefined) throw nameTaken(error);
        if (attempt >= ATTEMPTS) throw lostTooOften(error);
        return 'lost' as const;
      });
      // Not within the `catch`: a conflict over the cache here is none over what is published.
      if (told !== 'lost') return this.#seen(draft, told);
      await this.#pause(attempt);
    }
  }

  /** What is published now; undefined before the first publish of a collection that `init` made here. */
  async #state(request: PublishRequest): Promise<TrustedState | undefined> {
    try {
      return await this.#refreshed();
    } catch (error) {
      const unpublished = hasCode(error, 'not-found') && error.detail.role === TIMESTAMP;
      if (unpublished && request.firstRoot !== undefined) return undefined;
      throw error;
    }
  }

  /** Undefined where the answer says no more than that it is done. */
  async #send(draft: Draft, request: PublishRequest): Promise<PublishedBody | undefined> {
    const { format, server } = this.#options;
    const targets = request.targets ?? DEMANDED[format.rules.targetFiles];
    const upload = { files: draft, targets, abandons: request.abandons ?? [] };
    for (let send = 1; ; send += 1) {
      try {
        return await server.publish(upload);
      } catch (error) {
        // The answer may have been lost after the commit: only the same bytes again can tell.
        if (!hasCode(error, 'network', 'unavailable') || send >= SENDS) throw error;
      }
      await this.#pause(send);
    }
  }

  /** What has come of it, as a reader sees it: whatever the answer, a stranger may have given it. @throws as `checkPublished` */
  async #seen(draft: Draft, told: PublishedBody | undefined): Promise<PublishOutcome> {
    const versions = versionsIn(this.#options.format, draft);
    await checkPublished(draft, versions, () => this.#refreshed());
    if (told === undefined) return { kind: 'published', versions };
    return { kind: 'published', versions: { ...told.versions, ...versions }, timestampExpires: told.timestampExpires };
  }

  async #refreshed(): Promise<TrustedState> {
    const { updater } = this.#options;
    await updater.refresh();
    return updater.state();
  }

  #context(): DraftContext {
    const { format, crypto, ring, lifetimes, now } = this.#options;
    return { format, crypto, ring, lifetimes: { ...format.rules.lifetimes, ...lifetimes }, now: instant(now()) };
  }

  async #pause(attempt: number): Promise<void> {
    await this.#options.wait(BASE_WAIT * 2 ** (attempt - 1) * (0.5 + this.#options.random()));
  }
}

function nameTaken(cause: CountersignError): CountersignError {
  return new CountersignError('conflict', 'somebody else has published a collection of this name', {
    cause,
    detail: cause.detail,
    next: 'Choose another name, or take part in theirs with the root fingerprint they give you.',
  });
}

function lostTooOften(cause: CountersignError): CountersignError {
  return new CountersignError('conflict', `${cause.message}; it happened ${ATTEMPTS} times in a row`, {
    cause,
    detail: cause.detail,
    next: 'Try again in a moment; your changes are kept.',
  });
}
