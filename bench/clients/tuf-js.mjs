import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Updater } from 'tuf-js';
import { peak } from './peak.mjs';

// node tuf-js.mjs URL DIRECTORY ROOT TARGET: the same with tuf-js.

const [url, directory, root, target] = process.argv.slice(2);
mkdirSync(directory, { recursive: true });
if (!existsSync(join(directory, 'root.json'))) copyFileSync(root, join(directory, 'root.json'));
const base = url.replace(/\/$/u, '');
const updater = new Updater({
  metadataDir: directory,
  metadataBaseUrl: base,
  targetBaseUrl: base,
  targetDir: directory,
  config: { targetsMaxLength: 500_000_000, maxRootRotations: 2_000 },
});
await updater.refresh();
if ((await updater.getTargetInfo(target)) === undefined) throw new Error('the target was not found');
process.stdout.write(peak());
