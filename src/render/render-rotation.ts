import type { RotationPreview } from '#core/rotation-preview';
import { escapeTerminal } from './escape-terminal.ts';
import type { View } from './render-plan.ts';

const words = {
  en: {
    title: { read: 'renew the reading credential', write: 'renew the writing credential' }, now: 'now', kept: 'kept', digest: 'Digest',
    place: (place: string, others: number) => `${place}${others === 0 ? '' : `, beside ${String(others)} other${others === 1 ? '' : 's'} that stay`}`,
    lab: 'the lab', steps: (file: string, pushed: string | undefined) => [
      'A new credential is made and added on the target beside the present one.',
      'soll signs in with it over a new session and does what it is for.',
      file === 'lab' ? 'The lab is told the new value; no file of the customer is touched.' : `It is written into ${file}, encrypted as before; that one file is committed${pushed === undefined ? '' : ` and pushed to ${pushed} (or to a branch of its own, where that is not allowed)`}.`,
      'Only then the present one is removed on the target, over a session that shows that the new one works.',
    ],
    safe: 'Until the last step the present credential works. If anything breaks off, the next soll rotate or soll apply goes on or takes the new one back.',
  },
  de: {
    title: { read: 'Zugang zum Lesen erneuern', write: 'Zugang zum Schreiben erneuern' }, now: 'jetzt', kept: 'abgelegt', digest: 'Digest',
    place: (place: string, others: number) => `${place}${others === 0 ? '' : `, neben ${String(others)} ${others === 1 ? 'anderen, der bleibt' : 'anderen, die bleiben'}`}`,
    lab: 'das Lab', steps: (file: string, pushed: string | undefined) => [
      'Ein neuer Zugang wird erzeugt und am Ziel neben dem jetzigen eingetragen.',
      'soll meldet sich damit in einer neuen Sitzung an und tut, wozu er da ist.',
      file === 'lab' ? 'Das Lab erfährt den neuen Wert; keine Datei des Kunden wird angefasst.' : `Er wird in ${file} geschrieben, verschlüsselt wie bisher; diese eine Datei wird committet${pushed === undefined ? '' : ` und nach ${pushed} hochgeladen (oder auf einen eigenen Branch, wo das nicht erlaubt ist)`}.`,
      'Erst dann wird der jetzige am Ziel entfernt, in einer Sitzung, die zeigt, dass der neue funktioniert.',
    ],
    safe: 'Bis zum letzten Schritt funktioniert der jetzige Zugang. Bricht etwas ab, führt das nächste soll rotate oder soll apply es fort oder nimmt den neuen zurück.',
  },
};

export function renderRotation({ customer, target, credential, secret, file, id, place, others, pushed, digest }: RotationPreview, { paint, language }: View): string {
  const say = words[language];
  return [
    `${paint('bold', escapeTerminal(`${customer}/${target}`))}: ${say.title[credential]}`,
    `  ${say.now}: ${escapeTerminal(id)} (${escapeTerminal(say.place(place, others))})`,
    `  ${say.kept}: ${escapeTerminal(secret)}, ${escapeTerminal(file === 'lab' ? say.lab : file)}`,
    ...say.steps(file, pushed).map((step, index) => `  ${String(index + 1)}. ${escapeTerminal(step)}`),
    `  ${say.safe}`,
    `  ${say.digest}: ${digest}`,
  ].join('\n');
}
