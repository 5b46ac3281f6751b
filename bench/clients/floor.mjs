import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { peak } from './peak.mjs';

// node floor.mjs FILE: what reading, hashing and JSON.parse of the same bytes cost alone.

const bytes = readFileSync(process.argv[2]);
const hash = createHash('sha256').update(bytes).digest('hex');
const parsed = JSON.parse(bytes.toString('utf8'));
if (hash.length !== 64 || parsed.signed === undefined) throw new Error('not metadata');
process.stdout.write(peak());
