/** Whether a new connection to the firewall itself gets through what is in force: the first quick rule that fits decides, and nothing fits by default. */
import { isIPv4 } from 'node:net';
import type { DeviceState } from './state.ts';
import type { Fields } from './models.ts';

export interface Visitor {
  /** Identifier of the interface that it comes in on. */
  readonly interface: string;
  /** IPv4. */
  readonly source: string;
}

const numberOf = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

function isIn(address: string, net: string): boolean {
  const [base = '', length = '32'] = net.split('/');
  const size = 2 ** (32 - Number(length));
  return isIPv4(base) && Math.floor(numberOf(address) / size) === Math.floor(numberOf(base) / size);
}

export function admits({ saved, running }: DeviceState, { interface: on, source }: Visitor, port: number): boolean {
  // The anti-lockout rule of OPNsense.
  if (on === 'lan' && [22, 443].includes(port)) return true;
  const list = (text = ''): readonly string[] => text.split(',').filter((each) => each !== '');
  const groups = Object.values(saved.objects.group).filter(({ members = '' }) => list(members).includes(on)).map(({ ifname = '' }) => ifname);
  const fromThere = (what: string): boolean => what === 'any' || isIn(source, what) || (running.tables[what] ?? '').split('\n').some((each) => each !== '' && fromThere(each));
  const toPort = (what: string): boolean => what === '' || what === String(port) || (saved.interfaces[what] === undefined && Object.values(saved.objects.alias).some(({ name, type, content = '' }) => type === 'port' && name === what && content.split('\n').some(inRange)));
  const inRange = (range: string): boolean => {
    const [from = '', to = from] = range.split(':');
    return Number(from) <= port && port <= Number(to);
  };
  const rank = ({ interface: where = '' }: Fields): number => (list(where).length !== 1 ? 0 : groups.includes(where) ? 1 : 2);
  const fits = (rule: Fields): boolean => rule['enabled'] === '1' && rule['direction'] !== 'out' && rule['ipprotocol'] !== 'inet6' && ['any', 'TCP', 'TCP/UDP'].includes(rule['protocol'] ?? '')
    && (list(rule['interface']).length === 0 || list(rule['interface']).some((each) => each === on || groups.includes(each)))
    && list(rule['source_net']).some(fromThere) && list(rule['destination_net']).some((each) => each === 'any' || each === '(self)') && toPort(rule['destination_port'] ?? '');
  const [first] = Object.values(running.filter.rule).filter(fits).sort((a, b) => rank(a) - rank(b) || Number(a['sequence']) - Number(b['sequence']));
  return first?.['action'] === 'pass';
}
