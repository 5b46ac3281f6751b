import { concatBytes, hexEncode, utf8Encode } from '../encoding.js';
import { encodeCanonical, toWireJson } from '../json.js';
import type { RoleName, Version } from '../names.js';
import type { Signature } from '../model.js';
import type { Format } from './format.js';
import { keyIdOf, mislabelled, scanKey } from './key-material.js';
import { renderers } from './render.js';
import { flaw } from './tuf1-flaw.js';
import { keyObjectOf, parseKeyObject, properKeyId } from './tuf1-keys.js';
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from './tuf1-parse.js';
import { writing } from './tuf1-render.js';

/** TUF 1.0.x as the specification has it, with the leniencies of tuf.md that real repositories need. */
export const tuf1: Format = Object.freeze<Format>({
  name: 'tuf-1',
  rules: Object.freeze({
    promises: 'version',
    rolesMayLeaveSnapshot: false,
    uploadedVersion: 'next',
    highestFirstRoot: 1,
    targetNames: 'paths',
    strayTargets: 'refuse',
    onlineKeys: 'ed25519',
    snapshotListsRoot: false,
    emptyUpload: 'refuse',
    nextLife: 'goes-on',
    unverifiableRole: 'refuse',
    addressing: 'version',
    search: 'depth-first',
    firstRoot: 'first',
    timestampBytes: 16_384,
    targetFiles: 'hosted',
    publisherKeys: 'ed25519',
    rootKeys: 'bare',
    formerRootKeys: 'dropped',
    // A year is long enough to be no chore, short enough that an abandoned collection stops being trusted; a snapshot says
    // what is current, and servers take none that lasts much longer than a month.
    lifetimes: Object.freeze({ root: 365, targets: 365, snapshot: 30 }),
    delegationPaths: 'globs',
    delegatedNames: 'any',
  }),
  parseRoot,
  parseTimestamp,
  parseSnapshot,
  parseTargets,
  parseKey(raw, crypto) {
    const view = scanKey(raw);
    return parseKeyObject(keyIdOf(view, crypto), view);
  },
  renderKey: (key) => toWireJson(encodeCanonical(keyObjectOf(key))),
  keyId: (key, crypto) => keyIdOf(keyObjectOf(key), crypto),
  mislabelledKeys: (document, crypto) => mislabelled(document.signed, (key) => properKeyId(key, crypto)),
  flaw,
  doubt: () => undefined,
  misnamed: () => false,
  misplaced: () => undefined,
  ...renderers(writing),
  assemble,
  countingKeys: (root) => root.roles.root,
  fileName,
});

/** `signed` is written as JSON that canonicalises to exactly `signedBytes`: PEM newlines must be escaped on the wire. */
function assemble(signedBytes: Uint8Array, signatures: readonly Signature[]): Uint8Array {
  const listed = encodeCanonical(signatures.map(({ keyId, value }) => ({ keyid: keyId, sig: hexEncode(value) })));
  return concatBytes(
    utf8Encode('{"signatures":'),
    toWireJson(listed),
    utf8Encode(',"signed":'),
    toWireJson(signedBytes),
    utf8Encode('}'),
  );
}

/** The role percent-encoded like Python's `quote(name, safe="")` (W5.3), behind its version where the caller gives one. */
function fileName(role: RoleName, entry: { readonly version?: Version }): string {
  const quoted = encodeURIComponent(role).replace(
    /[!*'()]/gu,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${entry.version === undefined ? '' : `${entry.version}.`}${quoted}.json`;
}
