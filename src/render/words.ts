/** What reports say, in both languages. Names of the field (plan, drift, digest) stay. */
export type Language = 'en' | 'de';

/** A number with its noun in the right form. */
function counted(one: string, many: string): (count: number) => string {
  return (count) => `${String(count)} ${count === 1 ? one : many}`;
}

const en = {
  language: 'en' as Language,
  create: 'create', update: 'update', delete: 'delete', run: 'run', adopt: 'take over', release: 'let go', identify: 'accept',
  new: 'new', changed: 'changed in YAML', drift: 'drift: changed on the device', conflict: 'conflict: changed in YAML and on the device', adopted: 'taken over', removed: 'removed from YAML', replaced: 'the device was replaced', rotated: 'renewed on request',
  low: 'low', medium: 'medium', high: 'HIGH', critical: 'CRITICAL',
  ready: 'ready', unreachable: 'unreachable', blocked: 'blocked',
  guarded: 'guarded: the device undoes it unless confirmed', unguarded: 'UNGUARDED: could cut us off; needs --allow-unguarded', 'not-needed': '',
  confirmed: 'all at once', staged: 'staged', atomic: 'all at once', object: 'one by one',
  unchanged: 'unchanged', converged: 'converged', pending: 'pending', partial: 'partial', reverted: 'reverted', held: 'held', open: 'not finished',
  done: 'done', rejected: 'rejected', unknown: 'unknown', skipped: 'skipped',
  more: 'more',
  noChanges: 'No changes: what is there is as written.', onlyTold: 'Nothing to apply: what differs is told, not acted upon.', was: 'was',
  summary: 'Plan', toCreate: 'to create', toUpdate: 'to update', toDelete: 'to delete', toAdopt: 'to take over', toRelease: 'to let go', ofThemDrift: 'of them drift', ofThemConflict: 'of them conflict',
  digest: 'Digest', approveWith: 'Approve and apply', risk: 'risk', findings: 'Told, not acted upon', foreign: 'not ours', missing: 'missing', differs: 'differs', accepted: 'accepted until', causes: 'Drift by cause', nCauses: counted('cause', 'causes'), acceptedUntil: 'Accepted until a day', notRead: 'Not read: nothing is known about drift here', whereTo: 'Ways out', revert: 'revert: soll plan, then soll apply', adoptHow: 'write it down: soll drift CUSTOMER --adopt --pull-request', acceptHow: 'accept until a day: soll drift CUSTOMER --accept target/kind/name --until DATE --reason TEXT',
  change: 'Change', reason: 'Reason', meaning: 'Meaning', result: 'Result', details: 'Details',
  noDrift: 'No drift: what is there is as applied.',
  approvedBy: 'approved by', author: 'author', appliedBy: 'applied by', recoveredBy: 'recovered by', commit: 'commit', noRuns: 'No runs recorded.', when: 'When (UTC)', why: 'Why', what: 'What', run_: 'run', customer: 'Customer',
  stale: 'Not applied: not what was approved', notRecorded: 'The record could not be written. The next run recovers it.',
  chainIntact: 'intact', error: 'error', warning: 'warning', info: 'note', hint: 'mend',
  nCustomers: counted('customer', 'customers'), nFiles: counted('file', 'files'), nResources: counted('resource', 'resources'), nTargets: counted('target', 'targets'), nPlaces: counted('place', 'places with the same changes'), nErrors: counted('error', 'errors'), nNotes: counted('warning or note', 'warnings and notes'),
  nProblems: counted('problem', 'problems'), nRecords: counted('record', 'records'), nRuns: counted('run', 'runs'), nChanges: counted('change', 'changes'), nCompared: counted('resource compared', 'resources compared'), nUnreachable: counted('target unreachable', 'targets unreachable'),
  valid: 'valid', hintDefect: 'this is a mistake in soll; --verbose shows where, please report it',
  rotationSteps: { added: 'new credential added beside the old one:', proven: 'works over a new session:', stored: 'stored in the secrets file:', proposed: 'stored on a branch of its own:', removed: 'old credential removed:', 'taken-back': 'taken back:' },
  reading: 'reading', readDone: 'read', opened: 'opened, number', recovering: 'recovering', applying: 'applying', verifying: 'verifying', verifyingOver: 'verifying over a new session', under: 'under way', recorded: 'recorded', recordedNot: 'NOT recorded',
  guardArmed: 'guard armed', guardConfirmed: 'guard confirmed', guardFired: 'guard fired: the device went back', guardRecovered: 'guard recovered', seconds: 's',
  notApplied: 'not applied', question: 'Type the customer\'s name to approve and apply, anything else to leave it:', hintRotate: 'on a terminal soll asks; elsewhere --yes does what is shown', hintApproveRotate: '`soll approve CUSTOMER DIGEST`, then this again; a pull request review cannot say it', questionRotate: 'Type the customer\'s name to approve this and do it, anything else to leave it:', stoppedAbove: 'Stopped by the errors above; what they concern is not applied.',
  waits: 'waits', nWait: (held: number, leaves: number) => `${String(held)} of ${counted('change', 'changes')(leaves)} would wait now`,
  stopping: 'stopping: nothing new is begun; what was begun is verified and recorded. Ctrl-C again ends at once, the next run then recovers.',
  hintNotApproved: '`soll plan` shows it; then `soll apply` with --approve and the digest', hintLocked: 'wait for it, or give a longer --lock-timeout', hintRecord: 'mend that and run `soll apply` again: it first brings what was begun to a verdict',
  hintStale: 'plan again and have that approved', hintHeld: 'the outcome is unknown; the next `soll apply` reads the target and settles it before anything else', hintReverted: 'the device is as before; find out why it could not be reached, then plan again', hintPartial: 'put right what was rejected, then plan again: what was done stays done',
  reach: 'reach', identity: 'identity', 'read-credential': 'read credential', 'write-credential': 'write credential', permissions: 'permissions', clock: 'clock', firmware: 'firmware', allWell: 'all well', withFaults: 'with faults',
  standIns: 'Stand-ins on loopback:', byHand: 'by hand', labHow: 'Change one by hand, as somebody would a device: soll lab edit TARGET CHANGE\nWhat each change does: soll lab edit', labRunning: 'Lab is running. In another terminal: soll plan --lab. Ctrl-C ends it.',
  written: 'written; look at it, then commit', notWritten: 'nothing was written', noLab: 'no lab is running here; start it in another terminal: soll lab', unknownEdit: 'there is no such stand-in or change',
  waiting: 'not applied, waits', approved: 'approved', notApproved: 'not approved', rejectedBy: 'rejected by', withdrawnBy: 'taken back by', reviewedBy: 'reviewed by', until: 'until', countsNot: 'counts nothing', noApprovals: 'Nothing was shown for approval.', notSigned: 'nothing was signed',
  ignoredWindow: 'maintenance window ignored', ignoredFreeze: 'freeze ignored', keptOffline: 'RECORDED IN A CLONE', notAsked: (remote: string) => `${remote} was not asked`, seenLast: 'last seen', fork: (base: number, joined: number, records: string) => `the chain parts after record ${String(base)}; ${records} kept by a clone were joined by record ${String(joined)}; the proof covers both`, bothDealt: 'dealt with on both',
  noLock: 'THE REMOTE IS NOT ASKED. Records stay in this clone, and nothing keeps another machine from working on the same customer: call whoever could be.',
  configurationsPushed: 'configurations of devices brought to their remote', nothingKept: 'this clone keeps no records that the remote lacks', notPushed: 'not brought to the remote', pushed: (records: string) => `${records} brought to the remote`, joined: (records: string, by: number) => `the remote had gone on: ${records} joined by record ${String(by)}, both chains stay as they are`, lookAtBoth: '`soll plan` shows what is there now', unpublished: (commit: string) => `commit ${commit} was applied and is on no branch of the remote: bring it into the main branch, or nobody else can plan`,
  emergency: 'EMERGENCY', reviewDue: 'review due by', reviewOverdue: 'REVIEW OVERDUE since', asNoted: 'as CI has shown it at', needsYes: 'nobody can be asked here; --yes signs what is shown',
  questionSign: 'Type the customer\'s name to sign this, anything else to leave it:', questionReject: 'Type the customer\'s name to reject this, anything else to leave it:', fleetDigest: 'Digest of all of them', fleetApprove: 'Approve and apply all of them', questionSignSet: (count: number) => `Type the number of customers (${String(count)}) to sign this for all of them, anything else to leave it:`, questionRejectSet: (count: number) => `Type the number of customers (${String(count)}) to reject this for all of them, anything else to leave it:`, unasked: 'the code host could not be asked for reviews, only signatures are told', unnoted: 'could not be noted there and counts nothing; sign again', hintApprove: 'a review of the pull request, or `soll approve CUSTOMER DIGEST`; `soll approvals` shows what is there',
};

