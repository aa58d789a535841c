/** Facts about Microsoft Graph that the provider relies on, each with its source. "Docs" are the pages of the Graph v1.0 reference, read 2026-08. */

/** National clouds have other names; only the worldwide service is spoken to. */
export const graphOrigin = 'https://graph.microsoft.com';
export const loginOrigin = 'https://login.microsoftonline.com';
export const scope = 'https://graph.microsoft.com/.default';

/** For whom a token of another identity provider must be made ("Configure an app to trust an external identity provider", read 2026-08). */
export const exchangeAudience = 'api://AzureADTokenExchange';

/** `$top` of users, groups and their members (docs, "Paging Microsoft Graph data"). */
export const pageSize = 999;

/** Requests in one `$batch` (docs, "Combine multiple HTTP requests using JSON batching"). */
export const batchSize = 20;

/** `members@odata.bind` in one PATCH, owners and members together in one POST (docs, "Add members", "Create group"). */
export const bindSize = 20;

/** Longest wait that a Retry-After may ask for before the target counts as throttled, milliseconds. */
export const longestWaitMs = 120_000;

/** A page may be empty and still go on (docs, "Paging Microsoft Graph data"); no bound is given, this is ours. */
export const mostEmptyPages = 100;

/** A write may be invisible to readers for a while ("Best practices for working with Microsoft Graph", 2026-03); no bound is given, so after this it is told as pending. */
export const settleMs = 60_000;

/** A new object may be unknown to the next request (404); azuread and the documentation both repeat. Milliseconds. */
export const appearMs = 60_000;

/** Letters of a sign-in name (docs, user resource type, userPrincipalName); parts: 64 before and 48 after the @. */
export const signInName = /^[A-Za-z0-9'._!#^~-]{1,64}@[A-Za-z0-9.-]{1,48}$/;

/** Built-in role Global Administrator ("Microsoft Entra built-in roles", read 2026-08). */
export const globalAdministrator = '62e90394-69f5-4237-9190-012177145e10';

/**
 * An application may exchange its own certificates without any permission ("application: addKey" and "removeKey", learn.microsoft.com, read on
 * 2026-11-28), but reading which it has needs Application.Read.All (permissions.json of microsoft-graph-devx-content, 6cbd6bbd): an exchange that broke off could not be found again.
 */
export const noRotation = 'a certificate is renewed in Entra: register the new one beside the old, store it with soll secret set, then remove the old one; soll does not do it, because an exchange that breaks off could only be found again with Application.Read.All, which soll does not ask for. A federated token comes from outside and is not stored';
