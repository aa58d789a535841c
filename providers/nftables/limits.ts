/** Facts about nftables that the provider relies on, each with its source. */

/** The one table that soll owns. */
export const table = { family: 'inet', name: 'soll' } as const;

/** NFTNL_UDATA_COMMENT_MAXLEN of libnftnl 1.2.4 is 128 bytes with the final NUL; checked with nft 1.0.6 on 2026-11-24. */
export const maxCommentBytes = 127;

/** The seven kinds stand in one table and are written together. */
export const ownKinds = ['address-group', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward', 'service', 'zone'] as const;
