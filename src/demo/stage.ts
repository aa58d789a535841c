export interface StepResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a step of the script can do. Everything it does is printed first. */
export interface Stage {
  readonly root: string;
  say(text: string): void;
  /** Text of somebody else, between lines that show where it begins and ends. */
  quote(title: string, text: string): void;
  /** Runs `soll …`, prints command and output, throws when the exit code differs. */
  soll(args: readonly string[], options?: { readonly expect?: number; readonly show?: 'all' | 'last' | 'none' }): Promise<StepResult>;
  /** Replaces text in a file of the repository; throws when `from` is not there exactly once. */
  edit(file: string, from: string, to: string): Promise<void>;
  commit(message: string): Promise<void>;
  /** Runs `git …`, prints the command, throws when it fails; resolves to what it says. */
  git(...args: readonly string[]): Promise<string>;
  check(what: string, holds: boolean): void;
}
