/** Rules about firmware, of the customer and of its standards, with their targets, parameters and deviations in place. */
import type { Json, Target } from '#contract';
import { isObject } from '#core/canonical';
import { isVersion } from '#core/compare-version';
import type { FirmwareAccepted, FirmwareRule } from '#core/firmware';
import type { CustomerDocument } from '#generated/types';
import type { Answered } from './check-standards.ts';
import type { ProviderFacts } from './check-targets.ts';
import type { CustomerFiles } from './customer-files.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';
import type { Standard } from './read-standards.ts';
import { didYouMean } from './suggest.ts';

export interface ResolveFirmwareInput {
  readonly files: CustomerFiles;
  readonly standards: ReadonlyMap<string, Standard | undefined>;
  readonly targets: readonly Target[];
  readonly providers: ReadonlyMap<string, ProviderFacts>;
  readonly answered: readonly Answered[];
}

type OwnRule = NonNullable<CustomerDocument['firmware']>[string];
type Tell = (code: string, message: string, hint: string, field: string, severity?: 'error' | 'warning') => void;

export function resolveFirmware(input: ResolveFirmwareInput): { readonly rules: readonly FirmwareRule[]; readonly pending: readonly PendingProblem[] } {
  const pending: PendingProblem[] = [];
  const rules = [...ownRules(input, pending), ...standardRules(input, pending)];
  return { rules: rules.filter(({ targets }) => targets.length > 0), pending };
}

function ownRules({ files, targets, providers }: ResolveFirmwareInput, pending: PendingProblem[]): readonly FirmwareRule[] {
  const { file, value } = files.customer;
  return Object.entries(value.firmware ?? {}).map(([name, rule]): FirmwareRule => {
    const base = `/firmware/${escapePointer(name)}`;
    const at = (field: string): Place => ({ file, pointer: field === '' ? base : `${base}/${field}`, part: field === '' ? 'key' : 'value' });
    const tell: Tell = (code, message, hint, field, severity = 'error') => void pending.push({ code, severity, message, hint, at: at(field) });
    checkRule(rule, providers, tell);
    const family = targets.filter(({ provider }) => provider === rule.provider).map((target) => target.name);
    (rule.targets ?? []).forEach((target, index) => {
      if (family.includes(target)) return;
      const known = targets.find((each) => each.name === target);
      pending.push({
        code: 'firmware.target', severity: 'error', at: at(`targets/${String(index)}`), needs: 'targets.yaml',
        ...(known === undefined ? { message: `there is no target ${target} in targets.yaml`, hint: didYouMean(target, family) } : { message: `${target} is ${known.provider}, and this rule is about ${rule.provider}`, hint: 'write a rule for each family' }),
      });
    });
    if (family.length === 0) pending.push({ code: 'firmware.unused', severity: 'warning', message: `no target is ${rule.provider}, so this rule says nothing`, hint: 'remove it, or write the target in targets.yaml', at: at(''), needs: 'targets.yaml' });
    return made(name, rule, rule.targets?.filter((target) => family.includes(target)) ?? family);
  });
}

function standardRules({ files, standards, targets, providers, answered }: ResolveFirmwareInput, pending: PendingProblem[]): readonly FirmwareRule[] {
  return Object.entries(files.customer.value.standards ?? {}).flatMap(([standard, values]) => {
    const document = standards.get(standard)?.value;
    return Object.entries(document?.firmware ?? {}).flatMap(([name, rule]): FirmwareRule[] => {
      const value = (given: unknown): string | undefined => {
        const found = isObject(given as Json) && '$parameter' in (given as object) ? parameterOf((given as { readonly $parameter: string }).$parameter) : given;
        return found === undefined ? undefined : String(found);
      };
      const parameterOf = (key: string): Json | undefined => values[key] ?? document?.parameters?.[key]?.default;
      const { minimum, channel, ...rest } = rule;
      const [least, follows] = [value(minimum), value(channel)];
      // What it misses is told with the subscription.
      if ((minimum !== undefined && least === undefined) || (channel !== undefined && follows === undefined)) return [];
      const resolved: OwnRule = { ...rest, ...(least === undefined ? {} : { minimum: least }), ...(follows === undefined ? {} : { channel: follows }) };
      const tell: Tell = (code, message, hint) => void pending.push({ code, severity: 'error', message: `standard ${standard}, firmware ${name}: ${message}`, hint, at: { file: files.customer.file, pointer: `/standards/${escapePointer(standard)}`, part: 'key' } });
      checkRule(resolved, providers, tell);
      const own = targets.filter(({ provider }) => provider === rule.provider);
      return [made(name, resolved, own.map((target) => target.name), {
        standard, accepted: Object.fromEntries(own.flatMap((target): [string, FirmwareAccepted][] => {
          const found = answered.find((each) => each.standard === standard && (each.rule === undefined || each.rule === name) && (each.at === undefined || each.at === target.name || each.at === target.site));
          return found === undefined ? [] : [[target.name, { reason: found.reason, owner: found.owner, until: found.until }]];
        })),
      })];
    });
  });
}

function made(name: string, { product, minimum, channel, window }: OwnRule, targets: readonly string[], more: Pick<FirmwareRule, 'standard' | 'accepted'> = { accepted: {} }): FirmwareRule {
  return {
    name, targets, ...more, ...(product === undefined ? {} : { product }), ...(minimum === undefined ? {} : { minimum }), ...(channel === undefined ? {} : { channel }), ...(window === undefined ? {} : { window }),
  };
}

function checkRule({ provider, minimum, channel, window }: OwnRule, providers: ReadonlyMap<string, ProviderFacts>, tell: Tell): void {
  const facts = providers.get(provider);
  const channels = facts?.capabilities.firmware?.channels ?? [];
  if (facts === undefined) tell('firmware.provider', `there is no provider ${provider}`, didYouMean(provider, [...providers.keys()]), 'provider');
  if (minimum === undefined && channel === undefined) tell('firmware.empty', 'this rule asks nothing', 'write minimum or channel', '');
  if (minimum !== undefined && !isVersion(minimum)) tell('firmware.minimum', `${JSON.stringify(minimum)} is no version that can be compared`, 'write it as the device tells it (soll doctor): 26.1.6, 7.20.8, 15.2(7)E10, 17.09.04a', 'minimum');
  if (channel !== undefined && channels.length > 0 && !channels.includes(channel)) tell('firmware.channel', `${provider} has no channel ${channel}`, didYouMean(channel, channels), 'channel');
  (window ?? []).forEach(({ from, to }, index) => {
    if (from === to) tell('customer.window', `a window from ${from} to ${to} has no length`, 'for a whole day write from: "00:00" to: "23:59"', `window/${String(index)}/to`);
  });
}
