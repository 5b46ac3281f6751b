import { dirname } from 'node:path';
import type { Addresses } from './configuration.js';
import type { DataDirectory } from './data-directory.js';
import { formatAddress } from './settings.js';

/** What the first start says about what it made. */
export function firstStartText(data: DataDirectory): string {
  return [
    `Made in ${data.root}: a local certificate authority, certificates, and the signer's passphrase.`,
    `The passphrase is in ${data.passphrase}`,
    '  Without it the online keys cannot be opened: back it up, and not together with the database',
    `  ${data.signerDatabase}`,
  ].join('\n');
}

/** What is running; the first time also what to try next. */
export function runningText(data: DataDirectory, { https, http, signer }: Addresses, isFirst: boolean): string {
  const server = `https://${formatAddress(https)}`;
  const where = `--server ${server} --ca ${quote(data.authority.certificate)}`;
  return [
    'Countersign is running.',
    `  server  ${server} and http://${formatAddress(http)}`,
    `  signer  https://${formatAddress(signer)}, for the server only`,
    `  CA      ${data.authority.certificate}`,
    `  logs    ${dirname(data.serverLog)}`,
    ...(isFirst ? firstCommands(where) : [`Name it to \`npx countersign\` with ${where}`]),
    'Stop with Ctrl-C.',
  ].join('\n');
}

function firstCommands(where: string): readonly string[] {
  return [
    'Try next, in another terminal, in this directory:',
    `  npx countersign init example/hello ${where}`,
    '  npx countersign add example/hello README.md',
    `  npx countersign publish example/hello ${where}`,
  ];
}

/** A path as a POSIX shell reads it back. */
function quote(path: string): string {
  return /^[\w./@%+:,-]+$/u.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
