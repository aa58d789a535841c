/** The command line. Commands are loaded when they are called, so that `soll --help` answers at once. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { escapeTerminal } from '../render/escape-terminal.ts';
import { exitCodes, exitMeanings, type ExitCode } from './exit-codes.ts';
import type { BackupFlags, BackupGetFlags } from './commands/backup.ts';
import type { DriftFlags } from './commands/drift.ts';
import type { InitOptions } from './commands/init.ts';
import type { OffboardFlags } from './commands/offboard.ts';
import type { ReplaceFlags } from './commands/replace.ts';
import type { RotateFlags } from './commands/rotate.ts';
import type { ShardsFlags } from './commands/shards.ts';
import type { CommandContext, CommonFlags } from './make-workspace.ts';
import { describeFileError, whyNotWritable, type Format } from './output.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), ...value.split(',').filter((part) => part !== '')];
}

function count(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(value);
}

function atLeastOne(value: string): number {
  const number = count(value);
  if (number < 1) throw new InvalidArgumentError('at least 1 is needed.');
  return number;
}

function jobs(value: string): number {
  const number = atLeastOne(value);
  if (number > 256) throw new InvalidArgumentError('a matrix has at most 256 jobs.');
  return number;
}

function digest(value: string, before: readonly string[] | undefined): readonly string[] {
  if (!/^sha256:[0-9a-f]{64}$/.test(value)) throw new InvalidArgumentError('the whole digest of a plan is needed: sha256: and 64 hexadecimal digits.');
  return [...(before ?? []), value];
}

function common(command: Command, formats: readonly Format[]): Command {
  return command
    .option('-t, --target <name>', 'only this target (repeat or separate with commas)', collect)
    .option('--lab', 'speak to the stand-ins of `soll lab` instead of the real targets')
    .option('--changed-since <rev>', 'only customers that differ from this revision')
    .option('--concurrency <n>', 'customers and reads under way at once', atLeastOne, 4)
    .addOption(new Option('--format <format>', 'how to print').choices([...formats]))
    .option('--json', 'the same as --format json')
    .option('-o, --out <file>', 'write the result to a file')
    .addOption(new Option('--lang <language>', 'language of reports (also SOLL_LANG)').choices(['en', 'de']))
    .option('--no-color', 'no colours (also NO_COLOR)')
    .option('-q, --quiet', 'only what needs attention')
    .option('-v, --verbose', 'also what goes well')
    .option('-C, --root <folder>', 'the configuration repository');
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}

/** Runs a command with a workspace and turns what the world did into one line and an exit code. */
async function run(flags: CommonFlags, action: (context: CommandContext) => Promise<ExitCode>, out: 'file' | 'folder' = 'file'): Promise<void> {
  const { makeWorkspace } = await import('./make-workspace.ts');
  const context = makeWorkspace(flags);
  try {
    const blocked = flags.out === undefined || out === 'folder' ? undefined : await whyNotWritable(flags.out);
    if (blocked === undefined) process.exitCode = await action(context);
    else {
      process.stderr.write(`soll: --out: ${escapeTerminal(blocked)}; nothing was done\n`);
      process.exitCode = exitCodes.invalid;
    }
  } catch (error) {
    process.exitCode = await explain(error, context);
  } finally {
    context.done();
  }
}

async function explain(error: unknown, { redact, interrupted, output }: CommandContext): Promise<ExitCode> {
  if (interrupted()) return exitCodes.interrupted;
  const [{ wordsOf }, { GitError }] = await Promise.all([import('../render/words.ts'), import('#git/run-git')]);
  const text = describeFileError(error) ?? (error instanceof Error ? error.message : String(error));
  const said = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
  const hint = said ?? (isDefect(error) && !(error instanceof GitError) ? wordsOf(output.language).hintDefect : undefined);
  process.stderr.write(`${redact(`soll: ${escapeTerminal(text)}${hint === undefined ? '' : `\n  ${wordsOf(output.language).hint}: ${escapeTerminal(hint)}`}`)}\n`);
  if (output.verbose && error instanceof Error) process.stderr.write(`${redact(error.stack ?? '')}\n`);
  return exitCodes.failure;
}

