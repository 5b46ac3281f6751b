import { expect } from 'vitest';

/** Matches strings that contain `text`. (A RegExp inside `toMatchObject` on an Error matches anything: never use one there.) */
export function containing(text: string): unknown {
  return expect.stringContaining(text);
}
