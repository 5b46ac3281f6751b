import type { Fetch, FetchInit, FetchResponse } from '../http/fetch.js';
import { gather } from '../http/gather.js';
import { multipart, type FormPart } from '../http/multipart.js';
import { hashPrefixed } from '../reading/stored-name.js';
import type { ExpectedTarget } from '../reading/target-stream.js';
import { hostOf } from '../http/transfer.js';
import { CountersignError } from '../tuf/errors.js';
import type { FormatName } from '../tuf/formats/format.js';
import type { RoleName } from '../tuf/names.js';
import { urlUnder, type RepositoryUrls } from '../http/urls.js';
import { readError, type ImportedBody, type PastBody, type PublishedBody } from '../http/wire.js';
import { readImported, readPast, readPublished } from './server-answers.js';

/** Bytes of any answer but a file's: a key, a list of versions, an error. */
const MAX_ANSWER = 4 * 1024 * 1024;
/** Milliseconds a publish may take, countersigning included. */
const PUBLISH_TIMEOUT = 120_000;
/** Milliseconds without progress after which an upload is given up. */
const IDLE_TIMEOUT = 60_000;

export interface MetadataUpload {
  readonly files: ReadonlyMap<RoleName, Uint8Array>;
  /** `hosted`: the server refuses to name a target file it does not have. */
  readonly targets: 'hosted' | 'anywhere';
  /** Roles that this publish may leave unverifiable. */
  readonly abandons: readonly string[];
}

/** A collection of another server, and what its owner signed to go on here. */
export interface ImportUpload {
  /** By version. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** Timestamp, snapshot and all targets roles. */
  readonly current: ReadonlyMap<RoleName, Uint8Array>;
  readonly next: ReadonlyMap<RoleName, Uint8Array>;
}

export interface VersionedRole {
  readonly role: RoleName;
  readonly version: number;
}

/** An earlier version, and the root or delegator that lists the keys of its role. */
export interface PastVersion extends VersionedRole {
  readonly bytes: Uint8Array;
  readonly by: VersionedRole;
}

/** What a Countersign server offers to publishers of one collection. */
export class CollectionServer {
  readonly #urls: RepositoryUrls;
  readonly #fetch: Fetch;
  readonly #format: FormatName;

  constructor(options: { readonly urls: RepositoryUrls; readonly fetch: Fetch; readonly format: FormatName }) {
    this.#urls = options.urls;
    this.#fetch = options.fetch;
    this.#format = options.format;
  }

  /**
   * The public key object of the online key a root must name for `role`: the one in use (or waiting for its first use), or a
   * fresh one to rotate to. @throws CountersignError `rate-limit`, `unavailable`, `network`
   */
  async onlineKey(role: 'timestamp' | 'snapshot', which: 'current' | 'next'): Promise<Uint8Array> {
    const url = `${this.#urls.metadata}${role}.key?format=${this.#format}`;
    return this.#answer(url, { method: which === 'next' ? 'POST' : 'GET' });
  }

