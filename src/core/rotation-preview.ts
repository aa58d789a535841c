import type { CredentialName } from '#contract';

/** What `soll rotate` is about to do. Nothing of it is a secret. */
export interface RotationPreview {
  readonly customer: string;
  readonly target: string;
  readonly credential: CredentialName;
  readonly secret: string;
  /** Where it is stored: a file of the repository, or the lab. */
  readonly file: string;
  /** Fingerprint of the present one. */
  readonly id: string;
  /** Account and place on the target. */
  readonly place: string;
  /** How many others are accepted there; they stay. */
  readonly others: number;
  /** Branch that the commit is pushed to; absent: nowhere. */
  readonly pushed?: string;
  readonly digest: string;
}
