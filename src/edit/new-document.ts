import type { DocumentFile } from './place-resource.ts';

/** A document that says nothing yet. The first line is for the editor: it completes and checks by the schema. */
export function newDocument(file: DocumentFile): string {
  const top = file === 'firewall.yaml' ? 'firewalls' : file === 'm365.yaml' ? 'm365' : 'sites';
  return `# yaml-language-server: $schema=../../schemas/${file.replace('.yaml', '.schema.json')}\n${top}: {}\n`;
}
