import { readFileSync } from 'node:fs';

/** The most memory this process has held, in KiB. What `resourceUsage` says begins at what its parent held. */
export function peak() {
  try {
    const [, kib] = /^VmHWM:\s*(\d+) kB$/mu.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kib !== undefined) return kib;
  } catch {
    // not Linux
  }
  return String(process.resourceUsage().maxRSS);
}
