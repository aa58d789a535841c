/** Facts about nftables that the provider relies on, each with its source. Debian 12: nft 1.0.6-2+deb12u2, libnftnl 1.2.4, kernel 6.18. */

/** The one table that soll owns. */
export const table = { family: 'inet', name: 'soll' } as const;

/**
 * Bytes. The text form of nft refuses a comment of more than 128 characters; its JSON form, which soll uses, does not, but a list that an
 * administrator keeps as text must load again. One less, because NFTNL_UDATA_COMMENT_MAXLEN of libnftnl (128) counts a final NUL. Tried with nft 1.0.6 on 2026-11-24.
 */
export const maxCommentBytes = 127;

/**
 * IP protocol numbers (IANA). nft resolves names through /etc/protocols, which the package netbase brings and nftables does not need: without it
 * `ipv6-icmp` is refused, and a list shows numbers. Tried with nft 1.0.6 on 2026-11-24.
 */
export const protocolNumbers: Readonly<Record<string, number>> = { icmp: 1, gre: 47, esp: 50, icmpv6: 58 };

/**
 * WireGuard: Linux 5.6 or later, or wireguard-go as wg-quick(8) falls back to it; wireguard-tools 1.0.20210914 (Debian 12), `wg syncconf` since
 * 0.0.20191205. Tried with wireguard-go 0.0.20220316 on 2026-11-28, as the kernel at hand has no WireGuard.
 */
export const vpnKinds = ['vpn-tunnel', 'vpn-user'] as const;

/** IFNAMSIZ of Linux is 16 with the final NUL. */
export const maxInterfaceName = 15;

/** The seven kinds stand in one table and are written together. */
export const ownKinds = ['address-group', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward', 'service', 'zone'] as const;
