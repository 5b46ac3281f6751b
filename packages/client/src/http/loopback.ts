/** Whether a URL's host is this machine, as `URL` writes it: a name that others could take is not enough. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/u.test(hostname);
}
