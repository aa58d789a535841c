/**
 * The whole product on one page: load -> validate -> resolve -> read -> diff -> gate -> digest, and with an approval:
 * open record -> guard -> apply -> verify -> confirm -> close record. The only file that imports all stages.
 */
export type * from './workspace.ts';
