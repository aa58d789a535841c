/** Edits in place: what is touched, what is not, what is refused. */
import fc from 'fast-check';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '#contract';
import { diffLines, unifiedDiff } from '../../src/edit/diff-lines.ts';
import { diffData } from '../../src/edit/diff-data.ts';
import { EditError, type Edit } from '../../src/edit/edit.ts';
import { editYaml, readYaml } from '../../src/edit/edit-yaml.ts';

const changedLines = (before: string, after: string): readonly string[] => diffLines(before, after).filter((line) => !line.startsWith(' '));

const firewall = `# modeline
firewalls:
  # the one in the cellar
  fw:
    groups:
      admins: # who may
        members: [198.51.100.0/28] # us
      partner:
        members:
          - 203.0.113.1
          # their second line
          - 203.0.113.2
    services: {}
    policies:
      - from: wan
        to: self
        default: "drop"
        rules:
          # Ticket 1
          - name: ssh
            action: accept
            services: [ssh]

          - name: ping # everybody
            action: accept
      - from: lan
        to: wan
        default: drop
        rules: []
`;

const rules = ['firewalls', 'fw', 'policies', 0, 'rules'] as const;

const table: readonly { readonly name: string; readonly because: string; readonly text?: string; readonly edits: readonly Edit[]; readonly lines: readonly string[] }[] = [
  { name: 'a quoted value', because: 'quotes and the rest of the line stay', edits: [{ op: 'set', path: ['firewalls', 'fw', 'policies', 0, 'default'], value: 'reject' }], lines: ['-        default: "drop"', '+        default: "reject"'] },
  { name: 'an item of a flow list', because: 'the comment behind it stays', edits: [{ op: 'insert', path: ['firewalls', 'fw', 'groups', 'admins', 'members'], at: 1, value: '192.0.2.0/24' }], lines: ['-        members: [198.51.100.0/28] # us', '+        members: [198.51.100.0/28, 192.0.2.0/24] # us'] },
  { name: 'the only item of a flow list', because: 'an empty list is [] and never null', edits: [{ op: 'remove', path: [...rules, 0, 'services', 0] }], lines: ['-            services: [ssh]', '+            services: []'] },
  { name: 'an item of a block list', because: 'the comment directly above goes with it', edits: [{ op: 'remove', path: ['firewalls', 'fw', 'groups', 'partner', 'members', 1] }], lines: ['-          # their second line', '-          - 203.0.113.2'] },
  { name: 'a new item at the end of a block list', because: 'one line', edits: [{ op: 'insert', path: ['firewalls', 'fw', 'groups', 'partner', 'members'], at: 2, value: '203.0.113.3' }], lines: ['+          - 203.0.113.3'] },
  { name: 'a rule in the middle', because: 'order is given by position', edits: [{ op: 'insert', path: rules, at: 1, value: { name: 'web', action: 'accept', services: ['web'] } }], lines: ['+          - name: web', '+            action: accept', '+            services: [web]'] },
  { name: 'a rule before the first', because: 'the comment of the first stays with the first', edits: [{ op: 'insert', path: rules, at: 0, value: { name: 'web', action: 'drop' } }], lines: ['+          - name: web', '+            action: drop'] },
  { name: 'a rule moves', because: 'its comment goes with it and no byte changes', edits: [{ op: 'move', path: rules, from: 1, to: 0 }], lines: ['+          - name: ping # everybody', '+            action: accept', '-          - name: ping # everybody', '-            action: accept'] },
  { name: 'the first key of an item', because: 'the next one moves up behind the dash', edits: [{ op: 'remove', path: [...rules, 1, 'name'] }], lines: ['-          - name: ping # everybody', '-            action: accept', '+          - action: accept'] },
  { name: 'the first rule of an empty list', because: '[] becomes lines', edits: [{ op: 'insert', path: ['firewalls', 'fw', 'policies', 1, 'rules'], at: 0, value: { name: 'web', action: 'accept' } }], lines: ['-        rules: []', '+        rules:', '+          - name: web', '+            action: accept'] },
  { name: 'an entry into an empty map', because: '{} becomes lines', edits: [{ op: 'add', path: ['firewalls', 'fw', 'services'], entries: [{ key: 'ssh', value: { ports: ['tcp/22'] }, comment: 'remote hands' }] }], lines: ['-    services: {}', '+    services:', '+      # remote hands', '+      ssh:', '+        ports: [tcp/22]'] },
  { name: 'a new group', because: 'lists look as their neighbours do', edits: [{ op: 'set', path: ['firewalls', 'fw', 'groups', 'labor'], value: { members: ['192.0.2.1', '2001:db8::'] } }], lines: ['+      labor:', '+        members:', '+          - 192.0.2.1', '+          - "2001:db8::"'] },
  { name: 'a new name', because: 'the key alone changes', edits: [{ op: 'rename', path: ['firewalls', 'fw', 'groups', 'admins'], to: 'msp' }], lines: ['-      admins: # who may', '+      msp: # who may'] },
  { name: 'the last entry of a map', because: 'an empty map is {} and keeps its key', edits: [{ op: 'remove', path: ['firewalls', 'fw', 'groups', 'partner'] }, { op: 'remove', path: ['firewalls', 'fw', 'groups', 'admins'] }], lines: ['-    groups:', '-      admins: # who may', '-        members: [198.51.100.0/28] # us', '-      partner:', '-        members:', '-          - 203.0.113.1', '-          # their second line', '-          - 203.0.113.2', '+    groups: {}'] },
  { name: 'a block becomes a text', because: 'its lines go', edits: [{ op: 'set', path: ['firewalls', 'fw', 'groups', 'partner'], value: 'gone' }], lines: ['-      partner:', '-        members:', '-          - 203.0.113.1', '-          # their second line', '-          - 203.0.113.2', '+      partner: gone'] },
  { name: 'lists that are not indented', because: 'the document\'s own way is kept', text: 'a:\n- x: 1\nb: {}\n', edits: [{ op: 'set', path: ['b', 'list'], value: [{ z: 2 }] }], lines: ['-b: {}', '+b:', '+  list:', '+  - z: 2'] },
  { name: 'a text of several lines', because: 'the comment behind the bar is kept', text: 'a: | # why\n  one\n  two\nb: 1\n', edits: [{ op: 'set', path: ['a'], value: 'three' }], lines: ['-a: | # why', '-  one', '-  two', '+a: three # why'] },
  { name: 'a tall flow list, last item', because: 'the comment of the neighbour stays where it is', text: 'a: [\n  x, # one\n  y # two\n]\n', edits: [{ op: 'remove', path: ['a', 1] }], lines: ['-  y # two'] },
  { name: 'a tall flow list, one more', because: 'comments stay behind their items', text: 'a: [\n  x, # one\n  y # two\n]\n', edits: [{ op: 'insert', path: ['a'], at: 2, value: 'z' }], lines: ['-  y # two', '+  y, # two', '+  z'] },
  { name: 'what other readers take for something else', because: 'a Norwegian country code, a time and a number in quotes stay texts', text: 'a: {}\n', edits: [{ op: 'add', path: ['a'], entries: [{ key: 'b', value: 'no' }, { key: 'c', value: '14:00' }, { key: 'd', value: '79104' }, { key: 'e', value: '+49 761 5' }, { key: 'f', value: '- x' }, { key: 'g', value: 'a: b' }, { key: 'h', value: '' }] }], lines: ['-a: {}', '+a:', '+  b: "no"', '+  c: "14:00"', '+  d: "79104"', '+  e: +49 761 5', '+  f: "- x"', '+  g: "a: b"', '+  h: ""'] },
];

