/** People and groups of a Microsoft 365 tenant. */
import type { Impact, ImpactInput } from '#contract';
import type { GroupSpec, UserSpec } from '#generated/types';
import { defineKind } from './define-kind.ts';
import { nameReferences } from './name-references.ts';

function userImpact({ verb, name, before, after }: ImpactInput<UserSpec>): Impact {
  if (verb === 'create') return { risk: 'low', en: `${name} gets an account`, de: `${name} bekommt ein Konto` };
  if (verb === 'delete') return { risk: 'critical', en: `${name} loses account, mailbox and files (restorable for 30 days)`, de: `${name} verliert Konto, Postfach und Dateien (30 Tage wiederherstellbar)` };
  if (before?.enabled !== false && after?.enabled === false) return { risk: 'high', en: `${name} can no longer sign in`, de: `${name} kann sich nicht mehr anmelden` };
  if (before?.enabled === false && after?.enabled === true) return { risk: 'medium', en: `${name} can sign in again`, de: `${name} kann sich wieder anmelden` };
  if (before !== undefined && after !== undefined && before.userPrincipalName !== after.userPrincipalName) {
    return { risk: 'high', en: `${before.userPrincipalName} signs in as ${after.userPrincipalName}`, de: `${before.userPrincipalName} meldet sich als ${after.userPrincipalName} an` };
  }
  const skus = (spec: UserSpec | undefined): string[] => (spec?.licences ?? []).map(({ sku }) => sku);
  const lost = skus(before).filter((sku) => !skus(after).includes(sku));
  if (lost.length > 0) return { risk: 'high', en: `${name} loses ${lost.join(', ')} and the data behind it after the grace period`, de: `${name} verliert ${lost.join(', ')} und nach der Karenzzeit die Daten dazu` };
  const gained = skus(after).filter((sku) => !skus(before).includes(sku));
  if (gained.length > 0) return { risk: 'low', en: `${name} gets ${gained.join(', ')} (costs)`, de: `${name} bekommt ${gained.join(', ')} (kostenpflichtig)` };
  return { risk: 'low', en: `profile of ${name}`, de: `Profil von ${name}` };
}

function groupImpact({ verb, name, before, after }: ImpactInput<GroupSpec>): Impact {
  if (verb === 'create') return { risk: 'low', en: `group ${name} is created`, de: `Gruppe ${name} wird angelegt` };
  if (verb === 'delete') {
    return before?.type === 'security'
      ? { risk: 'critical', en: `everyone loses the access that ${name} gives; a security group cannot be restored`, de: `alle verlieren den Zugriff über ${name}; eine Sicherheitsgruppe ist nicht wiederherstellbar` }
      : { risk: 'critical', en: `${name} goes with its mailbox and files (restorable for 30 days)`, de: `${name} verschwindet mit Postfach und Dateien (30 Tage wiederherstellbar)` };
  }
  const lost = (before?.members ?? []).filter((member) => !(after?.members ?? []).includes(member));
  if (after?.members !== undefined && lost.length > 0) return { risk: 'medium', en: `${lost.join(', ')} lose the access that ${name} gives`, de: `${lost.join(', ')} verlieren den Zugriff über ${name}` };
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
