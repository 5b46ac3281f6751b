// Keeps the rules of import-rules.mjs: who may import whom, no cycles, no process below main, no file of two subjects.
//
//   node scripts/check-imports.mjs [DIRECTORY]     checks DIRECTORY (default: this repository)
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { MOST_LINES, PROCESS_ALLOWED, RULES } from './import-rules.mjs';

/**
 * @typedef {{ line: number, target: string, typeOnly: boolean }} Import `target`: a path in the tree, or a specifier
 * @typedef {{ path: string, lines: number, imports: readonly Import[], process: readonly number[] }} Source
 */

/**
 * Everything wrong with the tree under `root`, one message each; empty if all is well.
 *
 * @param {string} root
 * @returns {readonly string[]}
 */
export function check(root) {
  const sources = list(root).map((path) => read(root, path));
  return [
    ...sources.flatMap(brokenRules),
    ...sources.flatMap(processUses),
    ...sources
      .filter(({ lines }) => lines > MOST_LINES)
      .map(({ path, lines }) => `${path}: ${lines} lines, more than ${MOST_LINES}: split it by subject`),
    ...cycles(sources),
  ];
}

/** @returns {readonly string[]} */
function list(root) {
  return ['packages', 'migrations'].flatMap((top) =>
    (statSync(join(root, top), { throwIfNoEntry: false }) === undefined
      ? []
      : readdirSync(join(root, top), { recursive: true })
    )
      .map((path) => posix.join(top, path.split(sep).join('/')))
      .filter((path) => /\.(?:[cm]?js|ts)$/u.test(path) && !/(?:^|\/)(?:node_modules|dist|lib)\//u.test(path)),
  );
}

/** @returns {Source} */
function read(root, path) {
  const text = readFileSync(join(root, path), 'utf8');
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (node) => file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
  const imports = [];
  const process = [];
  const visit = (node) => {
    const found = importOf(node);
    if (found !== undefined)
      imports.push({ line: lineOf(node), target: resolve(path, found.specifier), typeOnly: found.typeOnly });
    if (isProcess(node)) process.push(lineOf(node));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { path, lines: text.trimEnd().split('\n').length, imports, process };
}

/** The module a node imports: `import`, `export … from`, `import()` or the type `import('…')`. */
function importOf(node) {
  if (ts.isImportDeclaration(node)) {
    return {
      specifier: node.moduleSpecifier.text,
      typeOnly: node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword,
    };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    return { specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    if (argument !== undefined && ts.isStringLiteralLike(argument))
      return { specifier: argument.text, typeOnly: false };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return { specifier: node.argument.literal.text, typeOnly: true };
  }
  return undefined;
}

function isProcess(node) {
  if (!ts.isIdentifier(node) || node.text !== 'process') return false;
  const { parent } = node;
  const isMemberName =
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    (ts.isPropertyAssignment(parent) && parent.name === node);
  return !isMemberName && !ts.isTypeElement(parent);
}

/** A relative specifier becomes the path of the source it means; anything else stays as written. */
function resolve(from, specifier) {
  if (!specifier.startsWith('.')) return specifier;
  const path = posix.join(posix.dirname(from), specifier);
  return from.endsWith('.ts') ? path.replace(/\.js$/u, '.ts') : path;
}

/** @param {Source} source */
function brokenRules(source) {
  const rules = RULES.filter(({ files, except }) => files.test(source.path) && except?.test(source.path) !== true);
  return source.imports.flatMap((found) =>
    rules
      .filter((rule) => breaks(rule, found))
      .map(({ says }) => `${source.path}:${found.line}: imports ${found.target}, but ${says}`),
  );
}

function breaks({ allow, deny, typesOnly }, { target, typeOnly }) {
  const matches = (pattern) => pattern.test(target);
  if (typeOnly && typesOnly?.some(matches) === true) return false;
  return (allow !== undefined && !allow.some(matches)) || deny?.some(matches) === true;
}

/** @param {Source} source */
function processUses({ path, imports, process }) {
  if (PROCESS_ALLOWED.test(path) || !path.startsWith('packages/')) return [];
  const imported = imports.filter(({ target }) => /^(?:node:)?process$/u.test(target)).map(({ line }) => line);
  return [...process, ...imported].map(
    (line) => `${path}:${line}: uses process, but process only in main, cli, local and bin`,
  );
}

/**
 * Cycles count type imports too: two files that need each other to be understood are one.
 *
 * @param {readonly Source[]} sources
 */
function cycles(sources) {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const done = new Set();
  const found = [];
  const walk = (path, trail) => {
    const at = trail.indexOf(path);
    if (at >= 0) found.push(`import cycle: ${[...trail.slice(at), path].join(' -> ')}`);
    if (at >= 0 || done.has(path)) return;
    for (const { target } of byPath.get(path)?.imports ?? []) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const path of byPath.keys()) walk(path, []);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = check(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.stdout.write(
    problems.length === 0 ? 'imports: all rules kept\n' : `imports: ${problems.length} problem(s)\n`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
