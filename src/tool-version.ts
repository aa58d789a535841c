import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './providers.ts';

/** `soll/<version>`, part of every leaf: what one version showed is not approved for another. */
export const toolVersion = `soll/${(JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version}`;
