/** What a pull request says that takes drift over into the files. */
import { parseAddress, type Address } from '#contract';
import { codeSpan, escapeMarkdown } from './escape-markdown.ts';
import type { Language } from './words.ts';

const words = {
  en: {
    title: (customer: string, count: number) => `Adopt drift of ${customer}: ${String(count)} ${count === 1 ? 'resource' : 'resources'}`,
    why: 'This was changed past Git and stands here as it is on the systems now. Merged, it stays. To put it back instead, close this and run',
    adopted: 'Written as it is there', left: 'Not adopted', more: 'more',
  },
  de: {
    title: (customer: string, count: number) => `Drift von ${customer} übernehmen: ${String(count)} ${count === 1 ? 'Ressource' : 'Ressourcen'}`,
    why: 'Das wurde an Git vorbei geändert und steht hier so, wie es jetzt auf den Systemen ist. Zusammengeführt bleibt es. Soll es zurück: schließen und',
    adopted: 'Geschrieben, wie es dort ist', left: 'Nicht übernommen', more: 'weitere',
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
