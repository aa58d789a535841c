/**
 * Text from YAML, Git or devices, made safe for a terminal: control characters, bidirectional overrides and invisible characters
 * are shown as what they are and never obeyed.
 */
export function escapeTerminal(text: string): string {
  // Controls (C0, DEL, C1), format characters (bidi, zero width, soft hyphen, tags), line separators, lone surrogates.
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    if (code > 0xffff) return `\\u{${code.toString(16)}}`;
    return code === 0x0a ? '\\n' : code === 0x09 ? '\\t' : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
