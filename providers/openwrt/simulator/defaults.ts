/**
 * The configuration of a device as OpenWrt 23.05 makes it (config_generate, firewall4's and wifi's defaults), with a bridge that tells VLANs apart, as it is
 * set up once by hand, and things of somebody else: comments, anonymous sections, options that soll does not know.
 */
export const board = `{
	"kernel": "5.15.162",
	"hostname": "ap1",
	"system": "ARMv8 Processor rev 4",
	"model": "Zyxel NWA50AX Pro",
	"board_name": "zyxel,nwa50ax-pro",
	"rootfs_type": "squashfs",
	"release": {
		"distribution": "OpenWrt",
		"version": "VERSION",
		"revision": "r24106-10cc5fcd00",
		"target": "mediatek/filogic",
		"description": "OpenWrt VERSION r24106-10cc5fcd00"
	}
}
`;

export const defaults: Readonly<Record<string, string>> = {
  network: `
config interface 'loopback'
	option device 'lo'
	option proto 'static'
	option ipaddr '127.0.0.1'
	option netmask '255.0.0.0'

config globals 'globals'
	option ula_prefix 'fd12:3456:789a::/48'

# the switch; do not touch, Jürgen
config device
	option name 'br-lan'
	option type 'bridge'
	list ports 'lan1'
	list ports 'lan2'
	list ports 'lan3'
	list ports 'lan4'

config bridge-vlan
	option device 'br-lan'
	option vlan '1'
	list ports 'lan1:u*'   # office
	list ports 'lan2:u*'
	list ports 'lan3:u*'
	list ports 'lan4:u*'

config bridge-vlan 'cameras'
	option device br-lan
	option vlan 99
	list ports "lan4:t"

config interface 'lan'
	option device 'br-lan.1'
	option proto 'static'
	option ipaddr '192.0.2.1'
	option netmask '255.255.255.0'
	option ip6assign '60'

config interface 'cams'
	option proto 'none'
	option device 'br-lan.99'

config interface wan
	option device wan
	option proto dhcp
`,
  wireless: `
config wifi-device 'radio0'
	option type 'mac80211'
	option path 'platform/soc/18000000.wifi'
	option channel '1'
	option band '2g'
	option htmode 'HE20'
	option country 'DE'

config wifi-device 'radio1'
	option type 'mac80211'
	option path 'platform/soc/18000000.wifi+1'
	option channel '36'
	option band '5g'
	option htmode 'HE80'
	option country 'DE'

config wifi-iface 'default_radio0'
	option device 'radio0'
	option network 'lan'
	option mode 'ap'
	option ssid 'Chef\\'s WLAN'
	option encryption 'psk2+ccmp'
	option key "by \\"hand\\" 'quoted'"

config wifi-iface
	option device 'radio1'
	option network 'cams'
	option mode 'sta'
	option ssid 'Uplink'
	option encryption 'none'
`.replace(String.raw`'Chef\'s WLAN'`, String.raw`'Chef'\''s WLAN'`),
  firewall: `config defaults
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'
	option synflood_protect '1'

config zone
	option name 'lan'
	list network 'lan'
	option input 'ACCEPT'
	option output 'ACCEPT'
	option forward 'ACCEPT'

config zone
	option name 'wan'
	list network 'wan'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'
	option masq '1'
	option mtu_fix '1'

config forwarding
	option src 'lan'
	option dest 'wan'

# We need to accept udp packets on port 68,
# see https://dev.openwrt.org/ticket/4108
config rule
	option name 'Allow-DHCP-Renew'
	option src 'wan'
	option proto 'udp'
	option dest_port '68'
	option target 'ACCEPT'
	option family 'ipv4'

config rule
	option name		Allow-Ping
	option src		wan
	option proto		icmp
	option icmp_type	echo-request
	option family		ipv4
	option target		ACCEPT
`,
  system: `config system
	option hostname 'ap1'
	option timezone 'CET-1CEST,M3.5.0,M10.5.0/3'
`,
};
