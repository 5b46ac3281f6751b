import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Every file of an installed npm package, by path, the package's name first. */
export function installedPackage(name: string): Map<string, Buffer> {
  const directory = fileURLToPath(new URL(`../../node_modules/${name}`, import.meta.url));
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [`${name}/${relative(directory, path).split(sep).join('/')}`, readFileSync(path)];
    }),
  );
}
