import type { Language } from './words.ts';

const en = {
  title: 'Plan', onto: 'onto', asOf: 'as of', nothing: 'Nothing changes at any customer.', notComplete: 'This plan is not complete: targets could not be read. What is there is unknown, not absent.',
  customers: 'Customers', create: 'create', update: 'update', delete: 'delete', drift: 'drift', conflict: 'conflict', risk: 'risk', unreachable: 'not read', digest: 'digest', moreCustomers: 'more customers; their deletes and high risk are named below',
  mustSee: 'Read this first: deletes and high risk', none: 'No deletes and nothing of high or critical risk.', unguarded: 'UNGUARDED: this could cut us off and nothing undoes it',
  problems: 'Problems', more: 'more', intended: 'Intended', notIntended: 'Drift and conflict: somebody changed the live system', affected: 'People affected', licences: 'Licences', takenOver: 'Taken over untouched', letGo: 'Let go untouched', findings: 'told, not acted upon',
  approveTitle: 'How to approve', approveReview: 'with a review of exactly commit', approveSign: 'or by signature, customer by customer:', approveOnlySign: 'by signature, customer by customer:', approveSet: 'all customers with one signature:', approveNote: 'The digest is what is approved: what recomputes identically after the merge is applied, what moved needs a new approval.',
  cut: (changes: number, customers: number) => `**Shortened**: ${String(changes)} further changes at ${String(customers)} customers are not shown here; no delete and nothing of high or critical risk is among them. The whole plan:`,
  tooLarge: (changes: number) => `**This plan is too large to be read**: ${String(changes)} deletes or changes of high risk do not fit into this text. It cannot be approved like this: split the pull request.`,
  undoBin: 'restorable for 30 days', undoNever: 'CANNOT be restored', undoSettings: 'the settings can be put back from Git',
};

const de: typeof en = {
  title: 'Plan', onto: 'auf', asOf: 'Stand', nothing: 'Bei keinem Kunden ändert sich etwas.', notComplete: 'Dieser Plan ist nicht vollständig: Ziele konnten nicht gelesen werden. Was dort ist, ist unbekannt, nicht abwesend.',
  customers: 'Kunden', create: 'anlegen', update: 'ändern', delete: 'löschen', drift: 'Drift', conflict: 'Konflikt', risk: 'Risiko', unreachable: 'nicht gelesen', digest: 'Digest', moreCustomers: 'weitere Kunden; ihre Löschungen und hohen Risiken sind unten genannt',
  mustSee: 'Zuerst lesen: Löschungen und hohes Risiko', none: 'Keine Löschungen und nichts von hohem oder kritischem Risiko.', unguarded: 'NICHT ABGESICHERT: das kann uns aussperren, und nichts nimmt es zurück',
  problems: 'Probleme', more: 'weitere', intended: 'Gewollt', notIntended: 'Drift und Konflikt: jemand hat das Live-System geändert', affected: 'Betroffene Personen', licences: 'Lizenzen', takenOver: 'Unberührt übernommen', letGo: 'Unberührt losgelassen', findings: 'nur gemeldet',
  approveTitle: 'So wird freigegeben', approveReview: 'mit einem Review von genau Commit', approveSign: 'oder mit Signatur, Kunde für Kunde:', approveOnlySign: 'mit Signatur, Kunde für Kunde:', approveSet: 'alle Kunden mit einer Signatur:', approveNote: 'Freigegeben wird der Digest: was nach dem Merge identisch herauskommt, wird angewendet; was sich bewegt hat, braucht eine neue Freigabe.',
  cut: (changes, customers) => `**Gekürzt**: ${String(changes)} weitere Änderungen bei ${String(customers)} Kunden stehen hier nicht; keine Löschung und nichts von hohem oder kritischem Risiko ist darunter. Der ganze Plan:`,
  tooLarge: (changes) => `**Dieser Plan ist zu groß, um gelesen zu werden**: ${String(changes)} Löschungen oder Änderungen mit hohem Risiko passen nicht in diesen Text. So kann er nicht freigegeben werden: den Pull Request aufteilen.`,
  undoBin: '30 Tage wiederherstellbar', undoNever: 'NICHT wiederherstellbar', undoSettings: 'die Einstellungen lassen sich aus Git zurückholen',
};

export type CommentWords = typeof en;

export function commentWords(language: Language): CommentWords {
  return language === 'de' ? de : en;
}
