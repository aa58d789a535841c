/** The life of two pull requests, as technician, CI and auditor meet it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CodeHost } from './code-host.ts';
import type { Stage, StepResult } from './stage.ts';

export interface Person {
  readonly name: string;
  readonly mail: string;
  readonly account: string;
}

export interface Rehearsal {
  readonly host: CodeHost;
  readonly mia: Stage;
  readonly ci: Stage;
  readonly people: { readonly mia: Person; readonly ben: Person };
  /** Mia's private key, seen from her clone; `undefined`: there is no ssh-keygen on this machine. */
  readonly key: string | undefined;
  /** Writes that have reached the systems of the customers so far. */
  writes(): number;
  /** All standing servers end; resolves to the clone of an auditor who was handed one file. */
  handOver(): Promise<Stage>;
}

const customer = 'bau-keller';
const branch = 'ticket-4711';
const title = 'Ticket 4711: Nina Krause moves to calculation; second admin workplace';

function digestIn(text: string): string {
  const digest = /sha256:[0-9a-f]{64}/.exec(text)?.[0];
  if (digest === undefined) throw new Error('the plan shows no digest');
  return digest;
}

function commentOn({ host }: Rehearsal, number: number): string {
  const found = host.state.comments.filter(({ issue }) => issue === number);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`pull request ${String(number)} has ${String(found.length)} comments of soll, not one`);
  return found[0].body;
}

/** As a reader of the page has it: without what the page hides, and what it folds unfolded. */
function seen(markdown: string): string {
  return markdown.replaceAll(/<!--.*?-->\n?/gs, '').replaceAll('<details><summary>', '▾ ').replaceAll(/<\/?[a-z]+>/g, '').replaceAll('\u200d', '').replaceAll(/\n{3,}/g, '\n\n').trim();
}

/** What the workflow of a pull request does. */
async function planInCi({ host, ci }: Rehearsal, number: number): Promise<StepResult> {
  const { head } = await host.pull(number);
  await ci.git('fetch', '--quiet', 'origin');
  await ci.git('checkout', '--quiet', '--detach', head.sha);
  const planned = await ci.soll(['pr', 'plan', '--pull', String(number), '--lab', '--out', '.soll/plan']);
  const status = host.state.statuses.filter(({ sha, context }) => sha === head.sha && context === 'soll/plan').at(-1);
  ci.check(`status soll/plan of ${head.sha.slice(0, 12)}: ${status?.state ?? 'none'}, ${status?.description ?? ''}`, status?.state === 'success');
  return planned;
}

/** What the workflow of a merge does. */
async function applyInCi({ ci }: Rehearsal): Promise<StepResult> {
  await ci.git('checkout', '--quiet', 'main');
  await ci.git('pull', '--quiet', '--ff-only');
  const applied = await ci.soll(['apply', '--lab']);
  await ci.soll(['plan', '--lab', '--detailed-exitcode'], { show: 'none' });
  ci.check('the plan after it is empty, for every customer', true);
  return applied;
}

async function change(all: Rehearsal): Promise<void> {
  const { host, mia, ci, people } = all;
  const before = all.writes();
  mia.say('1. Mia changes two files on a branch and opens a pull request.');
  await mia.git('checkout', '--quiet', '-b', branch);
  await mia.edit(`customers/${customer}/firewall.yaml`, '            sources: [192.168.10.5]\n            services: [web]', '            sources: [192.168.10.5, 192.168.10.6]\n            services: [web]');
  await mia.edit(`customers/${customer}/m365.yaml`, '        jobTitle: Auszubildende\n', '        jobTitle: Kauffrau für Büromanagement\n');
  await mia.edit(`customers/${customer}/m365.yaml`, '          - jonas.brandt@bau-keller.example\n          - anna.schmidt@bau-keller.example\n', '          - jonas.brandt@bau-keller.example\n          - nina.krause@bau-keller.example\n          - anna.schmidt@bau-keller.example\n');
  await mia.commit(title);
  await mia.git('push', '--quiet', 'origin', branch);
  const number = await host.open(people.mia.account, branch, title);
  mia.check(`pull request ${String(number)} of ${people.mia.account} is open: ${title}`, host.state.pulls[0]?.state === 'open');

  ci.say('2. CI plans exactly the head of the pull request and says on it what would happen.');
  const planned = await planInCi(all, number);
  ci.quote(`Comment on pull request ${String(number)}, the only one; the next push replaces it:`, seen(commentOn(all, number)));
  ci.check('the plan holds exactly what was edited', planned.stdout.includes('0 to create, 3 to update, 0 to delete'));

  ci.say('3. Ben reads it and approves it on the code host: a review of exactly this commit. Mia merges.');
  await host.review(number, people.ben.account);
  await host.merge(number, people.mia);
  ci.check(`pull request ${String(number)} is approved by ${people.ben.account} and merged; nothing has been written to any system yet`, (await host.pull(number)).merged && all.writes() === before);

  ci.say('4. CI plans again from the merged commit. What was approved and is still the same is applied, read anew, and recorded.');
  const applied = await applyInCi(all);
  ci.check('both targets converged', (applied.stdout.match(/converged/g) ?? []).length === 2 && all.writes() > before);
  const log = await ci.soll(['log', customer, '--lab', '--limit', '1']);
  ci.check('the record names who asked and who approved', log.stdout.includes(title) && /author Mia Technik .*approved by ben \(review\)/.test(log.stdout));
}

