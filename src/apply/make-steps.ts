import { ProviderError, type Address, type ApplySteps, type Batch, type ChangeOutcome } from '#contract';
import { preImageMoved, type LiveView } from './compare-live.ts';
import type { Outcomes, RunParts } from './run-parts.ts';

export interface StepsInput {
  readonly parts: RunParts;
  readonly batch: Batch;
  readonly view: LiveView;
  readonly outcomes: Outcomes;
  /** For a whole configuration one change that moved stops all. */
  readonly all: boolean;
}

/** The engine's hand on each single write: last look, durable intent, lease; then the outcome. */
export function makeSteps({ parts, batch, view, outcomes, all }: StepsInput): ApplySteps {
  const { customer, progress } = parts;
  const refuse = (address: Address, outcome: ChangeOutcome, message: string): never => {
    if (all) for (const change of batch.changes) outcomes.set(change.address, change.address === address ? outcome : { status: 'skipped', why: `${address} moved` });
    else outcomes.set(address, outcome);
    throw new ProviderError('conflict', message);
  };
  return {
    async before(change, liveNow) {
      if (parts.stop.aborted) refuse(change.address, { status: 'skipped', why: 'the run was stopped' }, 'the run was stopped');
      const moved = preImageMoved(view, change, liveNow);
      if (moved !== undefined) refuse(change.address, { status: 'rejected', code: 'conflict', why: moved }, `${change.address}: ${moved}`);
      await parts.lock.renew();
      await parts.journal.append({ step: 'intent', address: change.address });
      progress({ type: 'change', customer, target: batch.target, address: change.address, verb: change.verb });
      await parts.effect('write');
    },
    async after(change, outcome) {
      await parts.effect('written');
      if (!outcomes.has(change.address)) outcomes.set(change.address, outcome);
      await parts.journal.append({ step: 'outcome', address: change.address, status: outcome.status });
      progress({ type: 'change', customer, target: batch.target, address: change.address, verb: change.verb, outcome });
    },
  };
}
