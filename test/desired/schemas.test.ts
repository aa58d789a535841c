import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { schemas } from '#generated/schemas';
import { listProviders, packageRoot } from '../../src/providers.ts';

/** Loading a document does not ask this again. */
describe('schemas', () => {
  const ours = Object.entries(schemas);
  const settings = listProviders().map((name): [string, object] => [`providers/${name}`, JSON.parse(readFileSync(join(packageRoot, 'providers', name, 'target.schema.json'), 'utf8')) as object]);

  it.each([...ours, ...settings])('%s is a schema', (_, schema) => {
    const ajv = new Ajv2020({ strict: false });
    expect(ajv.validateSchema(schema), JSON.stringify(ajv.errors)).toBe(true);
  });

  it('would find one that is none', () => {
    expect(new Ajv2020({ strict: false, logger: false }).validateSchema({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'sentence' })).toBe(false);
  });
});
