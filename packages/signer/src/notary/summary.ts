import type { TakenOver } from './take-over.js';

/** What a run did, or would do, in lines for people. */
export function summaryOf(taken: TakenOver, mode: 'dry-run' | 'write'): readonly string[] {
  const { added, unused, raised, known, others, faults } = taken;
  return [
    `${mode === 'write' ? 'keys taken over' : 'keys that would be taken over'}: ${added} (${unused} of them never signed)`,
    `keys that have signed higher versions since the last run: ${raised}`,
    `keys here already: ${known}`,
    `keys of other roles: ${others}`,
    `left out or not verified: ${faults}`,
  ];
}