describe('editYaml', () => {
  test.each(table)('$name: $because', ({ text = firewall, edits, lines }) => {
    const after = editYaml(text, edits);
    expect(changedLines(text, after)).toEqual(lines);
    const windows = text.replaceAll('\n', '\r\n');
    expect(editYaml(windows, edits)).toBe(after.replaceAll('\n', '\r\n'));
    // Without a line break at the end there is none afterwards either.
    expect(editYaml(text.slice(0, -1), edits)).toBe(after.slice(0, -1));
    expect(editYaml(`\uFEFF${text}`, edits)).toBe(`\uFEFF${after}`);
  });

  const refused: readonly { readonly name: string; readonly text: string; readonly edit: Edit; readonly code: string }[] = [
    { name: 'an alias', text: 'a: &x 1\nb: *x\n', edit: { op: 'set', path: ['a'], value: 2 }, code: 'edit.yaml' },
    { name: 'broken YAML', text: 'a: [\n', edit: { op: 'set', path: ['a'], value: 2 }, code: 'edit.yaml' },
    { name: 'a place that is not there', text: 'a: 1\n', edit: { op: 'remove', path: ['b'] }, code: 'edit.path' },
    { name: 'an entry that is there', text: 'a:\n  b: 1\n', edit: { op: 'add', path: ['a'], entries: [{ key: 'b', value: 2 }] }, code: 'edit.exists' },
    { name: 'a long key', text: '? a\n: 1\nb: 2\n', edit: { op: 'remove', path: ['a'] }, code: 'edit.form' },
    { name: 'a position behind the end', text: 'a: [x]\n', edit: { op: 'insert', path: ['a'], at: 3, value: 'y' }, code: 'edit.path' },
  ];
  test.each(refused)('refuses $name', ({ text, edit, code }) => {
    expect(() => editYaml(text, [edit])).toThrow(EditError);
    try {
      editYaml(text, [edit]);
    } catch (error) {
      expect((error as EditError).code).toBe(code);
    }
  });

  test('a comment from a device cannot leave its comment', () => {
    const after = editYaml('a: {}\n', [{ op: 'add', path: ['a'], entries: [{ key: 'b', value: 1, comment: 'x\nb: 2\r\u2028c: 3' }] }]);
    expect(parse(after)).toEqual({ a: { b: 1 } });
  });
});

