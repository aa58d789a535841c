/**
 * Which of two versions is newer, by the form in which devices tell them; no provider has to say how its family counts. Read here:
 * dotted numbers (`10.5.66`), with a revision (`26.1.6_4`, `1.1.3-1+deb13u1`, `6.12.48+deb13-amd64`), with a pre-release (`7.21rc2`, `26.1.r1`, `1.2~bpo12`),
 * with a rebuild (`17.09.04a`), and Cisco IOS with its release trains (`15.2(7)E3`). What stands behind a blank (`7.20.8 (stable)`) is no part of it.
 */

/** Whether it can be compared with anything at all. */
export function isVersion(text: string): boolean {
  const version = bare(text);
  return version.length <= 64 && (iosForm.test(version) || plainForm.test(version));
}

/** Negative: `a` is older. `undefined`: nobody can say (no version, other trains, other flavours of a build). */
export function compareVersions(a: string, b: string): number | undefined {
  if (!isVersion(a) || !isVersion(b)) return undefined;
  const [left, right] = [bare(a), bare(b)];
  const [iosLeft, iosRight] = [iosForm.exec(left), iosForm.exec(right)];
  if (iosLeft !== null || iosRight !== null) return iosLeft === null || iosRight === null ? undefined : compareIos(iosLeft, iosRight);
  return comparePlain(left, right);
}

/** The first word, without `v` and without the architecture it was built for. */
function bare(text: string): string {
  return (text.trim().split(/\s/)[0] ?? '').replace(/^v(?=\d)/i, '').replace(/[-_.+](amd64|x86_64|i[3-6]86|arm64|aarch64|armhf|armv7l?|mips(?:el)?|ppc64(?:le|el)?|riscv64)$/i, '');
}

const plainForm = /^(?:\d{1,9}:)?\d[0-9A-Za-z.+~_-]*$/;

/**
 * `15.2(7)E3`: major.minor(maintenance)TRAINrebuild, a letter in the parentheses is a rebuild of the main line (Cisco IOS and Cisco NX-OS Software
 * Release Reference Guide, "Release Naming", tools.cisco.com, read 2026-11). Within a train the numbers count; two trains are developed beside each
 * other, and no number says which is the newer.
 */
const iosForm = /^(\d{1,3})\.(\d{1,3})\((\d{1,4})([a-z]?)\)([A-Z]{0,4})(\d{0,4})([a-z]?)$/;

function compareIos(a: RegExpExecArray, b: RegExpExecArray): number | undefined {
  if (a[5] !== b[5]) return undefined;
  for (const group of [1, 2, 3, 4, 6, 7]) {
    const [left, right] = [a[group] ?? '', b[group] ?? ''];
    const order = group === 4 || group === 7 ? compareLetters(left, right) : Number(left) - Number(right);
    if (order !== 0) return order;
  }
  return 0;
}

function compareLetters(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

type Token = { readonly number: bigint } | { readonly word: string; /** Below the release itself, the greater the nearer to it. */ readonly before?: number };

const preReleases: Readonly<Record<string, number>> = { dev: 1, snapshot: 1, nightly: 1, alpha: 2, beta: 3, pre: 4, preview: 4, rc: 4 };
/** Where a part begins with it, as OPNsense writes them: `26.1.a_123`, `26.1.b`, `26.1.r1` (from its release names; unverified on a device). */
const leading: Readonly<Record<string, number>> = { a: 2, b: 3, r: 4 };

function comparePlain(a: string, b: string): number | undefined {
  const [left, right] = [partsOf(a), partsOf(b)];
  if (left.epoch !== right.epoch) return left.epoch - right.epoch;
  for (let index = 0; index < Math.max(left.groups.length, right.groups.length); index += 1) {
    const order = compareGroups(left.groups[index], right.groups[index]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Upstream version and revisions are counted one after the other: `1.1.3-2` is older than `1.1.3.1`. */
function partsOf(text: string): { readonly epoch: number; readonly groups: readonly (readonly Token[])[] } {
  const [, epoch = '0', rest = ''] = /^(?:(\d+):)?(.*)$/s.exec(text) ?? [];
  return { epoch: Number(epoch), groups: rest.split(/[-+_]/).map(tokensOf) };
}

function tokensOf(group: string): readonly Token[] {
  return [...group.matchAll(/~|\d+|[A-Za-z]+/g)].map(([token], index, all): Token => {
    if (token === '~') return { word: token, before: 0 };
    if (/^\d/.test(token)) return { number: BigInt(token) };
    const word = token.toLowerCase();
    const at = all[index]?.index ?? 0;
    const first = at === 0 || group[at - 1] === '.';
    const before = preReleases[word] ?? (first ? leading[word] : undefined);
    return { word, ...(before === undefined ? {} : { before }) };
  });
}

function compareGroups(a: readonly Token[] | undefined, b: readonly Token[] | undefined): number | undefined {
  for (let index = 0; index < Math.max(a?.length ?? 0, b?.length ?? 0); index += 1) {
    const order = compareTokens(a?.[index], b?.[index]);
    if (order !== 0) return order;
  }
  // `26.1` and `26.1.0` are the same, a revision that only one of them has is newer.
  return a === undefined ? (b === undefined ? 0 : -1) : b === undefined ? 1 : 0;
}

function compareTokens(a: Token | undefined, b: Token | undefined): number | undefined {
  const [left, right] = [weightOf(a), weightOf(b)];
  if (left !== right) return left - right;
  if (a === undefined || b === undefined) return 0;
  if ('number' in a && 'number' in b) return a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
  if ('word' in a && 'word' in b) return compareWords(a.word, b.word);
  return 0;
}

/** Pre-releases come before the end, the end before words, words before numbers. A number of zero is as good as the end. */
function weightOf(token: Token | undefined): number {
  if (token === undefined) return 10;
  if ('number' in token) return token.number === 0n ? 10 : 12;
  return token.before ?? 11;
}

/** `a` and `b` behind a number are rebuilds; `deb` and `rpt` are the same thing built by others. */
function compareWords(a: string, b: string): number | undefined {
  if (a === b || a.length === 1 && b.length === 1) return compareLetters(a, b);
  return preReleases[a] !== undefined && preReleases[b] !== undefined ? 0 : undefined;
}
