import type { ImportTally } from './import-collections.js';

/** What a run of `import-notary` did, or would do. */
export interface Imported extends Readonly<ImportTally> {
  /** Lines of the changefeed; undefined where it was left alone. */
  readonly lines: number | undefined;
}

/** The same in lines for people. */
export function summaryOf(imported: Imported, mode: 'dry-run' | 'write'): readonly string[] {
  const { added, updated, known, past, lines, faults } = imported;
  return [
    `${mode === 'write' ? 'collections taken over' : 'collections that would be taken over'}: ${added}`,
    `collections published to on the other server since the last run: ${updated}`,
    `collections here already: ${known}`,
    `earlier versions: ${past}`,
    ...(lines === undefined ? [] : [`lines of the changefeed: ${lines}`]),
    `left out or not verified: ${faults}`,
  ];
}
