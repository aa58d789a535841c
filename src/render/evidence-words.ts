import type { Language } from './words.ts';

const en = {
  title: 'Evidence of changes', period: 'Period', from: (day: string) => `from ${day}`, until: (day: string) => `until ${day}, included`, everything: 'everything that is recorded', tool: 'Made by',
  brokenTitle: 'READ THIS FIRST: the records cannot be believed', broken: 'This pack was asked for although the proof failed. What follows is what could be read; it proves nothing about the customers named here.',
  mapping: 'Which part speaks to which heading',
  mappingNote: 'Each part speaks to all three. The mapping is ours, not that of the publishers; no requirement is quoted. Whether a requirement is met is for the auditor to say.',
  part: 'Part of this pack', shows: 'What it shows',
  parts: [
    ['Population', 'all changes of the period, numbered without a gap, so that a sample can be drawn'], ['Why, asked by', 'what the change was for and who wrote it'], ['Approvals', 'who let it through, how, and whether that was before the first write'],
    ['Before and after', 'what exactly differs, field by field'], ['Targets', 'what the systems said, read anew after the change; whether it was taken back'], ['Not as meant', 'changes that did not end as meant'], ['Proof', 'nothing was edited, left out or put in afterwards'],
  ] as readonly (readonly [string, string])[],
  customer: 'Customer', population: 'Population', proof: 'Proof', intact: 'intact: numbers without a gap, each record with the hash of the one before, every run covered by an approval', notIntact: 'BROKEN', head: 'hash of the last record',
  recordsAll: 'Records on the branch', runsAll: 'Runs on the branch', runsIn: 'Runs in the period', recordsIn: 'Records of these runs', numbers: 'their numbers', to: 'to', failed: 'Not as meant', none: 'none', noRuns: 'No run in this period.',
  populationNote: 'A run belongs to the period when it was begun before its end and not closed before its beginning.',
  run: 'Run', why: 'Why', ticket: 'Ticket', asked: 'Asked by (author of the commit)', commit: 'Commit', approvals: 'Approvals', noApproval: 'NONE', before: 'before the first write', after: 'NOT before the first write', expires: 'valid until', withOthers: 'given for several customers at once, digest of the set', applied: 'Applied by', takenOver: 'Taken over by', begun: 'Begun (record before the first write)', closed: 'Closed', never: 'never', digest: 'Digest of what was approved', records: 'Records',
  targets: 'Targets', target: 'Target', result: 'Result', guard: 'Guard', changes: 'Before and after', change: 'Change', difference: 'Difference', outcome: 'Outcome', leftOut: 'Left out by this run',
  guards: { none: 'none', confirmed: 'armed, confirmed', 'went-back': 'went back by itself', unknown: 'armed, outcome not known' },
  verified: 'done: read anew and as meant', notSaid: 'not said',
  emergency: 'EMERGENCY', reviewDue: 'review due by', reviewedBy: 'reviewed by', passed: 'Passed on purpose', states: { window: 'maintenance window', freeze: 'freeze' }, leaves: (count: number) => `${String(count)} ${count === 1 ? 'change' : 'changes'}`,
  offline: (remote: string) => `Recorded in the clone, ${remote} could not be asked: nobody could be locked out`, seen: 'last seen there', neverSeen: 'never seen there', kept: (joined: number) => `kept by the clone on a chain of its own, joined by record ${String(joined)}`,
  fork: (base: number, joined: number) => `The chain parts after record ${String(base)} and is joined again by record ${String(joined)}; the proof covers both parts`, both: 'dealt with on both',
  how: 'How to verify this without us',
  steps: [
    'The files of this pack: `sha256sum --check SHA256SUMS` in its folder. Keep the hash of SHA256SUMS in a place of your own.',
    'The records: clone the repository (or take a `git bundle` of it) and run `soll audit verify --json`. `head` of each customer must be the hash that stands here, or the branch must have grown since: then the record of the last number named here still has that hash.',
    'Approvals by signature: `statement` and `signature` stand in evidence.json. Write both to files and run `ssh-keygen -Y verify -n soll-approval` with the keys that the configuration named at that time. A statement with `fleet` names several customers with the digest of each plan; `leaves` beside it add up to that of this customer.',
    'Commits: `git show COMMIT` in the clone; the id is the hash of what it holds.',
  ],
};