/** What the language itself throws is a mistake of ours, not of the world. */
function isDefect(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}

function makeProgram(): Command {
  const program = new Command('soll')
    .description('Keeps a customer\'s IT as it is written in Git: shows the difference, applies what was approved, proves the result.')
    .version(version, '-V, --version')
    .exitOverride()
    .showHelpAfterError('(soll help shows the commands, soll help COMMAND explains one)')
    .showSuggestionAfterError()
    .addHelpText('after', examples('soll init --example customers-of-ours     # a new configuration repository', 'soll lab                                  # stand-ins for all systems, to try things out', 'soll plan beispiel --lab', 'soll apply beispiel --lab                 # shows the plan and asks'))
    .addHelpText('after', `Environment:\n  SOLL_LANG            language of reports, en or de\n  SOLL_APPROVER        who approved\n  SOLL_AGE_KEY[_FILE]  age key of the read credentials; SOLL_AGE_KEY_WRITE[_FILE] of the write ones\n  SOLL_SECRET_…        a credential itself: SOLL_SECRET_<CUSTOMER>_<NAME>, SOLL_SECRET_WRITE_<CUSTOMER>_<NAME>\n  NO_COLOR, FORCE_COLOR`)
    .addHelpText('after', `\nExit codes:\n${exitMeanings.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n')}\n`);
  reading(program);
  writing(program);
  review(program);
  editing(program);
  history(program);
  working(program);
  return program;
}

