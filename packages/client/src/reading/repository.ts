import type { UpdateEvent } from './events.js';
import type { FetchResponse } from '../http/fetch.js';
import type { Http } from '../http/http.js';
import { answerLimit, readUpdates, updatesUrl, type Held, type Updates } from './updates.js';
import type { RefreshLimits } from '../tuf/refresh.js';
import { UPDATES_HEADER, UPDATES_WAY } from '../http/wire.js';

export interface RepositoryOptions {
  readonly http: Http;
  /** Base URL of the metadata, ending in a slash. */
  readonly metadata: string;
  readonly onEvent: ((event: UpdateEvent) => void) | undefined;
}

/** The metadata files of one repository during one refresh, and what its answers say beside them. */
export class Repository {
  readonly #options: RepositoryOptions;
  readonly #signal: AbortSignal | undefined;
  #offersUpdates = false;
  #clock: number | undefined;

  constructor(options: RepositoryOptions, signal: AbortSignal | undefined) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Whether an answer has said that updates can be had in one request. */
  get offersUpdates(): boolean {
    return this.#offersUpdates;
  }

  /** The server's own time at its last answer, milliseconds since 1970, as it says; for hints to people alone. */
  get clock(): number | undefined {
    return this.#clock;
  }

  /** @throws CountersignError as `Http.fetchBytes` */
  async file(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return this.#fetch(name, this.#options.metadata + name, maxBytes);
  }

  /** `signal`: in place of the refresh's own. @throws CountersignError as `Http.fetchBytes`, and `malformed` */
  async updates(held: Held, limits: RefreshLimits, signal = this.#signal): Promise<Updates | undefined> {
    const body = await this.#fetch('updates', updatesUrl(this.#options.metadata, held), answerLimit(limits), signal);
    return body === undefined ? undefined : readUpdates(body);
  }

  #fetch(file: string, url: string, limit: number, signal = this.#signal): Promise<Uint8Array | undefined> {
    const { http, onEvent } = this.#options;
    onEvent?.({ kind: 'asking', file });
    return http.fetchBytes(url, limit, {
      onHead: (response) => this.#note(response),
      ...(signal === undefined ? {} : { signal }),
      ...(onEvent === undefined ? {} : { onBytes: (bytes) => onEvent({ kind: 'receiving', file, bytes, limit }) }),
    });
  }

  #note({ headers }: Pick<FetchResponse, 'headers'>): void {
    if (headers.get(UPDATES_HEADER) === UPDATES_WAY) this.#offersUpdates = true;
    const date = Date.parse(headers.get('date') ?? '');
    if (!Number.isNaN(date)) this.#clock = date;
  }
}
