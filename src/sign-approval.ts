/** Signing on somebody's own machine: which key, whose it is, and the proof that it counts before anybody relies on it. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { tryGit } from '#git/run-git';
import { isBeyond } from './approval/evaluate-approvals.ts';
import { holdsKey, type People } from './approval/policy.ts';
import { proveSignature, publicKeyOf, SignatureError, signText } from './approval/ssh-signature.ts';
import { statementText, type ApprovalStatement, type Statement } from './approval/statement.ts';
import type { Workspace } from './workspace.ts';

export interface Signed {
  readonly statement: string;
  readonly signature: string;
  readonly approver: string;
  readonly at: string;
}

export interface Signer {
  readonly people: People;
  /** File of the key; absent: SOLL_SIGNING_KEY, Git's user.signingKey, ~/.ssh/id_ed25519. */
  readonly key: string | undefined;
}

export interface ApprovalRequest extends Signer, Pick<ApprovalStatement, 'customers' | 'fleet' | 'commit' | 'decision' | 'reason' | 'emergency'> {
  readonly lifetimeMs: number;
}

export async function signApproval(ws: Workspace, { people, key, customers, fleet, commit, decision, reason, emergency, lifetimeMs }: ApprovalRequest): Promise<Signed & { readonly expires: string }> {
  const expires = new Date(ws.clock.now() + lifetimeMs).toISOString();
  const signed = await sign(ws, { people, key }, (approver, at) => ({
    type: 'soll-approval', version: 1, approver, at, expires, decision, customers: within(people, approver, customers), commit,
    ...(fleet === undefined ? {} : { fleet }), ...(reason === undefined ? {} : { reason }), ...(emergency === undefined ? {} : { emergency }),
  }));
  return { ...signed, expires };
}

/** Throws SignatureError for somebody of a customer and plans of others. */
function within(people: People, approver: string, customers: ApprovalStatement['customers']): ApprovalStatement['customers'] {
  const own = people[approver]?.customer ?? '';
  if (isBeyond({ people }, approver, Object.keys(customers))) throw new SignatureError(`${approver} speaks for ${own} alone, and this is about ${Object.keys(customers).filter((each) => each !== own).join(', ')} as well`, `soll approve ${own} DIGEST, with the digest of the plan of ${own}`);
  return customers;
}

/** Throws SignatureError when there is no key, when it is nobody's, or when what came out proves nothing. */
export async function sign(ws: Workspace, { people, key }: Signer, build: (approver: string, at: string) => Statement): Promise<Signed> {
  const file = key ?? await ownKey(ws);
  const at = new Date(ws.clock.now()).toISOString();
  const held = await publicKeyOf(file);
  const owners = Object.entries(people).filter(([, person]) => holdsKey(person, held, at)).map(([name]) => name);
  const [approver] = owners;
  if (approver === undefined || owners.length > 1) throw new SignatureError(`the key ${file} belongs to ${owners.length > 1 ? `several people of soll.yaml (${owners.join(', ')})` : 'nobody in soll.yaml, or does not count today'}`, `people.<name>.keys in soll.yaml: key: ${held}`);
  const statement = statementText(build(approver, at));
  const signature = await signText(file, statement);
  if (await proveSignature(statement, signature) !== held) throw new SignatureError(`what ${file} has signed does not prove itself`, 'the .pub file beside the key may be of another key');
  return { statement, signature, approver, at };
}

async function ownKey({ root, env }: Workspace): Promise<string> {
  const configured = env['SOLL_SIGNING_KEY'] ?? '';
  if (configured !== '') return configured;
  const fromGit = (await tryGit(root, ['config', '--type=path', '--get', 'user.signingKey'])).stdout.toString('utf8').trim();
  const candidates = [...(fromGit.startsWith('/') ? [fromGit] : []), join(homedir(), '.ssh', 'id_ed25519'), join(homedir(), '.ssh', 'id_ed25519.pub')];
  for (const path of candidates) if (await stat(path).then((found) => found.isFile(), () => false)) return path;
  throw new SignatureError('there is no key to sign with', 'name one with --key or SOLL_SIGNING_KEY; ssh-keygen -t ed25519 makes one, its public half belongs into people.<name>.keys of soll.yaml');
}
