import type { Gun } from '@countersign/client/tuf';

/** One upload of a target file that is under way, and what it takes of its collection's bound. */
export interface Arrival {
  /** Bytes that were stored when it began, or have been since by others. */
  stored: number;
  /** Bytes it has received itself. */
  received: number;
}

/**
 * The target files on their way into each collection. What is stored is only known before and after an upload: without
 * this, any number of uploads at once would each find room for themselves.
 */
export class Arriving {
  readonly #uploads = new Map<Gun, Set<Arrival>>();

  begin(gun: Gun): Arrival {
    const arrival: Arrival = { stored: 0, received: 0 };
    const others = this.#uploads.get(gun);
    if (others === undefined) this.#uploads.set(gun, new Set([arrival]));
    else others.add(arrival);
    return arrival;
  }

  /** What the collection has with all that is under way, as `arrival` knows it; rather too much than too little. */
  total(gun: Gun, { stored }: Arrival): number {
    let total = stored;
    for (const { received } of this.#uploads.get(gun) ?? []) total += received;
    return total;
  }

  /** `kept`: the bytes that stay, which count for those still under way that began before. */
  end(gun: Gun, arrival: Arrival, kept: number): void {
    const others = this.#uploads.get(gun);
    others?.delete(arrival);
    for (const other of others ?? []) other.stored += kept;
    if (others?.size === 0) this.#uploads.delete(gun);
  }
}
