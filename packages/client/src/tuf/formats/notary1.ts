import { concatBytes, hexEncode, utf8Encode } from '../encoding.js';
import { encodeCanonical, toHtmlSafeJson } from '../json.js';
import type { Hashes, Signature } from '../model.js';
import { isTopLevel, type RoleName, type Version } from '../names.js';
import type { Format } from './format.js';
import { keyIdOf, mislabelled } from './key-material.js';
import { countingKeys } from './notary1-certificates.js';
import { doubt } from './notary1-doubt.js';
import { keyObjectOf, parseOwnKey, properKeyId } from './notary1-keys.js';
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from './notary1-parse.js';
import { writing } from './notary1-render.js';
import { isDelegationName, misplaced } from './notary1-roles.js';
import { renderSignature } from './notary1-signatures.js';
import { renderers } from './render.js';

/** The metadata of Notary v1, which `docker trust` and the `notary` command read and write, as its servers hold it. */
export const notary1: Format = Object.freeze<Format>({
  name: 'notary-1',
  rules: Object.freeze({
    promises: 'hashes',
    rolesMayLeaveSnapshot: true,
    uploadedVersion: 'above',
    highestFirstRoot: 2,
    targetNames: 'any',
    strayTargets: 'tolerate',
    onlineKeys: 'ecdsa-p256-sha256',
    snapshotListsRoot: true,
    emptyUpload: 'accept',
    nextLife: 'restarts',
    unverifiableRole: 'tolerate',
    addressing: 'hash',
    search: 'breadth-first',
    firstRoot: 'current',
    timestampBytes: 1024 * 1024,
    targetFiles: 'elsewhere',
    publisherKeys: 'ecdsa-p256-sha256',
    rootKeys: 'certificates',
    formerRootKeys: 'kept',
    lifetimes: Object.freeze({ root: 3650, targets: 1095, snapshot: 1095 }),
    delegationPaths: 'prefixes',
    delegatedNames: 'below-delegator',
  }),
  parseRoot,
  parseTimestamp,
  parseSnapshot,
  parseTargets,
  parseKey: parseOwnKey,
  renderKey: (key) => toHtmlSafeJson(encodeCanonical(keyObjectOf(key))),
  keyId: (key, crypto) => keyIdOf(keyObjectOf(key), crypto),
  mislabelledKeys: (document, crypto) => mislabelled(document.signed, (key) => properKeyId(key, crypto)),
  flaw: (document) => (document.signatures.length === 0 ? 'it carries no signature' : undefined),
  doubt,
  misnamed: (role) => !isTopLevel(role) && !isDelegationName(role),
  misplaced,
  ...renderers(writing),
  assemble,
  countingKeys,
  fileName,
});

/** As Go writes it: `signed` first, and everything safe inside HTML (Notary v1, canonical JSON). */
function assemble(signedBytes: Uint8Array, signatures: readonly Signature[]): Uint8Array {
  return concatBytes(
    utf8Encode('{"signed":'),
    toHtmlSafeJson(signedBytes),
    utf8Encode(',"signatures":'),
    toHtmlSafeJson(encodeCanonical(signatures.map(renderSignature))),
    utf8Encode('}'),
  );
}

/** `targets/a.<sha256>.json`, `2.root.json`, or the plain name; a delegated role's segments stay segments. */
function fileName(role: RoleName, entry: { readonly version?: Version; readonly hashes?: Hashes }): string {
  const name = role.split('/').map(encodeURIComponent).join('/');
  const sha256 = entry.hashes?.get('sha256');
  if (sha256 !== undefined) return `${name}.${hexEncode(sha256)}.json`;
  return `${entry.version === undefined ? '' : `${entry.version}.`}${name}.json`;
}
