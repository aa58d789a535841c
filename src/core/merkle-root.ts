import { sha256 } from './sha256.ts';

/**
 * Root over digests, sorted first: the order of the leaves means nothing. Leaves and inner nodes are hashed with different prefixes
 * (RFC 6962, section 2.1), so that a node can never pass for a leaf.
 */
export function merkleRoot(digests: readonly string[]): string {
  let level = [...digests].sort().map((digest) => sha256(`soll-leaf\n${digest}`));
  if (level.length === 0) return sha256('soll-empty');
  while (level.length > 1) {
    const next: string[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const [left = '', right] = level.slice(index, index + 2);
      next.push(right === undefined ? left : sha256(`soll-node\n${left}\n${right}`));
    }
    level = next;
  }
  return level[0] ?? sha256('soll-empty');
}
