import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { composeRoot, composeTargets, formatNamed, instant, signDocument } from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';

const format = formatNamed('tuf-1');
const YEAR = 365 * 86_400_000;

function makeKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = { scheme: /** @type {const} */ ('ed25519'), spki: publicKey.export({ format: 'der', type: 'spki' }) };
  return { key, sign: (/** @type {Uint8Array} */ bytes) => Promise.resolve(sign(null, bytes, privateKey)) };
}

function expires() {
  return instant(Math.floor((Date.now() + YEAR) / 1000) * 1000);
}

/** @param {number} count @param {string} salt */
export function someTargets(count, salt) {
  const targets = new Map();
  for (let i = 0; i < count; i += 1) {
    const sha256 = createHash('sha256').update(`${salt} ${i}`).digest();
    targets.set(`packages/group-${i % 50}/file-${i}.tgz`, { length: 1000 + i, hashes: new Map([['sha256', sha256]]) });
  }
  return targets;
}

/** A publisher that keeps its last documents in memory, so that a publish is one request. */
export class BenchPublisher {
  /** @param {string} server @param {string} gun */
  constructor(server, gun) {
    this.url = `${server}/v2/${gun}/_trust/tuf/`;
    this.rootKey = makeKey();
    this.targetsKey = makeKey();
    this.targets = undefined;
  }

  async #online(role) {
    const answer = await fetch(`${this.url}${role}.key?format=tuf-1`);
    const key = format.parseKey(new Uint8Array(await answer.arrayBuffer()), nodeCrypto);
    return { scheme: key.scheme, spki: key.spki };
  }

  /** First publish: root and targets. @param {ReadonlyMap<string, unknown>} targets */
  async create(targets) {
    const [timestamp, snapshot] = [await this.#online('timestamp'), await this.#online('snapshot')];
    const one = (key) => ({ keys: [key], threshold: 1 });
    const change = {
      root: one(this.rootKey.key),
      targets: one(this.targetsKey.key),
      timestamp: one(timestamp),
      snapshot: one(snapshot),
    };
    this.root = await signDocument(format, nodeCrypto, composeRoot(format, change, expires(), nodeCrypto), [
      this.rootKey,
    ]);
    await this.#post({ root: this.root, targets: await this.#next(targets) });
  }

  /**
   * The next `count` publishes, signed ahead of time so that the load generator is not what is measured: each replaces
   * `changing` of the collection's targets.
   * @param {number} count @param {number} changing @param {string} salt
   */
  async prepare(count, changing, salt) {
    const bodies = [];
    for (let turn = 0; turn < count; turn += 1) {
      const changed = new Map([...someTargets(changing, `${salt} ${turn}`)]);
      bodies.push(await multipart({ targets: await this.#next(changed) }));
    }
    return bodies;
  }

  /** @param {import('undici').Client} connection @param {{ type: string; body: Buffer }} prepared */
  async send(connection, { type, body }) {
    const answer = await connection.request({
      method: 'POST',
      path: new URL(this.url).pathname,
      headers: { 'content-type': type },
      body,
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`publish answered ${answer.statusCode}: ${text}`);
  }

  /** The next root, by a new key. */
  async rotateRoot() {
    const [before, next] = [this.rootKey, makeKey()];
    const root = format.parseRoot(this.root);
    const change = { root: { keys: [next.key], threshold: 1 } };
    const bytes = composeRoot(format, change, expires(), nodeCrypto, root);
    this.root = await signDocument(format, nodeCrypto, bytes, [before, next]);
    this.rootKey = next;
    await this.#post({ root: this.root });
  }

  /** @param {string} path */
  async saveRoot(path) {
    await writeFile(path, this.root);
  }

  async #next(targets) {
    const signedBytes = composeTargets(format, { set: targets }, expires(), this.targets);
    const raw = await signDocument(format, nodeCrypto, signedBytes, [this.targetsKey]);
    this.targets = format.parseTargets(raw);
    return raw;
  }

  async #post(files) {
    const { type, body } = await multipart(files);
    const answer = await fetch(this.url, { method: 'POST', headers: { 'content-type': type }, body });
    if (answer.status !== 200) throw new Error(`publish answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
  }
}

/** @param {Readonly<Record<string, Uint8Array>>} files */
async function multipart(files) {
  const form = new FormData();
  for (const [role, raw] of Object.entries(files)) form.append('files', new Blob([raw]), role);
  const encoded = new Response(form);
  return { type: encoded.headers.get('content-type') ?? '', body: Buffer.from(await encoded.arrayBuffer()) };
}
