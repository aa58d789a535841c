/** `customer/target/kind/name`; each part percent-encoded, so that no name can add a level. */
export type Address = `${string}/${string}/${string}/${string}`;

export interface AddressParts {
  readonly customer: string;
  readonly target: string;
  readonly kind: string;
  readonly name: string;
}

/** What encoding leaves as it is: nearly every name. */
const plain = /^[A-Za-z0-9._~@-]*$/;

/** Encodes what would break an address, a path or a terminal; keeps `@` and `.` readable. */
function encodePart(part: string): string {
  if (plain.test(part)) return part;
  // A lone surrogate in a device's JSON has no encoding; it must not stop the reading of all the rest.
  return encodeURIComponent(part.replaceAll(/\p{Surrogate}/gu, '\ufffd')).replaceAll('%40', '@').replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function toAddress(parts: AddressParts): Address {
  return `${encodePart(parts.customer)}/${encodePart(parts.target)}/${encodePart(parts.kind)}/${encodePart(parts.name)}`;
}

/** Throws RangeError when the text is not an address: an address comes from our own records, so this is a defect. */
export function parseAddress(address: string): AddressParts {
  const [customer, target, kind, name, ...rest] = address.split('/');
  if (customer === undefined || target === undefined || kind === undefined || name === undefined || rest.length > 0) {
    throw new RangeError(`not an address: ${JSON.stringify(address)}`);
  }
  if (!address.includes('%')) return { customer, target, kind, name };
  return {
    customer: decodeURIComponent(customer),
    target: decodeURIComponent(target),
    kind: decodeURIComponent(kind),
    name: decodeURIComponent(name),
  };
}
