import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchPublisher, someTargets } from './collection.mjs';
import { median, report } from './report.mjs';
import { makeRepository, TARGET } from './repository.mjs';
import { startWorld } from './world.mjs';

// Whole processes: node starts, refreshes a collection with a directory cache and looks one target up, beside tuf-js, and
// beside what reading, hashing and JSON.parse of the same bytes cost alone. Turn by turn, all against the same server.
//
//   npm run bench:client-scale              also installs node@24 and tuf-js@6 in a temporary directory
//   npm run bench:client-scale -- --quick   without those, without 10,000 targets and without chains of 1,000 roots

const quick = process.argv.includes('--quick');
const scratch = mkdtempSync(join(tmpdir(), 'countersign-scale-'));
const clients = fileURLToPath(new URL('clients/', import.meta.url));
const SIZES = quick ? [100, 100_000, 1_000_000] : [100, 10_000, 100_000, 1_000_000];
/** tuf-js takes time with the square of the targets: 10,000 take it half a minute, 100,000 more than an hour. */
const STOCK_AT_MOST = 10_000;
const lines = quick ? ['with --quick', ''] : [];

/** @typedef {{ ms: number; mb: number; requests: number; kb: number }} Figures */

async function startWeb(from, delay = 0) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('web.mjs', import.meta.url)), from, String(delay)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await once(child.stdout, 'data');
  const url = `http://127.0.0.1:${String(port).trim()}/`;
  return { url, counts: async () => (await fetch(`${url}.counts`)).json(), stop: () => child.kill() };
}

function run(node, script, args) {
  const start = performance.now();
  const rss = execFileSync(node, [script, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return { ms: performance.now() - start, mb: Number(rss) / 1024 };
}

/** @returns {Promise<Figures>} */
async function update({ node = process.execPath, script }, web, path, directory, root, target) {
  await web.counts();
  const figures = run(node, script, [web.url + path, directory, root, target]);
  const { requests, bytes } = await web.counts();
  return { ...figures, requests, kb: bytes / 1024 };
}

/** @param {readonly Figures[]} figures */
function shown(figures) {
  const { mb, requests, kb } = figures[0];
  const ms = median(figures.map((one) => one.ms));
  return `${ms.toFixed(0).padStart(7)} ms ${mb.toFixed(0).padStart(5)} MB ${String(requests).padStart(4)} requests ${kb.toFixed(0).padStart(7)} kB`;
}

/** Cold and warm of each client, turn by turn. */
async function compare(title, peers, rounds, where) {
  lines.push(title);
  const results = new Map(Object.keys(peers).map((name) => [name, { cold: [], warm: [] }]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, client] of Object.entries(peers)) {
      const directory = join(scratch, 'cache', `${name}-${round}`);
      for (const kind of ['cold', 'warm']) {
        results.get(name)[kind].push(await update(client, where.web, where.path, directory, where.root, where.target));
      }
      rmSync(directory, { recursive: true, force: true });
    }
  }
  const [ours] = results.values();
  for (const kind of ['cold', 'warm']) {
    for (const [name, figures] of results) {
      const times = median(figures[kind].map(({ ms }) => ms)) / median(ours[kind].map(({ ms }) => ms));
      const ratio = figures === ours ? '' : `   ${times.toFixed(2)} times ours`;
      lines.push(`  ${kind}  ${name.padEnd(22)}${shown(figures[kind])}${ratio}`);
    }
  }
}

async function sizes(stock) {
  const web = await startWeb(join(scratch, 'repositories'));
  for (const targets of SIZES) {
    const name = `targets-${targets}`;
    const directory = join(scratch, 'repositories', name);
    makeRepository(directory, { targets });
    const where = { web, path: `${name}/`, root: join(directory, '1.root.json'), target: TARGET };
    const peers = { countersign: { script: `${clients}countersign.mjs` }, ...(targets <= STOCK_AT_MOST ? stock : {}) };
    const rounds = targets <= 100 ? 9 : targets <= 10_000 ? 1 : 3;
    await compare(`${targets.toLocaleString('en')} targets, a static server`, peers, rounds, where);
    const floor = Array.from({ length: 3 }, () =>
      run(process.execPath, `${clients}floor.mjs`, [join(directory, '1.targets.json')]),
    );
    const ms = median(floor.map((one) => one.ms));
    lines.push(
      `  floor ${'read, hash, parse'.padEnd(22)}${ms.toFixed(0).padStart(7)} ms ${floor[0].mb.toFixed(0).padStart(5)} MB`,
    );
    rmSync(directory, { recursive: true });
  }
  web.stop();
}

async function staticChains(stock) {
  for (const roots of quick ? [100] : [100, 1_000]) {
    const directory = join(scratch, 'repositories', `roots-${roots}`);
    makeRepository(directory, { targets: 100, roots });
    for (const delay of [0, 20]) {
      const web = await startWeb(join(scratch, 'repositories'), delay);
      const where = { web, path: `roots-${roots}/`, root: join(directory, '1.root.json'), target: TARGET };
      const peers = { countersign: { script: `${clients}countersign.mjs` }, ...stock };
      await compare(`a chain of ${roots} roots, a static server, ${delay} ms away`, peers, roots > 100 ? 1 : 3, where);
      web.stop();
    }
  }
}

async function ownChains(stock) {
  const world = await startWorld();
  try {
    for (const roots of quick ? [1, 100] : [1, 100, 1_000]) {
      const gun = `bench/roots-${roots}`;
      const publisher = new BenchPublisher(world.http, gun);
      await publisher.create(someTargets(100, 'scale'));
      const root = join(scratch, `first-${roots}.json`);
      await publisher.saveRoot(root);
      for (let version = 2; version <= roots; version += 1) await publisher.rotateRoot();
      for (const delay of [0, 20]) {
        const web = await startWeb(world.http, delay);
        const where = { web, path: `v2/${gun}/_trust/tuf/`, root, target: 'packages/group-7/file-7.tgz' };
        const peers = { countersign: { script: `${clients}countersign.mjs` }, ...stock };
        await compare(`a chain of ${roots} roots, our own server, ${delay} ms away`, peers, roots > 100 ? 1 : 5, where);
        web.stop();
      }
    }
  } finally {
    await world.stop();
  }
}

/** tuf-js 5 on this Node; and tuf-js 6, which this Node cannot run, on node@24, with ours on it too. */
function stockClients() {
  const stock = { 'tuf-js 5': { script: `${clients}tuf-js.mjs` } };
  if (quick) return stock;
  const directory = join(scratch, 'newer');
  execFileSync('npm', ['install', '--prefix', directory, '--no-audit', '--no-fund', '--silent', 'node@24', 'tuf-js@6']);
  const node = join(directory, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(node)) throw new Error('the npm package node@24 has no program here');
  execFileSync('cp', [`${clients}tuf-js.mjs`, `${clients}peak.mjs`, directory]);
  return {
    ...stock,
    'countersign on node@24': { node, script: `${clients}countersign.mjs` },
    'tuf-js 6 on node@24': { node, script: join(directory, 'tuf-js.mjs') },
  };
}

try {
  const stock = stockClients();
  await sizes(stock);
  await staticChains(stock);
  await ownChains(stock);
  report('client-scale', lines);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
