/** `settings` of a target, as its schema lets them through. */
import type { SecretRef, Target } from '#contract';

export type ProfileName = 'ios' | 'small-business';
export type GuardName = 'revert-timer' | 'reload' | 'none';

export interface Settings {
  readonly profile: ProfileName;
  readonly guard: GuardName;
  readonly enable: { readonly read?: SecretRef; readonly write?: SecretRef };
}

export function settingsOf({ settings }: Target): Settings {
  const profile = settings['profile'] === 'small-business' ? 'small-business' : 'ios';
  const guard = settings['guard'];
  return {
    profile,
    guard: guard === 'revert-timer' || guard === 'reload' || guard === 'none' ? guard : profile === 'ios' ? 'revert-timer' : 'reload',
    enable: { ...secretIn(settings['enable'], 'read'), ...secretIn(settings['enable'], 'write') },
  };
}

function secretIn(value: unknown, scope: 'read' | 'write'): { readonly read?: SecretRef; readonly write?: SecretRef } {
  const holder = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>)[scope] : undefined;
  const name = typeof holder === 'object' && holder !== null && '$secret' in holder ? holder.$secret : undefined;
  return typeof name === 'string' ? { [scope]: { $secret: name } } : {};
}
