import {
  bootstrapRoot,
  formatNamed,
  instant,
  parseGun,
  refresh,
  type CountersignError,
  type RefreshOptions,
  type RefreshPorts,
  type RoleName,
  type TargetsTrust,
  type TrustContext,
} from '@countersign/client/tuf';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { certifiedKey, entry, GUN, newNotaryKey, NOW, rootDoc, sha256, signed, targetsDoc } from './notary.js';
import type { NotaryDelegation, NotaryDoc, NotaryKey, NotaryTargets } from './notary.js';

/** A Notary v1 collection in memory: edit a document, `publish`, and fetch the files by their hashes. */
export class NotaryRepository {
  readonly keys = {
    root: certifiedKey(),
    timestamp: newNotaryKey('ed25519'),
    snapshot: newNotaryKey(),
    targets: newNotaryKey(),
  };
  /** Who signs a delegated role. */
  readonly signers = new Map<string, readonly NotaryKey[]>();
  readonly roots: Buffer[] = [];
  readonly documents = new Map<string, NotaryTargets>([['targets', targetsDoc({}, 0)]]);
  /** What the snapshot lists; a role is left out by taking it out again. */
  readonly meta = new Map<string, { hashes: Record<string, string>; length: number }>();
  readonly files = new Map<string, Buffer>();
  readonly requests: string[] = [];
  readonly skipped: [string, CountersignError][] = [];
  readonly saved = new Map<string, Uint8Array>();
  timestamp: Buffer = Buffer.alloc(0);
  expires = '2030-01-15T00:00:00Z';
  #version = 0;

  constructor() {
    this.publishRoot(rootDoc(this.keys));
    this.publish('targets');
  }

  publishRoot(document: NotaryDoc, ...signers: readonly NotaryKey[]): void {
    const raw = signed(document, ...(signers.length === 0 ? [this.keys.root] : signers));
    this.roots.push(raw);
    this.meta.set('root', entry(raw));
  }

  /** Delegates from `parent`, and makes the role's first document. */
  delegate(parent: string, name: string, options: Partial<NotaryDelegation> = {}): NotaryKey {
    const key = newNotaryKey();
    const document = this.documents.get(parent)!;
    document.delegations = {
      keys: { ...document.delegations?.keys, [key.id]: key.json },
      roles: [
        ...(document.delegations?.roles ?? []),
        { keyids: [key.id], name, paths: [''], threshold: 1, ...options },
      ],
    };
    this.documents.set(name, targetsDoc({}, 0));
    this.signers.set(name, [key]);
    return key;
  }

  /** Signs the next version of each role, and a snapshot and a timestamp over all. */
  publish(...roles: readonly string[]): void {
    for (const role of roles) {
      const document = this.documents.get(role)!;
      document.version += 1;
      this.put(role, signed(document, ...(role === 'targets' ? [this.keys.targets] : this.signers.get(role)!)));
    }
    this.republish();
  }

  /** Lists and stores a file as it is. */
  put(role: string, raw: Buffer): void {
    this.meta.set(role, entry(raw));
    this.files.set(`${role} ${sha256(raw)}`, raw);
  }

  republish(): void {
    this.#version += 1;
    const common = { expires: this.expires, version: this.#version };
    const snapshot = signed({ _type: 'Snapshot', ...common, meta: Object.fromEntries(this.meta) }, this.keys.snapshot);
    this.files.set(`snapshot ${sha256(snapshot)}`, snapshot);
    const meta = { snapshot: entry(snapshot) };
    this.timestamp = signed({ _type: 'Timestamp', ...common, meta }, this.keys.timestamp);
  }

  get options(): RefreshOptions {
    const ports: RefreshPorts = {
      fetch: async ({ role, version, hashes }) => {
        this.requests.push(
          formatNamed('notary-1').fileName(role, { ...(version && { version }), ...(hashes && { hashes }) }),
        );
        if (role === 'root') return this.roots[(version ?? 0) - 1];
        if (role === 'timestamp') return this.timestamp;
        return this.files.get(`${role} ${Buffer.from(hashes!.get('sha256')!).toString('hex')}`);
      },
      cached: async (role) => this.saved.get(role),
      save: async (role, raw) => void this.saved.set(role, raw),
    };
    return { ports, skipped: (role: RoleName, why) => this.skipped.push([role, why]) };
  }

  context(now = NOW): TrustContext {
    return {
      format: formatNamed('notary-1'),
      crypto: nodeCrypto,
      gun: parseGun(GUN),
      judgeAt: () => instant(now),
      now: instant(now),
    };
  }

  /** A client's refresh, from the first root. */
  async refresh(): Promise<TargetsTrust> {
    return refresh(await bootstrapRoot(this.context(), this.roots[0]!), this.options);
  }
}
