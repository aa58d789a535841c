/** Versions as devices of each family tell them: which is newer, and where nobody can say. */
import { describe, expect, it } from 'vitest';
import { compareVersions, isVersion } from '#core/compare-version';

/** Oldest first; each is older than all that follow it. */
const rising: Readonly<Record<string, readonly string[]>> = {
  'UniFi, small-business switches': ['2.5.9.54', '9.5.21', '10.0.162', '10.5.7', '10.5.66', '10.5.66.1'],
  OPNsense: ['25.7.11_9-amd64', '26.1.a_123', '26.1.b2', '26.1.r1', '26.1.r2', '26.1-amd64', '26.1_2', '26.1.6-amd64', '26.1.6_4', '26.1.10', '26.7'],
  RouterOS: ['6.49.18 (long-term)', '7.20', '7.20.8 (stable)', '7.21beta3', '7.21rc1', '7.21rc2 (testing)', '7.21'],
  'Cisco IOS, train E': ['15.2(1)E', '15.2(2)E5', '15.2(2)E5a', '15.2(7)E0a', '15.2(7)E3', '15.2(7)E10', '15.2(7b)E', '15.2(8)E1'],
  'Cisco IOS, main line': ['12.4(21)', '12.4(21a)', '15.1(1)'],
  'Cisco IOS-XE': ['03.06.08.E', '16.12.05b', '17.3.5', '17.03.05b', '17.09.04', '17.09.04a', '17.10.1'],
  'Debian packages': ['1.0.9-2', '1.1.3-1~bpo12+1', '1.1.3-1', '1.1.3-1+deb13u1', '1.1.3-2', '1.1.3.1-1', '1:0.2'],
  'Linux kernels': ['6.1.0-37-amd64', '6.12.9+deb13-amd64', '6.12.48', '6.12.48+deb13-amd64', '6.13-rc3', '6.13', 'v6.13.1'],
};

describe.each(Object.entries(rising))('%s', (_, versions) => {
  it('each is older than what follows, whichever way round it is asked', () => {
    versions.forEach((older, index) => {
      expect(compareVersions(older, older), older).toBe(0);
      for (const newer of versions.slice(index + 1)) {
        expect(compareVersions(older, newer), `${older} < ${newer}`).toBeLessThan(0);
        expect(compareVersions(newer, older), `${newer} > ${older}`).toBeGreaterThan(0);
      }
    });
  });
});

it.each([['26.1', '26.1.0'], ['17.09.04a', '17.9.4a'], ['26.1.6-amd64', '26.1.6'], ['v7.20.8', '7.20.8 (stable)'], ['7.21RC2', '7.21rc2']])('%s and %s are the same', (a, b) => { expect(compareVersions(a, b)).toBe(0); });

it.each([
  ['another train', '15.0(2)SE11', '15.2(7)E10'], ['the main line and a train', '12.4(21)', '12.4(20)T1'], ['IOS and IOS-XE', '15.2(7)E3', '17.9.4'], ['builds of others', '6.12.9+rpt-rpi-v8', '6.12.9+deb13'],
  ['no version at all', 'Graph v1.0', '1.0'], ['nothing', '', '1.0'], ['a word', 'unknown', '1.0'],
])('nobody can say: %s', (_, a, b) => {
  expect(compareVersions(a, b)).toBeUndefined();
  expect(compareVersions(b, a)).toBeUndefined();
});

it.each(['', 'latest', 'Graph v1.0', '-1', '1.0\u0007', '9'.repeat(65)])('%j is no version', (text) => { expect(isVersion(text)).toBe(false); });
