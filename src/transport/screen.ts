/**
 * What a terminal would show of a stream, as plain lines: backspaces take back, escape sequences and other controls vanish, carriage returns
 * go. A sequence that is cut between two chunks is put together.
 */
export interface Screen {
  feed(chunk: string): void;
  text: string;
}

/** CSI and OSC sequences and two-character escapes, complete or cut at the end. */
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_=>78])/g;
const cutEscape = /\u001b(?:\[[0-?]*[ -/]*|\][^\u0007\u001b]{0,256})?$/;
const controls = /[\u0000-\u0008\u000b-\u001f\u007f\u0080-\u009f]/;

export function makeScreen(): Screen {
  let carry = '';
  const screen: Screen = {
    text: '',
    feed(chunk) {
      let input = (carry + chunk).replaceAll(escapes, '');
      carry = cutEscape.exec(input)?.[0] ?? '';
      if (carry !== '') input = input.slice(0, -carry.length);
      input = input.replaceAll('\r', '');
      if (!controls.test(input)) screen.text += input;
      else for (const char of input) screen.text = type(screen.text, char);
    },
  };
  return screen;
}

function type(text: string, char: string): string {
  if (char === '\b') return text === '' || text.endsWith('\n') ? text : text.slice(0, -1);
  return controls.test(char) ? text : text + char;
}
