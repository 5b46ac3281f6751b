import type { NotaryKeyRow } from './database.js';

/** Keys that stay sealed for want of a passphrase, and what to tell about them. */
export interface SealedKeys {
  readonly keys: number;
  readonly line: string;
}

/**
 * The passphrases of Notary's signer, where that looks for them: in `NOTARY_SIGNER_<ALIAS>`, in upper case. Counts the keys
 * that they do not open, an alias at a time, since one wrong passphrase is one fault of many keys.
 */
export class Passphrases {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #missing = new Map<string, number>();
  readonly #failed = new Map<string, number>();

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  /** Undefined, and counted, where there is none. */
  of({ alias }: NotaryKeyRow): string | undefined {
    const passphrase = this.#environment[variableOf(alias)];
    if (passphrase !== undefined && passphrase !== '') return passphrase;
    count(this.#missing, alias);
    return undefined;
  }

  /** Counts a key that its passphrase did not open. */
  failed({ alias }: NotaryKeyRow): void {
    count(this.#failed, alias);
  }

  faults(): readonly SealedKeys[] {
    const told = (why: (alias: string) => string) => (entry: [string, number]) => ({
      keys: entry[1],
      line: `left out: ${entry[1]} keys of the passphrase alias ${JSON.stringify(entry[0])}: ${why(entry[0])}`,
    });
    return [
      ...[...this.#missing].map(told((alias) => `the variable ${variableOf(alias)} is not set`)),
      ...[...this.#failed].map(told((alias) => `${variableOf(alias)} does not open them, or they are damaged`)),
    ];
  }
}

function variableOf(alias: string): string {
  return `NOTARY_SIGNER_${alias.toUpperCase()}`;
}

function count(keys: Map<string, number>, alias: string): void {
  keys.set(alias, (keys.get(alias) ?? 0) + 1);
}
