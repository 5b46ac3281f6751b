import { CountersignError, type Crypto, type KeyScheme, type PublicKey } from '@countersign/client/tuf';

/** Reading a document, or going through it once, in units of `Work`. */
export const WORK_PER_BYTE = 0.05;

/** Work after which others get a turn: about ten milliseconds. */
const TURN = 10_000;

/**
 * What checking one upload may cost. An upload within all size limits can still ask for hours of checking (targets times
 * patterns, roles times roles), and every other request waits while it is checked; so its work is counted beforehand,
 * bounded as a whole and done in turns. Counted, not timed: whether an upload is accepted does not depend on the machine.
 */
export class Work {
  readonly #limit: number;
  #spent = 0;
  #turn = 0;

  /** `limit` in units of about a microsecond. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Counts work that is about to be done, in units of about a microsecond. If it answers true, `pause` comes first.
   * @throws CountersignError `too-many`
   */
  spend(units: number): boolean {
    this.#spent += units;
    this.#turn += units;
    if (this.#spent > this.#limit) {
      throw new CountersignError('too-many', 'checking this upload is more work than this server does for one', {
        detail: { limit: this.#limit },
        next: 'Publish fewer roles at once, with fewer path patterns and signatures, or have policy.maxPublishWork raised.',
      });
    }
    return this.#turn >= TURN;
  }

  /** Lets everything else that is ready run. */
  async pause(): Promise<void> {
    this.#turn = 0;
    // A promise that is resolved already would not do: only the event loop's next round reads sockets and timers.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Checking one signature, in units of `Work`, but for hashing what it is over. */
const WORK_PER_SIGNATURE: Readonly<Record<Exclude<KeyScheme, `rsa-${string}`>, number>> = {
  ed25519: 100,
  'ecdsa-p256-sha256': 100,
  'ecdsa-p384-sha256': 800,
  'ecdsa-p384-sha384': 800,
  'ecdsa-p521-sha256': 2_400,
  'ecdsa-p521-sha512': 2_400,
};
const WORK_PER_HASHED_BYTE = 0.002;

function workOfSignature(scheme: KeyScheme, key: PublicKey): number {
  // As the square of the modulus, which is nearly all there is in the key: 140 for 2,048 bits, 1,900 for 8,192.
  return scheme.startsWith('rsa-')
    ? key.spki.length ** 2 / 600
    : WORK_PER_SIGNATURE[scheme as keyof typeof WORK_PER_SIGNATURE];
}

/** The same cryptography, counting every signature as work before it is checked and letting others have their turn. */
export function counted(crypto: Crypto, work: Work): Crypto {
  return {
    hash: (algorithm) => crypto.hash(algorithm),
    async verify(key, signature, bytes) {
      const scheme = signature.scheme ?? key.scheme;
      if (scheme === undefined) return false;
      const units = workOfSignature(scheme, key) + bytes.length * WORK_PER_HASHED_BYTE;
      if (work.spend(units)) await work.pause();
      return crypto.verify(key, signature, bytes);
    },
  };
}
