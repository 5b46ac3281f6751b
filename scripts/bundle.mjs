// Bundles what packages/client promises to Node. The library: each export whose "default" is in lib/ is made from its "source";
// what several of them need is in one shared chunk, so that a class is the same one in all. The programs below share no process
// with it, and are each a file of their own. A process then loads a few files in place of a hundred, which is most of the time
// it takes to start: a file costs it more than a millisecond, what is in it and not used next to nothing.
//
//   node scripts/bundle.mjs     writes packages/client/lib, the files that changed alone
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const PACKAGE = fileURLToPath(new URL('../packages/client/', import.meta.url));
const LIB = join(PACKAGE, 'lib');
const PROGRAMS = { 'cli/run': './src/cli/run.ts', 'cli/run-conformance': './src/cli/run-conformance.ts' };
/** Must be a file of its own, or the dependency it makes ready would be loaded before it. */
const REFLECT = './src/node/reflect.ts';
/** Modules of the web platform, the core among them. */
const WEB = /[\\/]client[\\/]src[\\/](?!(?:node|cli|browser)[\\/]).+\.ts$/u;
/** Those that several entries need, and all that these need, are one chunk. */
const SHARED = { name: 'shared', test: WEB, minShareCount: 2 };

const { exports, dependencies } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));

/** The parts of the library in lib/, by their names there without `.js`, and what they are made from. */
function library() {
  const found = { reflect: REFLECT };
  for (const { source, default: path } of Object.values(exports)) {
    const name = /^\.\/lib\/(.+)\.js$/u.exec(path ?? '')?.[1];
    if (name !== undefined) found[name] = source;
  }
  return found;
}

/** Dependencies stay what they are: their owners mend them, not this package. */
function isDependency(id) {
  return Object.keys(dependencies).some((name) => id === name || id.startsWith(`${name}/`));
}

async function bundle(input, codeSplitting, chunks) {
  const build = await rolldown({
    cwd: PACKAGE,
    input,
    platform: 'node',
    external: (id) => id.startsWith('node:') || isDependency(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    tsconfig: join(PACKAGE, 'src/tsconfig.json'),
  });
  try {
    const { output } = await build.generate({
      dir: LIB,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: `${chunks}/[name]-[hash].js`,
      codeSplitting,
      comments: false, // they are in src/, where the maps lead
      sourcemap: true,
    });
    return output.map((file) => [file.fileName, file.type === 'chunk' ? file.code : file.source]);
  } finally {
    await build.close();
  }
}

/** Each file at once, and none that is as it was: processes may be running from them. */
function write(files) {
  for (const [name, text] of files) {
    const path = join(LIB, name);
    if (read(path) === text) continue;
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}`;
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  }
  const current = new Set(files.map(([name]) => join(LIB, name)));
  for (const entry of readdirSync(LIB, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !current.has(path)) rmSync(path);
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const files = await bundle(library(), { groups: [SHARED] }, 'chunks');
for (const [name, source] of Object.entries(PROGRAMS))
  files.push(...(await bundle({ [name]: source, 'cli/reflect': REFLECT }, true, 'cli/chunks')));
write(files);
