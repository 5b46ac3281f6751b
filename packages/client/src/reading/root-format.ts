import { CountersignError, hasCode } from '../tuf/errors.js';
import type { Format } from '../tuf/formats/format.js';
import { detectFormat } from '../tuf/formats/index.js';

/**
 * The format of a root, and so of its whole collection, which keeps the one it began with.
 * @throws CountersignError `unsupported` where it is not the one that is `wanted`, `malformed` where it is none
 */
export function formatOfRoot(raw: Uint8Array, wanted?: Format): Format {
  const format = formatIn(raw);
  if (wanted === undefined || wanted.name === format.name) return format;
  throw wrongFormat(format, wanted);
}

/** The error for a collection that is of another format than was meant. */
export function wrongFormat(format: Format, wanted: Format): CountersignError {
  return new CountersignError('unsupported', `the collection is of the format ${format.name}, not ${wanted.name}`, {
    next: 'Use what is meant for collections of its format.',
  });
}

function formatIn(raw: Uint8Array): Format {
  try {
    return detectFormat(raw);
  } catch (error) {
    if (!hasCode(error, 'unsupported')) throw error;
    throw new CountersignError('malformed', 'the root is of no format that this version reads', {
      cause: error,
      next: "Check the file and the server's address; or use a newer client.",
    });
  }
}
