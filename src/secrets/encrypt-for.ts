/** Armoured age text that only the owners of these recipients can open. Throws Error for a text that is not a recipient. */
export async function encryptFor(recipients: readonly string[], text: string): Promise<string> {
  // Loaded when something is to be encrypted: nearly no run needs it.
  const { armor, Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(text));
}
