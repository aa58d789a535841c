import type { CustomerFiles } from './customer-files.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';
import { didYouMean } from './suggest.ts';

const mixed = /(?=\p{L}*\p{Script=Latin})(?=\p{L}*[\p{Script=Cyrillic}\p{Script=Greek}])\p{L}+/u;

/** Sign-in names of the tenant's domains, licences that can be assigned, names that are what they look like. */
export function checkM365({ m365 }: CustomerFiles): readonly PendingProblem[] {
  if (m365 === undefined) return [];
  return Object.entries(m365.value.m365).flatMap(([target, { domains, users = {}, groups = {} }]) => {
    const problems: PendingProblem[] = [];
    const place = (pointer: string, part: Place['part'] = 'value'): Place => ({ file: m365.file, pointer: `/m365/${escapePointer(target)}${pointer}`, part });
    for (const [upn, user] of Object.entries(users)) {
      const base = `/users/${escapePointer(upn)}`;
      const domain = upn.split('@').at(-1)?.toLowerCase() ?? '';
      if (!domains.includes(domain)) problems.push({ code: 'm365.domain', severity: 'error', message: `${domain} is not among the domains of this tenant`, hint: didYouMean(domain, domains), at: place(base, 'key') });
      if ((user.licences ?? []).length > 0 && user.usageLocation === undefined) problems.push({ code: 'm365.usage-location', severity: 'error', message: `${upn} gets a licence but has no usageLocation`, hint: 'usageLocation: DE', at: place(`${base}/licences`, 'key') });
      if (user.manager?.toLowerCase() === upn.toLowerCase()) problems.push({ code: 'm365.manager', severity: 'error', message: `${upn} cannot be the own manager`, hint: 'name somebody else or write null', at: place(`${base}/manager`) });
      (user.licences ?? []).forEach(({ sku }, index, all) => {
        if (all.findIndex((other) => other.sku.toUpperCase() === sku.toUpperCase()) !== index) problems.push({ code: 'm365.duplicate-licence', severity: 'error', message: `${sku} is assigned twice`, hint: 'keep one of them', at: place(`${base}/licences/${String(index)}/sku`) });
      });
      if (user.displayName !== undefined && mixed.test(user.displayName)) problems.push({ code: 'name.mixed-scripts', severity: 'warning', message: `${upn}: the name mixes letters of different scripts in one word`, hint: 'somebody may pass for somebody else; type it anew', at: place(`${base}/displayName`) });
    }
    for (const [nickname, group] of Object.entries(groups)) {
      const base = `/groups/${escapePointer(nickname)}`;
      if (group.visibility !== undefined && group.type === 'security') problems.push({ code: 'm365.visibility', severity: 'error', message: 'a security group has no visibility', hint: 'delete the line', at: place(`${base}/visibility`, 'key') });
      if (group.type === 'microsoft365' && group.owners?.length === 0) problems.push({ code: 'm365.no-owner', severity: 'error', message: `${nickname} would have no owner`, hint: 'name at least one; the directory refuses to remove the last', at: place(`${base}/owners`, 'key') });
    }
    return problems.map((problem) => ({ ...problem, target }));
  });
}
