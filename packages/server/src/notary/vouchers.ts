import {
  CountersignError,
  type Envelope,
  type Format,
  type Role,
  type Root,
  type Targets,
} from '@countersign/client/tuf';
import type { PastUpload } from '../collection/index.js';

type By = PastUpload['by'];

/** A version of a file that lists keys for a role. */
interface Listing {
  readonly by: By;
  readonly keyIds: ReadonlySet<string>;
  readonly threshold: number;
}

/**
 * Which file of a collection lists the keys that an earlier version of a role was signed with. Of all versions of the
 * listing files only those are remembered that changed the keys, so that a long history takes little room.
 */
export class Vouchers {
  readonly #format: Format;
  readonly #listings = new Map<string, Listing[]>();

  constructor(format: Format) {
    this.#format = format;
  }

  root({ signed }: Envelope<Root>): void {
    for (const role of Object.values(signed.roles)) this.#note(role, { role: 'root', version: signed.version });
  }

  /** Versions of a role in order, and roles before those they delegate to. */
  targets(role: string, { signed }: Envelope<Targets>): void {
    for (const each of signed.delegations?.roles ?? []) this.#note(each, { role, version: signed.version });
  }

  /**
   * The newest that lists enough of the keys under whose ids a file is signed.
   * @throws CountersignError `threshold` where none does, or what parsing throws
   */
  of(role: string, bytes: Uint8Array): By {
    const signedBy = this.#parse(role, bytes).signatures.map(({ keyId }) => String(keyId));
    const listing = this.#listings.get(role)?.findLast(({ keyIds, threshold }) => {
      return signedBy.filter((id) => keyIds.has(id)).length >= threshold;
    });
    if (listing !== undefined) return listing.by;
    throw new CountersignError(
      'threshold',
      `no version of what lists the keys of ${role} lists those it is signed with`,
      {
        detail: { role },
      },
    );
  }

  #parse(role: string, bytes: Uint8Array): Envelope<unknown> {
    if (role === 'timestamp') return this.#format.parseTimestamp(bytes);
    return role === 'snapshot' ? this.#format.parseSnapshot(bytes) : this.#format.parseTargets(bytes);
  }

  #note({ name, keyIds, threshold }: Role, by: By): void {
    const listings = this.#listings.get(name) ?? [];
    this.#listings.set(name, listings);
    const ids = new Set<string>(keyIds);
    const last = listings.at(-1);
    const isSame =
      last?.threshold === threshold && last.keyIds.size === ids.size && keyIds.every((id) => last.keyIds.has(id));
    if (!isSame) listings.push({ by, keyIds: ids, threshold });
  }
}
