import {
  CountersignError,
  parseGun,
  TIMESTAMP,
  Updater,
  type Fetch,
  type FirstTrust,
  type RepositoryUrls,
  type Saved,
} from '@countersign/client';
import { IndexedDbCache, webCrypto } from '@countersign/client/browser';
import { judge, type Judgement, type Vectors } from './vectors.js';

/** One visit to a collection. Plain data, as everything that goes into the page or comes out. */
export interface Visit {
  readonly urls: RepositoryUrls;
  readonly gun: string;
  /** The text of the root to trust; without it, only what is remembered. */
  readonly root?: string;
  readonly path: string;
  /** Milliseconds since 1970; the browser's clock unless given. */
  readonly now?: number;
  readonly maxStale?: number;
}

export interface Seen {
  readonly content?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly next: string | undefined };
  /** Names of the files that were asked for. */
  readonly requests: readonly string[];
  /** Which Ed25519 was at work. */
  readonly ed25519: 'WebCrypto' | 'script';
  /** What was said about memory. */
  readonly memory: readonly string[];
}

/** Refreshes, finds a target, downloads it. */
async function visit({ urls, gun, root, path, now, maxStale }: Visit): Promise<Seen> {
  const requests: string[] = [];
  const memory: string[] = [];
  const counting: Fetch = (url, init) => {
    requests.push(decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? ''));
    return fetch(url, init);
  };
  const firstTrust: FirstTrust | undefined =
    root === undefined ? undefined : { kind: 'file', raw: new TextEncoder().encode(root) };
  const updater = new Updater({
    urls,
    crypto: webCrypto,
    fetch: counting,
    gun: parseGun(gun),
    cache: new IndexedDbCache(gun, { onMemoryOnly: (why) => memory.push(why.message) }),
    ...(firstTrust === undefined ? {} : { firstTrust }),
    ...(now === undefined ? {} : { now: () => now }),
  });
  const seen = (): Pick<Seen, 'requests' | 'ed25519' | 'memory'> => ({
    requests,
    ed25519: verifiedBySubtle > 0 ? 'WebCrypto' : 'script',
    memory,
  });
  verifiedBySubtle = 0;
  try {
    await updater.refresh(maxStale === undefined ? {} : { maxStale });
    const target = await updater.find(path);
    const content = target === undefined ? undefined : new TextDecoder().decode(await updater.download(target));
    return { ...(content === undefined ? {} : { content }), ...seen() };
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    const { code, message, next } = error;
    return { error: { code, message, next }, ...seen() };
  }
}

let verifiedBySubtle = 0;
const { subtle } = crypto;
const verify = subtle.verify.bind(subtle);
subtle.verify = (algorithm, ...rest) => {
  if (algorithm === 'Ed25519') verifiedBySubtle += 1;
  return verify(algorithm, ...rest);
};

/** Makes this browser one whose WebCrypto has no Ed25519, as those before 2025 were. */
function forgetEd25519(): void {
  const importKey = subtle.importKey.bind(subtle) as (...args: unknown[]) => Promise<CryptoKey>;
  subtle.importKey = (...args: unknown[]) => {
    const { name } = args[2] as { readonly name: string };
    if (name === 'Ed25519') return Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'));
    return importKey(...args);
  };
}

/** A request as a page may make it by itself; `refused` where the browser does not let it. */
async function ask(url: string, headers: Readonly<Record<string, string>>): Promise<number | 'refused'> {
  try {
    return (await fetch(url, { headers, cache: 'no-store' })).status;
  } catch {
    return 'refused';
  }
}

/** Puts each of `texts` in the place of `over`, all at once; what became of each. */
function replace(collection: string, over: string | undefined, texts: readonly string[]): Promise<readonly Saved[]> {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const known = over === undefined ? undefined : bytes(over);
  return Promise.all(texts.map((text) => new IndexedDbCache(collection).save(TIMESTAMP, bytes(text), known)));
}

async function saved(collection: string): Promise<string> {
  return new TextDecoder().decode(await new IndexedDbCache(collection).load(TIMESTAMP));
}

const steps = {
  visit,
  replace,
  saved,
  forgetEd25519,
  ask,
  judge: (vectors: Vectors): Promise<Judgement> => judge(webCrypto, vectors),
};
export type Steps = typeof steps;

Object.assign(globalThis, { steps });
