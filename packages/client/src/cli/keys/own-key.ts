import type { KeyStore } from '../../node/key-store.js';
import { CountersignError } from '../../tuf/errors.js';
import type { KeyId } from '../../tuf/names.js';

/** The key of this person whose id begins with `start`. @throws CountersignError `not-found`, `usage` where several do */
export async function ownKey(keys: Pick<KeyStore, 'list'>, start: string): Promise<KeyId> {
  const found = (await keys.list()).filter((key) => key.id.startsWith(start));
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only.id;
  if (found.length === 0) {
    throw new CountersignError('not-found', `none of your keys begins with ${start}`, {
      next: 'See `countersign key list`, or import the key.',
    });
  }
  throw new CountersignError('usage', `${found.length} of your keys begin with ${start}`, {
    next: 'Give more of the id.',
  });
}
