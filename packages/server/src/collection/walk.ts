import {
  bootstrapRoot,
  CountersignError,
  instant,
  refresh,
  ROOT,
  SNAPSHOT,
  TARGETS,
  TIMESTAMP,
  type Instant,
  type RefreshPorts,
  type RoleName,
  type Snapshot,
  type TargetsTrust,
  type Timestamp,
  type TrustContext,
  type Format,
  type Gun,
  type Version,
  type WantedFile,
} from '@countersign/client/tuf';
import type { Proposed } from '@countersign/client/tuf/proposal';
import type { CollectionContext } from './context.js';
import type { Published } from './published.js';
import type { Upload } from './upload.js';
import { counted, type Work } from './work.js';

/** The two online roles as a walk is to find them. `snapshot` undefined: the published one stays. */
export interface OnlineFiles {
  readonly snapshot: Uint8Array | Proposed<Snapshot> | undefined;
  readonly timestamp: Uint8Array | Proposed<Timestamp>;
}

/** What is about to be published, over what is published now. */
export interface Step {
  readonly gun: Gun;
  readonly format: Format;
  readonly published: Published | undefined;
  readonly upload: Upload;
  /** Versions of the collection's earlier lives that this one must go on above. */
  readonly past: ReadonlyMap<RoleName, Version>;
  /** What checking it may still cost. */
  readonly work: Work;
  readonly now: Instant;
}

const LONG_AGO = instant(0);

/** Old files are judged long ago: what is published and has expired blocks neither repair nor renewal (design §2). */
function judge(step: Step, online: OnlineFiles): (role: RoleName) => Instant {
  return (role) => {
    if (role === TIMESTAMP) return step.now;
    if (role === SNAPSHOT) return online.snapshot === undefined ? LONG_AGO : step.now;
    const uploaded = role === ROOT ? step.upload.root !== undefined : step.upload.targets.has(role);
    return uploaded ? step.now : LONG_AGO;
  };
}

function ports(step: Step, online: OnlineFiles): RefreshPorts {
  const { published, upload } = step;
  const fetch = async (
    file: WantedFile,
  ): Promise<Uint8Array | Proposed<Snapshot> | Proposed<Timestamp> | undefined> => {
    if (file.role === ROOT) return upload.root?.signed.version === file.version ? upload.root?.raw : undefined;
    if (file.role === TIMESTAMP) return online.timestamp;
    if (file.role === SNAPSHOT) return online.snapshot ?? published?.bytes(SNAPSHOT);
    return upload.targets.get(file.role)?.raw ?? (await published?.file(file.role))?.bytes;
  };
  const cached = (role: RoleName): Promise<Uint8Array | undefined> =>
    Promise.resolve(role === TIMESTAMP || role === SNAPSHOT ? published?.bytes(role) : undefined);
  return { fetch, cached, save: () => Promise.resolve() };
}

/**
 * The server as a client (design §2): the client's own workflow over two maps, the files about to be published and the ones
 * published now. It must end holding every top-level file that was sent.
 * @throws CountersignError whatever a client would refuse the upload with
 */
export async function walk(context: CollectionContext, step: Step, online: OnlineFiles): Promise<TargetsTrust> {
  const start = step.published?.bytes(ROOT) ?? step.upload.root?.raw;
  if (start === undefined) {
    throw new CountersignError('not-found', `there is no collection ${step.gun} yet, and the upload has no root`, {
      detail: { role: ROOT },
      next: 'The first upload must hold root and targets.',
    });
  }
  const trust: TrustContext = {
    format: step.format,
    crypto: counted(context.documents.crypto, step.work),
    gun: step.gun,
    judgeAt: judge(step, online),
    now: step.now,
  };
  const reached = await refresh(await bootstrapRoot(trust, start, step.published === undefined ? 'new' : 'previous'), {
    ports: ports(step, online),
  });
  checkHeld(step, reached);
  return reached;
}

function checkHeld(step: Step, reached: TargetsTrust): void {
  const { root, targets } = step.upload;
  const top = targets.get(TARGETS);
  if (root !== undefined && reached.final.root.raw !== root.raw) unreached(ROOT);
  if (top !== undefined && reached.targets.raw !== top.raw) unreached(TARGETS);
}

function unreached(role: RoleName): never {
  throw new CountersignError('delegation', `no client would ever reach the ${role} that was uploaded`, {
    detail: { role },
  });
}
