import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What every client is asked to find. */
export const TARGET = pathOf(7);
const EXPIRES = '2040-01-01T00:00:00Z';

/**
 * A repository of `targets` targets and `roots` roots, each by a new key, as files in `directory`: ed25519, canonical JSON, 138
 * bytes a target.
 * @param {string} directory @param {{ targets: number; roots?: number }} size
 */
export function makeRepository(directory, { targets, roots = 1 }) {
  mkdirSync(directory, { recursive: true });
  const keys = { root: makeKey(), timestamp: makeKey(), snapshot: makeKey(), targets: makeKey() };
  for (let version = 1; version <= roots; version += 1) {
    const before = keys.root;
    if (version > 1) keys.root = makeKey();
    const signers = version > 1 ? [before, keys.root] : [keys.root];
    writeFileSync(join(directory, `${version}.root.json`), envelope(rootOf(keys, version), signers));
  }
  const listed = envelope(targetsOf(targets), [keys.targets]);
  writeFileSync(join(directory, '1.targets.json'), listed);
  const snapshot = {
    'targets.json': { length: Buffer.byteLength(listed), hashes: { sha256: sha256(listed) }, version: 1 },
  };
  writeFileSync(join(directory, '1.snapshot.json'), envelope(metaOf('snapshot', snapshot), [keys.snapshot]));
  const timestamp = { 'snapshot.json': { version: 1 } };
  writeFileSync(join(directory, 'timestamp.json'), envelope(metaOf('timestamp', timestamp), [keys.timestamp]));
}

function rootOf(keys, version) {
  return canonical({
    _type: 'root',
    consistent_snapshot: true,
    expires: EXPIRES,
    keys: Object.fromEntries(Object.values(keys).map(({ id, json }) => [id, json])),
    roles: Object.fromEntries(Object.entries(keys).map(([role, { id }]) => [role, { keyids: [id], threshold: 1 }])),
    spec_version: '1.0.34',
    version,
  });
}

function metaOf(type, meta) {
  return canonical({ _type: type, expires: EXPIRES, meta, spec_version: '1.0.34', version: 1 });
}

/** Written by hand: a million entries are too many for a canonicaliser of one line. */
function targetsOf(count) {
  const entries = Array.from({ length: count }, (_, i) => {
    const path = pathOf(i);
    return `"${path}":{"hashes":{"sha256":"${sha256(path)}"},"length":${1000 + i}}`;
  });
  const common = `"_type":"targets","expires":"${EXPIRES}","spec_version":"1.0.34"`;
  return `{${common},"targets":{${entries.sort().join(',')}},"version":1}`;
}

function pathOf(i) {
  return `packages/group-${String(i % 1000).padStart(4, '0')}/file-${String(i).padStart(8, '0')}.tgz`;
}

function makeKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  const json = { keytype: 'ed25519', keyval: { public: raw }, scheme: 'ed25519' };
  return { id: sha256(canonical(json)), json, privateKey };
}

function envelope(signed, keys) {
  const signatures = keys.map(({ id, privateKey }) => {
    const signature = sign(null, Buffer.from(signed), privateKey).toString('hex');
    return `{"keyid":"${id}","sig":"${signature}"}`;
  });
  return `{"signatures":[${signatures.join(',')}],"signed":${signed}}`;
}

function canonical(value) {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}
