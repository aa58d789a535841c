/** What is written, one request after the other. */
import type { Address } from '#contract';
import type { Menu, Row, Values } from './model.ts';

/** A row in a chain: one that is there, or one that this batch adds, by the key of its marker. */
export type Place = { readonly row: Row } | { readonly key: string };

/** One request. In a `set` an empty value takes the property away where rows match packets. */
export type Step =
  | { readonly verb: 'add'; readonly menu: Menu; readonly values: Values; readonly address: Address; readonly before?: Place }
  | { readonly verb: 'set'; readonly menu: Menu; readonly row: Row; readonly values: Values; readonly address: Address }
  | { readonly verb: 'remove'; readonly menu: Menu; readonly row: Row; readonly address: Address }
  | { readonly verb: 'move'; readonly menu: Menu; readonly row: Row; readonly address: Address; readonly before?: Place };
