import { hostOf } from './transfer.js';
import type { Gun } from '../tuf/names.js';

const DOCKER_HUB = 'https://index.docker.io/v1/';

/**
 * The registry whose login a collection needs, by the name Docker keeps it under: the host its name begins with, or, where it
 * begins with none, that of its trust server.
 */
export function registryOf(gun: Gun, server: string): string {
  const slash = gun.indexOf('/');
  const first = gun.slice(0, Math.max(slash, 0));
  if (first === 'docker.io' || first === 'index.docker.io') return DOCKER_HUB;
  return first === 'localhost' || /[.:]/u.test(first) ? first : hostOf(server);
}

/** What to type to log in to a registry. */
export function loginCommand(registry: string): string {
  return registry === DOCKER_HUB ? 'docker login' : `docker login ${registry}`;
}
