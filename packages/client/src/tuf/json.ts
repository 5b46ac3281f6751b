import { Scanner, type JsonLimits } from './json-scan.js';
import type { KnownForm } from './json-text.js';
import { viewOf, type JsonView } from './json-view.js';

export type { JsonLimits } from './json-scan.js';
export type { KnownForm } from './json-text.js';
export type { JsonArray, JsonBoolean, JsonNull, JsonNumber, JsonObject, JsonString, JsonView } from './json-view.js';
export { toData, viewOf } from './json-view.js';
export { canonicalise, encodeCanonical, toHtmlSafeJson, toWireJson, type JsonTree } from './json-canonical.js';

/**
 * Validates a JSON text and returns a view of its value. The view reads `bytes` again whenever it is asked: they must not
 * change as long as it is used. `known`: a form that many members' values are in, which `JsonObject.forEachNotIn` passes over.
 * @throws CountersignError `malformed`, or `too-many` for too many levels
 */
export function scan(bytes: Uint8Array, limits: JsonLimits = { depth: 64 }, known?: KnownForm): JsonView {
  // A Buffer is a Uint8Array with another `slice`; what is inside must not depend on which of the two came.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { text, start, end } = new Scanner(plain, limits, known).scan();
  return viewOf(text, start, end);
}
