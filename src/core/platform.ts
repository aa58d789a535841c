/**
 * What soll needs of a code host, and nothing more, so that another one is a small adapter. All texts are hostile until escaped. Every member
 * throws ProviderError.
 */
export interface PullRequest {
  readonly number: number;
  readonly url: string;
  readonly title: string;
  /** Account that opened it. */
  readonly author: string;
  /** Accounts of all authors and committers of its commits; an account that cannot be told is `''`. */
  readonly committers: readonly string[];
  readonly state: 'open' | 'merged' | 'closed';
  /** Full commit ids. */
  readonly head: string;
  readonly base: string;
  readonly baseBranch: string;
  /** Commit on the base branch that brought it in (merge, squash or the last of a rebase). */
  readonly merge?: string;
  /** From another repository: nobody here has looked at it. */
  readonly fork: boolean;
}

/** The last word of one account about one commit. */
export interface Review {
  readonly account: string;
  readonly bot: boolean;
  readonly state: 'approved' | 'changes-requested' | 'commented' | 'dismissed';
  /** Commit that was looked at. */
  readonly commit: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly url: string;
}

export interface CommitStatus {
  readonly context: string;
  readonly state: 'success' | 'failure' | 'pending';
  readonly description: string;
}

export interface NewPullRequest {
  readonly branch: string;
  readonly base: string;
  readonly marker: string;
  readonly title: string;
  readonly body: string;
}

export interface OpenedPullRequest {
  /** 0 without a code host. */
  readonly number: number;
  readonly url: string;
  /** `kept`: there was nothing to change, or it is somebody else's. */
  readonly what: 'opened' | 'updated' | 'kept' | 'closed';
}

export interface Platform {
  readonly name: string;
  /** Longest body of a comment or issue, in UTF-16 code units. */
  readonly bodyLimit: number;
  pullRequest(number: number): Promise<PullRequest>;
  /** The pull request that this commit of the base branch came in with; `undefined`: pushed directly. */
  pullRequestOf(commit: string): Promise<PullRequest | undefined>;
  /** All that are open, in no order. */
  openPullRequests(): Promise<readonly Pick<PullRequest, 'number' | 'head' | 'fork'>[]>;
  /** Newest status of this context; `undefined`: there is none. */
  status(commit: string, context: string): Promise<CommitStatus['state'] | undefined>;
  /** All reviews, oldest first, to the proven end. */
  reviews(number: number): Promise<readonly Review[]>;
  /** Makes or replaces our own comment that holds the marker. */
  upsertComment(number: number, marker: string, body: string): Promise<void>;
  setStatus(commit: string, status: CommitStatus): Promise<void>;
  /** Makes or replaces our own open issue that holds the marker; `undefined` body: closes it. */
  upsertIssue(marker: string, issue: { readonly title: string; readonly body: string } | undefined): Promise<void>;
  /** For a branch that is pushed already. The one that is open for it is brought up to date when it is our own and holds the marker. */
  openPullRequest(request: NewPullRequest): Promise<OpenedPullRequest>;
  /** Closes the open one of that branch with a comment that says why, when it is our own and holds the marker; `undefined`: there is none. */
  closePullRequest(request: Pick<NewPullRequest, 'branch' | 'base' | 'marker'> & { readonly why: string }): Promise<OpenedPullRequest | undefined>;
}
