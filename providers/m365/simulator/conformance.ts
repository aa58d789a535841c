import type { JsonObject } from '#contract';
import type { ConformanceMaterial, ConformanceResource } from '#testkit/simulator';

const domain = 'conformance.example';
const upn = (name: string): string => `${name}@${domain}`;
const user = (name: string, more: JsonObject = {}): ConformanceResource => ({ kind: 'user', name: upn(name), spec: { userPrincipalName: upn(name), displayName: name, usageLocation: 'DE', enabled: true, ...more } });
const group = (name: string, more: JsonObject = {}): ConformanceResource => ({ kind: 'group', name, spec: { mailNickname: name, type: 'security', displayName: name, ...more } });
const team = (more: JsonObject): ConformanceResource => group('team', { type: 'microsoft365', visibility: 'private', ...more });

const boss = user('boss', { jobTitle: 'Chefin', licences: [{ sku: 'SPB' }] });
const anna = (more: JsonObject = {}): ConformanceResource => user('anna', { givenName: 'Anna', department: 'Planung', manager: upn('boss'), licences: [{ sku: 'SPB', disabledPlans: ['SWAY'] }], ...more });
const ben = (more: JsonObject = {}): ConformanceResource => user('ben', { officeLocation: 'Lager', manager: upn('anna'), licences: [{ sku: 'EXCHANGESTANDARD' }], ...more });
const members = (...names: readonly string[]): string[] => names.map(upn);

export const conformance: ConformanceMaterial = {
  target: { manages: { user: 'merge', group: 'merge' }, settings: {} },
  initial: [boss, anna(), ben(), team({ description: 'Alle', owners: members('boss'), members: members('anna', 'ben') }), group('storage', { members: members('ben') })],
  steps: [
    { because: 'a field is changed and one is cleared', resources: [boss, anna({ jobTitle: 'Architektin', department: null }), ben(), team({ description: null, owners: members('boss'), members: members('anna', 'ben') }), group('storage', { members: members('ben') })] },
    { because: 'members and owners change', resources: [boss, anna(), ben(), team({ owners: members('anna', 'boss'), members: members('anna', 'boss') }), group('storage', { members: [] })] },
    { because: 'a licence with other plans, one more, one less', resources: [boss, anna({ licences: [{ sku: 'SPB', disabledPlans: ['SWAY', 'YAMMER_ENTERPRISE'] }] }), ben({ licences: [{ sku: 'O365_BUSINESS_PREMIUM' }] }), team({ owners: members('anna') }), group('storage', { members: [] })] },
    { because: 'sign-in is blocked, the manager goes', resources: [boss, anna({ manager: null }), ben({ enabled: false, licences: [] }), team({ owners: members('anna') }), group('storage', { members: [] })] },
    { because: 'a user and a group go', resources: [boss, anna({ manager: null }), team({ owners: members('anna') })] },
    { because: 'a deleted user comes back', resources: [boss, anna({ manager: null }), ben({ enabled: true, licences: [], manager: upn('boss') }), team({ owners: members('anna') })] },
  ],
  paging: { kind: 'user', pageSize: 25, make: (index) => user(`person-${String(index).padStart(4, '0')}`) },
  foreign: ['notfall@conformance.example', 'foreign@conformance.example', 'synced@conformance.example', 'foreign-group', 'everyone'],
  hostile: [
    user('o\'brien', { displayName: 'O\'Brien & "Söhne" <b>' }), user('lines', { displayName: 'a\nb\u001b[2J' }), user('markdown', { jobTitle: '](javascript:alert(1)) @everyone ```' }), user('long', { department: 'ü'.repeat(64) }),
    group('plain', { displayName: '$(reboot) `id` {{7*7}}', description: '=HYPERLINK("http://x")' }), user('umläut'), user('space here'), group('sp ace'), user('hash#tag'),
  ],
};
