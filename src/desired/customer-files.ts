import type { Json } from '#contract';
import type { CustomerDocument, DeviationsDocument, FirewallDocument, M365Document, NetworkDocument, TargetsDocument } from '#generated/types';
import type { Span } from './parse-document.ts';

/** The documents of a customer's folder by file name; what else may lie there. */
export const documentNames = ['customer.yaml', 'targets.yaml', 'network.yaml', 'firewall.yaml', 'm365.yaml', 'deviations.yaml'] as const;
export type DocumentName = (typeof documentNames)[number];
export const secretNames: readonly string[] = ['secrets.read.yaml', 'secrets.write.yaml'];

export function schemaOf(name: DocumentName): string {
  return `schemas/${name.replace('.yaml', '.schema.json')}`;
}

/** One document as data; only after validation does `value` have its type. */
export interface LoadedDocument<T = Json> {
  readonly file: string;
  readonly value: T;
  readonly spans: Readonly<Record<string, Span>>;
}

/** All documents of a customer, validated. */
export interface CustomerFiles {
  readonly name: string;
  readonly customer: LoadedDocument<CustomerDocument>;
  readonly targets: LoadedDocument<TargetsDocument> | undefined;
  readonly network: LoadedDocument<NetworkDocument> | undefined;
  readonly firewall: LoadedDocument<FirewallDocument> | undefined;
  readonly m365: LoadedDocument<M365Document> | undefined;
  readonly deviations: LoadedDocument<DeviationsDocument> | undefined;
}
