import { CountersignError, ROOT, type Format, type FormatName, type Gun } from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import { unlessMirror } from './online.js';
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
    const published = await this.#published(gun);
    const answering = published?.format ?? this.#context.formatNamed(format);
    const listed = published === undefined ? undefined : await this.#listed(published, role);
    return render(listed ?? (await this.#pending(gun, role, answering)), answering);
  }

  /** A key no root lists yet, to rotate to; the same one until it is used. */
  async next(gun: Gun, role: OnlineRole, format: FormatName): Promise<Uint8Array> {
    const answering = (await this.#published(gun))?.format ?? this.#context.formatNamed(format);
    return render(await this.#pending(gun, role, answering), answering);
  }

  async #published(gun: Gun): Promise<Published | undefined> {
    const { store, documents, formatNamed } = this.#context;
    return Published.load(gun, store, documents, formatNamed);
  }

  async #listed(published: Published, role: OnlineRole): Promise<OnlineKey | undefined> {
    const { gun, format } = published;
    const root = format.parseRoot(published.bytes(ROOT));
    const [listed] = (await unlessMirror(this.#context, gun, root))?.[role] ?? [];
    return (await this.#context.store.onlineKeys(gun, role)).find((key) => key.id === listed?.id);
  }

  /** People who ask at the same moment share one question to the signer. */
  async #pending(gun: Gun, role: OnlineRole, format: Format): Promise<OnlineKey> {
    const algorithm = format.rules.onlineKeys;
    const name = `${role} ${algorithm} ${gun}`;
    let asked = this.#asked.get(name);
    if (asked === undefined) {
      asked = this.#findOrMake(gun, role, algorithm).finally(() => this.#asked.delete(name));
      this.#asked.set(name, asked);
    }
    return asked;
  }

  async #findOrMake(gun: Gun, role: OnlineRole, algorithm: OnlineKey['algorithm']): Promise<OnlineKey> {
    const { store, signer, policy, clock } = this.#context;
    const pending = (await store.onlineKeys(gun, role)).find((key) => key.pending && key.algorithm === algorithm);
    if (pending !== undefined) return pending;
    if ((await store.countPendingKeys()) >= policy.maxPendingKeys) {
      throw new CountersignError('rate-limit', `${policy.maxPendingKeys} keys have been asked for and not used yet`, {
        detail: { limit: policy.maxPendingKeys },
        next: `Keys nobody uses are forgotten ${Math.ceil(policy.pendingKeyLifetime / 86_400)} days after they were asked for; sooner than that only policy.maxPendingKeys, raised by whoever runs the server, makes room.`,
      });
    }
    const made = await signer.createKey(gun, role, algorithm);
    const kept = await store.addPendingKey({
      id: made.id,
      gun,
      role,
      algorithm,
      spki: made.spki,
      pending: true,
      createdAt: clock(),
    });
    // Another server was faster: nobody was given this one.
    if (kept.id !== made.id) await this.#discard(made.id);
    return kept;
  }

  async #discard(id: string): Promise<void> {
    const { signer, log } = this.#context;
    await signer.deleteKey(id).catch((error: unknown) => {
      log.warn({ key: id, err: error }, 'an unused key stays in the signer');
    });
  }
}

function render(key: OnlineKey, format: Format): Uint8Array {
  return format.renderKey({ scheme: key.algorithm, spki: key.spki });
}
