import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeSpan, escapeMarkdown } from '../../src/render/escape-markdown.ts';
import { escapeTerminal } from '../../src/render/escape-terminal.ts';
import { outsideCode } from './read-markdown.ts';

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('`', '``', '|', '\\', '\n', '\r', '<', '>', '&', '@', '[', '](', ')', '*', '_', '#', '!', 'https://', 'www.', 'ftp://', '$', '\u001b[2J', '\u202e', 'a', ' ', '~', '1') }),
);

describe('escapeTerminal', () => {
  it.each([
    { text: '\u001b[2J\u001b[H', expected: '\\u001b[2J\\u001b[H', because: 'a device cannot clear the screen' },
    { text: '\u001b]0;title\u0007', expected: '\\u001b]0;title\\u0007', because: 'nor set the title' },
    { text: '\u009b31m', expected: '\\u009b31m', because: 'nor colour with the one-byte introducer' },
    { text: 'a\nb\rc\td', expected: 'a\\nb\\u000dc\\td', because: 'nor begin a line of its own' },
    { text: 'safe\u202egnp.exe', expected: 'safe\\u202egnp.exe', because: 'nor turn the direction of reading' },
    { text: 'ad\u200bmin', expected: 'ad\\u200bmin', because: 'nor hide a letter' },
    { text: 'a\u{e0041}b', expected: 'a\\u{e0041}b', because: 'nor hide text in tag characters' },
    { text: 'a\u2028b', expected: 'a\\u2028b', because: 'a line separator is a new line to some' },
    { text: '\ud800x', expected: '\\ud800x', because: 'half a character has no encoding' },
    { text: 'Größe – 木 😀', expected: 'Größe – 木 😀', because: 'what people write stays' },
  ])('$because', ({ text, expected }) => {
    expect(escapeTerminal(text)).toBe(expected);
  });

  it('leaves no control, format, separator or surrogate in any text, and changes nothing twice', () => {
    fc.assert(fc.property(hostile, (text) => {
      expect(escapeTerminal(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      expect(escapeTerminal(escapeTerminal(text))).toBe(escapeTerminal(text));
    }), { numRuns: 500 });
  });
});

describe('escapeMarkdown', () => {
  it.each([
    { text: '<script>alert(1)</script>', expected: '&lt;script&gt;alert\\(1\\)&lt;/script&gt;', because: 'no HTML' },
    { text: '&lt;', expected: '&amp;lt;', because: 'no entity' },
    { text: '[x](javascript:y)', expected: '\\[x\\]\\(javascript:y\\)', because: 'no link' },
    { text: '![x](y)', expected: '\\!\\[x\\]\\(y\\)', because: 'no picture that tells who reads' },
    { text: 'a | b', expected: 'a \\| b', because: 'no cell more' },
    { text: 'a\\', expected: 'a\\\\', because: 'no backslash that eats the next bar' },
    { text: '@admin', expected: '@\u200dadmin', because: 'no mention' },
    { text: 'https://evil.example', expected: 'https\u200d://evil.example', because: 'no automatic link' },
    { text: '_https://evil.example', expected: '\\_https\u200d://evil.example', because: 'nor behind an underscore' },
    { text: '1www.evil.example', expected: '1www\u200d.evil.example', because: 'nor behind a digit' },
    { text: 'ftp://evil.example', expected: 'ftp\u200d://evil.example', because: 'nor of another protocol' },
    { text: '$x$', expected: '\\$x\\$', because: 'no formula' },
    { text: 'a\n## b', expected: 'a\\\\n\\#\\# b', because: 'no new line, so no heading' },
    { text: '**b** `c` ~~d~~', expected: '\\*\\*b\\*\\* \\`c\\` \\~\\~d\\~\\~', because: 'no markup' },
  ])('$because', ({ text, expected }) => {
    expect(escapeMarkdown(text)).toBe(expected);
  });

  it('leaves no active character in any text', () => {
    fc.assert(fc.property(hostile, (text) => {
      const plain = escapeMarkdown(text).replaceAll(/\\[!-/:-@[-`{-~]/g, '');
      expect(plain).not.toMatch(/[\n\r<>`*_[\]|\\~#!()$]|@(?!\u200d)|(https?|ftp):|www\./i);
      expect(plain.replaceAll(/&(amp|lt|gt);/g, '')).not.toContain('&');
    }), { numRuns: 500 });
  });
});

describe('codeSpan', () => {
  it.each([
    { text: 'wan', expected: '`wan`', because: 'plain text' },
    { text: 'a`b', expected: '`` a`b ``', because: 'a longer fence than any inside' },
    { text: '``', expected: '``` `` ```', because: 'only fences' },
    { text: 'a|b', expected: '`a\\|b`', because: 'a bar ends a cell even in code' },
    { text: 'a\nb', expected: '`a\\nb`', because: 'no new line' },
    { text: '', expected: '', because: 'an empty span would be an open fence' },
  ])('$because', ({ text, expected }) => {
    expect(codeSpan(text)).toBe(expected);
  });

  it('is left by no text: what stands behind it is outside, what is in it is inside', () => {
    fc.assert(fc.property(hostile, hostile, (one, other) => {
      expect(outsideCode(`x ${codeSpan(one)} y ${codeSpan(other)} z`).split(' ').filter((part) => part !== '').join(' ')).toBe('x y z');
      expect(codeSpan(one)).not.toMatch(/(?<!\\)\||[\n\r]/);
    }), { numRuns: 500 });
  });
});
