/**
 * What GitHub's REST API takes and how it answers. Sources, read on 2026-11-24: the OpenAPI description 2026-03-10 and 2022-11-28 as published in
 * `@octokit/openapi-types` 29.0.1, and the pages named beside each fact (docs.github.com).
 *
 * | endpoint | page | what matters |
 * | --- | --- | --- |
 * | GET /user | rest/users/users | 403 with an installation token (GITHUB_TOKEN in Actions, GitHub Apps) |
 * | GET /repos/{o}/{r}/pulls/{n} | rest/pulls/pulls | `merge_commit_sha` is a *test* merge until `merged`, then the merge, the squash, or the last of a rebase |
 * | GET /repos/{o}/{r}/pulls/{n}/commits | rest/pulls/pulls | at most 250 commits, however many pages are asked for |
 * | GET /repos/{o}/{r}/pulls/{n}/reviews | rest/pulls/reviews | chronological; `commit_id` null when the commit is gone; a dismissed review changes its state in place |
 * | GET /repos/{o}/{r}/commits/{sha}/pulls | rest/commits/commits | the merged pull request that brought the commit; for a commit outside the default branch open ones too |
 * | GET, POST /repos/{o}/{r}/issues/{n}/comments, PATCH, DELETE /repos/{o}/{r}/issues/comments/{id} | rest/issues/comments | ascending by id |
 * | GET, POST /repos/{o}/{r}/issues, PATCH /repos/{o}/{r}/issues/{n} | rest/issues/issues | the list holds pull requests too (key `pull_request`); 410 where issues are off |
 * | GET /repos/{o}/{r}/commits/{ref}/statuses, POST /repos/{o}/{r}/statuses/{sha} | rest/commits/statuses | newest first; at most 1,000 per commit and context |
 * | GET, POST /repos/{o}/{r}/pulls, PATCH /repos/{o}/{r}/pulls/{n} | rest/pulls/pulls | `head` filter is `owner:branch`; 422 when one is open already or the branch is not there; PATCH takes title, body, state, base |
 */

/** rest/about-the-rest-api/api-versions */
export const apiVersion = '2022-11-28';

/** rest/using-the-rest-api/using-pagination-in-the-rest-api: 30 by default, 100 at most; the next page is in the Link header, its absence is the end. */
export const pageSize = 100;

/** 422 "Body is too long (maximum is 65536 characters)", comments and issues alike (danger/danger#424, projectdiscovery/nuclei#634). */
export const bodyLimit = 65_536;

/** 422 "title is too long (maximum is 256 characters)". */
export const titleLimit = 256;

/** 422 "description is too long (maximum is 140 characters)" (zalando/zappr#378, vince-riv/argo-diff#49). */
export const statusLimit = 140;

/** rest/pulls/pulls, "List commits on a pull request". */
export const commitsLimit = 250;

/**
 * 403 of POST /pulls with the GITHUB_TOKEN of a workflow, whatever its permissions, where "Allow GitHub Actions to create and approve pull requests"
 * is off, as in new repositories (github.blog/changelog 2022-05-03; peter-evans/create-pull-request#1175, #3979).
 */
export const actionsMayNotOpen = 'not permitted to create or approve pull requests';

/** Account of GITHUB_TOKEN inside Actions; another GitHub App writes as `<slug>[bot]`. */
export const actionsAccount = 'github-actions[bot]';

/**
 * rest/using-the-rest-api/rate-limits-for-the-rest-api, "Exceeding the rate limit": 403 or 429. Wait `retry-after` seconds; else, with
 * `x-ratelimit-remaining: 0`, until `x-ratelimit-reset` (UTC seconds); else at least one minute, growing. 403 without any of these and without
 * the words is a missing permission.
 */
export function throttleDelayMs({ status, headers, message }: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly message: string }, attempt: number, now: number): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const after = headers['retry-after'];
  if (after !== undefined && /^\d{1,6}$/.test(after)) return Number(after) * 1000;
  const reset = headers['x-ratelimit-reset'];
  if (headers['x-ratelimit-remaining'] === '0' && reset !== undefined && /^\d{1,12}$/.test(reset)) return Math.max(1000, Number(reset) * 1000 - now);
  return status === 429 || /rate limit/i.test(message) ? 60_000 * 2 ** (attempt - 1) : undefined;
}
