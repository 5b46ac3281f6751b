import { CountersignError, ROOT, type FormatName, type Gun } from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import { onlineRoles } from './online.js';
import type { OnlineKey } from './ports.js';
import { Published } from './published.js';

type OnlineRole = OnlineKey['role'];

/** Hands out the online keys a publisher is to list in its root. */
export class OnlineKeys {
  readonly #context: CollectionContext;
  readonly #asked = new Map<string, Promise<OnlineKey>>();

  constructor(context: CollectionContext) {
    this.#context = context;
  }

  /** The key the published root lists for `role`, or one to list in a first root. */
  async current(gun: Gun, role: OnlineRole, format: FormatName): Promise<Uint8Array> {
    const listed = await this.#listed(gun, role);
    return this.#render(listed ?? (await this.#pending(gun, role)), format);
  }

  /** A key no root lists yet, to rotate to; the same one until it is used. */
  async next(gun: Gun, role: OnlineRole, format: FormatName): Promise<Uint8Array> {
    return this.#render(await this.#pending(gun, role), format);
  }

  #render(key: OnlineKey, format: FormatName): Uint8Array {
    return this.#context.formatNamed(format).renderKey({ scheme: key.algorithm, spki: key.spki });
  }

  async #listed(gun: Gun, role: OnlineRole): Promise<OnlineKey | undefined> {
    const { store, documents, formatNamed } = this.#context;
    const published = await Published.load(gun, store, documents, formatNamed);
    if (published === undefined) return undefined;
    const [listed] = (await onlineRoles(this.#context, gun, published.format.parseRoot(published.bytes(ROOT))))[role];
    return (await store.onlineKeys(gun, role)).find((key) => key.id === listed?.id);
  }

  /** People who ask at the same moment share one question to the signer. */
  async #pending(gun: Gun, role: OnlineRole): Promise<OnlineKey> {
    const name = `${role} ${gun}`;
    let asked = this.#asked.get(name);
    if (asked === undefined) {
      asked = this.#findOrMake(gun, role).finally(() => this.#asked.delete(name));
      this.#asked.set(name, asked);
    }
    return asked;
  }

  async #findOrMake(gun: Gun, role: OnlineRole): Promise<OnlineKey> {
    const { store, signer, policy, clock } = this.#context;
    const pending = (await store.onlineKeys(gun, role)).find((key) => key.pending);
    if (pending !== undefined) return pending;
    if ((await store.countPendingKeys()) >= policy.maxPendingKeys) {
      throw new CountersignError('rate-limit', `${policy.maxPendingKeys} keys have been asked for and not used yet`, {
        detail: { limit: policy.maxPendingKeys },
        next: 'Try again later, or ask the operator to clear keys nobody used.',
      });
    }
    const made = await signer.createKey(gun, role, 'ed25519');
    return store.addPendingKey({
      id: made.id,
      gun,
      role,
      algorithm: 'ed25519',
      spki: made.spki,
      pending: true,
      createdAt: clock(),
    });
  }
}
