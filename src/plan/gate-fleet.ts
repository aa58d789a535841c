import type { Problem } from '#contract';
import type { Plan } from '#core/model';

/** Deletes of all customers together. `limit`: from soll.yaml; `allowed`: what the operator named. */
export function gateFleet(plans: readonly Plan[], limit: number, allowed: number): readonly Problem[] {
  const total = plans.reduce((sum, plan) => sum + plan.summary.delete, 0);
  if (total <= Math.max(limit, allowed)) return [];
  return [{
    code: 'gate.fleet-deletes', severity: 'error', gate: true,
    message: `${String(total)} deletes over ${String(plans.filter(({ summary }) => summary.delete > 0).length)} customers; more than ${String(limit)} in one run stop here`,
    hint: `apply customers one by one, or say --allow-deletes ${String(total)}`,
  }];
}
