#!/usr/bin/env node
import { main } from '../dist/local/main.js';

process.exitCode = await main();
