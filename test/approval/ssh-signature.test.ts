/** Statements and signatures with the real ssh-keygen: what was signed, by which key, for which purpose. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fleetDigest } from '#core/fleet-digest';
import { merkleRoot } from '#core/merkle-root';
import { sha256 } from '#core/sha256';
import { keyOfSignature, proveSignature, publicKeyOf, signText } from '../../src/approval/ssh-signature.ts';
import { leavesOfPart, parseStatement, partOf, statementText, withdrawnOf, type ApprovalStatement } from '../../src/approval/statement.ts';
import { hasKeygen } from '../harness/signing-keys.ts';

const leaves = [sha256('a'), sha256('b')];
const statement: ApprovalStatement = { type: 'soll-approval', version: 1, approver: 'anna', at: '2026-11-24T12:00:00.000Z', expires: '2026-12-08T12:00:00.000Z', decision: 'approve', commit: 'c'.repeat(40), customers: { acme: { digest: merkleRoot(leaves), leaves } } };
const text = statementText(statement);

describe('a statement', () => {
  const edited = (change: (value: Record<string, unknown>) => void): string => {
    const value = JSON.parse(text) as Record<string, unknown>;
    change(value);
    return statementText(value as unknown as ApprovalStatement);
  };
  const parts = { acme: { digest: merkleRoot(leaves) }, other: { digest: sha256('x') } };
  const fleet = fleetDigest({ acme: parts.acme.digest, other: parts.other.digest });
  const set = (change: Record<string, unknown>): string => edited((value) => { Object.assign(value, { customers: parts, fleet }, change); });
  const withdrawal = { type: 'soll-withdrawal', version: 1, approver: 'anna', at: statement.at } as const;
  const taken = (change: object): string => statementText({ ...withdrawal, customers: { acme: parts.acme.digest, other: parts.other.digest }, ...change });
  it('is read back as it was written', () => { expect(parseStatement(text)).toEqual(statement); });
  it('over several customers names their plans, and leaves prove themselves', () => {
    const said = parseStatement(set({}));
    expect(said).toMatchObject({ fleet, customers: parts });
    if (said?.type !== 'soll-approval') throw new Error('none');
    expect([leavesOfPart(partOf(said, 'acme') ?? parts.other, leaves), leavesOfPart(partOf(said, 'acme') ?? parts.other, leaves.slice(1)), leavesOfPart(parts.other, undefined), partOf(said, 'toString')]).toEqual([leaves, undefined, undefined, undefined]);
    // The customer is part of it, not the plan alone.
    expect(fleetDigest({ acme: parts.other.digest, other: parts.acme.digest })).not.toBe(fleet);
  });
  it('takes back the plan of one, or those of several', () => {
    const [one, several] = [parseStatement(statementText({ ...withdrawal, customer: 'acme', digest: parts.acme.digest })), parseStatement(taken({}))];
    expect([one, several].map((each) => (each?.type === 'soll-withdrawal' ? ['acme', 'other', 'toString'].map((name) => withdrawnOf(each, name)) : undefined))).toEqual([[parts.acme.digest, undefined, undefined], [parts.acme.digest, parts.other.digest, undefined]]);
  });
  it.each<{ because: string; given: string }>([
    { because: 'spaces', given: JSON.stringify(statement, undefined, 1) },
    { because: 'another order of keys', given: `{"version":1,${text.slice(1).replace('"version":1', '"x":1')}` },
    { because: 'a key twice, read in two ways', given: text.replace('"decision":"approve"', '"decision":"reject","decision":"approve"') },
    { because: 'a huge number', given: text.replace('"version":1', '"version":1e0') },
    { because: 'another version', given: edited((value) => { value['version'] = 2; }) },
    { because: 'an unknown field', given: edited((value) => { value['more'] = true; }) },
    { because: 'an unknown type', given: edited((value) => { value['type'] = 'soll-other'; }) },
    { because: 'leaves that do not add up to the digest', given: edited((value) => { value['customers'] = { acme: { digest: merkleRoot(leaves), leaves: leaves.slice(0, 1) } }; }) },
    { because: 'no leaves', given: edited((value) => { value['customers'] = { acme: { digest: merkleRoot([]), leaves: [] } }; }) },
    { because: 'no customer', given: edited((value) => { value['customers'] = {}; }) },
    { because: 'no end', given: edited((value) => { delete value['expires']; }) },
    { because: 'a time without a zone', given: edited((value) => { value['at'] = '2026-11-24T12:00:00'; }) },
    { because: 'no decision', given: edited((value) => { value['decision'] = 'perhaps'; }) },
    { because: 'a set with another digest', given: set({ fleet: sha256('y') }) },
    { because: 'a set of one', given: set({ customers: { acme: parts.acme }, fleet: fleetDigest({ acme: parts.acme.digest }) }) },
    { because: 'a set with leaves', given: set({ customers: { ...parts, acme: { digest: merkleRoot(leaves), leaves } } }) },
    { because: 'several without leaves and without a set', given: edited((value) => { value['customers'] = parts; }) },
    { because: 'a withdrawal of nothing', given: taken({ customers: {} }) },
    { because: 'a withdrawal of one and of several', given: taken({ customer: 'acme', digest: parts.acme.digest }) },
    { because: 'no JSON', given: 'approve' },
    { because: 'a list', given: '[]' },
  ])('is none with $because', ({ given }) => { expect(parseStatement(given)).toBeUndefined(); });
});

describe.runIf(hasKeygen())('a signature', () => {
  let folder: string;
  let key: string;
  let other: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'soll-sign-'));
    [key, other] = [join(folder, 'anna'), join(folder, 'ben')];
    for (const file of [key, other]) spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('proves its key, and nothing but these bytes', async () => {
    const signature = await signText(key, text);
    const held = await publicKeyOf(key);
    expect(held).toBe((await readFile(`${key}.pub`, 'utf8')).trim());
    expect(keyOfSignature(signature)).toBe(held);
    expect(await proveSignature(text, signature)).toBe(held);
    for (let at = 0; at < text.length; at += 41) {
      const flipped = `${text.slice(0, at)}${String.fromCharCode(text.charCodeAt(at) ^ 1)}${text.slice(at + 1)}`;
      expect(await proveSignature(flipped, signature)).toBeUndefined();
    }
  });

  it('for another purpose is none', async () => {
    const file = join(folder, 'text');
    await writeFile(file, text);
    spawnSync('ssh-keygen', ['-Y', 'sign', '-n', 'git', '-f', key, file]);
    expect(await proveSignature(text, await readFile(`${file}.sig`, 'utf8'))).toBeUndefined();
  });

  it('with a byte flipped, cut off, of another key put in, or empty is none', async () => {
    const signature = await signText(key, text);
    const foreign = await signText(other, text);
    const lines = signature.split('\n');
    const flip = (line: number): string => lines.map((each, index) => (index === line ? `${each.slice(0, 10)}${each[10] === 'A' ? 'B' : 'A'}${each.slice(11)}` : each)).join('\n');
    // The first lines hold the key, the last the signature itself.
    const mixed = [...lines.slice(0, 2), ...foreign.split('\n').slice(2)].join('\n');
    for (const bad of [flip(2), flip(3), flip(4), signature.slice(0, 150), mixed, '', 'x'.repeat(100), '-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n']) expect(await proveSignature(text, bad)).not.toBe(await publicKeyOf(key));
  });

  it('is not made with what is no key, and the error says how to get one', async () => {
    await expect(publicKeyOf(join(folder, 'nothing'))).rejects.toMatchObject({ name: 'SignatureError', hint: expect.stringContaining('ssh-keygen') as string });
    await expect(signText(join(folder, 'nothing'), text)).rejects.toMatchObject({ name: 'SignatureError' });
  });
});
