/** One step after the other. A lost answer is looked up on the router; what is not there is never sent again. */
import { isProviderError, ProviderError, type Address } from '#contract';
import type { RouterClient } from './client.ts';
import { differences, isMatcher, type Menu, type Row } from './model.ts';
import { keyOf } from './parse.ts';
import type { Place, Step } from './step.ts';

/** What the router refused, and of which resource. */
export class Refused extends Error {
  readonly address: Address;
  readonly code: string;

  constructor(address: Address, error: ProviderError) {
    super(error.message);
    this.address = address;
    this.code = error.code;
  }
}

export interface Executing {
  readonly client: RouterClient;
  readonly mayWrite: (timeoutMs: number) => void;
  /** Asked before each step, because many of them take longer than one lease. */
  readonly renew: () => Promise<void>;
}

/** Throws `Refused`, and a ProviderError when nobody knows. */
export async function executeSteps(steps: readonly Step[], { client, mayWrite, renew }: Executing): Promise<void> {
  const made = new Map<string, string>();
  const idOf = (place: Place | undefined): string | undefined => {
    if (place === undefined) return undefined;
    if ('row' in place) return place.row.id;
    const id = made.get(place.key);
    if (id === undefined) throw new ProviderError('protocol', 'a rule has no place to stand before');
    return id;
  };
  let written = false;
  for (const step of steps) {
    try {
      await renew();
      const id = await once(step, client, mayWrite, idOf);
      written = true;
      if (step.verb === 'add' && id !== undefined) made.set(keyOf(step.menu, step.values), id);
    } catch (error) {
      if (!isProviderError(error)) throw error;
      if (error.code === 'unknown-outcome') {
        const id = await lookedUp(step, client, error);
        written = true;
        if (step.verb === 'add' && id !== undefined) made.set(keyOf(step.menu, step.values), id);
      } else if (error.code === 'rejected' || error.code === 'conflict') throw new Refused(step.address, error);
      // The way may be cut by what was written before.
      else throw written ? new ProviderError('unknown-outcome', error.message, { cause: error }) : error;
    }
  }
}

async function once(step: Step, client: RouterClient, mayWrite: (timeoutMs: number) => void, idOf: (place: Place | undefined) => string | undefined): Promise<string | undefined> {
  switch (step.verb) {
    case 'add': {
      const before = idOf(step.before);
      return client.add(step.menu, { ...step.values, ...(before === undefined ? {} : { 'place-before': before }) }, mayWrite);
    }
    case 'set': {
      const away = isMatcher(step.menu) ? Object.entries(step.values).filter(([, value]) => value === '').map(([name]) => name) : [];
      const values = Object.fromEntries(Object.entries(step.values).filter(([name]) => !away.includes(name)));
      const unset = async (names: readonly string[]): Promise<void> => { for (const name of names) await client.unset(step.menu, step.row.id, name, mayWrite); };
      // It belongs to an action that may be about to change. What is matched must not become more in between: first the new values, then what goes.
      await unset(away.filter((name) => name === 'reject-with'));
      if (Object.keys(values).length > 0) await client.set(step.menu, step.row.id, values, mayWrite);
      await unset(away.filter((name) => name !== 'reject-with'));
      return undefined;
    }
    case 'remove': await client.remove(step.menu, step.row.id, mayWrite); return undefined;
    case 'move': await client.move(step.menu, step.row.id, idOf(step.before), mayWrite); return undefined;
  }
}

/** The row's id where it was added after all. */
async function lookedUp(step: Step, client: RouterClient, error: ProviderError): Promise<string | undefined> {
  const rows = await client.list(step.menu).then((found) => found.map((row): Row => ({ menu: step.menu, ...row })), (failure: unknown) => {
    if (!isProviderError(failure)) throw failure;
    throw error;
  });
  const there = isThere(step, rows);
  if (there === undefined) throw error;
  return there;
}

function isThere(step: Step, rows: readonly Row[]): string | undefined {
  const found = step.verb === 'add' ? rows.filter(({ values }) => values['comment'] === step.values['comment']) : rows.filter(({ id }) => id === step.row.id);
  const [row] = found;
  if (step.verb === 'remove') return row === undefined ? step.row.id : undefined;
  if (row === undefined || found.length > 1) return undefined;
  if (step.verb === 'add') return row.id;
  if (step.verb === 'set') return isSet(step.menu, step.values, row) ? row.id : undefined;
  // A move whose answer was lost is not told apart from one that never came: the order is compared by whoever verifies.
  return undefined;
}

function isSet(menu: Menu, values: Readonly<Record<string, string>>, row: Row): boolean {
  const changed = differences({ menu, values: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')) }, row);
  return Object.keys(values).every((name) => (values[name] === '' ? (row.values[name] ?? '') === '' : changed[name] === undefined));
}