/** A document as somebody might write it, and for each line the paths that it belongs to. */
interface Written {
  readonly text: string;
  readonly data: JsonObject;
  readonly lines: readonly { readonly text: string; readonly owners: readonly string[] }[];
}

interface Choices {
  readonly step: number;
  readonly indentLists: boolean;
  readonly windows: boolean;
  readonly ended: boolean;
  /** Drawn one after the other, again and again. */
  readonly dice: readonly number[];
}

const word = fc.constantFrom('alpha', 'beta', 'no', '14:00', 'a b', 'x: y', '# not a comment', 'ä ö', '10', '-', '', 'c,d', '[e', 'it\'s', '"q"', 'tcp/22', '2001:db8::', 'group:g');
const scalar: fc.Arbitrary<Json> = fc.oneof(word, fc.boolean(), fc.integer({ min: 0, max: 99 }), fc.constant(null));
const key = fc.constantFrom('name', 'to', 'members', 'k1', 'k-2', 'ä', 'x.y', 'a@b', 'on', '10', '$secret');
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie('tree'), { maxLength: 4 }), fc.dictionary(key, tie('tree'), { maxKeys: 4, noNullPrototype: true })),
}));
const root = fc.dictionary(key, tree, { minKeys: 1, maxKeys: 4, noNullPrototype: true });
const choices: fc.Arbitrary<Choices> = fc.record({ step: fc.constantFrom(2, 4), indentLists: fc.boolean(), windows: fc.boolean(), ended: fc.boolean(), dice: fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 7, maxLength: 40 }) });

const id = (path: readonly (string | number)[]): string => JSON.stringify(path);
const isMapping = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

function writeDocument(data: JsonObject, { step, indentLists, windows, ended, dice }: Choices): Written {
  const lines: { text: string; owners: string[] }[] = [];
  let rolled = 0;
  let serial = 0;
  const roll = (share: number): boolean => (dice[(rolled += 1) % dice.length] ?? 0) < share;
  const mark = (): string => String((serial += 1));
  const text = (value: Json, flow: boolean): string => {
    if (typeof value !== 'string') return JSON.stringify(value);
    if (/^[a-z][a-z0-9/]*$/.test(value) && value !== 'no' && value !== 'on' && roll(70)) return value;
    return !flow && roll(30) ? `'${value.replaceAll('\'', '\'\'')}'` : JSON.stringify(value);
  };
  const flow = (value: Json): string => (Array.isArray(value) ? `[${(value as readonly Json[]).map(flow).join(', ')}]` : isMapping(value) ? `{ ${Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${flow(item)}`).join(', ')} }` : text(value, true));
  const tail = (): string => (roll(25) ? ` # behind ${mark()}` : '');
  const above = (indent: number, path: readonly (string | number)[]): void => {
    // A comment that an empty line sets apart belongs to what it stands in.
    if (roll(15)) lines.push({ text: `${' '.repeat(indent)}# apart ${mark()}`, owners: [id([...path.slice(0, -1), '#'])] }, { text: '', owners: [] });
    if (roll(25)) lines.push({ text: `${' '.repeat(indent)}# above ${mark()}`, owners: [id(path)] });
  };
  const value = (item: Json, head: string, indent: number, path: readonly (string | number)[], owners: string[]): void => {
    const size = typeof item === 'object' && item !== null ? Object.keys(item).length : 0;
    if (size === 0 || roll(25)) lines.push({ text: `${head} ${flow(item)}${tail()}`, owners });
    else {
      lines.push({ text: `${head}${tail()}`, owners });
      block(item, indent, path);
    }
  };
  const block = (item: Json, indent: number, path: readonly (string | number)[]): void => {
    if (isMapping(item)) {
      for (const [name, each] of Object.entries(item)) {
        above(indent + step, [...path, name]);
        value(each, `${' '.repeat(indent + step)}${/^[a-z][a-z0-9-]*$/.test(name) && name !== 'on' ? name : JSON.stringify(name)}:`, indent + step, [...path, name], [id([...path, name])]);
      }
      return;
    }
    const column = indent + (indentLists || indent < 0 ? step : 0);
    for (const [index, each] of (item as readonly Json[]).entries()) {
      const own = [...path, index];
      above(column, own);
      const dash = `${' '.repeat(column)}-`;
      if (!isMapping(each) || Object.keys(each).length === 0) lines.push({ text: `${dash} ${flow(each)}${tail()}`, owners: [id(own)] });
      else {
        const [[name, first] = ['', null], ...rest] = Object.entries(each);
        value(first, `${dash} ${JSON.stringify(name)}:`, column + 2, [...own, name], [id(own), id([...own, name])]);
        for (const [other, more] of rest) {
          above(column + 2, [...own, other]);
          value(more, `${' '.repeat(column + 2)}${JSON.stringify(other)}:`, column + 2, [...own, other], [id([...own, other])]);
        }
      }
    }
  };
  lines.push({ text: '# modeline', owners: [] });
  block(data, -step, []);
  const eol = windows ? '\r\n' : '\n';
  return { text: lines.map((line) => line.text).join(eol) + (ended ? eol : ''), data, lines };
}

