import type { CacheNotes, HeldVersions } from './cache.js';
import { hasCode } from '../tuf/errors.js';
import { formatInstant, parseInstant } from '../tuf/names.js';

/** The notes of a cache as they are kept: JSON, of which damaged or strange parts count as absent. */
export function readNotes(text: string): CacheNotes {
  const { refreshedAt, updates } = members(text);
  const moment = typeof refreshedAt === 'string' ? instantOf(refreshedAt) : undefined;
  const held = updates === undefined ? undefined : heldOf(updates);
  return {
    ...(moment === undefined ? {} : { refreshedAt: moment }),
    ...(held === undefined ? {} : { updates: held }),
  };
}

export function writeNotes({ refreshedAt, updates }: CacheNotes): string {
  const record = {
    ...(refreshedAt === undefined ? {} : { refreshedAt: formatInstant(refreshedAt) }),
    ...(updates === undefined ? {} : { updates }),
  };
  return `${JSON.stringify(record)}\n`;
}

function members(text: string): Partial<Record<string, unknown>> {
  try {
    return { ...(JSON.parse(text) as Partial<Record<string, unknown>>) };
  } catch {
    return {};
  }
}

function heldOf(value: unknown): HeldVersions | undefined {
  const { root, timestamp, snapshot, targets } = { ...(value as Partial<Record<string, unknown>>) };
  if (!isVersion(timestamp) || !isVersion(snapshot) || !isVersion(targets)) return undefined;
  return { ...(isVersion(root) ? { root } : {}), timestamp, snapshot, targets };
}

function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function instantOf(text: string): CacheNotes['refreshedAt'] {
  try {
    return parseInstant(text);
  } catch (error) {
    if (hasCode(error, 'malformed')) return undefined;
    throw error;
  }
}
