import type { Fetch } from '../../packages/client/src/http/fetch.js';
import { parseRoleName } from '../../packages/client/src/tuf/names.js';
import { writeUpdates, type UpdateFile, type Updates } from '../../packages/client/src/reading/updates.js';
import { UPDATES_HEADER, UPDATES_WAY } from '../../packages/client/src/http/wire.js';
import { METADATA, type RepositorySimulator } from './repository.js';

type Asked = Readonly<Record<'root' | 'timestamp' | 'snapshot' | 'targets', number>>;

export interface Offering {
  /** Roots in one answer. */
  readonly roots?: number;
  /** What is answered in place of the honest updates: other ones, raw bytes, or anything at all. */
  readonly instead?: (updates: Updates, asked: Asked) => Updates | Uint8Array | Response;
}

/** The simulator as a repository that says it answers all updates in one request, and does. */
export function offering(sim: RepositorySimulator, { roots = 1_000, instead }: Offering = {}): Fetch {
  return async (url, init) => {
    const query = url.startsWith(`${METADATA}updates?`) ? new URL(url).searchParams : undefined;
    if (query === undefined) {
      const answer = await sim.fetch(url, init);
      (answer as Response).headers.set(UPDATES_HEADER, UPDATES_WAY);
      return answer;
    }
    const version = (role: string): number => Number(query.get(role));
    const asked = {
      root: version('root'),
      timestamp: version('timestamp'),
      snapshot: version('snapshot'),
      targets: version('targets'),
    };
    sim.requests.push(`updates ${Object.values(asked).join(' ')}`);
    const honest = updatesSince(sim, asked, roots);
    const updates = instead?.(honest, asked) ?? honest;
    if (updates instanceof Response) return updates;
    const body = updates instanceof Uint8Array ? updates : Buffer.concat(writeUpdates(updates));
    return new Response(new Uint8Array(body), { headers: { [UPDATES_HEADER]: UPDATES_WAY } });
  };
}

function updatesSince(sim: RepositorySimulator, asked: Asked, most: number): Updates {
  const last = Math.min(sim.root.version, asked.root + most);
  const files: UpdateFile[] = [];
  for (let version = asked.root + 1; version <= last; version += 1) {
    files.push({ role: parseRoleName('root'), version, bytes: sim.file(`${version}.root.json`) });
  }
  if (last < sim.root.version) return { files, complete: false };
  const versions = { timestamp: sim.timestamp, snapshot: sim.snapshot, targets: sim.targets };
  for (const [role, { version }] of Object.entries(versions)) {
    if (version === asked[role as keyof Asked]) continue;
    files.push({ role: parseRoleName(role), version, bytes: sim.file(sim.nameOf(role)) });
  }
  return { files, complete: true };
}
