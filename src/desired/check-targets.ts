/** What targets.yaml says beyond its schema: providers, kinds, modes, settings, sites, addresses. */
import { isIP } from 'node:net';
import type { Capabilities, JsonObject, Kind, Target } from '#contract';
import { isObject } from '#core/canonical';
import { contains, parseCidr } from '#core/ip';
import type { CustomerFiles } from './customer-files.ts';
import type { Built } from './build-resources.ts';
import { escapePointer, type PendingProblem } from './place.ts';
import { didYouMean } from './suggest.ts';
import { validateWith } from './validate-document.ts';

export interface ProviderFacts {
  readonly settingsSchema: JsonObject;
  readonly capabilities: Capabilities;
}

export interface CheckTargetsInput {
  readonly files: CustomerFiles;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly providers: ReadonlyMap<string, ProviderFacts>;
  readonly lab: boolean;
}

/** Nothing that is looked after remotely answers there; a request to them would reach the runner or its cloud. */
const forbidden = ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '169.254.0.0/16', 'fe80::/10', '::/128', 'fd00:ec2::254/128', '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'].flatMap((text) => parseCidr(text) ?? []);

function hostOf(address: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(address)?.[1];
  if (bracketed !== undefined) return bracketed;
  return address.split(':').length === 2 ? (address.split(':')[0] ?? '') : address;
}

function isForbidden(address: string): boolean {
  // A dot at the end changes nothing for a resolver.
  const host = hostOf(address).toLowerCase().replace(/\.$/, '');
  if (/^(.+\.)?localhost$|^ip6-(localhost|loopback)$|^metadata(\.google\.internal)?$/.test(host)) return true;
  // What ends in a number and is no address is read as one by the resolver: 2130706433, 0x7f000001 and 127.1 are this machine.
  if (isIP(host) === 0 && /(^|\.)(\d+|0x[0-9a-f]*)$/.test(host)) return true;
  // An IPv4 address written as IPv6 passes no check of IPv4.
  if (isIP(host) === 6 && parseCidr(host) === undefined) return true;
  const cidr = isIP(host) === 0 ? undefined : parseCidr(host);
  return cidr !== undefined && forbidden.some((network) => contains(network, cidr));
}

export function checkTargets({ files, kinds, providers, lab }: CheckTargetsInput): readonly PendingProblem[] {
  const document = files.targets;
  if (document === undefined) return [];
  const sites = Object.keys(files.customer.value.sites ?? {});
  return Object.entries(document.value.targets).flatMap(([name, target]): PendingProblem[] => {
    const base = `/targets/${escapePointer(name)}`;
    const at = (field: string, part: 'key' | 'value' = 'value'): PendingProblem['at'] => ({ file: document.file, pointer: `${base}${field}`, part });
    const provider = providers.get(target.provider);
    const problems: PendingProblem[] = [];
    const tell = (code: string, message: string, hint: string, where: PendingProblem['at']): void => void problems.push({ code, severity: 'error', message, hint, target: name, ...(where === undefined ? {} : { at: where }) });
    if (target.site !== undefined && !sites.includes(target.site)) tell('target.site', `there is no site ${target.site} in customer.yaml`, didYouMean(target.site, sites), at('/site'));
    if (!lab && isForbidden(target.address)) tell('target.address', `${target.address} is this machine, a link-local address, the cloud's own service, or a number that is read as an address`, 'write the address of the system itself', at('/address'));
    const via = ((target.settings ?? {}) as JsonObject)['via'];
    const bastion = isObject(via) && typeof via['address'] === 'string' ? via['address'] : undefined;
    if (!lab && bastion !== undefined && isForbidden(bastion)) tell('target.address', `${bastion} is this machine, a link-local address, the cloud's own service, or a number that is read as an address`, 'write the address of the bastion itself', at('/settings/via/address'));
    for (const kind of Object.keys(target.manages)) {
      if (!kinds.has(kind)) tell('target.kind', `there is no kind ${kind}`, didYouMean(kind, [...kinds.keys()]), at(`/manages/${escapePointer(kind)}`, 'key'));
    }
    if (provider === undefined) {
      tell('target.provider', `there is no provider ${target.provider}`, didYouMean(target.provider, [...providers.keys()]), at('/provider'));
      return problems;
    }
    for (const [kind, mode] of Object.entries(target.manages)) {
      const capability = provider.capabilities.kinds[kind];
      const place = at(`/manages/${escapePointer(kind)}`);
      if (capability === undefined) {
        if (kinds.has(kind)) tell('target.unsupported-kind', `${target.provider} cannot manage ${kind}`, `it can: ${Object.keys(provider.capabilities.kinds).sort().join(', ')}`, at(`/manages/${escapePointer(kind)}`, 'key'));
      } else if (!capability.modes.includes(mode)) tell('target.unsupported-mode', `${target.provider} cannot do ${mode} for ${kind}${capability.why === undefined ? '' : ` (${capability.why})`}`, `possible: ${capability.modes.join(', ')}`, place);
    }
    problems.push(...validateWith(`settings of ${target.provider}`, provider.settingsSchema, (target.settings ?? {}) as JsonObject, { file: document.file, pointer: `${base}/settings`, part: 'value' }).map((problem) => ({ ...problem, target: name })));
    return problems;
  });
}

