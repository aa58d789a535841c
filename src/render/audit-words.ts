import type { Language } from './words.ts';

const en = {
  noVersions: 'No version of this resource is recorded.',
  states: {
    damaged: 'RECORD DAMAGED', open: 'run not finished', held: 'held', diverged: 'applied commit is not here', incomplete: 'not as written', removed: 'folder gone, resources applied', 'left-over': 'approval missing', waiting: 'waits to be applied', never: 'never applied', clean: 'applied',
  },
  customer: 'Customer', state: 'State', lastRun: 'Last run (UTC)', commits: 'Commits waiting', resources: 'Resources', details: 'Details', noCustomers: 'No customers.', never: 'never',
  heldBy: (target: string, why: string) => `${target} held: ${why}`, left: (count: number) => `${String(count)} left out by the last run`, attention: (count: number, all: number) => `${String(count)} of ${String(all)} need attention`,
  unknownCustomer: (name: string) => `there is no customer named ${name}, neither in the files nor with an audit branch`,
};

const de: typeof en = {
  noVersions: 'Von dieser Ressource ist keine Fassung verzeichnet.',
  states: {
    damaged: 'EINTRÄGE BESCHÄDIGT', open: 'Lauf nicht beendet', held: 'angehalten', diverged: 'angewendeter Commit fehlt hier', incomplete: 'nicht wie geschrieben', removed: 'Ordner weg, Ressourcen angewendet', 'left-over': 'Freigabe fehlt', waiting: 'wartet auf Anwendung', never: 'nie angewendet', clean: 'angewendet',
  },
  customer: 'Kunde', state: 'Stand', lastRun: 'Letzter Lauf (UTC)', commits: 'Wartende Commits', resources: 'Ressourcen', details: 'Einzelheiten', noCustomers: 'Keine Kunden.', never: 'nie',
  heldBy: (target, why) => `${target} angehalten: ${why}`, left: (count) => `${String(count)} vom letzten Lauf ausgelassen`, attention: (count, all) => `${String(count)} von ${String(all)} brauchen Aufmerksamkeit`,
  unknownCustomer: (name) => `einen Kunden namens ${name} gibt es nicht, weder in den Dateien noch mit einem Audit-Branch`,
};

export type AuditWords = typeof en;

export function auditWords(language: Language): AuditWords {
  return language === 'de' ? de : en;
}
