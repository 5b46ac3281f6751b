import {
  CountersignError,
  formatInstant,
  isTopLevel,
  NAME_LIMITS,
  parseSaneRoleName,
  parseSaneTargetPath,
  ROOT,
  SNAPSHOT,
  TARGETS,
  type Delegations,
  type Envelope,
  type Format,
  type KeyId,
  type PublicKey,
  type Role,
  type Root,
  type RoleName,
  type TargetPath,
  type Targets,
} from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import { lifetimesOf } from './lifetimes.js';
import { checkPatterns } from './patterns.js';
import { documentOf, rolesOf, type Upload } from './upload.js';
import type { Step } from './walk.js';
import { WORK_PER_BYTE } from './work.js';

/*
 * What the server asks beyond what clients ask (design §2): it publishes for every conforming client, so it takes only what
 * none of them stumbles over.
 */

/** A publisher's clock may be ahead of ours, and its snapshot last a little longer than ours do, in seconds. */
const CLOCK_SLACK = 86_400;

/** @throws CountersignError `unsupported`, `wrong-key`, `malformed`, `threshold`, `invalid-name`, `lifetime` or `too-many` */
export async function checkStrict(context: CollectionContext, step: Step): Promise<void> {
  const { upload, format, work } = step;
  if (upload.root !== undefined) checkRoot(context, format, upload.root);
  for (const [role, document] of upload.targets) {
    if (work.spend(document.raw.length * WORK_PER_BYTE)) await work.pause();
    checkTargets(context, format, role, document);
  }
  if (upload.snapshot !== undefined) checkWritten(format, SNAPSHOT, upload.snapshot);
  checkLifetimes(context, step, upload);
}

function checkRoot(context: CollectionContext, format: Format, root: Envelope<Root>): void {
  if (!root.signed.consistentSnapshot && format.rules.addressing === 'version') {
    throw new CountersignError('unsupported', 'root has consistent_snapshot false', {
      detail: { role: ROOT },
      next: 'Set consistent_snapshot to true: files here never change under their names.',
    });
  }
  checkLabels(format.mislabelledKeys(root, context.crypto), ROOT);
  for (const role of Object.values(root.signed.roles)) checkKeys(role, root.signed.keys, ROOT);
  checkWritten(format, ROOT, root);
}

function checkTargets(context: CollectionContext, format: Format, role: RoleName, document: Envelope<Targets>): void {
  if (format.misnamed(role))
    throw new CountersignError('invalid-name', `no role of this collection's format is called ${role}`, {
      detail: { role },
      next: 'Name it like targets/team/release, in small letters, digits, "-" and "_".',
    });
  checkWritten(format, role, document);
  const misplaced = format.misplaced(role, document.signed);
  if (misplaced !== undefined) throw new CountersignError('delegation', `${role}: ${misplaced}`, { detail: { role } });
  for (const path of document.signed.targets.keys()) checkTargetName(format, role, path);
  const { delegations } = document.signed;
  if (delegations === undefined) return;
  checkLabels(format.mislabelledKeys(document, context.crypto), role);
  checkDelegations(context, format, role, delegations);
}

function checkTargetName(format: Format, role: RoleName, path: TargetPath): void {
  if (format.rules.targetNames === 'paths') parseSaneTargetPath(path);
  // Every byte of a text is at least one of its units.
  else if (path.length > NAME_LIMITS.target)
    throw new CountersignError('invalid-name', `${role} names a target in more than ${NAME_LIMITS.target} letters`, {
      detail: { role, target: path.slice(0, 100) },
      next: 'Give the target a shorter name.',
    });
}

