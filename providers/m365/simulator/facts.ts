/**
 * Facts of Microsoft Graph v1.0 that the stand-in answers by. Property names: CSDL of microsoftgraph/msgraph-metadata (MIT), schemas/v1.0-Prod.csdl, read 2026-08;
 * a test compares them with that file where it is at hand. Permissions: permissions.json of microsoftgraph/microsoft-graph-devx-content (MIT), read 2026-08,
 * application permissions only.
 */
export const userProperties: readonly string[] = [
  'aboutMe', 'accountEnabled', 'ageGroup', 'assignedLicenses', 'assignedPlans', 'authorizationInfo', 'birthday', 'businessPhones', 'city', 'companyName',
  'consentProvidedForMinor', 'country', 'createdDateTime', 'creationType', 'customSecurityAttributes', 'department', 'deviceEnrollmentLimit', 'displayName', 'employeeHireDate',
  'employeeId', 'employeeLeaveDateTime', 'employeeOrgData', 'employeeType', 'externalUserState', 'externalUserStateChangeDateTime', 'faxNumber', 'givenName', 'hireDate',
  'identities', 'identityParentId', 'imAddresses', 'interests', 'isManagementRestricted', 'isResourceAccount', 'jobTitle', 'lastPasswordChangeDateTime',
  'legalAgeGroupClassification', 'licenseAssignmentStates', 'mail', 'mailboxSettings', 'mailNickname', 'mobilePhone', 'mySite', 'officeLocation', 'onPremisesDistinguishedName',
  'onPremisesDomainName', 'onPremisesExtensionAttributes', 'onPremisesImmutableId', 'onPremisesLastSyncDateTime', 'onPremisesProvisioningErrors', 'onPremisesSamAccountName',
  'onPremisesSecurityIdentifier', 'onPremisesSyncEnabled', 'onPremisesUserPrincipalName', 'otherMails', 'passwordPolicies', 'passwordProfile', 'pastProjects', 'postalCode',
  'preferredDataLocation', 'preferredLanguage', 'preferredName', 'print', 'provisionedPlans', 'proxyAddresses', 'responsibilities', 'schools', 'securityIdentifier',
  'serviceProvisioningErrors', 'showInAddressList', 'signInActivity', 'signInSessionsValidFromDateTime', 'skills', 'state', 'streetAddress', 'surname', 'usageLocation',
  'userPrincipalName', 'userType', 'id', 'deletedDateTime',
];

export const groupProperties: readonly string[] = [
  'accessType', 'allowExternalSenders', 'assignedLabels', 'assignedLicenses', 'autoSubscribeNewMembers', 'classification', 'createdDateTime', 'description', 'displayName',
  'expirationDateTime', 'groupTypes', 'hasMembersWithLicenseErrors', 'hideFromAddressLists', 'hideFromOutlookClients', 'infoCatalogs', 'isArchived', 'isAssignableToRole',
  'isFavorite', 'isManagementRestricted', 'isSubscribedByMail', 'licenseProcessingState', 'mail', 'mailEnabled', 'mailNickname', 'membershipRule', 'membershipRuleProcessingState',
  'onPremisesDomainName', 'onPremisesExtensionAttributes', 'onPremisesLastSyncDateTime', 'onPremisesNetBiosName', 'onPremisesProvisioningErrors', 'onPremisesSamAccountName',
  'onPremisesSecurityIdentifier', 'onPremisesSyncEnabled', 'organizationId', 'preferredDataLocation', 'preferredLanguage', 'proxyAddresses', 'renewedDateTime',
  'resourceBehaviorOptions', 'resourceProvisioningOptions', 'securityEnabled', 'securityIdentifier', 'serviceProvisioningErrors', 'theme', 'uniqueName',
  'unseenConversationsCount', 'unseenCount', 'unseenMessagesCount', 'visibility', 'welcomeMessageEnabled', 'id', 'deletedDateTime',
];

export const skuProperties: readonly string[] = [
  'accountId', 'accountName', 'appliesTo', 'capabilityStatus', 'consumedUnits', 'prepaidUnits', 'servicePlans', 'skuId', 'skuPartNumber', 'subscriptionIds', 'id',
];

export const organizationProperties: readonly string[] = [
  'assignedPlans', 'businessPhones', 'city', 'country', 'countryLetterCode', 'createdDateTime', 'defaultUsageLocation', 'displayName', 'marketingNotificationEmails',
  'mobileDeviceManagementAuthority', 'onPremisesLastSyncDateTime', 'onPremisesSyncEnabled', 'partnerTenantType', 'postalCode', 'preferredLanguage', 'privacyProfile',
  'provisionedPlans', 'securityComplianceNotificationMails', 'securityComplianceNotificationPhones', 'state', 'street', 'technicalNotificationMails', 'tenantType',
  'verifiedDomains', 'id', 'deletedDateTime',
];

