import type { JsonObject, Kind } from '#contract';
import { canonicalise } from '#core/canonical';
import { schemas } from '#generated/schemas';

type Parts<S extends JsonObject> = Pick<Kind<S>, 'name' | 'schemaVersion' | 'references' | 'impact' | 'migrate' | 'naturalKey' | 'sharedBySite'> & { readonly refine?: (spec: S) => S };

/** A kind from its schema file: canonical form by the annotations, then what only this kind knows. */
export function defineKind<S extends JsonObject>({ refine, ...parts }: Parts<S>): Kind {
  const schema = schemas[`schemas/kinds/${parts.name}.schema.json`];
  if (schema === undefined) throw new Error(`schemas/kinds/${parts.name}.schema.json is missing`);
  const kind: Kind<S> = {
    ...parts,
    schema,
    canonical(spec) {
      // canonicalise keeps the shape: it only changes spelling, order and defaults.
      const plain = canonicalise(schema, spec) as S;
      return refine === undefined ? plain : (canonicalise(schema, refine(plain)) as S);
    },
  };
  // The registry holds kinds of all specs; each reads only specs that its own schema has let through.
  return kind;
}
