/** People and groups of a Microsoft 365 tenant. */
import type { Impact, ImpactInput, RiskLevel } from '#contract';
import type { GroupSpec, UserSpec } from '#generated/types';
import { defineKind } from './define-kind.ts';
import { nameReferences } from './name-references.ts';

type Part = readonly [RiskLevel, string, string];

/** Several things at once are all told; the worst of them is the risk. */
function together(parts: readonly Part[], plain: Impact): Impact {
  const [first] = parts;
  if (first === undefined) return plain;
  const order: readonly RiskLevel[] = ['low', 'medium', 'high', 'critical'];
  const risk = parts.reduce<RiskLevel>((high, [each]) => (order.indexOf(each) > order.indexOf(high) ? each : high), 'low');
  return { risk, en: parts.map(([, en]) => en).join('; '), de: parts.map(([, , de]) => de).join('; ') };
}

function userImpact({ verb, name, before, after }: ImpactInput<UserSpec>): Impact {
  if (verb === 'delete') return { risk: 'critical', en: `${name} loses account, mailbox and files (restorable for 30 days)`, de: `${name} verliert Konto, Postfach und Dateien (30 Tage wiederherstellbar)` };
  const skus = (spec: UserSpec | undefined): string[] => (spec?.licences ?? []).map(({ sku }) => sku);
  const lost = after?.licences === undefined ? [] : skus(before).filter((sku) => !skus(after).includes(sku));
  const gained = skus(after).filter((sku) => !skus(before).includes(sku));
  const parts: Part[] = [];
  if (verb === 'create') parts.push(['low', `${name} gets an account`, `${name} bekommt ein Konto`]);
  else {
    if (before?.enabled !== false && after?.enabled === false) parts.push(['high', `${name} can no longer sign in`, `${name} kann sich nicht mehr anmelden`]);
    if (before?.enabled === false && after?.enabled === true) parts.push(['medium', `${name} can sign in again`, `${name} kann sich wieder anmelden`]);
    if (before !== undefined && after !== undefined && before.userPrincipalName !== after.userPrincipalName) parts.push(['high', `${before.userPrincipalName} signs in as ${after.userPrincipalName}`, `${before.userPrincipalName} meldet sich als ${after.userPrincipalName} an`]);
  }
  if (lost.length > 0) parts.push(['high', `${name} loses ${lost.join(', ')} and the data behind it after the grace period`, `${name} verliert ${lost.join(', ')} und nach der Karenzzeit die Daten dazu`]);
  if (gained.length > 0) parts.push(['low', `licence ${gained.join(', ')} (costs)`, `Lizenz ${gained.join(', ')} (kostenpflichtig)`]);
  return together(parts, { risk: 'low', en: `profile of ${name}`, de: `Profil von ${name}` });
}

function groupImpact({ verb, name, before, after }: ImpactInput<GroupSpec>): Impact {
  if (verb === 'create') return { risk: 'low', en: `group ${name} is created`, de: `Gruppe ${name} wird angelegt` };
  if (verb === 'delete') {
    return before?.type === 'security'
      ? { risk: 'critical', en: `everyone loses the access that ${name} gives; a security group cannot be restored`, de: `alle verlieren den Zugriff über ${name}; eine Sicherheitsgruppe ist nicht wiederherstellbar` }
      : { risk: 'critical', en: `${name} goes with its mailbox and files (restorable for 30 days)`, de: `${name} verschwindet mit Postfach und Dateien (30 Tage wiederherstellbar)` };
  }
  const lost = after?.members === undefined ? [] : (before?.members ?? []).filter((member) => !after.members?.includes(member));
  const gained = (after?.members ?? []).filter((member) => !(before?.members ?? []).includes(member));
  const parts: Part[] = [
    ...(lost.length > 0 ? [['medium', `access that ${name} gives is taken from ${lost.join(', ')}`, `${lost.join(', ')}: Zugriff über ${name} entfällt`] as const] : []),
    ...(gained.length > 0 ? [['medium', `access that ${name} gives is given to ${gained.join(', ')}`, `${gained.join(', ')}: Zugriff über ${name} kommt dazu`] as const] : []),
  ];
  if (parts.length > 0) return together(parts, { risk: 'low', en: '', de: '' });
  return { risk: 'low', en: `group ${name}`, de: `Gruppe ${name}` };
}

export const user = defineKind<UserSpec>({
  name: 'user', schemaVersion: 1,
  references: ({ manager }) => (typeof manager === 'string' ? [{ kind: 'user', name: manager, pointer: '/manager' }] : []),
  impact: userImpact,
});

export const group = defineKind<GroupSpec>({
  name: 'group', schemaVersion: 1,
  references: ({ members, owners }) => [...nameReferences('user', 'members', members), ...nameReferences('user', 'owners', owners)],
  impact: groupImpact,
});
