#!/usr/bin/env node
import { run } from '../lib/cli/run.js';

await run();
