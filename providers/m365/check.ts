/** What the directory never takes, told before anything is asked. */
import { parseAddress, type Desired, type Problem, type Target } from '#contract';
import { signInName } from './limits.ts';

export function checkDesired(desired: readonly Desired[], target: Target): readonly Problem[] {
  const problems: Problem[] = [];
  const pin = target.identity.find((each) => each.startsWith('tenant:'));
  if (pin === undefined) problems.push({ code: 'm365.no-pin', severity: 'error', message: `${target.name} has no tenant: pin`, hint: `write "tenant:${target.address}" under identity` });
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(target.address)) problems.push({ code: 'm365.address', severity: 'error', message: `${target.address} is not a tenant id`, hint: 'the directory (tenant) id of the overview page, not a domain: domains move' });
  for (const { address, spec, source } of desired) {
    const { kind, name } = parseAddress(address);
    const at = { address, source };
    if (kind === 'user' && !(signInName.test(name) && !name.startsWith('$'))) {
      problems.push({ ...at, code: 'm365.sign-in-name', severity: 'error', message: `${name} is not a sign-in name: letters a to z, digits and '.-_!#^~ only, at most 64 before and 48 after the @`, hint: 'write ä as ae, ö as oe, ü as ue, ß as ss' });
    }
    if (kind === 'user' && typeof spec['mailNickname'] === 'string' && !/^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]{1,64}$/.test(spec['mailNickname'])) {
      problems.push({ ...at, code: 'm365.mail-nickname', severity: 'error', message: `${name}: mailNickname has letters that an address cannot have`, hint: 'ASCII without spaces' });
    }
    if (kind === 'group' && !/^[a-z0-9._-]{1,64}$/i.test(name)) {
      problems.push({ ...at, code: 'm365.mail-nickname', severity: 'error', message: `${name} is not a mailNickname: letters a to z, digits and ._- only, at most 64`, hint: 'the name people see is displayName' });
    }
  }
  return problems;
}
