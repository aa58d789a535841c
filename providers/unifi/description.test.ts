/** The stand-in's bodies against the description that Network 10.5.66 serves. It is not part of the project: where it is not at hand, this is skipped. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { shapes, type Shape } from './simulator/shapes.ts';

const [present] = ['../../../shared', '../../../../shared'].map((folder) => new URL(`${folder}/specs/unifi/network-integration-10.5.66.json`, import.meta.url)).filter((file) => existsSync(file));

interface Schema {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly allOf?: readonly (Schema & { readonly $ref?: string })[];
}

describe.skipIf(present === undefined)('the description of the integration API (skipped: network-integration-10.5.66.json is not at hand)', () => {
  const { components: { schemas } } = JSON.parse(present === undefined ? '{"components":{"schemas":{}}}' : readFileSync(present, 'utf8')) as { components: { schemas: Readonly<Record<string, Schema>> } };
  const collect = (schema: Schema | undefined): { readonly required: readonly string[]; readonly properties: readonly string[] } => {
    const parts = (schema?.allOf ?? []).map((part) => collect(part.$ref === undefined ? part : schemas[decodeURIComponent(part.$ref.split('/').at(-1) ?? '')]));
    return { required: [...(schema?.required ?? []), ...parts.flatMap(({ required }) => required)], properties: [...Object.keys(schema?.properties ?? {}), ...parts.flatMap(({ properties }) => properties)] };
  };

  it.each(Object.entries(shapes as Readonly<Record<string, Shape>>).map(([name, shape]) => ({ name, shape })))('$name', ({ name, shape }) => {
    const { required, properties } = collect(schemas[name]);
    expect([...shape.required].sort()).toEqual([...new Set(required)].sort());
    expect([...shape.required, ...shape.optional].sort()).toEqual([...new Set(properties)].sort());
  });
});
