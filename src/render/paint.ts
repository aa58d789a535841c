export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'dim' | 'bold';

/** Wraps text in a colour, or not. Its input is escaped already. */
export type Paint = (colour: Colour, text: string) => string;

const codes: Readonly<Record<Colour, readonly [number, number]>> = {
  red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39], magenta: [35, 39], cyan: [36, 39], dim: [2, 22], bold: [1, 22],
};

export const plain: Paint = (_colour, text) => text;

export const ansi: Paint = (colour, text) => {
  const [on, off] = codes[colour];
  return `\u001b[${String(on)}m${text}\u001b[${String(off)}m`;
};
