import type { VlanSpec } from '#generated/types';
import { defineKind } from './define-kind.ts';

export const vlan = defineKind<VlanSpec>({
  name: 'vlan', schemaVersion: 1, references: () => [],
  impact: ({ verb, name }) => verb === 'create'
    ? { risk: 'low', en: `VLAN ${name} is set up`, de: `VLAN ${name} wird eingerichtet` }
    : { risk: 'high', en: `everything in VLAN ${name} is affected`, de: `alles im VLAN ${name} ist betroffen` },
});
