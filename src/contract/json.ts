/** JSON as data: what specs, handles and records are made of. `undefined` is never stored: an absent key means "not managed". */
export type Json = null | boolean | number | string | JsonArray | JsonObject;
export type JsonArray = readonly Json[];
export type JsonObject = { readonly [key: string]: Json };