/** What is written for a target that does not exist, or that does not manage it. */
export function checkWritten(files: CustomerFiles, targets: readonly Target[], { written }: Built): readonly PendingProblem[] {
  const problems: PendingProblem[] = [];
  const names = targets.map(({ name }) => name);
  const documents = [[files.firewall, 'firewalls'], [files.m365, 'm365'], [files.network, 'switches']] as const;
  const ofSites = ['vlan', 'ssid'];
  for (const [document, key] of documents) {
    if (document === undefined) continue;
    const entries = Object.keys((document.value as unknown as Readonly<Record<string, object>>)[key] ?? {});
    for (const name of entries) {
      const at = { file: document.file, pointer: `/${key}/${escapePointer(name)}`, part: 'key' as const };
      const target = targets.find((each) => each.name === name);
      if (target === undefined) {
        problems.push({ code: 'target.unknown', severity: 'error', message: `there is no target ${name} in targets.yaml`, hint: didYouMean(name, names), at, needs: 'targets.yaml' });
        continue;
      }
      const missing = (written.get(name) ?? []).filter((kind) => target.manages[kind] === undefined && !ofSites.includes(kind) && (kind === 'switch-port') === (key === 'switches'));
      if (missing.length > 0) {
        problems.push({ code: 'target.not-managed', severity: 'error', message: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} written here, but ${name} does not manage ${missing.length === 1 ? 'it' : 'them'}`, hint: `add ${missing.map((kind) => `${kind}: merge`).join(', ')} to its manages in targets.yaml (or exclusive, observe)`, at, target: name });
      }
    }
  }
  for (const [index, name] of (files.customer.value.configBackup?.except ?? []).entries()) {
    // A misspelled exception would be none.
    if (!names.includes(name)) problems.push({ code: 'target.unknown', severity: 'error', message: `there is no target ${name} in targets.yaml`, hint: didYouMean(name, names), at: { file: files.customer.file, pointer: `/configBackup/except/${String(index)}`, part: 'value' }, needs: 'targets.yaml' });
  }
  const sites = Object.keys(files.customer.value.sites ?? {});
  for (const site of Object.keys(files.network?.value.sites ?? {})) {
    if (!sites.includes(site)) problems.push({ code: 'network.site', severity: 'error', message: `there is no site ${site} in customer.yaml`, hint: didYouMean(site, sites), at: { file: files.network?.file ?? '', pointer: `/sites/${escapePointer(site)}`, part: 'key' } });
  }
  return problems;
}
