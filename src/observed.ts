import type { Workspace } from './workspace.ts';

/** What the names of the branches begin with. */
export function observedPrefix(ws: Workspace): string {
  return ws.lab ? 'observed-lab' : 'observed';
}
