/**
 * Where the server reports what it does. A `pino` logger is one. Never given secrets or file contents; names in it may be
 * attacker-chosen, so whoever writes lines must escape (JSON does).
 */
export interface Log {
  debug(what: Record<string, unknown>, message: string): void;
  info(what: Record<string, unknown>, message: string): void;
  warn(what: Record<string, unknown>, message: string): void;
  error(what: Record<string, unknown>, message: string): void;
}
