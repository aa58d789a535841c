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

/** Of a target whose family hands out its configuration: what is known of the kept one, against what is promised. */
export interface KeptStanding {
  readonly target: string;
  /** `no-policy`: nobody has written that it is to be kept. `never`: it is, and nobody has noted that it was. */
  readonly state: 'fresh' | 'due' | 'never' | 'no-policy';
  /** When it was fetched last, or seen unchanged; ISO 8601, UTC. */
  readonly at?: string;
  /** Of `due` and `never`: what is promised, hours. */
  readonly everyHours?: number;
}

/** `configBackup` of customer.yaml, as far as it is asked here. */
export interface KeepPolicy {
  readonly everyHours?: number | undefined;
  readonly except?: readonly string[] | undefined;
}

export const defaultKeepHours = 24;

/** `policy`: `undefined` where there is none. What is kept elsewhere on purpose is not told. `now`: milliseconds. */
export function judgeKept(policy: KeepPolicy | undefined, targets: readonly string[], keptAt: (target: string) => string | undefined, now: number): readonly KeptStanding[] {
  if (policy === undefined) return targets.map((target) => ({ target, state: 'no-policy' }));
  const everyHours = policy.everyHours ?? defaultKeepHours;
  return targets.filter((target) => policy.except?.includes(target) !== true).map((target): KeptStanding => {
    const at = keptAt(target);
    if (at === undefined) return { target, state: 'never', everyHours };
    return now - Date.parse(at) > everyHours * 3_600_000 ? { target, state: 'due', at, everyHours } : { target, state: 'fresh', at };
  });
}
