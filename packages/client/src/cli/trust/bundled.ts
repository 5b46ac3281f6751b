import type { Bundle } from '../../bundle/bundle.js';
import type { MetadataCache } from '../../cache/cache.js';
import { targetAddress } from '../../bundle/make-bundle.js';
import { openBundleFile } from '../../node/bundle-file.js';
import type { TrustedState } from '../../reading/state.js';
import type { FoundTarget } from '../../tuf/delegations.js';
import { CountersignError, hasCode } from '../../tuf/errors.js';
import { formatInstant, instant, parseInstant, type Gun, type Instant } from '../../tuf/names.js';
import type { UpdaterOptions } from '../../reading/updater.js';
import { commandLine } from '../hint.js';
import type { CommonOptions } from '../options.js';

/** A bundle that is read instead of a server. */
export interface Bundled {
  readonly path: string;
  readonly bundle: Bundle;
  /** The moment by which it is judged. */
  readonly judgedAt: Instant;
  /** That moment is the user's choice, and lies in the past. */
  readonly asOf: boolean;
  readonly close: () => Promise<void>;
}

/**
 * Opens the bundle that the options name; undefined where they name none. `now`: milliseconds since 1970. `close` it.
 * @throws CountersignError `usage` where options contradict each other, and as `openBundleFile`
 */
export async function bundleIn(options: CommonOptions, now: number): Promise<Bundled | undefined> {
  const { bundle: path, asOf, validFor = 0, trustOnFirstUse } = options;
  if (path === undefined) {
    if (asOf === undefined && validFor === 0) return undefined;
    throw new CountersignError('usage', '--as-of and --valid-for are for bundles', {
      next: 'Give --bundle FILE; what a server hands out must be fresh now.',
    });
  }
  if (trustOnFirstUse === true) {
    throw new CountersignError('usage', 'a bundle cannot say that it is to be believed', {
      next: 'Give --root FILE or --root-fingerprint sha256:…, as the publisher tells you; or --lock FILE.',
    });
  }
  const moment = asOf === undefined ? now : past(asOf, now);
  const judgedAt = instant(moment + validFor * 1000);
  return { path, judgedAt, asOf: asOf !== undefined, ...(await openBundleFile(path)) };
}

/** @throws CountersignError `usage` where a bundle says that it is another collection's */
export function checkName({ path, bundle }: Bundled, gun: Gun): void {
  if (bundle.gun === gun) return;
  throw new CountersignError('usage', `${path} is a bundle of ${bundle.gun}, not of ${gun}`, {
    next: 'Check the file and the name.',
  });
}

/** What a client that reads a bundle is made with, in place of what it would be. */
export function reading(
  { bundle, judgedAt }: Bundled,
  cache: MetadataCache,
): Required<Pick<UpdaterOptions, 'urls' | 'fetch' | 'now' | 'cache'>> {
  return { urls: bundle.urls, fetch: bundle.fetch, now: () => judgedAt, cache: withoutNotes(cache) };
}

/** That a bundle was read is no sign that a server was asked. */
function withoutNotes(cache: MetadataCache): MetadataCache {
  return {
    load: (role) => cache.load(role),
    save: (role, raw, over) => cache.save(role, raw, over),
    anchor: () => cache.anchor(),
    startFrom: (root, fingerprint, over) => cache.startFrom(root, fingerprint, over),
    notes: () => Promise.resolve({}),
    saveNotes: () => Promise.resolve(),
  };
}

/** @throws CountersignError `not-found` where the bundle does not hold one of `targets` */
export function checkHeld({ path, bundle }: Bundled, targets: readonly FoundTarget[], { trust }: TrustedState): void {
  for (const target of targets) {
    if (bundle.has(targetAddress(target, trust.final.root.signed))) continue;
    throw new CountersignError('not-found', `${path} vouches for ${target.path}, but does not hold it`, {
      detail: { target: target.path },
      next: `Get the file elsewhere and \`countersign verify\` it; or make a bundle with it: \`${commandLine('bundle', bundle.gun, target.path, '-o', 'FILE')}\`.`,
    });
  }
}

/** Why a bundle is refused, for who holds it. */
export function explainBundle(error: unknown, { path }: Bundled): unknown {
  const isMissing = hasCode(error, 'not-found') && error.detail.role !== undefined;
  if (!isMissing && !hasCode(error, 'freeze', 'rollback')) return error;
  const next =
    error.code === 'freeze'
      ? 'Get a newer bundle. To do without what was published, withdrawn or revoked since a date: --as-of DATE.'
      : 'Get another bundle, newer or of more, made with `countersign bundle`.';
  return new CountersignError(error.code, `${path}: ${error.message}`, { detail: error.detail, cause: error, next });
}

function past(text: string, now: number): Instant {
  const moment = readDate(text);
  if (moment <= now) return moment;
  throw new CountersignError('usage', `--as-of ${formatInstant(moment)} lies in the future`, {
    next: 'To ask that it be valid for some time yet: --valid-for TIME.',
  });
}

function readDate(text: string): Instant {
  try {
    return parseInstant(/^\d{4}-\d\d-\d\d$/u.test(text) ? `${text}T00:00:00Z` : text);
  } catch (cause) {
    if (!hasCode(cause, 'malformed')) throw cause;
    throw new CountersignError('usage', `--as-of: ${cause.message}`, {
      cause,
      next: 'Give a date such as 2030-01-31.',
    });
  }
}
