import { CountersignError } from './errors.js';
import type { RoleName } from './names.js';

/** Versions by role, recorded elsewhere than in a client's cache, below which nothing is trusted. */
export type Floors = ReadonlyMap<RoleName, number>;

/** @throws CountersignError `rollback` where `version` of `role` is below the recorded one */
export function checkRecorded(floors: Floors | undefined, role: RoleName, version: number): void {
  const floor = floors?.get(role);
  if (floor === undefined || version >= floor) return;
  throw new CountersignError(
    'rollback',
    `${role} version ${version} is older than version ${floor}, which is recorded`,
    {
      detail: { role, version, current: floor },
      next: 'Do not use it: this is an older state than the recorded one. If a server was set back, its publisher has to publish anew.',
    },
  );
}
