import type { Fetch } from '../http/fetch.js';
import { Http } from '../http/http.js';
import type { TrustedState } from './state.js';
import { CountersignError } from '../tuf/errors.js';
import { rootFileName } from '../tuf/formats/index.js';
import { instant, ROOT, type Gun, type Version } from '../tuf/names.js';
import { refreshLimits } from '../tuf/refresh.js';
import { acceptRoot, bootstrapRoot, type TrustContext } from '../tuf/trust.js';

/** Where earlier roots of a collection are. */
export interface RootSource {
  readonly gun: Gun;
  readonly urls: { readonly metadata: string };
  readonly fetch: Fetch;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** As many roots are taken; a chain is that long after an owner has changed keys every week for twenty years. */
const MOST_ROOTS = 1_000;

/**
 * The roots from the first there is to the trusted one, by version, each verified by the one it is followed by.
 * @throws CountersignError `too-many`, `mix-and-match`, `threshold`, and why one cannot be fetched
 */
export async function rootChain(
  source: RootSource,
  { trust, options }: TrustedState,
): Promise<ReadonlyMap<number, Uint8Array>> {
  const http = new Http(source.fetch);
  const { format, crypto, judgeAt } = trust.final.context;
  const context: TrustContext = { format, crypto, gun: source.gun, judgeAt, now: instant(source.now), roots: 'past' };
  let next = trust.final.root;
  const found = [next];
  for (let version = next.signed.version - 1; version > 0; version -= 1) {
    const url = source.urls.metadata + rootFileName(version as Version);
    const raw = await http.fetchBytes(url, refreshLimits(options).root);
    if (raw === undefined) break;
    if (found.length >= MOST_ROOTS) throw tooMany();
    const earlier = await bootstrapRoot(context, raw, 'previous');
    if (earlier.root.signed.version !== version) throw misnamed(version, earlier.root.signed.version);
    await acceptRoot(earlier, next.raw);
    next = earlier.root;
    found.push(next);
  }
  return new Map(found.reverse().map(({ signed, raw }) => [signed.version, raw]));
}

function tooMany(): CountersignError {
  return new CountersignError('too-many', `the collection has more than ${MOST_ROOTS} roots`, {
    detail: { limit: MOST_ROOTS },
    next: 'Whoever runs the server can move it with its database.',
  });
}

function misnamed(asked: number, version: number): CountersignError {
  return new CountersignError('mix-and-match', `root version ${version} is served as version ${asked}`, {
    detail: { role: ROOT, version, current: asked },
  });
}
