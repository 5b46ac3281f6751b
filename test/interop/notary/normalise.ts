const LINES = 8;

/** What differs between two runs that went the same way, and what the table has in its place; in this order. */
const REPLACED: readonly (readonly [RegExp, string])[] = [
  [/\u001B\[[\d;]*m/gu, ''],
  [/(?<=time=")[^"]*/gu, '<time>'],
  [/(?<!\w)(?:\/[\w.-]+)*\/countersign-person-[\w-]+/gu, '<home>'],
  [/(?<=countersign-engine-)\w+/gu, '<random>'],
  [/\b127\.0\.0\.1:\d+/gu, '<address>'],
  [/\b[\da-f]{64}\b/gu, '<sha256>'],
  [/\b[\da-f]{128}\b/gu, '<sha512>'],
  [/\b[\da-f]{12}\b/gu, '<short id>'],
  [/\b[\da-f]{7}\b/gu, '<key id>'],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*/gu, '<time>'],
  [/ {2,}/gu, '  '],
  [/-{3,}/gu, '---'],
];

/** What `docker` says of a layer while it moves: which of these lines come depends on how fast it does. */
const PROGRESS = /^(?:<short id>: |---> <short id>$)/u;

/** The first lines of a text without what time and chance put in it. */
export function normalised(text: string): readonly string[] {
  const plain = REPLACED.reduce((rest, [pattern, replacement]) => rest.replaceAll(pattern, replacement), text);
  return plain
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !PROGRESS.test(line))
    .slice(0, LINES);
}
