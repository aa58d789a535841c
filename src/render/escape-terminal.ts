/**
 * Text from YAML, Git or devices, made safe for a terminal: control characters, bidirectional overrides and invisible characters
 * are shown as what they are and never obeyed.
 */
export function escapeTerminal(text: string): string {
  // C0, DEL, C1, soft hyphen, Arabic letter mark, zero width, bidi controls, line separators, BOM, lone surrogates.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, (char) => {
    const code = char.charCodeAt(0);
    return code === 0x0a ? '\\n' : code === 0x09 ? '\\t' : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
