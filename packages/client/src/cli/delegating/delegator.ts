import { CountersignError } from '../../tuf/errors.js';
import type { Format } from '../../tuf/formats/format.js';
import { parseRoleName, type RoleName } from '../../tuf/names.js';
import { roleNamed } from '../collection.js';

/**
 * Who delegates to the role `name`: who is named, else the role its name is below, else top-level targets.
 * @throws CountersignError `invalid-name` where no role of the format is called so
 */
export function delegatorOf(format: Format, name: RoleName, by: string | undefined): RoleName {
  if (format.misnamed(name)) {
    throw new CountersignError('invalid-name', `no delegated role of this collection is called ${name}`, {
      next: 'Name it like targets/team or targets/team/release: small letters, digits, "-" and "_".',
    });
  }
  if (by !== undefined || format.rules.delegatedNames === 'any') return roleNamed(by);
  return parseRoleName(name.slice(0, name.lastIndexOf('/')));
}
