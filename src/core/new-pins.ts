/** Pins that are accepted now and were not before: who lets nobody new in has none. */
export function newPins(now: readonly string[], before: readonly string[]): readonly string[] {
  return now.filter((pin) => !before.includes(pin));
}
