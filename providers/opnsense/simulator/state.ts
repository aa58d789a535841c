/** What a stand-in consists of, saved and in force, and what is asked of it. */
import type { Fields, ModelName } from './models.ts';

export interface InterfaceEntry {
  readonly device: string;
  readonly descr: string;
  readonly ipaddr?: string;
  readonly subnet?: string;
  readonly enable?: string;
  readonly lock?: string;
  readonly gateway?: string;
  readonly group?: true;
}

export interface Config {
  interfaces: Record<string, InterfaceEntry>;
  readonly devices: readonly string[];
  /** 26.1, which has no API for the settings of interfaces; else 26.7.6. */
  readonly old?: true;
  /** `off`: Dnsmasq does not run. */
  readonly dnsmasq?: 'off';
  natMode: 'automatic' | 'hybrid' | 'advanced' | 'disabled';
  /** Rules of the older kind, and those that OPNsense makes by itself: shown by the API, not changed by it. */
  readonly legacyRules: readonly Fields[];
  readonly automaticRules: readonly Fields[];
  readonly objects: Record<ModelName, Record<string, Fields>>;
  revision: number;
  /** Who has saved it last, as the revision names them. */
  savedBy?: string;
}

export interface DeviceState {
  readonly saved: Config;
  /** In force: filter with NAT, tables, VLAN devices. */
  running: { filter: Record<'rule' | 'dnat' | 'snat', Record<string, Fields>>; tables: Record<string, string>; vlans: Record<string, Fields>; dhcp: Record<'range' | 'option', Record<string, Fields>>; addresses: Record<string, string> };
  /** /tmp/.interfaces.todo: what is to become of interfaces once it is applied; not in the configuration, and gone after a restart. */
  todo: Record<string, 'delete' | InterfaceEntry>;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly user: { readonly name: string; readonly readOnly: boolean };
  /** Told before a change is done; may refuse it as validation does. */
  readonly onWrite: (what: string) => Record<string, string> | undefined;
}
