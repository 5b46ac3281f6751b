// What each package promises in "exports" and "bin" is in what npm would pack, and every export can be imported by Node.
//
//   node scripts/check-exports.mjs [DIRECTORY]     checks DIRECTORY (default: this repository); needs a build
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Everything wrong with the packages under `root`, one message each; empty if all is well.
 *
 * @param {string} root
 * @returns {Promise<readonly string[]>}
 */
export async function check(root) {
  const problems = [];
  for (const name of readdirSync(join(root, 'packages')).sort()) {
    const directory = join(root, 'packages', name);
    if (existsSync(join(directory, 'package.json'))) problems.push(...(await checkPackage(directory)));
  }
  return problems;
}

async function checkPackage(directory) {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const packed = filesPacked(directory);
  const problems = [];
  for (const [what, path] of promised(manifest)) {
    if (!packed.has(posix.normalize(path))) problems.push(`${manifest.name}: ${what} is ${path}, which is not packed`);
  }
  for (const entry of Object.keys(manifest.exports ?? {}))
    problems.push(...(await tryImport(directory, manifest, entry)));
  return problems;
}

/** Paths in the package as npm would publish it. */
function filesPacked(directory) {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'];
  const output = execFileSync('npm', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return new Set(JSON.parse(output)[0].files.map(({ path }) => path));
}

/** Every file the manifest names, with what it is named as. */
function* promised({ exports = {}, bin = {} }) {
  for (const [entry, target] of Object.entries(exports)) {
    if (typeof target === 'string') yield [`the export ${entry}`, target];
    else for (const [condition, path] of Object.entries(target)) yield [`the export ${entry} (${condition})`, path];
  }
  for (const [command, path] of Object.entries(bin)) yield [`the command ${command}`, path];
}

/** As a dependent would: by the package's name, from another process. The `source` condition is ours alone. */
async function tryImport(directory, { name }, entry) {
  const specifier = posix.join(name, entry);
  const options = entry.endsWith('.json') ? ", { with: { type: 'json' } }" : '';
  const code = `
    const found = await import(${JSON.stringify(specifier)}${options});
    if (Object.keys(found).length === 0 && ${JSON.stringify(!isTypesOnly(directory, entry))}) throw new Error('it exports nothing');`;
  try {
    execFileSync(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return [];
  } catch (error) {
    const line = String(error.stderr)
      .split('\n')
      .find((text) => /^\w*Error\b/u.test(text));
    return [`${specifier} cannot be imported: ${line ?? error.message}`];
  }
}

/** A module that holds types alone is empty at run time, by right: its declarations are not. */
function isTypesOnly(directory, entry) {
  const { exports } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const { types } = exports[entry];
  return types !== undefined && /^export (?:type|interface)/mu.test(readFileSync(join(directory, types), 'utf8'));
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const problems = await check(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.stdout.write(
    problems.length === 0 ? 'exports: all there, all importable\n' : `exports: ${problems.length} problem(s)\n`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
