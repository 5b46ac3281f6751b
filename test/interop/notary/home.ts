import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A person's home directory. */
export class Home {
  readonly who: string;
  readonly directory: string;

  constructor(who: string) {
    this.who = who;
    this.directory = mkdtempSync(join(tmpdir(), `countersign-person-${who}-`));
  }

  path(...names: readonly string[]): string {
    return join(this.directory, ...names);
  }

  /** Writes a file, and the directories above it; returns its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

/** The people of a test file; `leave` removes their homes. */
export class People<Person extends { readonly home: Home }> {
  readonly #people: Person[] = [];
  readonly #make: (home: Home) => Person;

  constructor(make: (home: Home) => Person) {
    this.#make = make;
  }

  /** Somebody who has done nothing yet. */
  newcomer(who: string): Person {
    const person = this.#make(new Home(who));
    this.#people.push(person);
    return person;
  }

  leave(): void {
    for (const { home } of this.#people.splice(0)) home.remove();
  }
}
