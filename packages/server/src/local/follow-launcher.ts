// Loaded into signer and server before their own code (`node --import`). The channel to the launcher closes when that
// dies, however it dies: without it there is nobody to stop these processes, so they stop themselves.

/** How long a clean stop may take before the process ends without one. */
const PATIENCE_MS = 10_000;

process.once('disconnect', () => {
  setTimeout(() => process.exit(1), PATIENCE_MS).unref();
  process.kill(process.pid, 'SIGTERM');
});
// Listening must not keep a process alive that has stopped otherwise.
process.channel?.unref();
