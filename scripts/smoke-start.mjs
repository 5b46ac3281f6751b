// Does `npm start` become ready in an empty directory, and does SIGTERM stop it cleanly? Takes no input; fails if not.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const READY = 'Stop with Ctrl-C.';
const PATIENCE_MS = 120_000;

const data = mkdtempSync(join(tmpdir(), 'countersign-smoke-'));
const child = spawn('npm', ['start'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, COUNTERSIGN_DATA: data, COUNTERSIGN_HTTPS: '127.0.0.1:0', COUNTERSIGN_HTTP: '127.0.0.1:0' },
  stdio: ['ignore', 'pipe', 'inherit'],
  // A group of its own, so that nothing is left behind where npm does not pass on what it is told.
  detached: true,
});

let printed = '';
child.stdout.setEncoding('utf8').on('data', (text) => {
  process.stdout.write(text);
  const wasReady = printed.includes(READY);
  printed += text;
  if (!wasReady && printed.includes(READY)) child.kill('SIGTERM');
});
const patience = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), PATIENCE_MS);
child.on('close', (code, signal) => {
  clearTimeout(patience);
  rmSync(data, { recursive: true, force: true });
  const good = printed.includes(READY) && code === 0;
  process.stdout.write(
    good ? 'npm start: ready, and stopped cleanly\n' : `npm start: failed (${signal ?? `exit code ${code}`})\n`,
  );
  process.exitCode = good ? 0 : 1;
});
