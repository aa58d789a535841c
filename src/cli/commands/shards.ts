import { shards } from '../../shards.ts';
import { exitCodes, exitOfProblems, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface ShardsFlags extends CommonFlags {
  readonly pending?: boolean;
  readonly rings?: boolean;
  readonly max: number;
}

/** What GitHub's `fromJSON` takes as a matrix: names only, each of letters, digits and hyphens. */
export async function runShards({ ws, output, redact }: CommandContext, customers: readonly string[], flags: ShardsFlags): Promise<ExitCode> {
  const { targets: _targets, concurrency: _concurrency, ...selection } = selectionOf(customers, flags);
  const result = await shards(ws, { ...selection, pending: flags.pending === true, rings: flags.rings === true, max: flags.max });
  const matrix = { include: result.shards.map(({ shard, customers: names }) => ({ shard, customers: names.join(' ') })) };
  const exit = exitOfProblems(result.problems);
  if (output.format === 'json') await emit(toJsonDocument({ shards: result.shards, matrix, problems: result.problems }), output, redact);
  else {
    showProblems(result.problems, new Map(), output, redact);
    if (exit === exitCodes.ok) await emit(JSON.stringify(matrix), output, redact);
    if (!output.quiet && result.shards.length > 0) tell(result.shards.map(({ shard, customers: names }) => (names.length === 1 && names[0] === shard ? shard : `${shard}: ${names.join(' ')}`)).join('\n'), redact);
  }
  return exit;
}