async function drift(all: Rehearsal): Promise<void> {
  const { host, mia, ci } = all;
  ci.say('5. Somebody blocks a user in the admin centre, past Git. CI looks every night, and finds it.');
  await ci.soll(['lab', 'edit', `${customer}/m365`, 'block-user']);
  await ci.soll(['drift', '--lab', '--issue', '--detailed-exitcode'], { expect: 2, show: 'last' });
  const issue = host.state.issues.at(-1);
  ci.quote(`Issue ${String(issue?.number)}, open: ${issue?.title ?? ''}`, seen(issue?.body ?? ''));
  ci.check('one issue tells it', host.state.issues.length === 1 && issue?.state === 'open' && issue.body.includes('anna.schmidt@bau-keller.example'));

  ci.say('6. She has left, so the block is right: it is taken over into the file, only its line, as a pull request. Asked once more, it stays that one.');
  const adopt = ['drift', customer, '--adopt', '--pull-request', '--lab'];
  await ci.soll(adopt);
  const again = await ci.soll(adopt, { show: 'last' });
  const open = host.state.pulls.filter(({ state }) => state === 'open');
  const number = open[0]?.number ?? 0;
  ci.check('one pull request is open, and the second run has kept it', open.length === 1 && again.stdout.includes('is there already'));
  await planInCi(all, number);
  const comment = commentOn(all, number);
  ci.check('its plan changes nothing on the systems', comment.includes('1 to take over') && !/\d+ to (?:create|update|delete)/.test(comment.replaceAll(/\b0 to \w+/g, '')));

  mia.say(all.key === undefined
    ? '7. Nobody wrote it but CI, so Mia may approve it. There is no ssh-keygen on this machine: another review instead of a signature. Ben merges.'
    : '7. Nobody wrote it but CI, so Mia may approve it, this time without the code host: she signs the digest with her SSH key. Ben merges.');
  if (all.key === undefined) await host.review(number, all.people.mia.account);
  else {
    await mia.git('fetch', '--quiet', 'origin');
    await mia.git('checkout', '--quiet', `adopt-drift/${customer}`);
    await mia.soll(['approve', customer, digestIn(comment), '--key', all.key, '--yes', '--lab']);
  }
  await host.merge(number, all.people.ben);
  const before = all.writes();
  const applied = await applyInCi(all);
  ci.check('it converged without a write: the record says that it is so on purpose now', applied.stdout.includes('m365 converged') && all.writes() === before);
  const log = await ci.soll(['log', customer, '--lab', '--limit', '1']);
  ci.check('it is recorded, with its approval', log.stdout.includes(`author soll <soll@msp.example>, approved by mia (${all.key === undefined ? 'review' : 'signature'})`));
  await ci.soll(['drift', '--lab', '--issue', '--detailed-exitcode']);
  ci.check('the issue is closed', issue?.state === 'closed');
}

async function evidence(all: Rehearsal): Promise<void> {
  all.ci.say('8. The auditor gets the repository as one file; code host and lab are gone. Chain, rules and signatures are proven from the file alone, a review is believed as it was recorded.');
  const auditor = await all.handOver();
  const verified = await auditor.soll(['audit', 'verify', customer, '--lab']);
  auditor.check('the chain is whole, and every run was approved as the rules of its commit demand', verified.stdout.includes('intact'));
  await auditor.soll(['audit', 'export', customer, '--lab', '--out', 'evidence']);
  const sums = (await readFile(join(auditor.root, 'evidence', 'SHA256SUMS'), 'utf8')).trim().split('\n').map((line) => line.split('  '));
  for (const [sum = '', file = ''] of sums) {
    const text = await readFile(join(auditor.root, 'evidence', file));
    auditor.check(`${file}, ${String(text.length)} bytes, is what SHA256SUMS says`, createHash('sha256').update(text).digest('hex') === sum);
  }
  const pack = await readFile(join(auditor.root, 'evidence', 'evidence.md'), 'utf8');
  auditor.check('it tells both changes, with who asked and who approved', [title, 'Adopt drift of bau-keller', 'ben'].every((part) => pack.includes(part)));
}

export async function prScript(all: Rehearsal): Promise<void> {
  await change(all);
  await drift(all);
  await evidence(all);
}
