import { CountersignError } from '../errors.js';
import type { AnyDocument, MetaFile } from '../model.js';
import { formatInstant, SNAPSHOT, TIMESTAMP, type RoleName } from '../names.js';
import type { TrustContext } from './stages.js';

export function checkFresh(role: RoleName, document: AnyDocument, context: TrustContext): void {
  // `<=`: "expiry MUST be higher than the start time" (§5.3.10); NaN cannot occur, Instant is finite.
  if (document.expires > context.judgeAt(role)) return;
  throw new CountersignError(
    'freeze',
    `${role} version ${document.version} expired at ${formatInstant(document.expires)}`,
    {
      detail: { role, version: document.version, expires: formatInstant(document.expires) },
      next:
        role === TIMESTAMP || role === SNAPSHOT
          ? "Its server has to sign it anew; check this machine's clock if the date looks right."
          : `Its publisher has to sign a new version of ${role}; check this machine's clock if the date looks right.`,
    },
  );
}

export function checkFloor(role: RoleName, version: number, floor: number, what = role as string): void {
  if (version >= floor) return;
  throw new CountersignError(
    'rollback',
    `${what} version ${version} is older than version ${floor}, which is trusted already`,
    {
      detail: { role, version, current: floor },
    },
  );
}

export function checkListedVersion(role: RoleName, promise: MetaFile, version: number): void {
  if (promise.by !== 'version' || promise.version === version) return;
  throw new CountersignError(
    'mix-and-match',
    `${role} has version ${version} where version ${promise.version} was signed for`,
    {
      detail: { role, version, current: promise.version },
    },
  );
}