const de: typeof en = {
  language: 'de',
  create: 'anlegen', update: 'ändern', delete: 'löschen', run: 'ausführen', adopt: 'übernehmen', release: 'loslassen', identify: 'anerkennen',
  new: 'neu', changed: 'in YAML geändert', drift: 'Drift: am Gerät geändert', conflict: 'Konflikt: in YAML und am Gerät geändert', adopted: 'übernommen', removed: 'aus YAML entfernt', replaced: 'das Gerät wurde ersetzt', rotated: 'auf Wunsch erneuert',
  low: 'gering', medium: 'mittel', high: 'HOCH', critical: 'KRITISCH',
  ready: 'bereit', unreachable: 'nicht erreichbar', blocked: 'gesperrt',
  guarded: 'abgesichert: das Gerät nimmt es zurück, wenn es nicht bestätigt wird', unguarded: 'NICHT ABGESICHERT: kann uns aussperren; braucht --allow-unguarded', 'not-needed': '',
  confirmed: 'alles auf einmal', staged: 'vorbereitet', atomic: 'alles auf einmal', object: 'einzeln',
  unchanged: 'unverändert', converged: 'hergestellt', pending: 'angenommen, noch nicht sichtbar', partial: 'teilweise', reverted: 'zurückgenommen', held: 'angehalten', open: 'nicht beendet',
  done: 'erledigt', rejected: 'abgelehnt', unknown: 'unbekannt', skipped: 'ausgelassen',
  more: 'weitere',
  noChanges: 'Keine Änderungen: alles ist, wie es geschrieben steht.', onlyTold: 'Nichts anzuwenden: was abweicht, wird nur gemeldet.', was: 'bisher',
  summary: 'Plan', toCreate: 'anzulegen', toUpdate: 'zu ändern', toDelete: 'zu löschen', toAdopt: 'zu übernehmen', toRelease: 'loszulassen', ofThemDrift: 'davon Drift', ofThemConflict: 'davon Konflikt',
  digest: 'Digest', approveWith: 'Freigeben und anwenden', risk: 'Risiko', findings: 'Nur gemeldet', foreign: 'nicht von uns', missing: 'fehlt', differs: 'weicht ab', accepted: 'hingenommen bis', causes: 'Drift nach Ursache', nCauses: counted('Ursache', 'Ursachen'), acceptedUntil: 'Bis zu einem Tag hingenommen', notRead: 'Nicht gelesen: über Drift ist hier nichts bekannt', whereTo: 'Auswege', revert: 'zurücknehmen: soll plan, dann soll apply', adoptHow: 'übernehmen: soll drift KUNDE --adopt --pull-request', acceptHow: 'bis zu einem Tag hinnehmen: soll drift KUNDE --accept ziel/art/name --until DATUM --reason TEXT',
  change: 'Änderung', reason: 'Grund', meaning: 'Bedeutung', result: 'Ergebnis', details: 'Einzelheiten',
  noDrift: 'Keine Drift: alles ist, wie es angewendet wurde.',
  approvedBy: 'freigegeben von', author: 'Autor', appliedBy: 'angewendet von', recoveredBy: 'aufgeräumt von', commit: 'Commit', noRuns: 'Keine Läufe verzeichnet.', when: 'Wann (UTC)', why: 'Warum', what: 'Was', run_: 'Lauf', customer: 'Kunde',
  stale: 'Nicht angewendet: nicht das, was freigegeben wurde', notRecorded: 'Der Eintrag konnte nicht geschrieben werden. Der nächste Lauf holt das nach.',
  chainIntact: 'unversehrt', error: 'Fehler', warning: 'Warnung', info: 'Hinweis', hint: 'Abhilfe',
  nCustomers: counted('Kunde', 'Kunden'), nFiles: counted('Datei', 'Dateien'), nResources: counted('Ressource', 'Ressourcen'), nTargets: counted('Ziel', 'Ziele'), nPlaces: counted('Stelle', 'Stellen mit denselben Änderungen'), nErrors: counted('Fehler', 'Fehler'), nNotes: counted('Warnung oder Hinweis', 'Warnungen und Hinweise'),
  nProblems: counted('Problem', 'Probleme'), nRecords: counted('Eintrag', 'Einträge'), nRuns: counted('Lauf', 'Läufe'), nChanges: counted('Änderung', 'Änderungen'), nCompared: counted('Ressource verglichen', 'Ressourcen verglichen'), nUnreachable: counted('Ziel nicht erreichbar', 'Ziele nicht erreichbar'),
  valid: 'gültig', hintDefect: 'das ist ein Fehler in soll; --verbose zeigt die Stelle, bitte melden',
  rotationSteps: { added: 'neuer Zugang neben dem alten angelegt:', proven: 'funktioniert in einer neuen Sitzung:', stored: 'in der Secrets-Datei abgelegt:', proposed: 'auf einem eigenen Branch abgelegt:', removed: 'alter Zugang entfernt:', 'taken-back': 'zurückgenommen:' },
  reading: 'liest', readDone: 'gelesen', opened: 'begonnen, Nummer', recovering: 'räumt auf:', applying: 'wendet an:', verifying: 'prüft nach', verifyingOver: 'prüft in einer neuen Sitzung nach', under: 'läuft noch', recorded: 'verzeichnet', recordedNot: 'NICHT verzeichnet',
  guardArmed: 'Absicherung scharf', guardConfirmed: 'Absicherung bestätigt', guardFired: 'Absicherung ausgelöst: das Gerät ging zurück', guardRecovered: 'Absicherung aufgeräumt', seconds: 's',
  notApplied: 'nicht angewendet', question: 'Zum Freigeben und Anwenden den Namen des Kunden eingeben, sonst etwas anderes:', hintRotate: 'im Terminal fragt soll; sonst tut --yes, was gezeigt wird', hintApproveRotate: '`soll approve KUNDE DIGEST`, dann das hier nochmals; eine Freigabe am Pull Request kann es nicht sagen', questionRotate: 'Zum Freigeben und Ausführen den Namen des Kunden eingeben, sonst etwas anderes:', stoppedAbove: 'Von den Fehlern oben angehalten; was sie betreffen, wird nicht angewendet.',
  waits: 'wartet', nWait: (held, leaves) => `${String(held)} von ${counted('Änderung', 'Änderungen')(leaves)} ${held === 1 ? 'würde' : 'würden'} jetzt warten`,
  stopping: 'hält an: nichts Neues wird begonnen; was begonnen ist, wird nachgeprüft und verzeichnet. Nochmals Strg-C beendet sofort, der nächste Lauf räumt dann auf.',
  hintNotApproved: '`soll plan` zeigt ihn; dann `soll apply` mit --approve und dem Digest', hintLocked: 'abwarten, oder --lock-timeout länger setzen', hintRecord: 'das beheben und `soll apply` nochmals rufen: es bringt zuerst das Begonnene zu Ende',
  hintStale: 'neu planen und das freigeben lassen', hintHeld: 'der Ausgang ist unbekannt; das nächste `soll apply` liest das Ziel und klärt es vor allem anderen', hintReverted: 'das Gerät ist wie vorher; klären, warum es nicht erreichbar war, dann neu planen', hintPartial: 'das Abgelehnte beheben, dann neu planen: Erledigtes bleibt erledigt',
  reach: 'Erreichbarkeit', identity: 'Identität', 'read-credential': 'Lesezugang', 'write-credential': 'Schreibzugang', permissions: 'Rechte', clock: 'Uhr', firmware: 'Firmware', allWell: 'alles in Ordnung', withFaults: 'mit Fehlern',
  standIns: 'Stellvertreter auf diesem Rechner:', byHand: 'von Hand', labHow: 'Von Hand ändern, wie jemand an einem Gerät: soll lab edit ZIEL ÄNDERUNG\nWas jede Änderung tut: soll lab edit', labRunning: 'Das Lab läuft. In einem anderen Terminal: soll plan --lab. Strg-C beendet es.',
  written: 'geschrieben; ansehen, dann committen', notWritten: 'nichts wurde geschrieben', noLab: 'hier läuft kein Lab; in einem anderen Terminal starten: soll lab', unknownEdit: 'diesen Stellvertreter oder diese Änderung gibt es nicht',
  waiting: 'nicht angewendet, wartet', approved: 'freigegeben', notApproved: 'nicht freigegeben', rejectedBy: 'abgelehnt von', withdrawnBy: 'zurückgenommen von', reviewedBy: 'nachgeprüft von', until: 'bis', countsNot: 'zählt nicht', noApprovals: 'Nichts wurde zur Freigabe vorgelegt.', notSigned: 'nichts wurde unterschrieben',
  ignoredWindow: 'Wartungsfenster übergangen', ignoredFreeze: 'Einfrieren übergangen', keptOffline: 'IN EINEM KLON VERZEICHNET', notAsked: (remote) => `${remote} wurde nicht gefragt`, seenLast: 'zuletzt gesehen', fork: (base, joined, records) => `die Kette teilt sich nach Eintrag ${String(base)}; ${records}, von einem Klon gehalten, mit Eintrag ${String(joined)} zusammengeführt; die Prüfung umfasst beide`, bothDealt: 'auf beiden behandelt',
  noLock: 'DER REMOTE WIRD NICHT GEFRAGT. Einträge bleiben in diesem Klon, und nichts hindert ein anderes Gerät daran, am selben Kunden zu arbeiten: anrufen, wer es sein könnte.',
  configurationsPushed: 'Konfigurationen von Geräten zu ihrem Remote gebracht', nothingKept: 'dieser Klon hält keine Einträge, die der Remote nicht hat', notPushed: 'nicht zum Remote gebracht', pushed: (records) => `${records} zum Remote gebracht`, joined: (records, by) => `der Remote war weiter: ${records} mit Eintrag ${String(by)} zusammengeführt, beide Ketten bleiben, wie sie sind`, lookAtBoth: '`soll plan` zeigt, was jetzt da ist', unpublished: (commit) => `Commit ${commit} wurde angewendet und ist auf keinem Branch des Remotes: in den Hauptbranch bringen, sonst kann niemand sonst planen`,
  emergency: 'NOTFALL', reviewDue: 'Nachprüfung bis', reviewOverdue: 'NACHPRÜFUNG ÜBERFÄLLIG seit', asNoted: 'wie die CI es gezeigt hat am', needsYes: 'hier kann niemand gefragt werden; --yes unterschreibt, was gezeigt wird',
  questionSign: 'Zum Unterschreiben den Namen des Kunden eingeben, sonst etwas anderes:', questionReject: 'Zum Ablehnen den Namen des Kunden eingeben, sonst etwas anderes:', fleetDigest: 'Digest über alle', fleetApprove: 'Alle freigeben und anwenden', questionSignSet: (count) => `Zum Unterschreiben für alle die Zahl der Kunden (${String(count)}) eingeben, sonst etwas anderes:`, questionRejectSet: (count) => `Zum Ablehnen für alle die Zahl der Kunden (${String(count)}) eingeben, sonst etwas anderes:`, unasked: 'der Code-Host konnte nicht nach Reviews gefragt werden, nur Signaturen sind genannt', unnoted: 'konnte dort nicht vermerkt werden und zählt nicht; nochmals unterschreiben', hintApprove: 'eine Freigabe am Pull Request, oder `soll approve KUNDE DIGEST`; `soll approvals` zeigt, was da ist',
};

export type Words = typeof en;

export function wordsOf(language: Language): Words {
  return language === 'de' ? de : en;
}
