/** A network of the console and a VLAN. Pure. */
import { ProviderError, type JsonObject } from '#contract';
import { canonicalAddress, parseCidr, type Cidr } from '#core/ip';
import type { VlanSpec } from '#generated/types';
import { numberOf, objectOf, textOf, textsOf, writable } from './model.ts';

/** IPv4, as the console writes it. */
function dotted(bytes: readonly number[]): string {
  return bytes.join('.');
}

/** The network that an address with a prefix lies in. */
function networkOf(host: string, prefix: number): string | undefined {
  const cidr = parseCidr(host);
  if (cidr?.family !== 4) return undefined;
  const bytes = cidr.bytes.map((byte, index) => byte & (0xff << Math.max(0, 8 - Math.max(0, prefix - index * 8))) & 0xff);
  return `${dotted(bytes)}/${String(prefix)}`;
}

function dhcpOf(configuration: JsonObject): JsonObject | undefined {
  const dhcp = objectOf(configuration['dhcpConfiguration']);
  const range = objectOf(dhcp['ipAddressRange']);
  if (dhcp['mode'] !== 'SERVER' || typeof range['start'] !== 'string' || typeof range['stop'] !== 'string') return undefined;
  const dns = textsOf(dhcp['dnsServerIpAddressesOverride']);
  const lease = dhcp['leaseTimeSeconds'];
  return {
    from: canonicalAddress(range['start']), to: canonicalAddress(range['stop']),
    ...(dns.length === 0 ? {} : { dns }), ...(typeof dhcp['domainName'] === 'string' && dhcp['domainName'] !== '' ? { domain: dhcp['domainName'].toLowerCase() } : {}),
    // What is no whole minute is nothing that could be written.
    ...(typeof lease === 'number' && lease % 60 === 0 && lease >= 120 ? { leaseMinutes: lease / 60 } : {}),
  };
}

/** Whether a UniFi gateway (or a switch that routes) has an address in it. */
export function isRouted(raw: JsonObject): boolean {
  return raw['management'] === 'GATEWAY' || raw['management'] === 'SWITCH';
}

/** `routed`: addresses are this console's business; else it is a number only. */
export function vlanSpec(raw: JsonObject, routed: boolean): JsonObject {
  const id = numberOf(raw, 'vlanId');
  if (!routed || !isRouted(raw)) return { id };
  const configuration = objectOf(raw['ipv4Configuration']);
  const host = textOf(configuration, 'hostIpAddress');
  const subnet = networkOf(host, numberOf(configuration, 'prefixLength'));
  if (subnet === undefined) throw new ProviderError('protocol', `network ${String(id)} has an address that is none`);
  const dhcp = dhcpOf(configuration);
  return { id, subnet, gateway: canonicalAddress(host), isolated: raw['isolationEnabled'] === true, ...(dhcp === undefined ? {} : { dhcp }) };
}

function ipv4Configuration(now: JsonObject, { subnet, gateway, dhcp }: Partial<VlanSpec>): JsonObject {
  const cidr: Cidr | undefined = subnet === undefined ? undefined : parseCidr(subnet);
  const old = objectOf(now['dhcpConfiguration']);
  const server = old['mode'] === 'SERVER' ? old : {};
  return {
    ...now,
    ...(cidr === undefined ? {} : { prefixLength: cidr.prefix, autoScaleEnabled: false }), ...(gateway === undefined ? {} : { hostIpAddress: gateway }),
    ...(dhcp === undefined ? {} : {
      dhcpConfiguration: {
        ...server, mode: 'SERVER', ipAddressRange: { start: dhcp.from, stop: dhcp.to },
        leaseTimeSeconds: dhcp.leaseMinutes === undefined ? server['leaseTimeSeconds'] ?? 86_400 : dhcp.leaseMinutes * 60,
        pingConflictDetectionEnabled: server['pingConflictDetectionEnabled'] ?? true,
        ...(dhcp.dns === undefined ? {} : { dnsServerIpAddressesOverride: dhcp.dns }), ...(dhcp.domain === undefined ? {} : { domainName: dhcp.domain }),
      },
    }),
  };
}

/** The whole object, as a PUT wants it: what is there, with what is written laid over it. */
export function networkBody(now: JsonObject | undefined, name: string, spec: Partial<VlanSpec>): JsonObject {
  const old: JsonObject = now === undefined ? { enabled: true } : writable(now);
  const base: JsonObject = { ...old, name, ...(spec.id === undefined ? {} : { vlanId: spec.id }) };
  const addressed = spec.subnet !== undefined || spec.gateway !== undefined || spec.dhcp !== undefined || spec.isolated !== undefined;
  if (now !== undefined && isRouted(now)) {
    return { ...base, ...(spec.isolated === undefined ? {} : { isolationEnabled: spec.isolated }), ipv4Configuration: ipv4Configuration(objectOf(now['ipv4Configuration']), spec) };
  }
  if (!addressed) return { management: 'UNMANAGED', ...base };
  return {
    ...base, management: 'GATEWAY', isolationEnabled: spec.isolated ?? false, cellularBackupEnabled: true, internetAccessEnabled: true,
    ipv4Configuration: ipv4Configuration({ autoScaleEnabled: false }, spec),
  };
}
