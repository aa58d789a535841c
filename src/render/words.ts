/** What reports say, in both languages. Names of the field (plan, drift, digest) stay. */
export type Language = 'en' | 'de';

const en = {
  create: 'create', update: 'update', delete: 'delete', run: 'run', adopt: 'take over', release: 'let go',
  new: 'new', changed: 'changed in YAML', drift: 'drift: changed on the device', conflict: 'conflict: changed in YAML and on the device', adopted: 'taken over', removed: 'removed from YAML',
  low: 'low', medium: 'medium', high: 'HIGH', critical: 'CRITICAL',
  ready: 'ready', unreachable: 'unreachable', blocked: 'blocked',
  guarded: 'guarded: the device undoes it unless confirmed', unguarded: 'UNGUARDED: could cut us off', 'not-needed': '',
  confirmed: 'all at once', staged: 'staged', atomic: 'all at once', object: 'one by one',
  unchanged: 'unchanged', converged: 'converged', pending: 'pending', partial: 'partial', reverted: 'reverted', held: 'held', open: 'not finished',
  done: 'done', rejected: 'rejected', unknown: 'unknown', skipped: 'skipped',
  more: 'more',
  noChanges: 'No changes: what is there is as written.',
  summary: 'Plan', toCreate: 'to create', toUpdate: 'to update', toDelete: 'to delete', toAdopt: 'to take over', toRelease: 'to let go', ofThemDrift: 'of them drift', ofThemConflict: 'of them conflict',
  digest: 'Digest', approveWith: 'Approve and apply', risk: 'risk', findings: 'Told, not acted upon', foreign: 'not ours', missing: 'missing', differs: 'differs',
  problems: 'Problems', target: 'Target', change: 'Change', reason: 'Reason', meaning: 'Meaning', result: 'Result', details: 'Details', moved: 'moved', from: 'from', to: 'to',
  noDrift: 'No drift: what is there is as applied.', driftFound: 'Drift', targets: 'targets', targetsUnreachable: 'unreachable', compared: 'resources compared',
  approvedBy: 'approved by', author: 'author', appliedBy: 'applied by', recoveredBy: 'recovered by', commit: 'commit', noRuns: 'No runs recorded.', when: 'When (UTC)', why: 'Why', what: 'What', run_: 'Run', customer: 'Customer',
  stale: 'Not applied: not what was approved', notRecorded: 'The record could not be written. The next run recovers it.',
  chainIntact: 'intact', records: 'records', runs: 'runs', error: 'error', warning: 'warning', info: 'note', hint: 'mend',
};

const de: typeof en = {
  create: 'anlegen', update: 'ändern', delete: 'löschen', run: 'ausführen', adopt: 'übernehmen', release: 'loslassen',
  new: 'neu', changed: 'in YAML geändert', drift: 'Drift: am Gerät geändert', conflict: 'Konflikt: in YAML und am Gerät geändert', adopted: 'übernommen', removed: 'aus YAML entfernt',
  low: 'gering', medium: 'mittel', high: 'HOCH', critical: 'KRITISCH',
  ready: 'bereit', unreachable: 'nicht erreichbar', blocked: 'gesperrt',
  guarded: 'abgesichert: das Gerät nimmt es zurück, wenn es nicht bestätigt wird', unguarded: 'NICHT ABGESICHERT: kann uns aussperren', 'not-needed': '',
  confirmed: 'alles auf einmal', staged: 'vorbereitet', atomic: 'alles auf einmal', object: 'einzeln',
  unchanged: 'unverändert', converged: 'hergestellt', pending: 'angenommen, noch nicht sichtbar', partial: 'teilweise', reverted: 'zurückgenommen', held: 'angehalten', open: 'nicht beendet',
  done: 'erledigt', rejected: 'abgelehnt', unknown: 'unbekannt', skipped: 'ausgelassen',
  more: 'weitere',
  noChanges: 'Keine Änderungen: alles ist, wie es geschrieben steht.',
  summary: 'Plan', toCreate: 'anzulegen', toUpdate: 'zu ändern', toDelete: 'zu löschen', toAdopt: 'zu übernehmen', toRelease: 'loszulassen', ofThemDrift: 'davon Drift', ofThemConflict: 'davon Konflikt',
  digest: 'Digest', approveWith: 'Freigeben und anwenden', risk: 'Risiko', findings: 'Nur gemeldet', foreign: 'nicht von uns', missing: 'fehlt', differs: 'weicht ab',
  problems: 'Probleme', target: 'Ziel', change: 'Änderung', reason: 'Grund', meaning: 'Bedeutung', result: 'Ergebnis', details: 'Einzelheiten', moved: 'verschoben', from: 'von', to: 'nach',
  noDrift: 'Keine Drift: alles ist, wie es angewendet wurde.', driftFound: 'Drift', targets: 'Ziele', targetsUnreachable: 'nicht erreichbar', compared: 'Ressourcen verglichen',
  approvedBy: 'freigegeben von', author: 'Autor', appliedBy: 'angewendet von', recoveredBy: 'aufgeräumt von', commit: 'Commit', noRuns: 'Keine Läufe verzeichnet.', when: 'Wann (UTC)', why: 'Warum', what: 'Was', run_: 'Lauf', customer: 'Kunde',
  stale: 'Nicht angewendet: nicht das, was freigegeben wurde', notRecorded: 'Der Eintrag konnte nicht geschrieben werden. Der nächste Lauf holt das nach.',
  chainIntact: 'unversehrt', records: 'Einträge', runs: 'Läufe', error: 'Fehler', warning: 'Warnung', info: 'Hinweis', hint: 'Abhilfe',
};

export type Words = typeof en;

export function wordsOf(language: Language): Words {
  return language === 'de' ? de : en;
}
