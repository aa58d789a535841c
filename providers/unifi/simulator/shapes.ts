/** What bodies may hold, from the description of the integration API that Network 10.5.66 serves. Whatever is not here is refused, so that no invented field passes. */

export interface Shape {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

const shape = (required: string, optional = ''): Shape => ({ required: required.split(' ').filter((each) => each !== ''), optional: optional.split(' ').filter((each) => each !== '') });

/** By the name in the description. */
export const shapes = {
  IntegrationUnmanagedNetworkCreateUpdateDto: shape('enabled management name vlanId', 'dhcpGuarding'),
  IntegrationGatewayManagedNetworkCreateUpdateDto: shape('cellularBackupEnabled enabled internetAccessEnabled ipv4Configuration isolationEnabled management name vlanId', 'dhcpGuarding ipv6Configuration mdnsForwardingEnabled zoneId'),
  'Gateway Managed IPv4 Configuration': shape('autoScaleEnabled hostIpAddress prefixLength', 'additionalHostIpSubnets dhcpConfiguration natOutboundIpAddressConfiguration'),
  'Gateway Managed IPv4 DHCP Server Configuration': shape(
    'ipAddressRange leaseTimeSeconds mode pingConflictDetectionEnabled',
    'dnsServerIpAddressesOverride domainName gatewayIpAddressOverride ntpServerIpAddresses option43Value pxeConfiguration tftpServerAddress timeOffsetSeconds winsServerIpAddresses wpadUrl',
  ),
  'IP address range': shape('start stop'),
  IntegrationStandardWifiBroadcastCreateUpdateDto: shape(
    'advertiseDeviceName arpProxyEnabled broadcastingFrequenciesGHz bssTransitionEnabled channel2gLockedTo6 clientIsolationEnabled dtimPeriod2gLockedTo3 enabled hideName multicastToUnicastConversionEnabled name securityConfiguration type uapsdEnabled',
    'bandSteeringEnabled basicDataRateKbpsByFrequencyGHz blackoutScheduleConfiguration broadcastingDeviceFilter clientFilteringPolicy dnsAssistanceConfiguration dtimPeriodByFrequencyGHzOverride handoffSuggestionsConfiguration hotspotConfiguration mdnsProxyConfiguration mloEnabled multicastFilteringPolicy network',
  ),
  IntegrationWifiNativeNetworkDto: shape('type'),
  IntegrationWifiSpecificNetworkDto: shape('networkId type'),
  IntegrationWifiOpenSecurityConfigurationDetailDto: shape('type', 'encryption radiusConfiguration'),
  IntegrationWifiWpa2PersonalSecurityConfigurationDetailDto: shape('type', 'fastRoamingEnabled groupRekeyIntervalSeconds passphrase pmfMode presharedKeys radiusConfiguration'),
  IntegrationWifiWpa2Wpa3PersonalSecurityConfigurationDetailDto: shape('passphrase pmfMode saeConfiguration type wpa3FastRoamingEnabled', 'fastRoamingEnabled groupRekeyIntervalSeconds radiusConfiguration'),
  IntegrationWifiWpa3PersonalSecurityConfigurationDetailDto: shape('passphrase saeConfiguration type', 'fastRoamingEnabled groupRekeyIntervalSeconds radiusConfiguration'),
  IntegrationWifiWpa2EnterpriseSecurityConfigurationDetailDto: shape('coaEnabled radiusConfiguration type', 'fastRoamingEnabled groupRekeyIntervalSeconds pmfMode'),
  IntegrationWifiWpa3EnterpriseSecurityConfigurationDetailDto: shape('coaEnabled radiusConfiguration securityMode type', 'fastRoamingEnabled groupRekeyIntervalSeconds'),
  IntegrationWifiEnterpriseRadiusConfigurationDto: shape('nasId profileId', 'macAuthenticationConfiguration'),
  IntegrationIpV4TrafficMatchingListCreateUpdateDto: shape('items name type'),
  'Create or update firewall policy': shape('action destination enabled ipProtocolScope loggingEnabled name source', 'connectionStateFilter description ipsecFilter schedule'),
  'Firewall policy source': shape('zoneId', 'trafficFilter'),
  'Firewall policy destination': shape('zoneId', 'trafficFilter'),
} as const;

export type ShapeName = keyof typeof shapes;

/** What is wrong with a body, or nothing. */
export function wrongWith(name: ShapeName, body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return `${name}: not an object`;
  const { required, optional }: Shape = shapes[name];
  const keys = Object.entries(body).filter(([, value]) => value !== undefined && value !== null).map(([key]) => key);
  const missing = required.find((field) => !keys.includes(field));
  if (missing !== undefined) return `${name}: ${missing} is missing`;
  const unknown = keys.find((field) => !required.includes(field) && !optional.includes(field));
  return unknown === undefined ? undefined : `${name}: unknown field ${unknown}`;
}
