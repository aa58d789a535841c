/** What a pull request says that takes drift over into the files. */
import { parseAddress, type Address } from '#contract';
import { codeSpan, escapeMarkdown } from './escape-markdown.ts';
import type { Language } from './words.ts';

const words = {
  en: {
    title: (customer: string, count: number) => `Adopt drift of ${customer}: ${String(count)} ${count === 1 ? 'resource' : 'resources'}`,
    why: 'This was changed past Git and stands here as it is on the systems now. Merged, it stays. To put it back instead, close this and run',
    adopted: 'Written as it is there', left: 'Not adopted', more: 'more',
    gone: 'Closed: the drift is gone. All targets were read, and what is there is as applied again, so there is nothing left to adopt. Whatever drifts next opens a new pull request.',
  },
  de: {
    title: (customer: string, count: number) => `Drift von ${customer} übernehmen: ${String(count)} ${count === 1 ? 'Ressource' : 'Ressourcen'}`,
    why: 'Das wurde an Git vorbei geändert und steht hier so, wie es jetzt auf den Systemen ist. Zusammengeführt bleibt es. Soll es zurück: schließen und',
    adopted: 'Geschrieben, wie es dort ist', left: 'Nicht übernommen', more: 'weitere',
    gone: 'Geschlossen: die Drift ist weg. Alle Ziele wurden gelesen, und was dort ist, ist wieder wie angewendet, es gibt also nichts mehr zu übernehmen. Die nächste Drift öffnet einen neuen Pull Request.',
  },
};

export interface AdoptionText {
  readonly customer: string;
  readonly adopted: readonly Address[];
  readonly leftOut: readonly { readonly address: Address; readonly why: string }[];
}

const mostLines = 100;

export function adoptionTitle({ customer, adopted }: AdoptionText, language: Language): string {
  return words[language].title(customer, adopted.length);
}

/** Why a pull request that took drift over is closed. */
export function adoptionGone(language: Language): string {
  return words[language].gone;
}

export function renderAdoption({ customer, adopted, leftOut }: AdoptionText, language: Language): string {
  const say = words[language];
  const name = (address: Address): string => {
    const { target, kind, name: own } = parseAddress(address);
    return codeSpan(`${target}/${kind}/${own}`);
  };
  const list = (title: string, lines: readonly string[]): readonly string[] => (lines.length === 0 ? [] : [
    '', `**${title}**`, '', ...lines.slice(0, mostLines).map((line) => `- ${line}`), ...(lines.length > mostLines ? [`- … ${String(lines.length - mostLines)} ${say.more}`] : []),
  ]);
  return [
    `${say.why} ${codeSpan(`soll plan ${customer}`)}, ${codeSpan(`soll apply ${customer}`)}.`,
    ...list(say.adopted, adopted.map(name)),
    ...list(say.left, leftOut.map(({ address, why }) => `${name(address)}: ${escapeMarkdown(why.slice(0, 200))}`)),
  ].join('\n');
}
