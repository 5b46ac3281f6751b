import { fileURLToPath } from 'node:url';
import { rolldown, type OutputChunk } from 'rolldown';

/** Modules as a bundler makes them for browsers, by file name. */
export type Bundle = ReadonlyMap<string, OutputChunk>;

/**
 * The entries and what they import, as one would bundle them for a page: from what the packages export, with nothing put in
 * Node's place.
 * @throws Error where an import leads nowhere
 */
export async function bundleForBrowsers(entries: Readonly<Record<string, string>>): Promise<Bundle> {
  const build = await rolldown({
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    input: { ...entries },
    platform: 'browser',
    // The tests' own sends the packages' names to their sources.
    tsconfig: false,
    onLog(_level, log) {
      throw new Error(log.message);
    },
  });
  try {
    const { output } = await build.generate({ format: 'esm' });
    const chunks = output.filter((file) => file.type === 'chunk');
    return new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  } finally {
    await build.close();
  }
}
