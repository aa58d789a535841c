/** A device with systemd, nft, wg and ip, all of which ask the stand-in. */
import { readFile } from 'node:fs/promises';
import { openSystemdRoot, type SystemdRoot } from '#testkit/systemd-root';
import type { NftResult } from './fake-nft.ts';

export interface SandboxOptions {
  /** Keeps the device's files; absent: a temporary folder that goes with `close`. */
  readonly folder?: string;
  nft(argv: readonly string[], readFile: (path: string) => Promise<string>): Promise<NftResult>;
  /** wg and ip; `wg` with what it reads from standard input. */
  network(program: 'wg' | 'ip', argv: readonly string[], stdin: string): Promise<NftResult>;
}

export type Sandbox = SystemdRoot;

export function openSandbox({ folder, nft, network }: SandboxOptions): Promise<Sandbox> {
  return openSystemdRoot({
    ...(folder === undefined ? {} : { folder }),
    programs: {
      nft: (argv) => nft(argv, (path) => readFile(path, 'utf8')), wg: (argv, stdin) => network('wg', argv, stdin), ip: (argv) => network('ip', argv, ''),
      // As the provider calls it, in the device's root instead of this machine's.
      find: '[ "$*" = "/etc -maxdepth 2 -path /etc/soll/wireguard.conf -exec head -n 1 {} +" ] || exit 1\n[ ! -f "$SOLL_ROOT/etc/soll/wireguard.conf" ] || head -n 1 "$SOLL_ROOT/etc/soll/wireguard.conf"',
    },
  });
}