/** What `GET /users` answers without $select (user resource type, "default set of properties"). */
export const defaultUserProperties: readonly string[] = ['businessPhones', 'displayName', 'givenName', 'id', 'jobTitle', 'mail', 'mobilePhone', 'officeLocation', 'preferredLanguage', 'surname', 'userPrincipalName'];

/** Never answered by the stand-in: kept by other services, asked for one user at a time (user resource type). Asking fails loudly. */
export const notServed: readonly string[] = [
  'aboutMe', 'birthday', 'deviceEnrollmentLimit', 'hireDate', 'interests', 'mailboxSettings', 'mySite', 'pastProjects', 'preferredName', 'print', 'responsibilities', 'schools', 'signInActivity', 'skills',
];

/** Lists by the CSDL: where nothing is known they are empty, never null. */
export const listProperties: readonly string[] = [
  'assignedLabels', 'assignedLicenses', 'assignedPlans', 'businessPhones', 'groupTypes', 'identities', 'imAddresses', 'infoCatalogs', 'licenseAssignmentStates', 'marketingNotificationEmails',
  'onPremisesProvisioningErrors', 'otherMails', 'provisionedPlans', 'proxyAddresses', 'resourceBehaviorOptions', 'resourceProvisioningOptions', 'securityComplianceNotificationMails',
  'securityComplianceNotificationPhones', 'servicePlans', 'serviceProvisioningErrors', 'subscriptionIds', 'technicalNotificationMails', 'verifiedDomains',
];

export type ValueType = 'string' | 'boolean' | 'strings' | 'object';

/**
 * Writable through PATCH and POST in what the stand-in supports, with the type by the CSDL; everything else of a user or group is refused by it. `null` where the directory
 * takes null (user and group resource types; the CSDL has everything nullable).
 */
export const writableUser: Readonly<Record<string, readonly [ValueType, 'null'?]>> = {
  accountEnabled: ['boolean'], businessPhones: ['strings'], department: ['string', 'null'], displayName: ['string'], givenName: ['string', 'null'], jobTitle: ['string', 'null'], mailNickname: ['string'],
  mobilePhone: ['string', 'null'], officeLocation: ['string', 'null'], passwordProfile: ['object'], surname: ['string', 'null'], usageLocation: ['string'], userPrincipalName: ['string'],
};
export const writableGroup: Readonly<Record<string, readonly [ValueType, 'null'?]>> = {
  description: ['string', 'null'], displayName: ['string'], groupTypes: ['strings'], mailEnabled: ['boolean'], mailNickname: ['string'], securityEnabled: ['boolean'], visibility: ['string'],
};

/** Any one of them lets the request through. Paths in the spelling of permissions.json; `$ref` is left out there. */
export const permissions: Readonly<Record<string, readonly string[]>> = {
  'GET /organization': ['Organization.Read.All', 'Directory.Read.All', 'User.Read.All'],
  'GET /users': ['User.Read.All', 'User.ReadWrite.All', 'Directory.Read.All'],
  'POST /users': ['User.ReadWrite.All', 'Directory.ReadWrite.All'],
  'GET /users/{id}': ['User.Read.All', 'User.ReadWrite.All', 'Directory.Read.All'],
  'PATCH /users/{id}': ['User.ReadWrite.All', 'Directory.ReadWrite.All'],
  'DELETE /users/{id}': ['User.DeleteRestore.All', 'User.ReadWrite.All'],
  'PUT /users/{id}/manager': ['User.ReadWrite.All', 'Directory.ReadWrite.All'],
  'DELETE /users/{id}/manager': ['User.ReadWrite.All', 'Directory.ReadWrite.All'],
  'POST /users/{id}/assignLicense': ['LicenseAssignment.ReadWrite.All', 'User.ReadWrite.All', 'Directory.ReadWrite.All'],
  'GET /groups': ['Group.Read.All', 'Group.ReadWrite.All', 'GroupMember.Read.All', 'Directory.Read.All'],
  'GET /groups/{id}': ['Group.Read.All', 'Group.ReadWrite.All', 'GroupMember.Read.All', 'Directory.Read.All'],
  'POST /groups': ['Group.Create', 'Group.ReadWrite.All', 'Directory.ReadWrite.All'],
  'PATCH /groups/{id}': ['Group.ReadWrite.All', 'Directory.ReadWrite.All'],
  'DELETE /groups/{id}': ['Group.ReadWrite.All'],
  'GET /groups/{id}/members': ['GroupMember.Read.All', 'Group.Read.All', 'Group.ReadWrite.All', 'Directory.Read.All'],
  'GET /groups/{id}/owners': ['GroupMember.Read.All', 'Group.Read.All', 'Group.ReadWrite.All', 'Directory.Read.All'],
  'POST /groups/{id}/members': ['GroupMember.ReadWrite.All', 'Group.ReadWrite.All'],
  'DELETE /groups/{id}/members/{id}': ['GroupMember.ReadWrite.All', 'Group.ReadWrite.All', 'Directory.ReadWrite.All'],
  'POST /groups/{id}/owners': ['Group.ReadWrite.All', 'Directory.ReadWrite.All'],
  'DELETE /groups/{id}/owners/{id}': ['Group.ReadWrite.All', 'Directory.ReadWrite.All'],
  'GET /subscribedSkus': ['LicenseAssignment.Read.All', 'Organization.Read.All', 'Directory.Read.All'],
  'GET /directory/deletedItems/microsoft.graph.user': ['User.Read.All', 'User.ReadWrite.All', 'Directory.Read.All'],
  'GET /directory/deletedItems/microsoft.graph.group': ['Group.Read.All', 'Group.ReadWrite.All', 'Directory.Read.All'],
  // One path for all types; which permission counts follows from the object (see `deletedPermissions`).
  'GET /directory/deletedItems/{id}': ['User.Read.All', 'User.ReadWrite.All', 'Group.Read.All', 'Group.ReadWrite.All', 'Directory.Read.All'],
  'POST /directory/deletedItems/{id}/restore': ['User.DeleteRestore.All', 'User.ReadWrite.All', 'Group.ReadWrite.All'],
  'GET /directoryRoles(roleTemplateId={value})/members': ['RoleManagement.Read.Directory', 'Directory.Read.All'],
};

