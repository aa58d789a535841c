/** What is known of a target's fetched configuration. Stands in the clear beside it: nothing of its content. */
export interface BackupMeta {
  readonly formatVersion: '1.0';
  readonly target: string;
  readonly provider: string;
  readonly pin: string;
  readonly product: string;
  readonly version: string;
  /** How the device writes it: `cisco-ios`, `xml`, … */
  readonly format: string;
  /** ISO 8601, UTC: when this content was fetched first, and when it was last seen unchanged. */
  readonly takenAt: string;
  readonly checkedAt: string;
  /** Of the plain text. */
  readonly bytes: number;
  /** SHA-256 over salt and comparable text, hex: tells whether anything has changed without a key. */
  readonly salt: string;
  readonly fingerprint: string;
}

/** `stored`, `unchanged`: fetched now. `due`, `fresh`, `never`: what is kept, against what is promised. `unsupported`: the family hands none out. */
export type BackupState = 'stored' | 'unchanged' | 'failed' | 'fresh' | 'due' | 'never' | 'unsupported';

export interface BackupEntry {
  readonly customer: string;
  readonly target: string;
  readonly state: BackupState;
  readonly checkedAt?: string;
  readonly takenAt?: string;
  readonly bytes?: number;
  readonly why?: string;
  readonly hint?: string;
}