function pathsOf(value: Json, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  const children = Array.isArray(value) ? (value as readonly Json[]).map((item, index) => [index, item] as const) : isMapping(value) ? Object.entries(value) : [];
  return [path, ...children.flatMap(([step, item]) => pathsOf(item, [...path, step]))];
}

const at = (data: Json, path: readonly (string | number)[]): Json => path.reduce<Json>((value, step) => (value as Record<string | number, Json>)[step] ?? null, data);

/** An edit that fits the data, what the data is afterwards by plain means, and paths whose lines it may change. */
function pickEdit(data: JsonObject, pick: number, kind: number, value: Json): { edit: Edit; after: Json; may: readonly (readonly (string | number)[])[]; header?: readonly (readonly (string | number)[])[] } | undefined {
  const paths = pathsOf(data);
  const path = paths[pick % paths.length] ?? [];
  const after = structuredClone(data) as Json;
  const found = at(data, path);
  const parent = path.slice(0, -1);
  const last = path.at(-1);
  const holder = at(after, parent) as Record<string | number, Json> & Json[];
  const size = (item: Json): number => (typeof item === 'object' && item !== null ? Object.keys(item).length : 0);
  if (kind === 0 && last !== undefined) {
    holder[last] = value;
    return { edit: { op: 'set', path, value }, after, may: [path] };
  }
  if (kind === 1 && last !== undefined) {
    if (Array.isArray(holder)) holder.splice(Number(last), 1);
    else Reflect.deleteProperty(holder, last);
    const siblings = isMapping(at(data, parent)) ? Object.keys(at(data, parent) as JsonObject) : [];
    // Behind a dash the second key moves up.
    const second = siblings[0] === last && typeof parent.at(-1) === 'number' && siblings[1] !== undefined ? [[...parent, siblings[1]]] : [];
    return { edit: { op: 'remove', path }, after, may: [path, ...second, ], header: size(at(data, parent)) === 1 ? [parent] : [] };
  }
  if (kind === 2 && isMapping(found) && !Object.hasOwn(found, 'fresh')) {
    (at(after, path) as Record<string, Json>)['fresh'] = value;
    return { edit: { op: 'add', path, entries: [{ key: 'fresh', value, comment: 'new here' }] }, after, may: size(found) === 0 ? [path] : [] };
  }
  if (kind === 3 && Array.isArray(found)) {
    const position = pick % (found.length + 1);
    (at(after, path) as Json[]).splice(position, 0, value);
    return { edit: { op: 'insert', path, at: position, value }, after, may: size(found) === 0 ? [path] : [] };
  }
  if (kind === 4 && Array.isArray(found) && found.length > 1) {
    const [from, to] = [pick % found.length, (pick >> 3) % found.length];
    const list = at(after, path) as Json[];
    const [item = null] = list.splice(from, 1);
    list.splice(to, 0, item);
    return { edit: { op: 'move', path, from, to }, after, may: [[...path, from]] };
  }
  if (kind === 5 && typeof last === 'string' && !Object.hasOwn(holder, 'renamed')) {
    const renamed = Object.fromEntries(Object.entries(at(data, parent) as JsonObject).map(([name, item]) => [name === last ? 'renamed' : name, item]));
    if (parent.length === 0) return { edit: { op: 'rename', path, to: 'renamed' }, after: renamed, may: [path] };
    (at(after, parent.slice(0, -1)) as Record<string | number, Json>)[parent.at(-1) ?? ''] = renamed;
    return { edit: { op: 'rename', path, to: 'renamed' }, after, may: [path] };
  }
  return undefined;
}

