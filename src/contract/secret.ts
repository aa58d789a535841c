import { inspect } from 'node:util';

/**
 * A reference to a secret, as written in YAML: `$secret: wlan-office`. The value is never written. Raising `version` is the
 * change that makes soll write the value again.
 */
export type SecretRef = { readonly $secret: string; readonly version?: number };

/** A revealed value. It prints as `***` everywhere; `expose` is the one way to the value, so that every use can be found. */
export class SecretValue {
  readonly #value: string;
  readonly name: string;

  constructor(name: string, value: string) {
    this.name = name;
    this.#value = value;
  }

  expose(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return `SecretValue(${this.name})`;
  }
}
