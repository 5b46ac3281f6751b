import {
  CountersignError,
  isTopLevel,
  parseSaneRoleName,
  ROOT,
  SNAPSHOT,
  TARGETS,
  type Envelope,
  type Format,
  type Root,
  type RoleName,
  type Snapshot,
  type Targets,
} from '@countersign/client/tuf';
import type { Policy, UploadedFile } from './service.js';
import { WORK_PER_BYTE, type Work } from './work.js';

/** An upload that has passed the gate: parsed, each role once, within the limits. Nothing in it is verified yet. */
export interface Upload {
  readonly root: Envelope<Root> | undefined;
  readonly snapshot: Envelope<Snapshot> | undefined;
  /** Top-level and delegated targets roles, by name. */
  readonly targets: ReadonlyMap<RoleName, Envelope<Targets>>;
}

/** The roles of an upload, in the order in which they are verified. */
export function rolesOf(upload: Upload): readonly RoleName[] {
  return [
    ...(upload.root === undefined ? [] : [ROOT]),
    ...upload.targets.keys(),
    ...(upload.snapshot === undefined ? [] : [SNAPSHOT]),
  ];
}

export function documentOf(upload: Upload, role: RoleName): Envelope<Root | Snapshot | Targets> | undefined {
  if (role === ROOT) return upload.root;
  if (role === SNAPSHOT) return upload.snapshot;
  return upload.targets.get(role);
}

function limitOf(role: string, policy: Policy): number {
  if (role === ROOT) return policy.maxRoot;
  return role === SNAPSHOT ? policy.maxSnapshot : policy.maxTargets;
}

function checkPart(file: UploadedFile, seen: Set<string>, policy: Policy): RoleName {
  const role = isTopLevel(file.role) ? (file.role as RoleName) : parseSaneRoleName(file.role);
  if (role === 'timestamp') {
    throw new CountersignError('forbidden-role', 'timestamp was uploaded, but the server makes it', {
      detail: { role },
      next: 'Leave timestamp out of the upload.',
    });
  }
  if (seen.has(role)) {
    throw new CountersignError('duplicate-role', `${role} is in the upload twice`, {
      detail: { role },
      next: 'Send each role once.',
    });
  }
  seen.add(role);
  const limit = limitOf(role, policy);
  if (file.bytes.length > limit) {
    throw new CountersignError(
      'too-large',
      `${role} has ${file.bytes.length} bytes; this server takes at most ${limit}`,
      {
        detail: { role, limit },
        next: 'Split the role by delegations.',
      },
    );
  }
  return role;
}

/** @throws CountersignError `forbidden-role`, `duplicate-role`, `too-large`, `too-many`, `bad-upload`, or what parsing throws */
export async function parseUpload(
  files: readonly UploadedFile[],
  format: Format,
  policy: Policy,
  work: Work,
): Promise<Upload> {
  if (files.length === 0 && format.rules.emptyUpload === 'refuse')
    throw new CountersignError('bad-upload', 'the upload holds no metadata', { next: 'Send at least one role.' });
  if (files.length > policy.maxRoles) {
    throw new CountersignError(
      'too-many',
      `the upload holds ${files.length} roles; this server takes at most ${policy.maxRoles}`,
      { detail: { limit: policy.maxRoles } },
    );
  }
  const seen = new Set<string>();
  let root: Envelope<Root> | undefined;
  let snapshot: Envelope<Snapshot> | undefined;
  const targets = new Map<RoleName, Envelope<Targets>>();
  for (const file of files) {
    const role = checkPart(file, seen, policy);
    if (work.spend(file.bytes.length * WORK_PER_BYTE)) await work.pause();
    if (role === ROOT) root = named(role, () => format.parseRoot(file.bytes));
    else if (role === SNAPSHOT) snapshot = named(role, () => format.parseSnapshot(file.bytes));
    else
      targets.set(
        role,
        named(role, () => format.parseTargets(file.bytes)),
      );
  }
  return { root, snapshot, targets: inOrder(targets) };
}

/** A parse error names the part it is about. */
function named<T>(role: RoleName, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    throw new CountersignError(error.code, `${role}: ${error.message}`, {
      detail: { ...error.detail, role },
      ...(error.next === undefined ? {} : { next: error.next }),
      cause: error,
    });
  }
}

function inOrder(targets: Map<RoleName, Envelope<Targets>>): Map<RoleName, Envelope<Targets>> {
  const top = targets.get(TARGETS);
  return top === undefined ? targets : new Map([[TARGETS, top], ...targets]);
}
