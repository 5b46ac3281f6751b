import type { MetadataCache } from '../../cache/cache.js';
import type { Output } from '../terminal/output.js';

/** Says which root is believed because it was the first. */
export function telling(cache: MetadataCache, output: Pick<Output, 'note'>): MetadataCache {
  return {
    load: (role) => cache.load(role),
    save: (role, raw, over) => cache.save(role, raw, over),
    anchor: () => cache.anchor(),
    notes: () => cache.notes(),
    saveNotes: (notes) => cache.saveNotes(notes),
    async startFrom(root, fingerprint, over) {
      const saved = await cache.startFrom(root, fingerprint, over);
      const alone = saved === 'saved' ? '' : ', in this run alone since another has saved a root meanwhile';
      output.note(
        `trusted on first use${alone}: the root ${fingerprint}; compare it with what its publisher tells you`,
      );
      return saved;
    },
  };
}
