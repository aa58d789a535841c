/**
 * Facts about UniFi Network that the provider relies on, each with its source. "Spec" is the OpenAPI description of the Network integration API that the
 * application itself serves, version 10.5.66. "Art-of-WiFi" is the README of Art-of-WiFi/UniFi-API-client, read on 2026-11-28.
 */

/** 12 paths in 9.5.21, 38 in 10.1.89, 44 in 10.5.66 (published descriptions of these versions): networks, WLANs and the firewall can be written from 10.1. */
export const oldestVersion = [10, 1] as const;

/** What is known of the API ends here: Spec; some measurements by others of 10.6.106 (ubiquiti-community/go-unifi issue 80, 2026-09). */
export const newestReadVersion = [10, 6] as const;

/** Both lie behind the console's own web server (Spec, `servers`; Art-of-WiFi). A Network application without UniFi OS has neither the prefix nor API keys for the older API. */
export const integrationBase = '/proxy/network/integration/v1';
export const legacyBase = '/proxy/network/api/s';

/** `limit` of every list (Spec: maximum 200, default 25). */
export const pageSize = 200;

/** No site has as many objects of one kind; a list that goes on is not believed. */
export const mostPages = 500;

/** Numbers that a network may have beside the default one (Spec, `vlanId`: 2 to 4009). */
export const vlanRange = { from: 2, to: 4009 } as const;

/** `prefixLength` of a network (Spec: 8 to 30). */
export const prefixRange = { from: 8, to: 30 } as const;

/** Names of networks and lists; no bound is in Spec, this is ours. Of ports: `.{0,128}` (field definitions of the application, paultyng/go-unifi 2024), of which the kind allows 64. */
export const maxName = 64;

/** A passphrase (Spec, `passphrase`: 8 to 63 characters). */
export const passphrase = /^[\x20-\x7e]{8,63}$/;

/** Longest wait that a Retry-After may ask for before the console counts as throttled, milliseconds. */
export const longestWaitMs = 120_000;

/** Requests under way at once: consoles are small. */
export const concurrency = 4;

/** Per request, milliseconds. A switch is provisioned after the answer. */
export const readTimeoutMs = 30_000;
export const writeTimeoutMs = 60_000;

/** Why something is missing, for the capability matrix. */
export const missing = {
  vlan: 'a network has no description beside its name',
  ssid: 'the API knows RADIUS servers only by the name of a profile that is made by hand, and schedules only as times off the air, without names',
  port: 'the role of a port (spanning tree) is in no description of the API; a port is set back only when it was ours: nobody writes down every uplink',
  zone: 'zones, and which networks are in them, are set up on the console',
  service: 'a list of ports knows no protocol, so a service has ports of TCP or UDP; others (ICMP, ESP) cannot be named',
  rules: 'a policy that somebody made on the console can say more than a rule, so it is shown and left alone',
  policy: 'what happens to traffic that no rule matches is the system\'s policy',
  group: 'a list holds one address family, and at least one address',
} as const;
