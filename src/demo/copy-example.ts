import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../providers.ts';

/** The example customers as a configuration repository, not yet committed. */
export async function copyExample(root: string): Promise<void> {
  for (const part of ['customers', 'schemas', 'standards', 'lab', 'soll.yaml']) await cp(join(packageRoot, part), join(root, part), { recursive: true });
  await writeFile(join(root, '.gitignore'), '.soll/\n');
}
