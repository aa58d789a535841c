import type { Problem } from '#contract';
import type { FileSource } from '#core/model';
import type { CustomerDocument, SollDocument } from '#generated/types';
import { DocumentReader } from './document-reader.ts';
import { schemaOf } from './customer-files.ts';
import type { ParseCache } from './parse-cache.ts';
import { validateDocument } from './validate-document.ts';

export interface LoadedPolicy {
  readonly soll?: SollDocument;
  readonly customer?: CustomerDocument;
  /** Errors only: with one of them nobody knows what the rules are. */
  readonly problems: readonly Problem[];
}

/** What decides about approvals, of another commit than the one that is applied. A document that does not exist asks for nothing; one that cannot be read is a problem. */
export async function loadPolicy(source: FileSource, customer: string, cache?: ParseCache): Promise<LoadedPolicy> {
  const entries = await source.list();
  const reader = new DocumentReader(source, entries, cache);
  const problems: Problem[] = [];
  const read = async (path: string, schema: string): Promise<unknown> => {
    const entry = entries.find((each) => each.path === path);
    if (entry === undefined) return undefined;
    if (entry.type !== 'file') {
      problems.push({ code: 'file.type', severity: 'error', message: `${path} is not a file`, source: { file: path, line: 1, column: 1 } });
      return undefined;
    }
    const { document, problems: found } = await reader.read(entry);
    const invalid = document === undefined ? [] : await reader.locate(validateDocument(schema, document.value, path));
    problems.push(...[...found, ...invalid].filter(({ severity }) => severity === 'error'));
    return document?.value;
  };
  const soll = await read('soll.yaml', 'schemas/soll.schema.json');
  const document = await read(`customers/${customer}/customer.yaml`, schemaOf('customer.yaml'));
  // Validated above; with a problem nobody uses them.
  return { problems, ...(soll === undefined ? {} : { soll: soll as SollDocument }), ...(document === undefined ? {} : { customer: document as CustomerDocument }) };
}
