/** authorized_keys(5) of OpenSSH as bytes: one line is added or taken away, every other keeps its bytes, whoever wrote it in whatever encoding. */

/** Latin-1 maps each byte to one character and back, whatever the file is encoded in. */
const encoding = 'latin1';

export interface KeyLine {
  /** What stands before the key: restrictions, in quotes where they hold spaces. */
  readonly options: string;
  readonly type: string;
  /** Base64. */
  readonly blob: string;
  readonly comment: string;
}

const keyType = /^(?:ssh-[a-z0-9-]+|ecdsa-sha2-[a-z0-9-]+|sk-[a-z0-9@.-]+)$/;

/** `undefined`: empty, a comment, or nothing that sshd would take for a key. */
export function parseLine(line: string): KeyLine | undefined {
  const text = line.replace(/\r$/, '').trimStart();
  if (text === '' || text.startsWith('#')) return undefined;
  const first = text.split(/[ \t]/, 1)[0] ?? '';
  const options = keyType.test(first) ? '' : text.slice(0, endOfOptions(text));
  const [type = '', blob = '', ...comment] = text.slice(options.length).trimStart().split(/[ \t]+/);
  if (!keyType.test(type) || !/^[A-Za-z0-9+/]+={0,2}$/.test(blob)) return undefined;
  return { options, type, blob, comment: comment.join(' ').trimEnd() };
}

/** The first blank outside of quotes; `\"` inside of them is no end. */
function endOfOptions(text: string): number {
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\' && text[at + 1] === '"') at += 1;
    else if (text[at] === '"') quoted = !quoted;
    else if (!quoted && (text[at] === ' ' || text[at] === '\t')) return at;
  }
  return text.length;
}

function linesOf(file: Buffer): readonly string[] {
  return file.toString(encoding).split('\n');
}

export function keysIn(file: Buffer): readonly KeyLine[] {
  return linesOf(file).flatMap((line) => parseLine(line) ?? []);
}

/** One more at the end, with the restrictions of the line that it is to stand in for. */
export function withKey(file: Buffer, key: Omit<KeyLine, 'options'>, like: KeyLine): Buffer {
  const text = file.toString(encoding);
  const line = `${like.options === '' ? '' : `${like.options} `}${key.type} ${key.blob} ${key.comment}\n`;
  return Buffer.from(`${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}`, encoding);
}

/** Without every line of this key. */
export function withoutKey(file: Buffer, blob: string): Buffer {
  return Buffer.from(linesOf(file).filter((line) => parseLine(line)?.blob !== blob).join('\n'), encoding);
}
