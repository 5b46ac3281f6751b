import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../packages/server/bin/countersign-local.js', import.meta.url));

/**
 * Server and signer as `npm start` runs them, two processes, on free ports and a directory of their own.
 * @param {Record<string, string>} [settings] added to their environment
 * @returns {Promise<{ http: string; https: string; data: string; stop(): Promise<void> }>}
 */
export async function startWorld(settings = {}) {
  const data = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  const child = spawn(process.execPath, [LAUNCHER], {
    env: {
      ...process.env,
      ...settings,
      COUNTERSIGN_DATA: data,
      COUNTERSIGN_HTTP: '127.0.0.1:0',
      COUNTERSIGN_HTTPS: '127.0.0.1:0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let output = '';
  const ready = new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      const http = /http:\/\/127\.0\.0\.1:\d+/u.exec(output)?.[0];
      const https = /https:\/\/127\.0\.0\.1:\d+/u.exec(output)?.[0];
      if (http !== undefined && https !== undefined) resolve({ http, https });
    });
    void exited.then(() => reject(new Error(`the launcher ended:\n${output}`)));
  });
  const urls = await ready;
  return {
    ...urls,
    data,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** @param {{ data: string }} world */
export function caOf(world) {
  return readFileSync(join(world.data, 'tls', 'ca.crt'));
}
