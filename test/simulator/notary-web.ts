import { Updater, type Fetch, type UpdaterOptions } from '@countersign/client';
import { nodeCrypto } from '@countersign/client/node';
import { parseGun } from '@countersign/client/tuf';
import { GUN, NOW } from './notary.js';
import type { NotaryRepository } from './notary-repository.js';
import { METADATA, TARGETS_URL } from './repository.js';

/** A simulated Notary v1 collection, by the names under which its servers hand files out. */
export class NotaryWeb {
  readonly repository: NotaryRepository;
  /** Names of the files that were asked for, in order. */
  readonly requests: string[] = [];
  /** Answers instead of the repository's, by name. */
  readonly answers = new Map<string, Uint8Array | undefined>();
  /** Whether it publishes what it is sent, and says nothing but that it is done, as Notary's servers do; else it refuses. */
  publishes = false;

  constructor(repository: NotaryRepository) {
    this.repository = repository;
  }

  readonly fetch: Fetch = async (url, init) => {
    const name = url.slice(METADATA.length);
    this.requests.push(name);
    if (name === '' && this.publishes) {
      await this.#publish(new Response(init?.body, init));
      return new Response('');
    }
    const file = this.answers.has(name) ? this.answers.get(name) : this.#file(name);
    return file === undefined ? new Response('not here', { status: 404 }) : new Response(new Uint8Array(file));
  };

  /** A client without any root, which looks where the collection's server would be. */
  client(options: Partial<UpdaterOptions> = {}): Updater {
    return new Updater({
      urls: { metadata: METADATA, targets: TARGETS_URL },
      fetch: this.fetch,
      crypto: nodeCrypto,
      now: () => NOW,
      gun: parseGun(GUN),
      firstTrust: { kind: 'trust-on-first-use' },
      ...options,
    });
  }

  async #publish(sent: Response): Promise<void> {
    for (const file of (await sent.formData()).getAll('files'))
      if (file instanceof File)
        this.repository.put(file.name.replace(/\.json$/u, ''), Buffer.from(await file.arrayBuffer()));
    this.repository.republish();
  }

  #file(name: string): Uint8Array | undefined {
    const { roots, files, timestamp } = this.repository;
    if (name === 'root.json') return roots.at(-1);
    if (name === 'timestamp.json') return timestamp;
    const [, version] = /^(\d+)\.root\.json$/u.exec(name) ?? [];
    if (version !== undefined) return roots[Number(version) - 1];
    const [, role, hash] = /^(.+)\.([0-9a-f]{64})\.json$/u.exec(name) ?? [];
    return role === undefined ? undefined : files.get(`${role} ${hash ?? ''}`);
  }
}
