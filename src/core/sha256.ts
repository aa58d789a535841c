import { createHash } from 'node:crypto';

/** `sha256:<64 hex>` of the text's UTF-8 bytes. */
export function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`;
}
