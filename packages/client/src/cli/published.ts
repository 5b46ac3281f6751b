/** `root 2, targets 3, …`, of the roles that got a new version. */
export function versions(published: Readonly<Record<string, number>>): string {
  return Object.entries(published)
    .map(([role, version]) => `${role} ${version}`)
    .join(', ');
}
