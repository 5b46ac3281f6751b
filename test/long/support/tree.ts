import fc from 'fast-check';
import { nodeCrypto } from '@countersign/client/node';
import { binIndex, covers, type PathSet, type SuccinctRoles, type TargetPath } from '@countersign/client/tuf';
import type { Delegation, TargetsDoc } from '../../simulator/documents.js';
import { newKey, type SimKey } from '../../simulator/keys.js';
import type { Publisher } from '../../support/publisher.js';

/** Names that some client might quote, cut, normalise or take for a pattern. */
const segment = fc.constantFrom(
  ...[
    'a',
    'b',
    'lib',
    'a.txt',
    'x y',
    '100%',
    '%2e',
    'a?b',
    'c#d',
    'v:1',
    'ä',
    'e\u0301',
    '日本',
    '\uff61',
    '😀',
    '.hidden',
    '..x',
  ],
  ...['...', 'e[1]', '-', "it's", '~!(x)', '{a}', 'a+b&c=d', '@', '*'],
);

/** Target paths out of so small a stock that roles compete for them. */
export const path = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'b', 'lib/a') },
  { weight: 2, arbitrary: fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')) },
);

const pattern = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('*', '*/*', '?', 'lib/*') },
  { weight: 2, arbitrary: fc.constantFrom('*/*/*', 'a*', '*.txt', '[ab]', '[!a]*', 'x y/?') },
  { weight: 1, arbitrary: fc.constantFrom('.*', '*/.*', '**', '?*/*', '[a-z]*/[ab]', '*a*b*') },
  { weight: 1, arbitrary: path },
);

const HEX = Array.from('0123456789abcdef');
const prefix = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...HEX) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...HEX), fc.constantFrom(...HEX)).map((digits) => digits.join('')) },
);

const paths: fc.Arbitrary<PathSet> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('globs' as const),
      patterns: fc.array(pattern, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('hash-prefixes' as const),
      prefixes: fc.uniqueArray(prefix, { minLength: 6 }),
    }),
  },
);

/** Who may sign a role: which of the keys at hand, how many must, how many do. */
const keys = fc.record({
  of: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 4 }),
  threshold: fc.constantFrom(1, 1, 1, 1, 2, 3),
});

export interface Node {
  readonly name: string;
  readonly paths: PathSet;
  readonly terminating: boolean;
  readonly keys: { readonly of: readonly number[]; readonly threshold: number };
  readonly targets: readonly string[];
  readonly children: Children;
}

/** Either roles one by one, or bins for all paths. */
export type Children = readonly Node[] | { readonly bits: number; readonly targets: readonly string[] };

const targets = fc.array(path, { minLength: 1, maxLength: 5 });

export const { children } = fc.letrec<{ children: Children; node: Node }>((tie) => ({
  node: fc.record({
    name: fc.constantFrom('role', 'team/a', 'with space', 'ä', '100%', 'a?b#c', '...', "it's"),
    paths,
    terminating: fc.boolean(),
    keys,
    targets,
    children: tie('children'),
  }),
  children: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.constant([]),
    fc.array(tie('node'), { minLength: 2, maxLength: 3 }),
    fc.record({ bits: fc.integer({ min: 1, max: 3 }), targets }),
  ),
}));

/** One key of each kind, and another of each of the usual ones; made once, for RSA takes its time. */
const KEYS = [newKey(), newKey('ecdsa'), newKey('rsa'), newKey(), newKey('ecdsa')] as const;

/** Where documents are drafted. */
export type Plot = Pick<Publisher, 'delegate' | 'list' | 'empty' | 'signers'>;

/**
 * The documents of everything below `parent`, by role. Each role lists what it may, every time with a content of its own, so
 * that a client that asks another role finds another file. `strays`: also what it may not list.
 */
export function plant(publisher: Plot, parent: TargetsDoc, tree: Children, strays: boolean): Map<string, TargetsDoc> {
  const docs = new Map<string, TargetsDoc>();
  let made = 0;
  const grow = (by: TargetsDoc, below: Children): void => {
    if ('bits' in below) {
      const prefix = `bin${(made += 1)}`;
      for (const [name, doc] of plantBins(publisher, by, prefix, below)) docs.set(name, doc);
      return;
    }
    for (const node of below) {
      const name = `${node.name}-${(made += 1)}`;
      const doc = publisher.delegate(by, name, delegationOf(node));
      const listed = node.keys.of.map((at) => KEYS[at]!);
      for (const key of listed) by.delegations!.keys[key.id] = key.json;
      publisher.signers.set(name, listed.slice(0, node.keys.threshold));
      for (const path of node.targets)
        if (strays || covers(node.paths, path as TargetPath, nodeCrypto)) publisher.list(doc, path, `${name}: ${path}`);
      docs.set(name, doc);
      grow(doc, node.children);
    }
  };
  grow(parent, tree);
  return docs;
}

function delegationOf({ keys: { of, threshold }, paths: covered, terminating }: Node): Partial<Delegation> {
  const described =
    covered.kind === 'globs'
      ? { paths: [...covered.patterns] }
      : { path_hash_prefixes: covered.kind === 'hash-prefixes' ? [...covered.prefixes] : [] };
  return { ...described, terminating, threshold, keyids: of.map((at) => KEYS[at]!.id) };
}

function plantBins(
  publisher: Plot,
  by: TargetsDoc,
  prefix: string,
  { bits, targets: listed }: { readonly bits: number; readonly targets: readonly string[] },
): Map<string, TargetsDoc> {
  const key: SimKey = newKey();
  const roles = { keyids: [key.id], threshold: 1, bit_length: bits, name_prefix: prefix };
  by.delegations = { keys: { [key.id]: key.json }, succinct_roles: roles };
  const names = Array.from({ length: 2 ** bits }, (_, at) => `${prefix}-${at.toString(16)}`);
  const docs = new Map(names.map((name) => [name, publisher.empty()]));
  for (const name of names) publisher.signers.set(name, [key]);
  for (const path of listed) {
    const name = names[binIndex({ bitLength: bits } as SuccinctRoles, path as TargetPath, nodeCrypto)]!;
    publisher.list(docs.get(name)!, path, `${name}: ${path}`);
  }
  return docs;
}

const ASTRAL = /[\u{10000}-\u{10ffff}]/u;

/**
 * Whether every client reads every delegation of the tree alike for this path: tuf-js's wildcards do not match a leading dot,
 * and its `?` and sets match UTF-16 units, not code points.
 */
export function isReadAlike(tree: Children, asked: string): boolean {
  if ('bits' in tree) return true;
  return tree.every(({ paths: covered, children: below }) => {
    const patterns = covered.kind === 'globs' ? covered.patterns : [];
    return patterns.every((one) => isPatternReadAlike(one, asked)) && isReadAlike(below, asked);
  });
}

function isPatternReadAlike(one: string, asked: string): boolean {
  if (!covers({ kind: 'globs', patterns: [one] }, asked as TargetPath, nodeCrypto)) return true;
  const wanted = one.split('/');
  return asked.split('/').every((part, at) => {
    const dotted = part.startsWith('.') && !wanted[at]!.startsWith('.');
    return !dotted && !(ASTRAL.test(part) && /[?[]/u.test(wanted[at]!));
  });
}