describe('any document, any edit', () => {
  test('says what it should afterwards, and every line that the edit does not speak of keeps its bytes', () => {
    let done = 0;
    fc.assert(fc.property(root, choices, fc.nat(999), fc.nat(5), tree, (data, how, pick, kind, value) => {
      const written = writeDocument(data, how);
      expect(parse(written.text), 'the generator writes what it means').toEqual(data);
      const picked = pickEdit(data, pick, kind, value);
      if (picked === undefined) return;
      const after = editYaml(written.text, [picked.edit]);
      expect(parse(after)).toEqual(picked.after);
      done += 1;
      // A line inside brackets belongs to the whole value in them.
      const touched = picked.may.map(id);
      const inFlow = (path: readonly (string | number)[]): string => {
        for (let length = path.length; length > 0; length -= 1) if (written.lines.some(({ owners }) => owners.includes(id(path.slice(0, length))))) return id(path.slice(0, length));
        return id([]);
      };
      const allowed = new Set([...touched, inFlow(picked.edit.path), ...picked.may.map(inFlow), ...(picked.header ?? []).map(inFlow)]);
      const mayChange = (owners: readonly string[]): boolean => owners.some((owner) => allowed.has(owner) || touched.some((path) => path !== '[]' && owner.startsWith(`${path.slice(0, -1)},`)));
      const eol = how.windows ? '\r\n' : '\n';
      const kept = written.lines.filter(({ owners }) => !mayChange(owners)).map((line) => line.text).filter((line) => line.trim() !== '');
      const left = after.split(eol);
      let position = 0;
      for (const line of kept) {
        const found = left.indexOf(line, position);
        expect(found, `line kept: ${line}\n${written.text}\n--- ${JSON.stringify(picked.edit)}\n${after}`).toBeGreaterThanOrEqual(0);
        position = found + 1;
      }
      // An empty line that becomes the last one looks like a line break.
      if (how.ended || written.lines.filter(({ owners }) => !mayChange(owners)).at(-1)?.text !== '') expect(after.endsWith(eol)).toBe(how.ended);
      if (how.windows) expect(after.replaceAll('\r\n', '')).not.toContain('\n');
    }), { numRuns: 3000 });
    expect(done).toBeGreaterThan(1000);
  });

  test('diffData leads from one value to another, and editYaml follows it', () => {
    fc.assert(fc.property(root, root, choices, (from, to, how) => {
      const written = writeDocument(from, how);
      expect(parse(editYaml(written.text, diffData(from, to, [])))).toEqual(to);
    }), { numRuns: 600 });
  });

  test('a list of named items that are only put in another order is only moved', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.nat(30), { minLength: 2, maxLength: 8 }).chain((names) => fc.tuple(fc.constant(names), fc.shuffledSubarray(names, { minLength: names.length }))), ([names, order]) => {
      const item = (name: number): string => `  - name: n${String(name)} # c${String(name)}\n    x: 1\n`;
      const text = (list: readonly number[]): string => `rules:\n${list.map(item).join('')}`;
      const edits = diffData(readYaml(text(names)), readYaml(text(order)), []);
      expect(edits.every(({ op }) => op === 'move')).toBe(true);
      expect(editYaml(text(names), edits)).toBe(text(order));
    }));
  });
});

describe('unifiedDiff', () => {
  test('is what patch expects', () => {
    expect(unifiedDiff('f', 'a\nb\nc\nd\ne\nf\ng\nh\n', 'a\nb\nc\nd\nE\nf\ng\nh\n')).toBe('--- a/f\n+++ b/f\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n');
    expect(unifiedDiff('f', undefined, 'a\n')).toBe('--- /dev/null\n+++ b/f\n@@ -0,0 +1,1 @@\n+a\n');
    expect(unifiedDiff('f', 'a\n', 'a\n')).toBe('');
  });
  test('any two texts: the old lines in order and the new lines in order', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 }).map((lines) => lines.map((line) => `${line}\n`).join(''));
    fc.assert(fc.property(text, text, (before, after) => {
      const lines = diffLines(before, after);
      const side = (mark: string): string => lines.filter((line) => line.startsWith(' ') || line.startsWith(mark)).map((line) => `${line.slice(1)}\n`).join('');
      expect(side('-')).toBe(before);
      expect(side('+')).toBe(after);
    }));
  });
});
