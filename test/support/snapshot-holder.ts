import type { Base, MetaDoc, MetaEntry, RootDoc, TargetsDoc } from '../simulator/documents.js';
import { newKey, sha256 } from '../simulator/keys.js';
import { Publisher, type Answer, type Where } from './publisher.js';

/** Documents by role, as for `Publisher.publish`. */
export type Docs = { readonly root?: RootDoc } & Readonly<Record<string, RootDoc | TargetsDoc>>;

/** A publisher who holds the snapshot key, and sends a snapshot of its own with every publish. */
export class SnapshotHolder extends Publisher {
  /** What it believes is published. */
  snapshot: MetaDoc | undefined;

  /** A collection whose root names the publisher's own snapshot key, not published yet. */
  static async draft(where: Where, gun: string): Promise<{ holder: SnapshotHolder; docs: Docs }> {
    const holder = new SnapshotHolder(where, gun);
    const { root, targets } = await holder.first();
    return { holder, docs: { root: holder.takeKey(root), targets } };
  }

  static async start(where: Where, gun: string): Promise<SnapshotHolder> {
    const { holder, docs } = await SnapshotHolder.draft(where, gun);
    await holder.publishOwn(docs);
    return holder;
  }

  /** `root` with a new snapshot key of the publisher's. */
  takeKey(root: RootDoc): RootDoc {
    const key = newKey();
    this.signers.set('snapshot', [key]);
    const roles = { ...root.roles, snapshot: { keyids: [key.id], threshold: 1 } };
    return { ...root, keys: { ...root.keys, [key.id]: key.json }, roles };
  }

  /** The next snapshot: the current one, with `files` laid over it. */
  nextSnapshot(files: Readonly<Record<string, Uint8Array>> = {}): MetaDoc {
    const listed = Object.entries(files).filter(([role]) => role !== 'root');
    return {
      _type: 'snapshot',
      spec_version: '1.0.34',
      version: (this.snapshot?.version ?? 0) + 1,
      expires: this.days(20),
      meta: {
        ...this.snapshot?.meta,
        ...Object.fromEntries(listed.map(([role, file]) => [`${role}.json`, entry(file)])),
      },
    };
  }

  /** The files of a publish of `docs`, with the snapshot that belongs to them, after `change` has seen to it. */
  filesOf(docs: Docs, change: (snapshot: MetaDoc) => void = () => undefined): Record<string, Uint8Array> {
    const files = this.signAll(docs);
    const snapshot = this.nextSnapshot(files);
    change(snapshot);
    return { ...files, snapshot: this.sign('snapshot', snapshot) };
  }

  /** Publishes `docs` and their snapshot, and expects that to be taken. */
  async publishOwn(docs: Docs): Promise<Answer> {
    const snapshot = this.nextSnapshot(this.signAll(docs));
    const answer = await this.post(this.filesOf(docs));
    if (answer.status !== 200) throw new Error(`publish of ${this.gun}: ${JSON.stringify(answer)}`);
    this.adopt(docs);
    this.snapshot = snapshot;
    return answer;
  }
}

function entry(file: Uint8Array): MetaEntry {
  const { signed } = JSON.parse(Buffer.from(file).toString()) as { signed: Base };
  return { version: signed.version, length: file.length, hashes: { sha256: sha256(file) } };
}
