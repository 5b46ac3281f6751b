// Makes a fresh clone ready: installs what package-lock.json names and compiles what changed. Only Node's own modules,
// since nothing else is there yet. Running it again when there is nothing to do takes about a second.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OLDEST_NODE = [20, 19];
/** A build longer than this says that it is building. */
const QUIET_BUILD_MS = 1_500;

class SetupError extends Error {}

/** Installs and builds what is missing or out of date. */
export async function setup() {
  checkNode(process.versions.node);
  await withLock(
    join(ROOT, '.setup.lock'),
    { waiting: (pid) => say(`Another set-up is running (process ${pid}); waiting for it…`) },
    async () => {
      if (!isInstalled()) await install();
      await build();
    },
  );
}

function checkNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupError(
    `Countersign needs Node.js ${OLDEST_NODE.join('.')} or newer; this is ${version}. See https://nodejs.org/.`,
  );
}

// npm writes this file last, so an interrupted installation does not count as one.
function isInstalled() {
  const installed = modified('node_modules/.package-lock.json');
  return installed !== undefined && installed >= (modified('package-lock.json') ?? 0);
}

async function install() {
  say('Installing dependencies. A native module (better-sqlite3) may compile: two to three minutes the first time…');
  const verb = existsSync(join(ROOT, 'package-lock.json')) ? 'ci' : 'install';
  // NODE_ENV=production in the caller's environment must not leave the compiler out.
  await run('npm', [verb, '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], `npm ${verb} failed`);
  say('Dependencies installed.');
}

async function build() {
  const notice = setTimeout(() => say('Building…'), QUIET_BUILD_MS);
  try {
    await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b'], 'The build failed');
    await run(process.execPath, [join(ROOT, 'scripts/bundle.mjs')], 'Bundling the client failed');
  } finally {
    clearTimeout(notice);
  }
}

/** Runs a command without input, keeping its output back unless it fails. */
function run(command, args, failure) {
  return new Promise((resolve, reject) => {
    const options = {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: command === 'npm' && process.platform === 'win32',
    };
    const child = spawn(command, args, options);
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => reject(new SetupError(`${failure}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(new SetupError(`${Buffer.concat(output).toString()}\n${failure} (${signal ?? `exit code ${code}`}).`));
    });
  });
}

function modified(path) {
  return statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs;
}

// Standard error: standard output belongs to whatever runs after the set-up.
function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Runs the set-up; on failure prints why and ends the process. */
export async function setupOrExit() {
  try {
    await setup();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message.trim());
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setupOrExit();
