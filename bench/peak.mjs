/** Loaded first into a measured process: leaves its highest memory (KiB) in the file that SOLL_BENCH_PEAK names. */
import { readFileSync, writeFileSync } from 'node:fs';

process.on('exit', () => {
  const file = process.env['SOLL_BENCH_PEAK'];
  if (file !== undefined) writeFileSync(file, /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0');
});
