import type { SecretValue } from './secret.ts';

/** `SHA256:<43 base64 characters>` of the host key blob, as `ssh-keygen -lf` prints it. */
export type HostKeyPin = `SHA256:${string}`;

export interface SshOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** At least one; nobody else is spoken to. */
  readonly hostKeys: readonly HostKeyPin[];
  /** OpenSSH or PEM private key. */
  readonly privateKey?: SecretValue;
  readonly password?: SecretValue;
  /** Milliseconds until the session stands. Default 10 000. */
  readonly connectTimeoutMs?: number;
  /** Reached through this host first (bastion), pinned like the target. */
  readonly via?: SshOptions;
  /**
   * Also offers diffie-hellman-group14-sha1 and diffie-hellman-group-exchange-sha1, last of all: for devices that know nothing newer. Who
   * answers is pinned all the same.
   */
  readonly oldKeyExchange?: boolean;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  /** Default 30 000. When it ends, the outcome of a write is unknown. */
  readonly timeoutMs?: number;
  /** Cap on stdout and stderr each, bytes. Default 8 MiB; more is a `protocol` error. */
  readonly maxBytes?: number;
  /** `write`: a lost answer is `unknown-outcome`; `read`: it is `timeout` or `unreachable` and may be repeated. Default `read`. */
  readonly effect?: 'read' | 'write';
}

export interface RunResult {
  /** Exit status; a death by signal is a ProviderError, not a result. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A terminal on the other side, for devices whose command line knows nothing else. What comes is text of the device: data, never trusted to
 * be a prompt; `#transport/open-cli` makes commands and their output of it. What was sent is done by the device whether or not anybody still reads.
 */
export interface SshShell {
  /** Sends as it is. Throws `unreachable` when the terminal has ended. */
  send(text: string): void;
  /** What has come since the last call, as UTF-8. */
  take(): string;
  /** Resolves with true as soon as there is something to take, with false after so many milliseconds. Throws `unreachable` when the terminal has ended and nothing is left to take. */
  wait(milliseconds: number): Promise<boolean>;
  close(): void;
}

/** One connection. Commands run without a PTY (a PTY kills the remote command when the client dies). */
export interface SshConnection {
  /** The pin that matched, for the record. */
  readonly hostKey: HostKeyPin;
  /** Each argument reaches the program as it is: quoting is the transport's job, never the caller's. */
  run(argv: readonly [string, ...string[]], options?: RunOptions): Promise<RunResult>;
  /**
   * Uploads the script to a private temporary file, compares its SHA-256 on the device, executes it with `argv`, removes it.
   * Never streams into a shell: a cut stream would run its truncated last line.
   */
  runScript(script: string, argv: readonly string[], options?: RunOptions & { readonly sudo?: boolean }): Promise<RunResult>;
  /** A terminal of 511 columns. Only for command lines that have no other way in. */
  openShell(): Promise<SshShell>;
  close(): Promise<void>;
}

export interface HttpClientOptions {
  /** `https://host[:port]`; plain http only when `allowPlain` and the address is loopback (lab). */
  readonly origin: string;
  /** `system`: public CAs. Otherwise the SHA-256 fingerprint (hex with colons) of the leaf certificate. */
  readonly tls: 'system' | { readonly fingerprint256: string };
  /** Connect here instead of where the origin's name points (lab). */
  readonly connectTo?: { readonly host: string; readonly port: number };
  /** Requests under way at once. Default 8. */
  readonly concurrency?: number;
  /** Per request, milliseconds. Default 30 000. */
  readonly timeoutMs?: number;
  /** Cap on a (decompressed) body, bytes. Default 32 MiB. */
  readonly maxBytes?: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute, of the client's own origin; anything else is refused before a byte is sent. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** As in RunOptions; default `read` for GET, `write` for the rest. A POST that only asks (a token, a query) says `read`. */
  readonly effect?: 'read' | 'write';
  readonly timeoutMs?: number;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Does not retry, does not follow redirects: a policy that knows the vendor stands in the provider. Counts every request. */
export interface HttpClient {
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Requests sent so far. */
  readonly requestCount: number;
  close(): Promise<void>;
}
