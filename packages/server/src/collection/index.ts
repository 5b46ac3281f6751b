import { formatNamed, type Crypto, type Instant } from '@countersign/client/tuf';
import { Arriving } from './arriving.js';
import type { CollectionContext, CollectionLog, Meter } from './context.js';
import { Documents } from './documents.js';
import { forgetKeys } from './forget-keys.js';
import { OnlineKeys } from './keys.js';
import { addPast } from './past.js';
import type { Signer, Store, TargetFiles } from './ports.js';
import { publish } from './publish.js';
import { Reader } from './read.js';
import { renewDue } from './renew.js';
import type { Collections, Policy } from './service.js';
import { takeOver } from './take-over.js';
import { collectTargets, findTarget, uploadTarget } from './targets.js';

export type * from './ports.js';
export type * from './service.js';
export { DEFAULT_POLICY } from './service.js';
export type { CollectionLog, Meter } from './context.js';

/** What collections need of the outside. */
export interface CollectionPorts {
  readonly store: Store;
  readonly targetFiles: TargetFiles;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly policy: Policy;
  readonly clock: () => Instant;
  readonly log: CollectionLog;
  /** Left out, nobody counts. */
  readonly meter?: Meter;
}

const NOBODY: Meter = { renewal: () => undefined };

export function createCollections(ports: CollectionPorts): Collections {
  const context: CollectionContext = { meter: NOBODY, ...ports, documents: new Documents(ports.crypto), formatNamed };
  const reader = new Reader(context);
  const keys = new OnlineKeys(context);
  const arriving = new Arriving();
  return {
    publish: (request) => publish(context, request),
    takeOver: (request) => takeOver(context, request),
    addPast: (request) => addPast(context, request),
    timestamp: (gun) => reader.timestamp(gun),
    version: (gun, role, version) => reader.version(gun, role, version),
    current: (gun, role) => reader.current(gun, role),
    updates: (gun, held) => reader.updates(gun, held),
    byHash: (gun, role, sha256) => reader.byHash(gun, role, sha256),
    formatOf: (gun) => context.store.format(gun),
    async remove(gun) {
      await context.store.remove(gun, context.clock());
    },
    changes: (asked) => context.store.changes(asked),
    onlineKey: (gun, role, format) => keys.current(gun, role, format),
    nextOnlineKey: (gun, role, format) => keys.next(gun, role, format),
    uploadTarget: (request) => uploadTarget(context, arriving, request),
    async hasTarget(gun, hash) {
      const upload = await context.store.uploads.touch(gun, hash, context.clock());
      return upload === undefined ? undefined : { length: upload.length };
    },
    async openTarget(gun, hash) {
      const upload = await findTarget(context, gun, hash);
      return { length: upload.length, bytes: await context.targetFiles.open(upload.blob) };
    },
    renewDue: () => renewDue(context),
    collectTargets: () => collectTargets(context),
    forgetKeys: () => forgetKeys(context),
    async health() {
      const [signedUntil] = await Promise.all([context.store.earliestExpiry(), context.store.ping()]);
      const signer = await context.signer.ping().then(
        () => 'ok' as const,
        () => 'down' as const,
      );
      return { store: 'ok', signer, signedUntil };
    },
  };
}
