import { escapeTerminal } from './escape-terminal.ts';

/** For table cells and list items of GitHub Markdown: no markup, no HTML, no mention, no new line. */
export function escapeMarkdown(text: string): string {
  return escapeTerminal(text)
    .replaceAll(/[&<>]/g, (char) => (char === '&' ? '&amp;' : char === '<' ? '&lt;' : '&gt;'))
    .replaceAll(/[\\`*_{}[\]()#+!|~$]/g, (char) => `\\${char}`)
    // A zero-width joiner after @ keeps the text and stops the mention and the automatic link.
    .replaceAll('@', '@\u200d')
    // The same for a number sign, which would be a link to an issue, and a trace in it.
    .replaceAll(/#(?=\d)|\bGH-(?=\d)/gi, '$&\u200d')
    .replaceAll(/(https?|ftp|www)(?=[:.])/gi, '$1\u200d');
}

/** For text inside HTML tags in Markdown, where markup is not read but entities are; what would be markup elsewhere is none here either. */
export function escapeSummary(text: string): string {
  return escapeTerminal(text)
    .replaceAll(/[!-+<-@[-`{-~]/g, (char) => `&#${String(char.charCodeAt(0))};${char === '@' || char === '#' ? '\u200d' : ''}`)
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
