import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

/** Bytes; the file before the current one is kept as `.1`, so a log takes at most twice this. */
const LIMIT = 10 * 1024 * 1024;

/** A log that cannot fill the disk, nor bring its writer down when something else has. */
export class LogFile {
  readonly #path: string;
  #file: number;
  #size: number;

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, 'a', 0o600);
    this.#size = statSync(path).size;
  }

  write(line: string): void {
    try {
      if (this.#size > LIMIT) this.#rotate();
      this.#size += writeSync(this.#file, `${line}\n`);
    } catch {
      // A full disk must not stop the processes whose log this is; they report it themselves.
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #rotate(): void {
    renameSync(this.#path, `${this.#path}.1`);
    closeSync(this.#file);
    this.#file = openSync(this.#path, 'a', 0o600);
    this.#size = 0;
  }
}
