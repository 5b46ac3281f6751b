import { newKey, type SimKey } from './keys.js';
import type { RepositorySimulator } from './repository.js';
import { canonical } from './documents.js';

interface SignedFile {
  signed: Record<string, unknown>;
  signatures: { keyid: string; sig: string }[];
}

function edit(sim: RepositorySimulator, name: string, change: (file: SignedFile) => void): void {
  const file = JSON.parse(Buffer.from(sim.file(name)).toString()) as SignedFile;
  change(file);
  sim.files.set(name, Buffer.from(JSON.stringify(file)));
}

/** Named corruptions of one served file; the honest version is lost. */
export const corrupt = {
  /** One digit of the expiry's year: still well-formed, still long, no longer what was signed. */
  byte: (sim: RepositorySimulator, name: string): void => {
    const text = Buffer.from(sim.file(name)).toString();
    sim.files.set(name, Buffer.from(text.replace(/"expires": "20(.)/u, '"expires": "21$1')));
  },
  unsigned: (sim: RepositorySimulator, name: string): void => edit(sim, name, (file) => void (file.signatures = [])),
  /** Signed by somebody else under the right key's id. */
  stranger: (sim: RepositorySimulator, name: string): void =>
    edit(sim, name, (file) => {
      const stranger = newKey();
      for (const signature of file.signatures) signature.sig = stranger.sign(canonical(file.signed));
    }),
  /** Somebody else's signature under somebody else's id. */
  unknownKey: (sim: RepositorySimulator, name: string): void =>
    edit(sim, name, (file) => {
      const stranger = newKey();
      file.signatures = [{ keyid: stranger.id, sig: stranger.sign(canonical(file.signed)) }];
    }),
  garbage: (sim: RepositorySimulator, name: string): void =>
    void sim.files.set(name, Buffer.from('{"signed": nonsense')),
  missing: (sim: RepositorySimulator, name: string): void => void sim.files.delete(name),
  down: (sim: RepositorySimulator, name: string): void =>
    void sim.answers.set(name, () => new Response('bad gateway', { status: 502 })),
  endless: (sim: RepositorySimulator, name: string): void => void sim.answers.set(name, endless),
};

/** A file edited and signed again by keys of the tester's choice: what a repository's owner, or a thief of keys, can do. */
export function resigned(
  sim: RepositorySimulator,
  name: string,
  keys: readonly SimKey[],
  change: (signed: Record<string, unknown>) => void,
): void {
  edit(sim, name, (file) => {
    change(file.signed);
    file.signatures = keys.map((key) => ({ keyid: key.id, sig: key.sign(canonical(file.signed)) }));
  });
}

export function endless(): Response {
  return new Response(
    new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024).fill(32)) }),
  );
}
