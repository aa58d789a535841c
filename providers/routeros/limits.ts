/**
 * What RouterOS cannot take, and what its documents promise. Sources: help.mikrotik.com (ROS space; pages REST API, Scheduler, Scripting, Files, Backup, Device-mode,
 * Bridging and Switching, Filter, NAT), stored copies looked at 2026-11-28; menus and properties: inspection of 7.20.8 (github.com/tikoci/restraml).
 */

/** Oldest version whose menus were compared. REST is there from 7.1beta4, over plain HTTP too from 7.9 (REST API). */
export const oldestVersion = [7, 9] as const;
export const newestReadVersion = [7, 20] as const;

/** A command that takes longer ends after a minute, whatever it was doing (REST API, "Overview"). */
export const readTimeoutMs = 65_000;
export const writeTimeoutMs = 65_000;
/** Small routers answer few requests at once. */
export const concurrency = 2;

/** A rule becomes one row for each source, destination, protocol and family. */
export const mostRowsOfARule = 64;
/** Ports of one row; netfilter's multiport match takes 15, and a range counts twice. Not in MikroTik's documents: taken from netfilter. */
export const mostPorts = 15;

/** The timer of the guard must outlast a request that hangs, seconds. */
export const leastGuardSeconds = 10;

/**
 * Why not safe mode (Configuration Management): it belongs to one session, so nobody can confirm over a new connection; another user can take it over; after
 * about 100 actions it ends without undoing anything; a connection that is silently cut is noticed after nine minutes.
 * Why not a binary backup: loading it restarts the router and does not bring certificates back (Backup), and on routers with NAND a file written just before a
 * power cut may be empty, as writes are kept back for up to 40 seconds (Files).
 * So the undo of exactly these changes is a script in the configuration itself, run by the scheduler: after an interval, and at startup. Two entries, because one
 * with start-time=startup and an interval does not run at startup (Scheduler, "Note").
 */
export const guardScript = 'soll-guard';
export const guardTimer = 'soll-guard-timer';
export const guardBoot = 'soll-guard-boot';

/** Rights of the script and of its scheduler entries. That a script edits scripts with these is what the Scripts page says of `policy`; unverified on a router. */
export const guardPolicy = 'read,write,policy,test';

export const missing = {
  masquerade: 'source NAT does not know where a packet came in, so the networks are named in sources',
  rules: 'rules of others stand beside ours and are not shown as rules between zones',
  forwards: 'IPv4 only; NAT of others is not taken over',
  vlan: 'isolation of a VLAN is a matter of policies',
  port: 'a port is set back only when it was ours: nobody writes down every uplink',
} as const;
