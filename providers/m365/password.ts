/** Letters that nobody mistakes for another when typing them from paper: no 0 O o, 1 l I. */
const classes = ['ABCDEFGHJKLMNPQRSTUVWXYZ', 'abcdefghijkmnpqrstuvwxyz', '23456789', '-+=?%&*'] as const;
const all = classes.join('');
const length = 20;

/** Over 110 bits, with one of each class, as the directory's rule wants three of four. */
export function makePassword(randomBytes: (size: number) => Uint8Array): string {
  const pick = (letters: string): string => {
    for (;;) {
      const value = randomBytes(1)[0] ?? 0;
      // Bytes beyond the last whole multiple would favour the first letters.
      if (value < 256 - (256 % letters.length)) return letters[value % letters.length] ?? '';
    }
  };
  for (;;) {
    const password = Array.from({ length }, () => pick(all)).join('');
    if (classes.every((letters) => letters.split('').some((letter) => password.includes(letter)))) return password;
  }
}
