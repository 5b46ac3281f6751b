import { pino, destination } from 'pino';
import type { Config } from './config.js';

/**
 * Where the signer reports what it does, one JSON line each; its audit log is the lines named `request`. Names in lines are
 * chosen by clients, so whoever writes them must escape (JSON does).
 */
export interface Log {
  info(what: Record<string, unknown>, message: string): void;
  warn(what: Record<string, unknown>, message: string): void;
  error(what: Record<string, unknown>, message: string): void;
}

/** A log on standard error, or appended to a file that nobody else may read. A line is written when the call returns. */
export function openLog({ level, file }: Config['log']): Log {
  return pino({ level, base: null }, destination({ dest: file ?? 2, sync: true, mkdir: false, mode: 0o600 }));
}
