/** Zones, groups, services, policies, rules and NAT: the vendor-neutral firewall. */
import type { Impact, ImpactInput } from '#contract';
import { parseCidr } from '#core/ip';
import type { AddressGroupSpec, FirewallPolicySpec, FirewallRuleSpec, MasqueradeSpec, PortForwardSpec, ServiceSpec, ZoneSpec } from '#generated/types';
import { defineKind } from './define-kind.ts';
import { nameReferences, zoneReference } from './name-references.ts';

function isAny(sources: readonly string[] | undefined): boolean {
  return sources === undefined || sources.some((source) => parseCidr(source)?.prefix === 0);
}

/** What decides about traffic; log and comment do not. */
function matching({ log: _log, comment: _comment, ...rule }: FirewallRuleSpec): string {
  return JSON.stringify(rule);
}

function ruleImpact({ verb, before, after }: ImpactInput<FirewallRuleSpec>): Impact {
  const rule = after ?? before;
  if (rule === undefined) return { risk: 'medium', en: 'changes a firewall rule', de: 'ändert eine Firewall-Regel' };
  const path = `${rule.from} → ${rule.to}`;
  if (before !== undefined && after !== undefined && matching(before) === matching(after)) return { risk: 'low', en: `log or comment of a rule ${path}`, de: `Protokoll oder Kommentar einer Regel ${path}` };
  const opens = after?.action === 'accept';
  if (opens && after.to === 'self') {
    const services = after.services?.join(', ');
    if (isAny(after.sources) && services !== undefined) return { risk: 'high', en: `lets anyone in ${after.from} use ${services} on the firewall itself`, de: `lässt jeden aus ${after.from} ${services} auf der Firewall selbst nutzen` };
    return isAny(after.sources)
      ? { risk: 'critical', en: `lets anyone in ${after.from} reach every service of the firewall itself`, de: `lässt jeden aus ${after.from} auf alle Dienste der Firewall selbst zugreifen` }
      : { risk: 'high', en: `opens the firewall itself to named addresses from ${after.from}`, de: `öffnet die Firewall selbst für benannte Adressen aus ${after.from}` };
  }
  if (opens) {
    return isAny(after.sources) && after.destinations === undefined
      ? { risk: 'high', en: `allows traffic ${path} from everywhere to everything`, de: `erlaubt Verkehr ${path} von überall nach überall` }
      : { risk: 'medium', en: `allows traffic ${path}`, de: `erlaubt Verkehr ${path}` };
  }
  if (before?.action === 'accept' && after !== undefined) return { risk: 'high', en: `traffic ${path} that this rule allowed is blocked`, de: `Verkehr ${path}, den diese Regel erlaubte, wird gesperrt` };
  if (verb === 'delete' && before?.action === 'accept') return { risk: 'high', en: `traffic ${path} that this rule allowed is cut off`, de: `Verkehr ${path}, den diese Regel erlaubte, wird getrennt` };
  if (verb === 'delete') return { risk: 'high', en: `traffic ${path} that this rule blocked may get through`, de: `Verkehr ${path}, den diese Regel sperrte, kann durchkommen` };
  return { risk: 'medium', en: `blocks traffic ${path}`, de: `sperrt Verkehr ${path}` };
}

function policyImpact({ before, after }: ImpactInput<FirewallPolicySpec>): Impact | undefined {
  if (before !== undefined && after !== undefined && before.default !== after.default) {
    return after.default === 'accept'
      ? { risk: 'critical', en: `everything from ${after.from} to ${after.to} is allowed unless a rule blocks it`, de: `alles von ${after.from} nach ${after.to} ist erlaubt, wenn keine Regel es sperrt` }
      : { risk: 'high', en: `everything from ${after.from} to ${after.to} without a rule is cut off`, de: `alles von ${after.from} nach ${after.to} ohne Regel wird getrennt` };
  }
  if (before !== undefined && after !== undefined) return { risk: 'medium', en: `rules ${after.from} → ${after.to} are checked in another order`, de: `Regeln ${after.from} → ${after.to} werden in anderer Reihenfolge geprüft` };
  return undefined;
}

