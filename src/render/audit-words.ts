import type { Language } from './words.ts';

const en = {
  noVersions: 'No version of this resource is recorded.',
  states: {
    damaged: 'RECORD DAMAGED', open: 'run not finished', held: 'held', diverged: 'applied commit is not here', incomplete: 'not as written', unpushed: 'KEPT IN THIS CLONE ALONE', invalid: 'FILES BROKEN', removed: 'folder gone, resources applied', 'review-overdue': 'REVIEW OVERDUE', unreachable: 'unreachable', drift: 'drift', expired: 'deviation ended', firmware: 'firmware not as asked', backup: 'backup overdue',
    'left-over': 'approval missing', approval: 'waits for approval', 'review-due': 'waits for review', waiting: 'waits to be applied', window: 'waits for its time', never: 'never applied', clean: 'applied',
  },
  customer: 'Customer', state: 'State', lastRun: 'Last run (UTC)', drift: 'Drift', commits: 'Commits waiting', resources: 'Resources', details: 'Details', noCustomers: 'No customers.', never: 'never',
  neverSeen: 'never looked', noDrift: 'none', ago: { min: (count: number) => `${String(count)} min ago`, h: (count: number) => `${String(count)} h ago`, d: (count: number) => `${String(count)} d ago` }, justNow: 'just now',
  driftOn: (count: number, target: string, risk: string, seen: string) => `drift: ${String(count)} on ${target}${risk === '' ? '' : ` (${risk})`}, seen ${seen}`, since: (time: string) => `since ${time}`,
  silent: (target: string, since: string, seen: string) => `${target} unreachable since ${since}${seen === '' ? '' : `, last seen ${seen}`}`, neverSeenOn: (targets: string) => `never looked at ${targets}`,
  waitsFor: (what: string, approved: number, leaves: number) => (approved === leaves ? `${what} approved, not applied (${String(leaves)})` : `${what} waits for approval: ${String(approved)} of ${String(leaves)} approved`),
  plan: 'plan', by: 'by', until: 'until', reviewBy: (run: string, ticket: string, due: string, overdue: boolean) => `emergency ${run} (${ticket}) ${overdue ? 'should have been reviewed by' : 'to be reviewed by'} ${due}`, andMore: (count: number) => `and ${String(count)} more`,
  signaturesOnly: 'Only signatures are told; reviews on a code host: --platform github',
  kept: { records: 'records', configurations: 'configurations of devices' }, unpushed: (what: readonly string[], customer: string) => `${what.join(' and ')} lie in this clone alone: soll audit push ${customer}`,
  heldBy: (target: string, why: string) => `${target} held: ${why}`, left: (count: number) => `${String(count)} left out by the last run`, attention: (count: number, all: number) => `${String(count)} of ${String(all)} need attention`,
  unknownCustomer: (name: string) => `there is no customer named ${name}, neither in the files nor with an audit branch`,
};

const de: typeof en = {
  noVersions: 'Von dieser Ressource ist keine Fassung verzeichnet.',
  states: {
    damaged: 'EINTRÄGE BESCHÄDIGT', open: 'Lauf nicht beendet', held: 'angehalten', diverged: 'angewendeter Commit fehlt hier', incomplete: 'nicht wie geschrieben', unpushed: 'NUR IN DIESEM KLON', invalid: 'DATEIEN FEHLERHAFT', removed: 'Ordner weg, Ressourcen angewendet', 'review-overdue': 'NACHPRÜFUNG ÜBERFÄLLIG', unreachable: 'nicht erreichbar', drift: 'Drift', expired: 'Abweichung abgelaufen', firmware: 'Firmware nicht wie verlangt', backup: 'Sicherung überfällig',
    'left-over': 'Freigabe fehlt', approval: 'wartet auf Freigabe', 'review-due': 'wartet auf Nachprüfung', waiting: 'wartet auf Anwendung', window: 'wartet auf seine Zeit', never: 'nie angewendet', clean: 'angewendet',
  },
  customer: 'Kunde', state: 'Stand', lastRun: 'Letzter Lauf (UTC)', drift: 'Drift', commits: 'Wartende Commits', resources: 'Ressourcen', details: 'Einzelheiten', noCustomers: 'Keine Kunden.', never: 'nie',
  neverSeen: 'nie nachgesehen', noDrift: 'keine', ago: { min: (count) => `vor ${String(count)} min`, h: (count) => `vor ${String(count)} h`, d: (count) => `vor ${String(count)} ${count === 1 ? 'Tag' : 'Tagen'}` }, justNow: 'gerade eben',
  driftOn: (count, target, risk, seen) => `Drift: ${String(count)} auf ${target}${risk === '' ? '' : ` (${risk})`}, gesehen ${seen}`, since: (time) => `seit ${time}`,
  silent: (target, since, seen) => `${target} nicht erreichbar seit ${since}${seen === '' ? '' : `, zuletzt gesehen ${seen}`}`, neverSeenOn: (targets) => `nie nachgesehen auf ${targets}`,
  waitsFor: (what, approved, leaves) => (approved === leaves ? `${what} freigegeben, nicht angewendet (${String(leaves)})` : `${what} wartet auf Freigabe: ${String(approved)} von ${String(leaves)} freigegeben`),
  plan: 'Plan', by: 'von', until: 'bis', reviewBy: (run, ticket, due, overdue) => `Notfall ${run} (${ticket}) ${overdue ? 'war nachzuprüfen bis' : 'nachzuprüfen bis'} ${due}`, andMore: (count) => `und ${String(count)} weitere`,
  signaturesOnly: 'Nur Signaturen sind genannt; Reviews auf einem Code-Host: --platform github',
  kept: { records: 'Einträge', configurations: 'Konfigurationen von Geräten' }, unpushed: (what, customer) => `${what.join(' und ')} liegen nur in diesem Klon: soll audit push ${customer}`,
  heldBy: (target, why) => `${target} angehalten: ${why}`, left: (count) => `${String(count)} vom letzten Lauf ausgelassen`, attention: (count, all) => `${String(count)} von ${String(all)} brauchen Aufmerksamkeit`,
  unknownCustomer: (name) => `einen Kunden namens ${name} gibt es nicht, weder in den Dateien noch mit einem Audit-Branch`,
};

export type AuditWords = typeof en;

export function auditWords(language: Language): AuditWords {
  return language === 'de' ? de : en;
}
