import { newKey, sha256 } from './keys.js';
import type { RepositorySimulator } from './repository.js';

/** Has `parent` delegate to two hash bins, and lists `path` in its bin; both are published by the next publish of them all. */
export function addBins(sim: RepositorySimulator, parent: string, path: string, content: string): readonly string[] {
  const key = newKey();
  sim.role(parent).delegations = {
    keys: { [key.id]: key.json },
    succinct_roles: { keyids: [key.id], threshold: 1, bit_length: 1, name_prefix: 'bin' },
  };
  const bins = ['bin-0', 'bin-1'];
  for (const name of bins) {
    sim.roles.set(name, { ...sim.targets, targets: {}, delegations: undefined as never, version: 0 });
    sim.signers.set(name, [key]);
  }
  sim.addTarget(path, content, bins[parseInt(sha256(path).slice(0, 1), 16) >> 3]);
  return bins;
}