export const zone = defineKind<ZoneSpec>({
  name: 'zone', schemaVersion: 1, references: () => [],
  impact: ({ verb, name }) => verb === 'create'
    ? { risk: 'medium', en: `zone ${name} is set up`, de: `Zone ${name} wird eingerichtet` }
    : { risk: 'high', en: `all rules of zone ${name} apply to other interfaces`, de: `alle Regeln der Zone ${name} gelten für andere Schnittstellen` },
});

export const addressGroup = defineKind<AddressGroupSpec>({
  name: 'address-group', schemaVersion: 1, references: () => [],
  impact: ({ verb, name, before, after }) => {
    const removed = (before?.members ?? []).filter((member) => !(after?.members ?? []).includes(member)).length;
    return verb === 'update'
      ? { risk: removed > 0 ? 'high' : 'medium', en: `every rule that uses ${name} matches other addresses`, de: `jede Regel mit ${name} trifft andere Adressen` }
      : { risk: 'low', en: `address group ${name}`, de: `Adressgruppe ${name}` };
  },
});

export const service = defineKind<ServiceSpec>({
  name: 'service', schemaVersion: 1, references: () => [],
  impact: ({ verb, name }) => verb === 'update'
    ? { risk: 'medium', en: `every rule that uses ${name} matches other ports`, de: `jede Regel mit ${name} trifft andere Ports` }
    : { risk: 'low', en: `service ${name}`, de: `Dienst ${name}` },
});

export const firewallPolicy = defineKind<FirewallPolicySpec>({
  name: 'firewall-policy', schemaVersion: 1,
  references: ({ from, to, order }) => [
    ...zoneReference('from', from), ...zoneReference('to', to),
    ...order.map((rule, index) => ({ kind: 'firewall-rule', name: `${from}.${to}.${rule}`, pointer: `/order/${String(index)}` })),
  ],
  impact: (input) => policyImpact(input) ?? { risk: 'medium', en: `policy ${input.name}`, de: `Regelwerk ${input.name}` },
});

export const firewallRule = defineKind<FirewallRuleSpec>({
  name: 'firewall-rule', schemaVersion: 1,
  references: ({ from, to, sources, destinations, services }) => [
    ...zoneReference('from', from), ...zoneReference('to', to),
    ...nameReferences('address-group', 'sources', sources, 'group:'),
    ...nameReferences('address-group', 'destinations', destinations, 'group:'),
    ...nameReferences('service', 'services', services),
  ],
  impact: ruleImpact,
});

export const masquerade = defineKind<MasqueradeSpec>({
  name: 'masquerade', schemaVersion: 1,
  references: ({ from, to, sources }) => [
    ...zoneReference('from', from), ...zoneReference('to', to), ...nameReferences('address-group', 'sources', sources, 'group:'),
  ],
  impact: ({ verb, name }) => verb === 'delete'
    ? { risk: 'high', en: `hosts behind ${name} lose the way out`, de: `Rechner hinter ${name} verlieren den Weg nach außen` }
    : { risk: 'medium', en: `hosts appear under the address of the outgoing interface`, de: `Rechner erscheinen unter der Adresse der ausgehenden Schnittstelle` },
});

export const portForward = defineKind<PortForwardSpec>({
  name: 'port-forward', schemaVersion: 1,
  references: ({ from, sources }) => [...zoneReference('from', from), ...nameReferences('address-group', 'sources', sources, 'group:')],
  refine: ({ destinationPort, ...spec }) => (destinationPort === undefined || destinationPort === spec.port ? spec : { ...spec, destinationPort }),
  impact: ({ verb, before, after }) => {
    const forward = after ?? before;
    const targetOf = (spec: PortForwardSpec): string => JSON.stringify({ ...spec, log: null, comment: null });
    if (before !== undefined && after !== undefined && targetOf(before) === targetOf(after)) return { risk: 'low', en: 'log or comment of a port forward', de: 'Protokoll oder Kommentar einer Portweiterleitung' };
    const what = forward === undefined ? '' : `${forward.destination}:${String(forward.destinationPort ?? forward.port)}`;
    if (verb === 'delete') return { risk: 'high', en: `${what} is no longer reachable from outside`, de: `${what} ist von außen nicht mehr erreichbar` };
    return { risk: isAny(after?.sources) ? 'high' : 'medium', en: `${what} becomes reachable from outside`, de: `${what} wird von außen erreichbar` };
  },
});
