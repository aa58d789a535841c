import { escapeTerminal } from './escape-terminal.ts';

/** For table cells and list items of GitHub Markdown: no markup, no HTML, no mention, no new line. */
export function escapeMarkdown(text: string): string {
  return escapeTerminal(text)
    .replaceAll(/[&<>]/g, (char) => (char === '&' ? '&amp;' : char === '<' ? '&lt;' : '&gt;'))
    .replaceAll(/[\\`*_{}[\]()#+!|~$]/g, (char) => `\\${char}`)
    // A zero-width joiner after @ keeps the text and stops the mention and the automatic link.
    .replaceAll('@', '@\u200d')
    .replaceAll(/(https?|ftp|www)(?=[:.])/gi, '$1\u200d');
}

/** What is done to a text inside of inline code. */
export function escapeCode(text: string): string {
  return escapeTerminal(text).replaceAll('|', '\\|');
}

/** Inline code that no content can leave. */
export function codeSpan(text: string): string {
  const safe = escapeCode(text);
  // Two fences with nothing between are one open fence.
  if (safe === '') return '';
  const longest = Math.max(0, ...[...safe.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${safe}${fence}` : `${fence} ${safe} ${fence}`;
}
