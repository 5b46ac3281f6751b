/** Whether `error` is the operating system's, with one of these codes (`ENOENT`, `EADDRINUSE`, …). */
export function hasErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}