  /**
   * Publishes all files or none. Sending the same bytes again is safe. Undefined where the answer says no more than that it is
   * done, as those of Notary's servers do, and of some proxies: what is published then tells whether it is.
   * @throws CountersignError why the server refuses them, or `network`/`unavailable`, after which they may have been published
   * or not
   */
  async publish(upload: MetadataUpload): Promise<PublishedBody | undefined> {
    // `anywhere` is what is meant without the field, which Notary's servers do not know.
    const parts: FormPart[] = upload.targets === 'anywhere' ? [] : [{ name: 'targets', text: upload.targets }];
    for (const role of upload.abandons) parts.push({ name: 'abandon', text: role });
    for (const [role, bytes] of upload.files) parts.push({ name: 'files', fileName: `${role}.json`, bytes });
    const form = multipart(parts, `countersign-${crypto.randomUUID()}`);
    const headers = { 'content-type': form.contentType };
    const answer = await this.#answer(this.#urls.metadata, { method: 'POST', headers, body: form.body });
    return answer.length === 0 ? undefined : readPublished(answer, this.#urls.metadata);
  }

  /** Hands over a collection of another server. Sending it again is safe. @throws CountersignError as `publish` */
  async takeOver({ roots, current, next }: ImportUpload): Promise<ImportedBody> {
    const part = (name: string, fileName: string, bytes: Uint8Array): FormPart => ({ name, fileName, bytes });
    return this.#import(readImported, 'import', [
      ...Array.from(roots, ([version, bytes]) => part('history', `${version}.root.json`, bytes)),
      ...Array.from(current, ([role, bytes]) => part('history', `${role}.json`, bytes)),
      ...Array.from(next, ([role, bytes]) => part('next', `${role}.json`, bytes)),
    ]);
  }

  /** Adds earlier versions; those that vouch for others come first. @throws CountersignError as `publish` */
  async addPast(files: readonly PastVersion[]): Promise<PastBody> {
    const parts = files.map(({ role, version, bytes, by }) => ({
      name: `${by.version}.${by.role}`,
      fileName: `${version}.${role}.json`,
      bytes,
    }));
    return this.#import(readPast, 'import/past', parts);
  }

  async #import<T>(read: (answer: Uint8Array, url: string) => T, path: string, parts: readonly FormPart[]): Promise<T> {
    const { contentType, body } = multipart(parts, `countersign-${crypto.randomUUID()}`);
    const url = this.#urls.metadata.replace(/tuf\/$/u, path);
    const answer = await this.#answer(url, { method: 'POST', headers: { 'content-type': contentType }, body });
    return read(answer, url);
  }

  /** Whether the server has the target's bytes for this collection already. */
  async hasTarget(target: ExpectedTarget): Promise<boolean> {
    const url = this.#targetUrl(target);
    const response = await this.#request(url, { method: 'HEAD', signal: AbortSignal.timeout(IDLE_TIMEOUT) });
    await response.body?.getReader().cancel();
    if (response.status === 200) return true;
    if (response.status === 404) return false;
    throw readError(response.status, '');
  }

  /** Sends a target's bytes as they come. @throws CountersignError why the server refuses them, or what `bytes` throws */
  async uploadTarget(target: ExpectedTarget, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const idle = new IdleTimer(IDLE_TIMEOUT);
    try {
      const body = streamOf(idle.watch(bytes));
      const headers = { 'content-type': 'application/octet-stream' };
      const init: FetchInit = { method: 'PUT', headers, body, duplex: 'half', signal: idle.signal };
      await this.#read(this.#targetUrl(target), init);
    } catch (error) {
      throw causedBy(error, CountersignError) ?? error;
    } finally {
      idle.stop();
    }
  }

  #targetUrl(target: ExpectedTarget): string {
    return urlUnder(this.#urls.targets, hashPrefixed(target));
  }

  async #answer(url: string, init: FetchInit): Promise<Uint8Array> {
    return this.#read(url, { ...init, signal: AbortSignal.timeout(PUBLISH_TIMEOUT) });
  }

  async #read(url: string, init: FetchInit): Promise<Uint8Array> {
    const response = await this.#request(url, init);
    const body = await readAll(response, url);
    if (response.status >= 200 && response.status < 300) return body;
    throw readError(response.status, new TextDecoder().decode(body));
  }

  async #request(url: string, init: FetchInit): Promise<FetchResponse> {
    try {
      // A redirected upload would go to a server nobody named.
      return await this.#fetch(url, { redirect: 'error', ...init });
    } catch (error) {
      throw explain(error, url);
    }
  }
}

async function readAll(response: FetchResponse, url: string): Promise<Uint8Array> {
  try {
    return await gather(answerChunks(response, url), MAX_ANSWER);
  } catch (error) {
    throw explain(error, url);
  }
}

async function* answerChunks(response: FetchResponse, url: string): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader();
  let length = 0;
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) return;
    if (value === undefined) continue;
    length += value.length;
    if (length > MAX_ANSWER) {
      await reader?.cancel();
      throw new CountersignError('endless-data', `${hostOf(url)} answers with more than ${MAX_ANSWER} bytes`);
    }
    yield value;
  }
}

function explain(error: unknown, url: string): CountersignError {
  if (error instanceof CountersignError) return error;
  const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
  return new CountersignError(
    timedOut ? 'unavailable' : 'network',
    timedOut ? `${hostOf(url)} does not answer` : `the connection to ${hostOf(url)} broke`,
    { cause: error, next: 'Try again; nothing is lost.', detail: { host: hostOf(url) } },
  );
}

/** The nearest cause of a class: a failing body reaches us wrapped by the platform. */
function causedBy<T extends Error>(error: unknown, kind: new (...args: never[]) => T): T | undefined {
  let found: T | undefined;
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (at instanceof kind) found = at;
  return found;
}

/** Gives up when a stream stands still. */
class IdleTimer {
  readonly #abort = new AbortController();
  readonly #milliseconds: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.#restart();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async *watch(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of bytes) {
      this.#restart();
      yield chunk;
    }
    this.#restart();
  }

  /** For good: a chunk that was on its way when the upload failed must not start it again, and keep the process waiting. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #restart(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(
      () => this.#abort.abort(new DOMException('no progress', 'TimeoutError')),
      this.#milliseconds,
    );
  }
}

function streamOf(bytes: AsyncGenerator<Uint8Array, void, undefined>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await bytes.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await bytes.return();
    },
  });
}
