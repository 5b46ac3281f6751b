import type { Fetch, FetchResponse } from '../http/fetch.js';
import { utf8Decode, utf8Encode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import { rootFileName } from '../tuf/formats/index.js';
import { parseGun, type Gun, type Version } from '../tuf/names.js';
import { encodeSegment, type RepositoryUrls } from '../http/urls.js';

/*
 * A bundle: files of a repository in one file, for readers without a network. It begins with a line that names the
 * collection; each file comes behind a line with its length and its address within the repository; the last line is `end`.
 *
 *     countersign-bundle 1 example.com%2Fapp
 *     2211 metadata/1.root.json
 *     …
 *     end
 *
 * Nothing in it is believed: its reader is a client like any other, whose repository it is. Addresses are looked up, and
 * never are paths of a file system. Nothing is compressed.
 */

/** The bytes of a bundle, which must not change while it is read. */
export interface BundleSource {
  /** Bytes. */
  readonly size: number;
  /** `length` bytes from `offset` on; fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A file to be bundled; `chunks` come to `length` bytes. */
export interface BundledFile {
  /** `metadata/…` or `targets/…`, percent-encoded. */
  readonly address: string;
  readonly length: number;
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const MAGIC = 'countersign-bundle 1 ';
const END = 'end\n';
/** The line before a file is shorter than this; bytes. */
const MAX_LINE = 8192;
const MAX_FILES = 200_000;
/** All addresses together, in bytes: they are kept in memory. */
const MAX_ADDRESSES = 64 * 1024 * 1024;
/** What is read of a file at once; bytes. */
const CHUNK = 64 * 1024;
const LF = 0x0a;
const ENTRY = /^(0|[1-9]\d{0,14}) ((?:metadata|targets)\/[\w.~%/-]+)$/u;
/** An address that no network has (RFC 2606): a request that came to it would find nobody. */
const BASE = 'https://bundle.invalid/';

interface Place {
  readonly offset: number;
  readonly length: number;
}

/** The parts of a bundle, to be written one after the other; the same files in the same order are the same bytes. */
export async function* writeBundle(
  gun: Gun,
  files: Iterable<BundledFile> | AsyncIterable<BundledFile>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield utf8Encode(`${MAGIC}${encodeSegment(gun)}\n`);
  let count = 0;
  for await (const { address, length, chunks } of files) {
    const line = `${length} ${address}`;
    if (!ENTRY.test(line) || line.length >= MAX_LINE || (count += 1) > MAX_FILES)
      throw new CountersignError(
        'unsupported',
        `${address.slice(0, 200)} cannot be bundled: too long, or one too many`,
      );
    yield utf8Encode(`${line}\n`);
    yield* chunks;
  }
  yield utf8Encode(END);
}

/** A bundle as the repository that it holds. */
export class Bundle {
  /** As it says itself. */
  readonly gun: Gun;
  readonly urls: RepositoryUrls = { metadata: `${BASE}metadata/`, targets: `${BASE}targets/` };
  readonly #source: BundleSource;
  readonly #places: ReadonlyMap<string, Place>;

  private constructor(gun: Gun, source: BundleSource, places: ReadonlyMap<string, Place>) {
    this.gun = gun;
    this.#source = source;
    this.#places = places;
  }

  /** Reads the lines between the files, not the files. @throws CountersignError `malformed`, `too-many` */
  static async open(source: BundleSource): Promise<Bundle> {
    const first = await lineAt(source, 0);
    if (!first.startsWith(MAGIC)) throw malformed('does not begin like one');
    const gun = gunIn(first.slice(MAGIC.length));
    const places = new Map<string, Place>();
    let newestRoot = 0;
    let addresses = 0;
    let offset = first.length + 1;
    for (;;) {
      const line = await lineAt(source, offset);
      offset += line.length + 1;
      if (`${line}\n` === END) break;
      const [, digits, address] = ENTRY.exec(line) ?? [];
      if (digits === undefined || address === undefined) throw malformed('has a line that is none');
      const length = Number(digits);
      if (offset + length > source.size) throw malformed('is cut short');
      if (places.has(address)) throw malformed(`has ${address} twice`);
      if (places.size >= MAX_FILES || (addresses += address.length) > MAX_ADDRESSES)
        throw new CountersignError('too-many', `the bundle has more than ${MAX_FILES} files, or too long addresses`);
      places.set(address, { offset, length });
      newestRoot = Math.max(newestRoot, rootVersion(address));
      offset += length;
    }
    if (offset !== source.size) throw malformed('goes on behind its end');
    const newest = places.get(`metadata/${rootFileName(newestRoot as Version)}`);
    if (newest !== undefined) places.set(`metadata/${rootFileName()}`, newest);
    return new Bundle(gun, source, places);
  }

  /** Whether there is a file at an address such as `targets/a.txt`. */
  has(address: string): boolean {
    return this.#places.has(address);
  }

  /** Answers as the repository would, and asks nobody. */
  readonly fetch: Fetch = (url) => {
    const place = url.startsWith(BASE) ? this.#places.get(url.slice(BASE.length)) : undefined;
    return Promise.resolve(place === undefined ? NOT_HERE : this.#answer(place));
  };

  #answer({ offset, length }: Place): FetchResponse {
    let done = 0;
    const read = async (): Promise<{ done: boolean; value?: Uint8Array }> => {
      if (done >= length) return { done: true };
      const value = await this.#source.read(offset + done, Math.min(CHUNK, length - done));
      if (value.length === 0) throw malformed('was cut short while it was read');
      done += value.length;
      return { done: false, value };
    };
    return { ...HEAD, status: 200, body: { getReader: () => ({ read, cancel: () => Promise.resolve() }) } };
  }
}

const HEAD = { url: '', headers: { get: () => null } } as const;
const NOT_HERE: FetchResponse = { ...HEAD, status: 404, body: null };

/** ASCII, so that its characters are as many as its bytes. */
async function lineAt(source: BundleSource, offset: number): Promise<string> {
  const bytes = await source.read(offset, MAX_LINE);
  const end = bytes.indexOf(LF);
  if (end === -1) throw malformed(bytes.length < MAX_LINE ? 'is cut short' : 'has a line that does not end');
  if (bytes.subarray(0, end).some((byte) => byte > 0x7e)) throw malformed('has a line that is none');
  return utf8Decode(bytes.subarray(0, end));
}

function gunIn(segment: string): Gun {
  try {
    return parseGun(decodeURIComponent(segment));
  } catch (cause) {
    throw malformed('names no collection', cause);
  }
}

function rootVersion(address: string): number {
  return Number(/^metadata\/([1-9]\d{0,14})\.root\.json$/u.exec(address)?.[1] ?? 0);
}

function malformed(how: string, cause?: unknown): CountersignError {
  return new CountersignError('malformed', `the bundle ${how}`, {
    next: 'Get the file again, or have it made again with `countersign bundle`.',
    ...(cause === undefined ? {} : { cause }),
  });
}