/** permissions.json does not list these; they are from the pages "Add members", "List deletedItems", "Get deletedItem" and "Restore deleted item", read 2026-11. */
export const notInPermissionsFile: Readonly<Record<string, readonly string[] | 'all'>> = {
  'POST /groups/{id}/members': 'all',
  'GET /directory/deletedItems/microsoft.graph.user': 'all',
  'GET /directory/deletedItems/microsoft.graph.group': 'all',
  'GET /directory/deletedItems/{id}': 'all',
  'POST /directory/deletedItems/{id}/restore': ['Group.ReadWrite.All'],
};

export const deletedPermissions = {
  user: { GET: ['User.Read.All', 'User.ReadWrite.All', 'Directory.Read.All'], POST: ['User.DeleteRestore.All', 'User.ReadWrite.All'] },
  group: { GET: ['Group.Read.All', 'Group.ReadWrite.All', 'Directory.Read.All'], POST: ['Group.ReadWrite.All'] },
} as const;

/** Without one of these, users among members come with type and id only ("Limited information returned for inaccessible member objects", read 2026-11). */
export const seesPeople: readonly string[] = ['User.Read.All', 'User.ReadWrite.All', 'User.ReadBasic.All', 'Directory.Read.All', 'Directory.ReadWrite.All'];

/** What the two applications are granted: the least that reading and writing need, by the table above. */
export const readRoles: readonly string[] = ['User.Read.All', 'Group.Read.All', 'LicenseAssignment.Read.All', 'Organization.Read.All', 'RoleManagement.Read.Directory'];
export const writeRoles: readonly string[] = [...readRoles, 'User.ReadWrite.All', 'User.DeleteRestore.All', 'Group.ReadWrite.All', 'GroupMember.ReadWrite.All', 'LicenseAssignment.ReadWrite.All'];

/** roleTemplateId of Global Administrator: "Microsoft Entra built-in roles", read 2026-08. */
export const globalAdministrator = '62e90394-69f5-4237-9190-012177145e10';

/** skuId and skuPartNumber: "Product names and service plan identifiers for licensing", read 2026-08; plans cut to a few. */
export const products: Readonly<Record<string, { readonly id: string; readonly plans: Readonly<Record<string, string>> }>> = {
  SPB: { id: 'cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46', plans: { EXCHANGE_S_STANDARD: '9aaf7827-d63c-4b61-89c3-182f06f82e5c', SHAREPOINTSTANDARD: 'c7699d2e-19aa-44de-8edf-1736da088ca1', TEAMS1: '57ff2da0-773e-42df-b2af-ffb7a2317929', SWAY: 'a23b959c-7ce8-4e57-9140-b90eb88a9e97', YAMMER_ENTERPRISE: '7547a3fe-08ee-4ccb-b430-5077c5041653' } },
  O365_BUSINESS_PREMIUM: { id: 'f245ecc8-75af-4f8e-b61f-27d8114de5f3', plans: { EXCHANGE_S_STANDARD: '9aaf7827-d63c-4b61-89c3-182f06f82e5c', TEAMS1: '57ff2da0-773e-42df-b2af-ffb7a2317929', SWAY: 'a23b959c-7ce8-4e57-9140-b90eb88a9e97' } },
  EXCHANGESTANDARD: { id: '4b9405b0-7788-4568-add1-99614e613b69', plans: { EXCHANGE_S_STANDARD: '9aaf7827-d63c-4b61-89c3-182f06f82e5c' } },
};