function reading(program: Command): void {
  common(program.command('validate').argument('[customers...]').description('check the files without touching a network'), ['text', 'json', 'github'])
    .addHelpText('after', examples('soll validate', 'soll validate bau-keller --format github'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/validate.ts')).runValidate(context, customers, flags)));
  common(program.command('plan').argument('[customers...]').description('compare what is written with what is there'), ['text', 'markdown', 'json', 'github'])
    .option('--base <rev>', 'plan on the merge of HEAD with this revision')
    .option('--allow-deletes <n>', 'let this many deletes pass the gates', count)
    .option('--offline', 'do not ask the remote: the records that this clone saw last count, and may be old')
    .option('--detailed-exitcode', 'exit 2 when there are changes')
    .addHelpText('after', examples('soll plan', 'soll plan bau-keller --target fw-freiburg', 'soll plan --changed-since origin/main --format markdown --out plan.md', 'soll plan --json --out plan.json'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/plan.ts')).runPlan(context, customers, flags)));
  common(program.command('drift').argument('[customers...]').description('what was changed on devices since it was applied; over a fleet by cause'), ['text', 'markdown', 'json'])
    .option('--detailed-exitcode', 'exit 2 when there is drift')
    .option('--adopt', 'write the live values into the files, as a commit on a new branch')
    .option('--branch <name>', 'with --adopt: name of the branch')
    .option('--here', 'with --adopt: into the working tree instead')
    .option('--pull-request', 'with --adopt: push the branch and open a pull request, or bring the open one up to date')
    .option('--issue', 'keep one issue on the code host up to date; closed when there is no drift')
    .addOption(new Option('--platform <name>', 'code host of --issue and --pull-request (default: github in GitHub Actions or with GITHUB_TOKEN)').choices(['github', 'generic']))
    .option('--repository <owner/name>', 'repository of --issue and --pull-request (default: GITHUB_REPOSITORY or origin)')
    .option('--accept <target/kind/name>', 'write into deviations.yaml that this may differ')
    .option('--until <date>', 'last day of what is accepted, YYYY-MM-DD')
    .option('--reason <text>', 'why it is accepted')
    .option('--owner <name>', 'person of soll.yaml who answers for it (default: whose mail address this Git has)')
    .option('--fields <names>', 'only these fields may differ (separate with commas)', collect)
    .option('--ticket <id>', 'ticket')
    .addHelpText('after', examples('soll drift --detailed-exitcode', 'soll drift --issue', 'soll drift bau-keller --adopt', 'soll drift bau-keller --adopt --pull-request', 'soll drift bau-keller --accept fw-freiburg/firewall-rule/lan.wan.surf --until 2026-12-04 --reason "Messe"'))
    .action((customers: string[], flags: DriftFlags & { adopt?: boolean; pullRequest?: boolean }) => run(flags, async (context) => (flags.adopt === true || flags.pullRequest === true ? (await import('./commands/adopt-drift.ts')).runAdoptDrift(context, customers, flags) : (await import('./commands/drift.ts')).runDrift(context, customers, flags))));
  common(program.command('doctor').argument('[customers...]').description('reach, identity, credentials and permissions of each target, without writing'), ['text', 'json'])
    .addHelpText('after', examples('soll doctor bau-keller'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/doctor.ts')).runDoctor(context, customers, flags)));
}

/** What apply and agent share. */
function applying(command: Command): Command {
  return common(command, ['text', 'json'])
    .option('--approve <digest>', 'digest of an approved plan, or of a set of plans (repeat for more)', digest)
    .option('--plan <file>', 'output of `soll plan --json` that names what a digest approved (repeat)', collect)
    .option('--approver <name>', 'who approved (also SOLL_APPROVER; default: the user)')
    .option('--allow-deletes <n>', 'let this many deletes pass the gates', count)
    .option('--allow-unguarded', 'accept changes that could cut us off without a guard')
    .option('--guard <seconds>', 'time until a device undoes what is not confirmed', atLeastOne, 90)
    .option('--lock-timeout <seconds>', 'wait this long for another run of the same customer', count, 180)
    .addOption(new Option('--platform <name>', 'code host whose reviews count besides signatures (default: github with GITHUB_TOKEN)').choices(['github', 'generic']))
    .option('--repository <owner/name>', 'repository on the code host (default: GITHUB_REPOSITORY or origin)')
    .option('--emergency', 'sign it yourself and apply at once, where soll.yaml allows you; somebody else reviews it afterwards')
    .option('--offline-record', 'when the remote does not answer: keep the records in this clone, without a lock against other machines (soll audit push brings them there)')
    .option('--ignore-window', 'do not wait for the maintenance window; recorded with --reason (an emergency needs no window)')
    .option('--ignore-freeze', 'with --emergency: also what is frozen')
    .option('--reason <text>', 'why it is an emergency, or why a window or the remote is passed over').option('--ticket <id>', 'ticket of the emergency').option('--key <file>', 'SSH key to sign with (also SOLL_SIGNING_KEY; default: Git\'s user.signingKey, ~/.ssh/id_ed25519)')
    .option('--yes', 'with --emergency: sign what is shown without asking')
    .option('--detailed-exitcode', 'exit 2 when something waits (window, freeze, ring)');
}

function writing(program: Command): void {
  applying(program.command('apply').argument('[customers...]').description('apply what was approved and is still identical'))
    .addHelpText('after', examples('soll apply bau-keller                         # asks on a terminal', 'soll apply bau-keller --approve sha256:…      # in CI', 'soll apply bau-keller --emergency --reason "telephones are down" --ticket T-4711 --offline-record', 'soll apply --plan plan.json --approve sha256:… --approver "Anna Schmidt"'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/apply.ts')).runApply(context, customers, flags)));
  applying(program.command('agent').argument('[customers...]').description('pull mode: fetch the default branch, go forward, apply what is approved'))
    .requiredOption('--once', 'one round, then end: a timer calls it again')
    .addHelpText('after', examples('soll agent --once --json', 'soll agent --once --plan plan.json --approve sha256:…'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/agent.ts')).runAgent(context, customers, flags)));
  common(program.command('approve').argument('<customer-and-digest...>').description('sign the plan of a customer, or those of several at once (or reject them) with an SSH key'), ['text', 'json'])
    .option('--all', 'the digest is over the plans of all customers that change')
    .option('--reason <text>', 'why; stands in what is signed').option('--reject', 'reject it: nobody else\'s approval counts until you take that back').option('--withdraw', 'take back what you have said about it')
    .option('--key <file>', 'SSH key, or the .pub file of one in the agent (also SOLL_SIGNING_KEY; default: Git\'s user.signingKey, ~/.ssh/id_ed25519)')
    .option('--plan <file>', 'output of `soll plan --json` that tells whose plan a digest is (repeat)', collect)
    .option('--base <rev>', 'plan on the merge of HEAD with this revision').option('--allow-deletes <n>', 'let this many deletes pass the gates', count)
    .option('-y, --yes', 'sign what is shown without asking')
    .addHelpText('after', examples('soll approve bau-keller sha256:…', 'soll approve bau-keller sha256:… --reject --reason "not before the audit"', 'soll approve --all sha256:…                  # what `soll plan` has shown as one', 'soll approve bau-keller arzt-lindt sha256:…', 'soll approve bau-keller sha256:… --withdraw'))
    .action((names: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/approve.ts')).runApprove(context, names, flags)));
  common(program.command('approvals').argument('[customers...]').description('what is approved, by whom, until when, what is missing, which emergencies wait for a review'), ['text', 'json'])
    .addOption(new Option('--platform <name>', 'code host whose reviews are told besides signatures (default: github with GITHUB_TOKEN)').choices(['github', 'generic']))
    .option('--repository <owner/name>', 'repository on the code host (default: GITHUB_REPOSITORY or origin)')
    .addHelpText('after', examples('soll approvals', 'soll approvals bau-keller --json', 'soll approvals --platform github'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/approve.ts')).runApprovals(context, customers, flags)));
  common(program.command('offboard').argument('<customer>').description('write into customer.yaml that the customer leaves; planned and applied like any change'), ['text', 'json'])
    .option('--release', 'let go of everything and touch nothing').option('--remove', 'delete what soll applied, behind the gates')
    .requiredOption('--reason <text>', 'why').option('--ticket <id>', 'ticket')
    .addHelpText('after', examples('soll offboard bau-keller --release --reason "contract ends on 2026-12-31"'))
    .action((customer: string, flags: OffboardFlags) => run(flags, async (context) => (await import('./commands/offboard.ts')).runOffboard(context, customer, flags)));
  common(program.command('replace').argument('<customer>').argument('<target>').description('write into targets.yaml that a device was replaced and who it is now; planned and approved like any change'), ['text', 'json'])
    .requiredOption('--identity <pin>', 'pin of the new device, as soll doctor shows it (repeat for more)', collect)
    .requiredOption('--reason <text>', 'why').option('--ticket <id>', 'ticket')
    .addHelpText('after', examples('soll replace bau-keller fw-freiburg --identity ssh:SHA256:… --reason "power supply failed"'))
    .action((customer: string, target: string, flags: ReplaceFlags) => run(flags, async (context) => (await import('./commands/replace.ts')).runReplace(context, customer, target, flags)));
  common(program.command('rotate').argument('<customer>').argument('<target>').description('renew a credential on the target and in the secrets file, as one recorded act; shows what it will do and asks'), ['text', 'json'])
    .addOption(new Option('--credential <which>', 'which of the target\'s own two').choices(['read', 'write']).makeOptionMandatory())
    .option('--reason <text>', 'why; stands in the record').option('--approver <name>', 'who approved (also SOLL_APPROVER; default: the user)')
    .option('--lock-timeout <seconds>', 'wait this long for another run of the same customer', count, 180)
    .option('-y, --yes', 'do what is shown without asking')
    .addHelpText('after', examples('soll rotate bau-keller fw-freiburg --credential read', 'soll rotate bau-keller fw-freiburg --credential write --reason "Mia leaves" --yes'))
    .action((customer: string, target: string, flags: RotateFlags) => run(flags, async (context) => (await import('./commands/rotate.ts')).runRotate(context, customer, target, flags)));
  const secret = program.command('secret').description('secrets in SOPS files; values never appear in arguments or output')
    .addHelpText('after', examples('soll secret set bau-keller fw-read < key.pem', 'soll secret edit bau-keller'));
  secret.command('set').argument('<customer>').argument('<name>').description('set one value, read from standard input')
    .option('--write', 'in the file of the write credentials').option('--recipient <age>', 'age recipient of a new file (repeat)', collect).option('-C, --root <folder>', 'the configuration repository')
    .addHelpText('after', examples('soll secret set bau-keller fw-read < key.pem', 'soll secret set bau-keller fw-write --write --recipient age1… < key.pem'))
    .action((customer: string, name: string, flags: CommonFlags) => run(flags, async (context) => (await import('./commands/secret.ts')).runSecretSet(context, customer, name, flags)));
  secret.command('edit').argument('<customer>').description('edit the values in $EDITOR; untouched values stay byte for byte')
    .option('--write', 'the file of the write credentials').option('-C, --root <folder>', 'the configuration repository')
    .addHelpText('after', examples('soll secret edit bau-keller', 'EDITOR="code --wait" soll secret edit bau-keller --write'))
    .action((customer: string, flags: CommonFlags) => run(flags, async (context) => (await import('./commands/secret.ts')).runSecretEdit(context, customer, flags)));
}

function review(program: Command): void {
  const pr = program.command('pr').description('what CI does on a pull request')
    .addHelpText('after', examples('soll pr plan --pull 12 --out plan'));
  common(pr.command('plan').argument('[customers...]').description('plan what a pull request changes, and tell it there: comment, status, notice for approvals; --out names the folder of plan.json'), ['text', 'json', 'github'])
    .option('--pull <number>', 'number of the pull request (default: from the CI job)', atLeastOne)
    .option('--base <rev>', 'what it is to be merged into (default: its base branch on origin)')
    .addOption(new Option('--platform <name>', 'code host (default: github in GitHub Actions or with GITHUB_TOKEN)').choices(['github', 'generic']))
    .option('--repository <owner/name>', 'repository of the pull request (default: GITHUB_REPOSITORY or origin)')
    .option('--allow-deletes <n>', 'let this many deletes pass the gates', count)
    .option('--detailed-exitcode', 'exit 2 when there are changes')
    .addHelpText('after', examples('soll pr plan --pull 12 --out plan', 'soll pr plan --platform generic --base origin/main --out plan'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/pr.ts')).runPrPlan(context, customers, flags), 'folder'));
  common(pr.command('waiting').description('open pull requests whose head has no plan yet, as a matrix of jobs; none of another repository'), ['text', 'json'])
    .option('--pull <number>', 'only this one, also when it has a plan (default: the one that the event of the CI job names)', atLeastOne)
    .addOption(new Option('--platform <name>', 'code host (default: github in GitHub Actions or with GITHUB_TOKEN)').choices(['github', 'generic']))
    .option('--repository <owner/name>', 'repository of the pull requests (default: GITHUB_REPOSITORY or origin)')
    .addHelpText('after', examples('soll pr waiting --repository msp/customers'))
    .action((flags: CommonFlags) => run(flags, async (context) => (await import('./commands/pr.ts')).runPrWaiting(context, flags)));
  common(program.command('shards').argument('[customers...]').description('customers as a matrix of CI jobs, from files and Git alone'), ['text', 'json'])
    .option('--pending', 'only customers with something that was not applied yet, or approved since the last run')
    .option('--rings', 'one job where soll.yaml has rings (rollout): they need one command')
    .option('--max <n>', 'at most this many jobs; of a larger fleet neighbours share one', jobs, 256)
    .addHelpText('after', examples('soll shards --changed-since origin/main', 'soll shards --pending --rings', 'echo "matrix=$(soll shards --quiet)" >> "$GITHUB_OUTPUT"'))
    .action((customers: string[], flags: ShardsFlags) => run(flags, async (context) => (await import('./commands/shards.ts')).runShards(context, customers, flags)));
}

function editing(program: Command): void {
  common(program.command('adopt').argument('<customer>').description('write what is there into the customer\'s files, so that the next plan is empty'), ['text', 'json'])
    .option('--only <pattern>', 'only name, kind/name or target/kind/name; * stands for anything (repeat)', collect)
    .option('--update', 'also change entries that are written otherwise')
    .option('--dry-run', 'only show the difference')
    .addHelpText('after', examples('soll adopt bau-keller --dry-run', 'soll adopt bau-keller --target m365', 'soll adopt bau-keller --only \'user/anna*\' --update'))
    .action((customer: string, flags: CommonFlags) => run(flags, async (context) => (await import('./commands/adopt.ts')).runAdopt(context, customer, flags)));
  const create = common(program.command('new').argument('<kind>', 'user, group, vlan, ssid, port, rule, service, address-group, port-forward or vpn-user').argument('<customer>').argument('[name]').description('write something new into the customer\'s files; asks for what is missing'), ['text', 'json'])
    .option('-y, --yes', 'take what is suggested and write without asking')
    .option('--dry-run', 'only show the difference')
    .addHelpText('after', examples('soll new user bau-keller', 'soll new user bau-keller --given-name Jürgen --surname Groß --licence SPB --group bauleitung --yes', 'soll new vlan bau-keller cameras --site freiburg', 'soll new ssid bau-keller guest --site freiburg --ssid Gast --vlan guest', 'soll new port bau-keller Gi1/0/7 --target sw-eg --vlan cameras --yes', 'soll new rule bau-keller printers --target fw-freiburg --from lan --to voip --service web --yes', 'soll new vpn-user bau-keller anna-laptop --tunnel users --public-key KEY --yes'));
  for (const name of ['site', 'given-name', 'surname', 'display-name', 'job-title', 'department', 'office-location', 'usage-location', 'manager', 'type', 'description', 'visibility', 'id', 'subnet', 'gateway', 'from', 'to', 'action', 'before', 'protocol', 'destination-port', 'comment', 'dhcp-from', 'dhcp-to', 'isolated', 'ssid', 'vlan', 'security', 'passphrase', 'radius', 'radius-secret', 'mode', 'native', 'role', 'tunnel', 'public-key', 'address', 'preshared-key']) create.option(`--${name} <value>`);
  for (const name of ['licence', 'group', 'member', 'owner', 'port', 'source', 'destination', 'service', 'tagged']) create.option(`--${name} <value>`, '(repeat or separate with commas)', collect);
  create.option('--log', 'log what matches')
    .action((kind: string, customer: string, name: string | undefined, flags: CommonFlags) => run(flags, async (context) => (await import('./commands/new.ts')).runNew(context, { kind, customer, ...(name === undefined ? {} : { name }) }, flags)));
}

function history(program: Command): void {
  common(program.command('status').argument('[customers...]').description('the fleet at a glance, from Git alone: last run, drift as it was seen last, what waits for approval, a window or to be applied, what is overdue'), ['text', 'markdown', 'json'])
    .option('--detailed-exitcode', 'exit 2 when somebody needs attention')
    .addOption(new Option('--platform <name>', 'also ask this code host for reviews').choices(['github', 'generic']))
    .option('--repository <owner/name>', 'repository on the code host (default: GITHUB_REPOSITORY or origin)')
    .addHelpText('after', examples('soll status', 'soll status --quiet --detailed-exitcode', 'soll status --json'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/status.ts')).runStatus(context, customers, flags)));
  common(program.command('log').argument('[customers...]').description('the change log: who, what, why, approved by, result'), ['text', 'markdown', 'json'])
    .option('-n, --limit <n>', 'only the newest', atLeastOne)
    .option('--since <date>', 'from this day on, or this moment (UTC)')
    .option('--until <date>', 'up to this day, included, or this moment (UTC)')
    .option('--resource <name>', 'every version of one resource: target/kind/name or an address')
    .option('--offline', 'do not ask the remote: what this clone saw last, and what it keeps by itself')
    .addHelpText('after', examples('soll log bau-keller', 'soll log bau-keller --since 2026-01-01 --until 2026-03-31', 'soll log bau-keller --resource m365/user/anna@bau-keller.example', 'soll log --json', 'soll log --format markdown --out changes.md'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/log.ts')).runLog(context, customers, flags)));
  const backup = program.command('backup').description('configurations of the devices, fetched and kept encrypted')
    .addHelpText('after', examples('soll backup run', 'soll backup get bau-keller fw-freiburg --out fw.conf'));
  common(backup.command('run').argument('[customers...]').description('fetch them now, encrypt them and keep them on config/<customer>'), ['text', 'json'])
    .option('--due', 'only what will soon be older than promised, or is')
    .addHelpText('after', examples('soll backup run', 'soll backup run bau-keller --target fw-freiburg', 'soll backup run --due'))
    .action((customers: string[], flags: BackupFlags) => run(flags, async (context) => (await import('./commands/backup.ts')).runBackup(context, 'run', customers, flags)));
  common(backup.command('list').argument('[customers...]').description('what is kept, since when, and what is older than promised'), ['text', 'json'])
    .option('--detailed-exitcode', 'exit 2 when something is older than promised')
    .addHelpText('after', examples('soll backup list --detailed-exitcode'))
    .action((customers: string[], flags: BackupFlags) => run(flags, async (context) => (await import('./commands/backup.ts')).runBackup(context, 'list', customers, flags)));
  backup.command('get').argument('<customer>').argument('<target>').description('open one with SOLL_BACKUP_KEY[_FILE], into a file that only you read')
    .requiredOption('--out <file>', 'new file to write').option('--at <day or commit>', 'as it was kept until then (default: the newest)')
    .option('--lab', 'of the stand-ins of `soll lab`').addOption(new Option('--lang <language>', 'language (also SOLL_LANG)').choices(['en', 'de'])).option('-C, --root <folder>', 'the configuration repository')
    .addHelpText('after', examples('SOLL_BACKUP_KEY_FILE=/media/safe/key.txt soll backup get bau-keller fw-freiburg --out fw.conf'))
    .action((customer: string, target: string, { out, ...flags }: CommonFlags & BackupGetFlags) => run(flags, async (context) => (await import('./commands/backup.ts')).runBackupGet(context, customer, target, { ...flags, out })));
  const audit = program.command('audit').description('the audit branches')
    .addHelpText('after', examples('soll audit verify'));
  common(audit.command('verify').argument('[customers...]').description('chain intact, every apply approved, nothing rewritten'), ['text', 'json'])
    .option('--offline', 'do not ask the remote: what this clone saw last, and what it keeps by itself')
    .addHelpText('after', examples('soll audit verify', 'soll audit verify bau-keller --json'))
    .action((customers: string[], flags: CommonFlags & { readonly offline?: boolean }) => run(flags, async (context) => (await import('./commands/log.ts')).runAuditVerify(context, customers, flags)));
  common(audit.command('push').argument('[customers...]').description('bring records that were kept in this clone (apply --offline-record) to the remote'), ['text', 'json'])
    .option('--lock-timeout <seconds>', 'wait this long for a run of the same customer', count, 180)
    .addHelpText('after', examples('soll audit push', 'soll audit push bau-keller'))
    .action((customers: string[], flags: CommonFlags & { readonly lockTimeout: number }) => run(flags, async (context) => (await import('./commands/audit-push.ts')).runAuditPush(context, customers, flags)));
  common(audit.command('review').argument('<run>').description('the second look at an emergency, signed'), ['text', 'json'])
    .requiredOption('--reason <text>', 'what you have found').option('--key <file>', 'SSH key (also SOLL_SIGNING_KEY; default: Git\'s user.signingKey, ~/.ssh/id_ed25519)')
    .addHelpText('after', examples('soll audit review 20261124T190000Z-1a2b3c4d --reason "right, and written into YAML since"'))
    .action((id: string, flags: CommonFlags & { readonly reason: string }) => run(flags, async (context) => (await import('./commands/approve.ts')).runAuditReview(context, id, flags)));
  common(audit.command('export').argument('[customers...]').description('an evidence pack for auditors: Markdown, JSON and their hashes; --out names a new folder'), ['text', 'json'])
    .option('--since <date>', 'from this day on, or this moment (UTC)')
    .option('--until <date>', 'up to this day, included, or this moment (UTC)')
    .option('--broken', 'also of records that cannot be believed, with what was found first')
    .addHelpText('after', examples('soll audit export bau-keller --since 2026-01-01 --until 2026-12-31 --out evidence-2026', 'soll audit export --lang de --out nachweis'))
    .action((customers: string[], { out, ...flags }: CommonFlags) => run(flags, async (context) => (await import('./commands/audit-export.ts')).runAuditExport(context, customers, flags, out)));
}

function working(program: Command): void {
  const lab = common(program.command('lab').argument('[customers...]').description('stand-ins for all targets on loopback, until Ctrl-C'), ['text'])
    .addHelpText('after', examples('soll lab', 'soll lab edit bau-keller/fw-freiburg open-rdp'))
    .action((customers: string[], flags: CommonFlags) => run(flags, async (context) => (await import('./commands/lab.ts')).runLab(context, customers, flags)));
  common(lab.command('edit').argument('[target]').argument('[edit]').description('change a stand-in by hand, as somebody would a device'), ['text', 'json'])
    .addHelpText('after', examples('soll lab edit                                 # what can be changed', 'soll lab edit bau-keller/fw-freiburg          # of one stand-in', 'soll lab edit bau-keller/fw-freiburg open-rdp'))
    .action((target: string | undefined, edit: string | undefined, flags: CommonFlags) => run(flags, async (context) => (await import('./commands/lab.ts')).runLabEdit(context, target, edit)));
  program.command('init').argument('[folder]').description('a new configuration repository, or what is missing in one')
    .option('--example', 'with a small customer that runs in the lab, to copy from')
    .addOption(new Option('--ci <layout>', 'workflows of GitHub Actions: for one repository (single), or for the two of the other layout').choices(['single', 'control', 'customers']))
    .option('--action <owner/name@commit>', 'with --ci: the repository and the full commit id that workflows take soll from')
    .addHelpText('after', examples('soll init customers-of-ours', 'soll init --example .', 'soll init --ci single', 'soll init --ci control ../control --action our-org/soll@COMMIT'))
    .action((folder: string | undefined, { example, ...flags }: Partial<InitOptions>) => run({}, async () => (await import('./commands/init.ts')).runInit(folder ?? '.', { example: example === true, ...flags })));
  common(program.command('schema').argument('[kind]').description('kinds and documents, and their fields'), ['text', 'json'])
    .addHelpText('after', examples('soll schema', 'soll schema firewall-rule', 'soll schema m365 --json'))
    .action((kind: string | undefined, flags: CommonFlags) => run(flags, async (context) => (await import('./commands/schema.ts')).runSchema(kind, context.output)));
  program.command('completion').argument('<shell>', 'bash or zsh').description('completion for a shell')
    .addHelpText('after', examples('source <(soll completion bash)     # in ~/.bashrc', 'soll completion zsh > ~/.zfunc/_soll'))
    .action(async (shell: string) => {
      const [{ runCompletion }, { schemaNames }] = await Promise.all([import('./commands/completion.ts'), import('./commands/schema.ts')]);
      process.exitCode = runCompletion(program, shell, schemaNames());
    });
}

/** Whoever reads along may stop reading (`soll log | head`): what was begun goes on to its end, and the exit code is the command's own. */
function survive(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exitCode = exitCodes.failure;
  });
}

survive(process.stdout);
survive(process.stderr);

/** What `soll …` does, with arguments as `process.argv` has them. Its exit code becomes that of the process. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    const program = makeProgram();
    // Who only says the name wants to know what there is.
    if (argv.length <= 2) program.outputHelp();
    else await program.parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.invalid;
  }
}
