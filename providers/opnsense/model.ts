/** What is read from the device and what is written to it, in one flat form: all values are text, as the API has them. */
import type { Json, JsonObject } from '#contract';
import { compareText, isObject } from '#core/canonical';
import { canonicalCidr } from '#core/ip';

export const modules = ['alias', 'group', 'rule', 'dnat', 'snat', 'vlan', 'interface', 'range', 'option'] as const;
export type Module = (typeof modules)[number];

export type Values = Readonly<Record<string, string>>;

/** One object as it stands in the configuration. */
export interface Row {
  readonly module: Module;
  readonly uuid: string;
  readonly values: Values;
  /** Position in the list as the device sorts it, which is the order of evaluation. */
  readonly position: number;
}

/** One object as it should be. Fields that are not named keep their value. */
export interface Item {
  readonly module: Module;
  readonly uuid: string;
  readonly values: Values;
}

export interface DeviceState {
  readonly rows: readonly Row[];
  /** Rules of the older kind, which the API shows and cannot change. */
  readonly legacyRules: number;
  /** Interfaces that they are on. */
  readonly legacyInterfaces: readonly string[];
}

/** How the text of a field is compared: a set knows no order, a flag is off when empty. */
const sets: Readonly<Record<Module, readonly string[]>> = {
  alias: ['content'], group: ['members'], rule: ['interface', 'source_net', 'destination_net'], dnat: ['interface', 'source.network'], snat: ['source_net'], vlan: [], interface: [], range: [], option: [],
};

/** A set of aliases is separated by line breaks, everywhere else by commas. */
export function setOf(text: string | undefined): readonly string[] {
  return (text ?? '').split(/[\n,]/).map((part) => part.trim()).filter((part) => part !== '');
}

function comparable(module: Module, field: string, text: string): string {
  if (sets[module].includes(field)) return [...new Set(setOf(text).map(canonicalCidr))].sort(compareText).join(',');
  if (field === 'protocol') return text.toUpperCase();
  if (field === 'target') return canonicalCidr(text);
  return text === '' ? '0' : text;
}

/** Names of fields whose value is not what it should be. */
export function differences({ module, values }: Item, found: Values): readonly string[] {
  return Object.keys(values).filter((field) => comparable(module, field, values[field] ?? '') !== comparable(module, field, found[field] ?? ''));
}

/** Nested as the API takes it: `source.network` is a field of `source`. */
export function toBody(values: Values): JsonObject {
  const body: Record<string, Json> = {};
  for (const [field, value] of Object.entries(values)) {
    const [outer = '', inner] = field.split('.');
    if (inner === undefined) body[outer] = value;
    else body[outer] = { ...(isObject(body[outer]) ? body[outer] : {}), [inner]: value };
  }
  return body;
}

function scalar(value: Json): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  return value === null ? '' : undefined;
}

/** A row of a search (flat, `source.network` or nested) or an item of a get, where an option is `{ key: { value, selected } }`. */
export function toValues(object: JsonObject): Values {
  return Object.fromEntries(Object.entries(object).flatMap(([field, value]): [string, string][] => {
    const text = scalar(value);
    if (text !== undefined) return [[field, text]];
    if (!isObject(value)) return [];
    const options = Object.entries(value);
    if (options.length > 0 && options.every(([, option]) => isObject(option) && 'selected' in option)) {
      return [[field, options.filter(([key, option]) => key !== '' && isObject(option) && Number(option['selected']) === 1).map(([key]) => key).join(',')]];
    }
    return options.flatMap(([inner, nested]): [string, string][] => {
      const plain = scalar(nested);
      return plain === undefined ? [] : [[`${field}.${inner}`, plain]];
    });
  }));
}

/** What the search adds to the fields of the model, or computes: never sent back (core FilterController.php, FilterBaseController.php). */
const computed = /^(?:%|alias_meta_|category_colors$|uuid$|sort_order$|prio_group$|legacy$|is_automatic$|current_items$|last_updated$|eval_|in_(?:block|pass)|out_(?:block|pass)|evaluations$|packets$|bytes$|states$|pf_rules$|ref$|seq$|created\.|updated\.|audit|#|categories_uuid$|associated-rule-id$|categories$|category$|source\.address$|destination\.address$|identifier$|pending_action$|icon$|optgroup$|tag\.)/;

/** All that a row says of its object, for putting it back. */
export function restorable({ values }: Pick<Row, 'values'>): Values {
  return Object.fromEntries(Object.entries(values).filter(([field]) => !computed.test(field)));
}
