import { isLedgerOnly, parseAddress, type Change, type Desired, type Impact, type Kind, type RiskLevel } from '#contract';
import { propertySchema } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import { diffSpec } from '#core/diff-spec';
import { newPins } from '#core/new-pins';
import type { FieldDiff, PlannedChange } from '#core/model';

const risks: readonly RiskLevel[] = ['low', 'medium', 'high', 'critical'];

export function highestRisk(levels: readonly RiskLevel[]): RiskLevel {
  return levels.reduce<RiskLevel>((high, level) => (risks.indexOf(level) > risks.indexOf(high) ? level : high), 'low');
}

function generic({ verb, restore, reason, before, after }: Change, kind: string, name: string): Impact {
  if (restore === true) return { risk: 'medium', en: `${kind} ${name} is brought back from the recycle bin`, de: `${kind} ${name} wird aus dem Papierkorb zurückgeholt` };
  if (verb === 'delete') return { risk: 'high', en: `${kind} ${name} is deleted`, de: `${kind} ${name} wird gelöscht` };
  if (verb === 'adopt') return { risk: 'low', en: 'matches already; soll takes it over without touching it', de: 'stimmt bereits; soll übernimmt es, ohne es anzufassen' };
  if (verb === 'release') return { risk: 'low', en: 'soll lets go of it; the live system is not touched', de: 'soll lässt es los; das Live-System bleibt unberührt' };
  if (verb === 'identify' && newPins(pinsOf(after), pinsOf(before)).length > 0) {
    const anew = reason === 'replaced' ? { en: '; what was on the device before is written anew', de: '; was auf dem bisherigen Gerät war, wird neu geschrieben' } : { en: '', de: '' };
    return {
      risk: 'critical', en: `whoever answers with this identity is trusted as ${name} and is sent this customer's credentials${anew.en}`,
      de: `wer mit dieser Identität antwortet, gilt als ${name} und erhält die Zugangsdaten dieses Kunden${anew.de}`,
    };
  }
  if (verb === 'identify') return { risk: 'low', en: `fewer identities are accepted as ${name}`, de: `weniger Identitäten gelten als ${name}` };
  return { risk: 'low', en: `${kind} ${name}`, de: `${kind} ${name}` };
}

function pinsOf(spec: Change['before']): readonly string[] {
  const pins = spec?.['identity'];
  return Array.isArray(pins) ? pins.map(String) : [];
}

/** Of something new nobody needs to read what it has by default. */
function saysNothing(kind: Kind | undefined, { path, after }: FieldDiff): boolean {
  const preset = propertySchema(kind?.schema ?? {}, path.slice(1))['default'];
  return preset !== undefined && equalJson(preset, after);
}

export function describeChange(change: Change, kinds: ReadonlyMap<string, Kind>, desired: Desired | undefined): PlannedChange {
  const { kind: kindName, name } = parseAddress(change.address);
  const kind = kinds.get(kindName);
  const silent = change.verb !== 'identify' && isLedgerOnly(change.verb);
  const own = isLedgerOnly(change.verb) || change.restore === true ? undefined : kind?.impact?.({ verb: change.verb, name, ...(change.before === undefined ? {} : { before: change.before }), ...(change.after === undefined ? {} : { after: change.after }) });
  const { risk, en, de } = own ?? generic(change, kindName, name);
  return {
    address: change.address, risk, impact: { en, de },
    fields: silent ? [] : diffSpec(kind?.schema ?? {}, change.before, change.after).filter((field) => change.verb !== 'create' || !saysNothing(kind, field)),
    ...(desired === undefined ? {} : { source: desired.source }),
  };
}
