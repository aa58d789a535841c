import type { Language } from './words.ts';

const en = {
  noVersions: 'No version of this resource is recorded.',
};

const de: typeof en = {
  noVersions: 'Von dieser Ressource ist keine Fassung verzeichnet.',
};

export type AuditWords = typeof en;

export function auditWords(language: Language): AuditWords {
  return language === 'de' ? de : en;
}
