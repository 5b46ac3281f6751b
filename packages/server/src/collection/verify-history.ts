import {
  bootstrapRoot,
  checkPromise,
  CountersignError,
  equalBytes,
  instant,
  reachableRoles,
  refresh,
  ROOT,
  SNAPSHOT,
  TARGETS,
  TIMESTAMP,
  type Gun,
  type RefreshOptions,
  type RefreshPorts,
  type RoleName,
  type TargetsTrust,
  type TrustContext,
} from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import { firstRoot, lastRoot, type History } from './history.js';
import type { Published } from './published.js';
import type { Flawed } from './service.js';
import { counted, type Work } from './work.js';

const LONG_AGO = instant(0);

/**
 * The server as a client of the server the history is from: the client's own workflow, over the files sent, from the first
 * root, or from what is mirrored here. Nothing is too old, since it is history; but what was trusted here before is a floor.
 * @returns delegated roles that cannot be verified, though the snapshot lists them: clients do without
 * @throws CountersignError whatever a client would refuse it with
 */
export async function verifyHistory(
  context: CollectionContext,
  gun: Gun,
  history: History,
  mirror: Published | undefined,
  work: Work,
): Promise<readonly Flawed[]> {
  const trust: TrustContext = {
    format: history.format,
    crypto: counted(context.documents.crypto, work),
    gun,
    judgeAt: () => LONG_AGO,
    now: context.clock(),
    roots: 'past',
  };
  const flawed: Flawed[] = [];
  const options: RefreshOptions = {
    ports: ports(history, mirror),
    limits: { rootRotations: history.roots.length, reachable: context.policy.maxDelegations },
    skipped: (role, why) => flawed.push(flaw(history, role, why)),
  };
  const start = mirror?.bytes(ROOT) ?? firstRoot(history).raw;
  const reached = await refresh(await bootstrapRoot(trust, start, 'previous'), options);
  checkHeld(gun, reached, history);
  checkListed(context, history);
  const verified = new Set<RoleName>();
  for await (const { role } of reachableRoles(reached, options)) verified.add(role);
  for (const role of history.targets.keys()) {
    if (verified.has(role) || flawed.some((each) => each.role === role)) continue;
    const why = new CountersignError('delegation', `no delegation leads to ${role}`, { detail: { role } });
    flawed.push(flaw(history, role, why));
  }
  return flawed;
}

function flaw(history: History, role: RoleName, why: CountersignError): Flawed {
  const version = history.targets.get(role)?.signed.version;
  return { role, why, ...(version === undefined ? {} : { version }) };
}

function ports(history: History, mirror: Published | undefined): RefreshPorts {
  const roots = new Map(history.roots.map((root) => [root.signed.version, root.raw]));
  return {
    fetch: ({ role, version }) => {
      if (role === ROOT) return Promise.resolve(version === undefined ? undefined : roots.get(version));
      if (role === TIMESTAMP) return Promise.resolve(history.timestamp.raw);
      return Promise.resolve(role === SNAPSHOT ? history.snapshot.raw : history.targets.get(role)?.raw);
    },
    cached: async (role) =>
      role === TIMESTAMP || role === SNAPSHOT ? mirror?.bytes(role) : (await mirror?.file(role))?.bytes,
    save: () => Promise.resolve(),
  };
}

/** Every role sent is one the snapshot lists, and the very file. @throws CountersignError `mix-and-match` */
function checkListed(context: CollectionContext, history: History): void {
  for (const [role, document] of history.targets) {
    const promise = history.snapshot.signed.meta.get(role);
    if (promise === undefined)
      throw new CountersignError('mix-and-match', `the snapshot of the history does not list ${role}`, {
        detail: { role },
      });
    checkPromise(role, promise, document.raw, context.crypto);
  }
}

/**
 * A client that has a file already may go on with its own: the walk must end holding those that were sent.
 * @throws CountersignError `rollback` where what is mirrored is newer, or as new and other bytes
 */
function checkHeld(gun: Gun, { final, snapshot, targets }: TargetsTrust, history: History): void {
  const held = [
    [ROOT, final.root, lastRoot(history)],
    [TIMESTAMP, snapshot.timestamp.timestamp, history.timestamp],
    [SNAPSHOT, snapshot.snapshot, history.snapshot],
    [TARGETS, targets, history.targets.get(TARGETS)],
  ] as const;
  for (const [role, reached, sent] of held) {
    if ('raw' in reached && sent !== undefined && equalBytes(reached.raw, sent.raw)) continue;
    throw new CountersignError('rollback', `${gun} is mirrored here with a ${role} that the history does not lead to`, {
      detail: { role },
      next: 'Read the other server again: what it has is not what was copied from it before.',
    });
  }
}