function checkDelegations(context: CollectionContext, format: Format, by: RoleName, delegations: Delegations): void {
  if (delegations.roles.length > context.policy.maxRoles) {
    throw new CountersignError(
      'too-many',
      `${by} delegates to ${delegations.roles.length} roles; this server takes at most ${context.policy.maxRoles}`,
      { detail: { role: by, limit: context.policy.maxRoles } },
    );
  }
  checkOrder(by, delegations);
  for (const delegation of delegations.roles) {
    if (!isTopLevel(delegation.name)) parseSaneRoleName(delegation.name);
    checkPatterns(by, delegation.name, delegation.paths, context.policy.maxPatterns);
    // Where clients pass such a role over, one that nobody can sign yet or any more may be listed.
    if (format.rules.unverifiableRole === 'refuse') checkKeys(delegation, delegations.keys, by);
  }
  if (delegations.succinct !== undefined)
    checkKeys(
      { ...delegations.succinct, name: parseSaneRoleName(delegations.succinct.namePrefix) },
      delegations.keys,
      by,
    );
}

/**
 * The order of delegations says who is asked first. tuf-js keeps them in an object, where JavaScript puts whole numbers in
 * front: roles listed in another order than that would speak for different targets to different clients.
 */
function checkOrder(by: RoleName, { roles }: Delegations): void {
  const names: readonly string[] = roles.map(({ name }) => name);
  const moved = Object.keys(Object.fromEntries(names.map((name) => [name, true]))).find(
    (name, at) => name !== names[at],
  );
  if (moved === undefined) return;
  throw new CountersignError('invalid-name', `${by} lists ${moved} in an order that stock clients do not keep`, {
    detail: { role: moved },
    next: 'Give the role a name that is not a number, or list numbered roles first and in ascending order.',
  });
}

/** Enough usable, listed keys to reach the threshold; a role without is one nobody can ever sign. */
function checkKeys(role: Role, keys: ReadonlyMap<KeyId, PublicKey>, by: RoleName): void {
  const identities = new Set<string>();
  for (const id of role.keyIds) {
    const key = keys.get(id);
    if (key === undefined)
      throw new CountersignError('wrong-key', `${by} lists key ${id} for ${role.name} without its public half`, {
        detail: { role: role.name },
      });
    if (key.scheme === undefined)
      throw new CountersignError(
        'unsupported',
        `${by} lists key ${id} for ${role.name}, of a type stock clients cannot use`,
        { detail: { role: role.name } },
      );
    identities.add(key.identity);
  }
  if (identities.size >= role.threshold) return;
  throw new CountersignError(
    'threshold',
    `${by} asks for ${role.threshold} signatures on ${role.name}, but lists ${identities.size} distinct keys for it`,
    {
      detail: { role: role.name, threshold: role.threshold },
      next: `List more keys for ${role.name} or lower its threshold.`,
    },
  );
}

function checkLabels(mislabelled: readonly KeyId[], by: RoleName): void {
  if (mislabelled.length === 0) return;
  throw new CountersignError(
    'wrong-key',
    `${by} lists keys under ids that are not their hashes: ${mislabelled.join(', ')}`,
    {
      detail: { role: by, keys: mislabelled.map(String) },
      next: 'Use the SHA-256 of the canonical key object as its id.',
    },
  );
}

function checkWritten(format: Format, role: RoleName, document: Parameters<Format['flaw']>[0]): void {
  const flaw = format.flaw(document);
  if (flaw !== undefined) throw new CountersignError('malformed', `${role}: ${flaw}`, { detail: { role } });
}

function checkLifetimes(context: CollectionContext, step: Step, upload: Upload): void {
  for (const role of rolesOf(upload)) {
    const document = documentOf(upload, role);
    if (document === undefined) continue;
    const seconds =
      role === ROOT
        ? context.policy.maxRootLifetime
        : role === 'snapshot'
          ? lifetimesOf(context.policy, step.format).snapshotValidity + CLOCK_SLACK
          : context.policy.maxTargetsLifetime;
    const { expires } = document.signed;
    if (expires <= step.now + seconds * 1000) continue;
    throw new CountersignError(
      'lifetime',
      `${role} expires at ${formatInstant(expires)}, more than ${Math.floor(seconds / 86_400)} days from now`,
      {
        detail: { role, expires: formatInstant(expires), limit: seconds },
        next: `Sign ${role === TARGETS ? 'targets' : role} with an earlier expiry.`,
      },
    );
  }
}
