/**
 * What people read, word for word. Each folder is one scenario: `input.json` and the outputs that it names.
 * On a difference the new text stands beside as `.actual`; where it is right:
 *   for f in test/golden/*\/*.actual; do mv "$f" "${f%.actual}"; done
 */
import { readdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { toAddress, type Address, type Desired, type JsonObject, type Live, type Problem, type ProviderErrorCode } from '#contract';
import type { AuditVerification, LogEntry, ResourceVersion } from '#core/audit-record';
import type { KeptStanding } from '#core/config-backup';
import type { EvidencePack } from '#core/evidence';
import { judgeFirmware, type FirmwareRule, type FirmwareSeen } from '#core/firmware';
import { emptyLedger } from '#core/load-ledger';
import type { Customer, DesiredState, Plan, Reading, RunResult } from '#core/model';
import { kinds } from '#kinds/registry';
import { groupDrift } from '../../src/plan/group-drift.ts';
import { planCustomer } from '../../src/plan/plan-customer.ts';
import { plain } from '../../src/render/paint.ts';
import { renderDriftMarkdown, renderDriftReport } from '../../src/render/render-drift.ts';
import { renderEvidence } from '../../src/render/render-evidence.ts';
import { renderComment } from '../../src/render/render-comment.ts';
import { renderFirmware, renderFirmwareMarkdown } from '../../src/render/render-firmware.ts';
import { renderFleet } from '../../src/render/render-fleet.ts';
import { renderHistory, renderHistoryMarkdown } from '../../src/render/render-history.ts';
import { renderKept, renderKeptMarkdown } from '../../src/render/render-kept.ts';
import { renderLog, renderLogMarkdown, renderVerification } from '../../src/render/render-log.ts';
import { renderDrift, renderPlan, type View } from '../../src/render/render-plan.ts';
import { renderPlanMarkdown } from '../../src/render/render-plan-markdown.ts';
import { renderAnnotations, renderProblems } from '../../src/render/render-problems.ts';
import { renderRun } from '../../src/render/render-run.ts';
import { renderStatus, renderStatusMarkdown, type StatusTold } from '../../src/render/render-status.ts';
import { wordsOf, type Language } from '../../src/render/words.ts';
import { firmwareNote } from '../../src/rollout/firmware-due.ts';
import { toldBeside } from '../../src/told-beside.ts';
import { capabilitiesOf, desired, entry, live, pin, planInput } from '../plan/plan-fixture.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Resources by `target/kind/name`; names are raw. */
type Specs = Readonly<Record<string, JsonObject>>;

interface PlanScene {
  readonly mode?: 'observe' | 'merge' | 'exclusive';
  readonly desired?: Specs;
  readonly applied?: Specs;
  readonly live?: Specs;
  readonly foreign?: Specs;
  /** Deleted softly: can be brought back. */
  readonly recoverable?: Specs;
  readonly readOnly?: Readonly<Record<string, string>>;
  readonly was?: Readonly<Record<string, string>>;
  readonly unreachable?: Readonly<Record<string, { readonly code: ProviderErrorCode; readonly why: string; readonly hint?: string }>>;
  readonly customer?: Partial<Customer>;
  readonly problems?: readonly Problem[];
  readonly allowDeletes?: number;
  /** The firewall has no dead-man's switch. */
  readonly noGuard?: boolean;
  readonly written?: Readonly<Record<string, readonly string[]>>;
  /** The firewall was known by these pins; `reason`: somebody says why it is not any more. */
  readonly knownAs?: { readonly pins: readonly string[]; readonly reason?: string };
  /** By `target/kind/name`: differences that somebody answers for. */
  readonly accepted?: Readonly<Record<string, { readonly reason: string; readonly owner: string; readonly until: string; readonly fields?: readonly string[] }>>;
}

interface Input {
  readonly because: string;
  readonly show: readonly string[];
  readonly width?: number;
  readonly plan?: PlanScene;
  /** Plans of many customers, by name. */
  readonly fleet?: Readonly<Record<string, PlanScene>>;
  readonly run?: RunResult;
  readonly log?: readonly LogEntry[];
  readonly evidence?: EvidencePack;
  readonly status?: StatusTold;
  /** Rules about firmware, and what the targets say of themselves; `undefined` says nothing. */
  readonly firmware?: { readonly now: string; readonly document: DesiredState['customer']['document']; readonly rules: readonly FirmwareRule[]; readonly seen: Readonly<Record<string, FirmwareSeen | null>> };
  readonly kept?: readonly KeptStanding[];
  readonly history?: readonly ResourceVersion[];
  readonly verification?: readonly AuditVerification[];
  readonly problems?: { readonly problems: readonly Problem[]; readonly texts: Readonly<Record<string, string>> };
}

function addressOf(key: string): Address {
  const [target = '', kind = '', ...name] = key.split('/');
  return toAddress({ customer: 'nord', target, kind, name: name.join('/') });
}

function planOf(scene: PlanScene): Plan {
  const list = <T>(specs: Specs | undefined, make: (address: Address, spec: JsonObject, key: string) => T): T[] => Object.entries(specs ?? {}).map(([key, spec]) => make(addressOf(key), spec, key));
  const found: Live[] = [
    ...list(scene.live, (address, spec, key) => live(address, spec, scene.readOnly?.[key] === undefined ? {} : { readOnly: scene.readOnly[key] })),
    ...list(scene.foreign, (address, spec) => live(address, spec, { origin: 'foreign' })),
    ...list(scene.recoverable, (address, spec) => live(address, spec, { recoverable: { until: '2026-12-24' } })),
  ];
  const resources = list(scene.desired, (address, spec, key): Desired => {
    const old = scene.was?.[key];
    const canonical = kinds.get(key.split('/')[1] ?? '')?.canonical(spec) ?? spec;
    const dependsOn = (kinds.get(key.split('/')[1] ?? '')?.references(canonical) ?? []).map((reference) => addressOf(`${reference.target ?? key.split('/')[0] ?? ''}/${reference.kind}/${reference.name}`));
    return desired(address, spec, { dependsOn, ...(old === undefined ? {} : { was: addressOf(old) }) });
  });
  const whole = planInput({
    desired: resources, ...(scene.mode === undefined ? {} : { mode: scene.mode }), ...(scene.customer === undefined ? {} : { customer: scene.customer }), ...(scene.problems === undefined ? {} : { problems: scene.problems }),
    ...(scene.allowDeletes === undefined ? {} : { allowDeletes: scene.allowDeletes }), ...(scene.written === undefined ? {} : { written: scene.written }),
    ledger: { ...emptyLedger('nord'), ...(scene.knownAs === undefined ? {} : { identities: { fw1: { pins: scene.knownAs.pins, run: 'r0' } } }), entries: Object.assign({}, ...list(scene.applied, entry)) as Record<Address, ReturnType<typeof entry>[Address]> },
    readings: ['fw1', 'm365'].map((target): Reading => {
      const gone = scene.unreachable?.[target];
      if (gone !== undefined) return { status: 'unreachable', target, ...gone };
      return { status: 'read', target, identity: { pin, product: 'Box', version: '1' }, live: found.filter(({ address }) => address.startsWith(`nord/${target}/`)) };
    }),
  });
  const accepted = Object.entries(scene.accepted ?? {}).map(([key, each]) => ({ ...each, address: addressOf(key), source: { file: 'customers/nord/deviations.yaml', line: 2, column: 5 } }));
  const { pins: was = [], reason } = scene.knownAs ?? {};
  const targets = whole.state.targets.map((each) => (each.target.name === 'fw1' && reason !== undefined ? { ...each, replaced: { was, reason } } : each));
  const input = { ...whole, state: { ...whole.state, accepted, targets } };
  return planCustomer(scene.noGuard === true ? { ...input, capabilities: new Map([...input.capabilities, ['firewall', capabilitiesOf('atomic')]]) } : input);
}

/** Every output that a scenario can name. */
function outputs(input: Input): Readonly<Record<string, () => string>> {
  const view = (language: Language): View => ({ paint: plain, words: wordsOf(language), language, width: input.width ?? Number.POSITIVE_INFINITY });
  const both = (name: string, render: (view: View) => string): Readonly<Record<string, () => string>> => ({ [`${name}.en.txt`]: () => render(view('en')), [`${name}.de.txt`]: () => render(view('de')) });
  const problems = (given: readonly Problem[], texts: ReadonlyMap<string, string>): Readonly<Record<string, () => string>> => ({
    ...both('problems', ({ paint, words }) => renderProblems({ problems: given, texts, paint, words })), 'problems.github.txt': () => renderAnnotations(given), 'problems.json': () => JSON.stringify(given, null, 1),
  });
  if (input.plan !== undefined) {
    const plan = planOf(input.plan);
    return {
      ...both('plan', (each) => renderPlan(plan, each)), ...both('drift', (each) => renderDrift(plan, each)), ...problems(plan.problems, new Map()),
      'plan.en.md': () => renderPlanMarkdown(plan, wordsOf('en'), 'en'), 'plan.de.md': () => renderPlanMarkdown(plan, wordsOf('de'), 'de'), 'plan.json': () => JSON.stringify(plan, null, 1),
    };
  }
  if (input.fleet !== undefined) {
    const plans = Object.entries(input.fleet).map(([customer, scene]) => JSON.parse(JSON.stringify(planOf(scene)).replaceAll('nord', customer)) as Plan);
    const report = groupDrift(plans, kinds);
    return { ...both('set', (each) => renderFleet(plans.map((plan) => ({ customer: plan.customer, plan })), each)), ...both('fleet', (each) => renderDriftReport(report, each)), 'fleet.en.md': () => renderDriftMarkdown(report, wordsOf('en'), 'en'), 'fleet.de.md': () => renderDriftMarkdown(report, wordsOf('de'), 'de'), 'fleet.json': () => JSON.stringify(report, null, 1) };
  }
  if (input.run !== undefined) return both('run', (each) => renderRun(input.run as RunResult, each));
  const { evidence } = input;
  if (evidence !== undefined) return { 'evidence.en.md': () => renderEvidence(evidence, 'en').trimEnd(), 'evidence.de.md': () => renderEvidence(evidence, 'de').trimEnd() };
  const { status } = input;
  if (status !== undefined) return { ...both('status', (each) => renderStatus(status, each)), 'status.en.md': () => renderStatusMarkdown(status, view('en')) };
  const { firmware } = input;
  if (firmware !== undefined) {
    const notes = Object.entries(firmware.seen).flatMap(([target, seen]) => judgeFirmware(firmware.rules, target, seen ?? undefined).map((standing) => firmwareNote(target, standing, firmware.rules, firmware.document, Date.parse(firmware.now))));
    const [kept, comment] = [input.kept ?? [], (language: Language): string => renderComment({ plans: [], problems: [], marker: '', head: 'c'.repeat(40), asOf: firmware.now, language, reviews: false, whole: '', firmware: new Map([['nord', notes]]), kept: new Map([['nord', input.kept ?? []]]) }).text];
    return {
      ...both('firmware', (each) => [renderFirmware(notes, each), renderKept(kept, each)].join('\n')), 'firmware.en.md': () => [renderFirmwareMarkdown(notes, 'en'), renderKeptMarkdown(kept, 'en')].join('\n\n'), 'comment.en.md': () => comment('en'), 'comment.de.md': () => comment('de'),
      'firmware.json': () => JSON.stringify(toldBeside({ firmware: new Map([['nord', notes]]), kept: new Map([['nord', kept]]) }), null, 1),
    };
  }
  if (input.history !== undefined) return { ...both('history', (each) => renderHistory(input.history ?? [], each)), 'history.en.md': () => renderHistoryMarkdown(input.history ?? [], wordsOf('en'), 'en') };
  if (input.log !== undefined) return { ...both('log', (each) => renderLog(input.log ?? [], each)), 'log.en.md': () => renderLogMarkdown(input.log ?? [], wordsOf('en')), ...both('verify', (each) => renderVerification(input.verification ?? [], each)) };
  if (input.problems !== undefined) return problems(input.problems.problems, new Map(Object.entries(input.problems.texts)));
  throw new Error('input.json must hold plan, fleet, run, log, history, status, firmware, evidence or problems');
}

const scenarios = readdirSync(here, { withFileTypes: true }).filter((each) => each.isDirectory()).map(({ name }) => name).sort();

test('scenarios are found', () => { expect(scenarios.length).toBeGreaterThanOrEqual(12); });

describe.each(scenarios)('%s', (name) => {
  const folder = join(here, name);
  test('reads as expected', async () => {
    const input = JSON.parse(await readFile(join(folder, 'input.json'), 'utf8')) as Input;
    expect(input.because).toMatch(/\w/);
    const made = outputs(input);
    const stray = readdirSync(folder).filter((file) => file !== 'input.json' && !file.endsWith('.actual') && !input.show.includes(file));
    const wrong: string[] = [];
    for (const file of input.show) {
      const text = `${made[file]?.() ?? `there is no output ${file}`}\n`;
      const golden = await readFile(join(folder, file), 'utf8').catch(() => undefined);
      await (golden === text ? rm(join(folder, `${file}.actual`), { force: true }) : writeFile(join(folder, `${file}.actual`), text));
      if (golden !== text) {
        wrong.push(file);
        expect.soft(text, `${name}/${file}; the new text stands beside as .actual`).toBe(golden ?? '');
      }
    }
    expect({ wrong, stray }).toEqual({ wrong: [], stray: [] });
  });
});
