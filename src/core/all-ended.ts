/** A defect at one is told when the others have come to their end: nobody is left in the middle of a write. */
export async function allEnded<T>(running: readonly Promise<T>[]): Promise<readonly T[]> {
  const settled = await Promise.allSettled(running);
  const defect = settled.find((each): each is PromiseRejectedResult => each.status === 'rejected');
  if (defect !== undefined) throw defect.reason;
  return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}
