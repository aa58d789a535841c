import type { Address, Problem } from '#contract';
import { compareText } from '#core/canonical';
import type { TargetPlan } from '#core/model';

/** Each batch waits for the batches, also of other targets, that hold what its changes need. */
export function linkBatches(targets: readonly TargetPlan[], before: ReadonlyMap<Address, readonly Address[]>): readonly TargetPlan[] {
  const holder = new Map(targets.flatMap(({ batches }) => batches.flatMap((batch) => batch.changes.map(({ address }) => [address, batch] as const))));
  return targets.map((plan) => ({
    ...plan,
    batches: plan.batches.map((batch) => {
      const after = new Set(batch.after);
      for (const { address } of batch.changes) {
        for (const needed of before.get(address) ?? []) {
          const other = holder.get(needed);
          if (other !== undefined && other.target !== plan.target) after.add(other.id);
        }
      }
      return { ...batch, after: [...after].sort(compareText) };
    }),
  }));
}

/** Targets whose batches wait for each other: none could ever begin. */
export function waitingForEachOther(customer: string, targets: readonly TargetPlan[]): readonly Problem[] {
  const batches = targets.flatMap((plan) => plan.batches);
  const open = new Map(batches.map((batch) => [batch.id, batch]));
  for (let found = true; found; ) {
    const ready = [...open.values()].filter(({ after }) => after.every((id) => !open.has(id)));
    for (const { id } of ready) open.delete(id);
    found = ready.length > 0;
  }
  // What merely waits for a cycle is blocked as its dependant.
  const reaches = (from: string, to: string, seen: Set<string>): boolean => (open.get(from)?.after ?? []).some((id) => open.has(id) && (id === to || (!seen.has(id) && reaches(id, to, seen.add(id)))));
  const cyclic = [...open.values()].filter(({ id }) => reaches(id, id, new Set()));
  const names = [...new Set(cyclic.map(({ target }) => target))].sort(compareText);
  return names.map((target): Problem => ({
    code: 'plan.cycle', severity: 'error', customer, target,
    message: `the changes on ${names.join(' and ')} need each other first, so none can be first`, hint: 'apply one of them without the reference, then add the reference',
  }));
}