const de: typeof en = {
  title: 'Nachweis der Änderungen', period: 'Zeitraum', from: (day) => `ab ${day}`, until: (day) => `bis ${day} einschließlich`, everything: 'alles, was verzeichnet ist', tool: 'Erstellt mit',
  brokenTitle: 'ZUERST LESEN: den Einträgen ist nicht zu glauben', broken: 'Dieser Nachweis wurde verlangt, obwohl die Prüfung gescheitert ist. Was folgt, ist, was sich lesen ließ; über die hier genannten Kunden beweist es nichts.',
  mapping: 'Welcher Teil zu welcher Überschrift gehört',
  mappingNote: 'Jeder Teil gehört zu allen dreien. Die Zuordnung stammt von uns, nicht von den Herausgebern; keine Anforderung wird zitiert. Ob eine Anforderung erfüllt ist, sagt der Prüfer.',
  part: 'Teil dieses Nachweises', shows: 'Was er zeigt',
  parts: [
    ['Grundgesamtheit', 'alle Änderungen des Zeitraums, lückenlos nummeriert, damit eine Stichprobe gezogen werden kann'], ['Warum, verlangt von', 'wozu die Änderung diente und wer sie geschrieben hat'], ['Freigaben', 'wer sie zuließ, wie, und ob das vor dem ersten Schreiben war'],
    ['Vorher und nachher', 'was genau sich unterscheidet, Feld für Feld'], ['Ziele', 'was die Systeme sagten, nach der Änderung neu gelesen; ob es zurückgenommen wurde'], ['Nicht wie gemeint', 'Änderungen, die nicht wie gemeint endeten'], ['Prüfung', 'nichts wurde nachträglich geändert, weggelassen oder eingefügt'],
  ],
  customer: 'Kunde', population: 'Grundgesamtheit', proof: 'Prüfung', intact: 'unversehrt: lückenlos nummeriert, jeder Eintrag mit dem Hash des vorigen, jeder Lauf von einer Freigabe gedeckt', notIntact: 'BESCHÄDIGT', head: 'Hash des letzten Eintrags',
  recordsAll: 'Einträge auf dem Branch', runsAll: 'Läufe auf dem Branch', runsIn: 'Läufe im Zeitraum', recordsIn: 'Einträge dieser Läufe', numbers: 'ihre Nummern', to: 'bis', failed: 'Nicht wie gemeint', none: 'keine', noRuns: 'Kein Lauf in diesem Zeitraum.',
  populationNote: 'Ein Lauf gehört zum Zeitraum, wenn er vor dessen Ende begann und nicht vor dessen Anfang geschlossen wurde.',
  run: 'Lauf', why: 'Warum', ticket: 'Ticket', asked: 'Verlangt von (Autor des Commits)', commit: 'Commit', approvals: 'Freigaben', noApproval: 'KEINE', before: 'vor dem ersten Schreiben', after: 'NICHT vor dem ersten Schreiben', expires: 'gültig bis', withOthers: 'für mehrere Kunden zugleich gegeben, Digest über alle', applied: 'Angewendet von', takenOver: 'Übernommen von', begun: 'Begonnen (Eintrag vor dem ersten Schreiben)', closed: 'Geschlossen', never: 'nie', digest: 'Digest des Freigegebenen', records: 'Einträge',
  targets: 'Ziele', target: 'Ziel', result: 'Ergebnis', guard: 'Absicherung', changes: 'Vorher und nachher', change: 'Änderung', difference: 'Unterschied', outcome: 'Ausgang', leftOut: 'Von diesem Lauf ausgelassen',
  guards: { none: 'keine', confirmed: 'scharf, bestätigt', 'went-back': 'von selbst zurückgegangen', unknown: 'scharf, Ausgang nicht bekannt' },
  verified: 'erledigt: neu gelesen und wie gemeint', notSaid: 'nicht gesagt',
  emergency: 'NOTFALL', reviewDue: 'Nachprüfung bis', reviewedBy: 'nachgeprüft von', passed: 'Bewusst übergangen', states: { window: 'Wartungsfenster', freeze: 'Einfrieren' }, leaves: (count) => `${String(count)} ${count === 1 ? 'Änderung' : 'Änderungen'}`,
  offline: (remote) => `Im Klon verzeichnet, ${remote} war nicht zu erreichen: niemand konnte ausgesperrt werden`, seen: 'dort zuletzt gesehen', neverSeen: 'dort nie gesehen', kept: (joined) => `vom Klon auf einer eigenen Kette gehalten, zusammengeführt mit Eintrag ${String(joined)}`,
  fork: (base, joined) => `Die Kette teilt sich nach Eintrag ${String(base)} und läuft mit Eintrag ${String(joined)} wieder zusammen; die Prüfung umfasst beide Teile`, both: 'auf beiden behandelt',
  how: 'Wie sich das ohne uns prüfen lässt',
  steps: [
    'Die Dateien dieses Nachweises: `sha256sum --check SHA256SUMS` in seinem Ordner. Den Hash von SHA256SUMS an einem eigenen Ort aufbewahren.',
    'Die Einträge: das Repository klonen (oder ein `git bundle` davon nehmen) und `soll audit verify --json` aufrufen. `head` jedes Kunden muss der Hash sein, der hier steht, oder der Branch ist seither gewachsen: dann hat der Eintrag mit der letzten hier genannten Nummer noch diesen Hash.',
    'Freigaben mit Signatur: `statement` und `signature` stehen in evidence.json. Beide in Dateien schreiben und `ssh-keygen -Y verify -n soll-approval` aufrufen, mit den Schlüsseln, die die Konfiguration zu dieser Zeit nannte. Eine Erklärung mit `fleet` nennt mehrere Kunden mit dem Digest jedes Plans; die `leaves` daneben ergeben den dieses Kunden.',
    'Commits: `git show COMMIT` im Klon; die Kennung ist der Hash dessen, was er enthält.',
  ],
};

export type EvidenceWords = typeof en;

export function evidenceWords(language: Language): EvidenceWords {
  return language === 'de' ? de : en;
}

/** Names of chapters as their publishers print them; nothing else of theirs is here. */
export const headings: readonly string[] = ['ISO/IEC 27001:2022, A.8.32 Change management', 'BSI IT-Grundschutz, OPS.1.1.3 Patch- und Änderungsmanagement', 'SOC 2 (Trust Services Criteria), CC8.1 Change management'];
