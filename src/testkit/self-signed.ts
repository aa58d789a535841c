import { X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';

export interface SelfSigned {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  /** `AA:BB:…`, SHA-256, as TLS tools print it. */
  readonly fingerprint256: string;
}

/** A certificate for 127.0.0.1, localhost and further names, good for ten years; stand-ins only. */
export async function makeSelfSigned(commonName: string, hosts: readonly string[] = []): Promise<SelfSigned> {
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec', curve: 'P-256', algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - 86_400_000), notAfterDate: new Date(Date.now() + 3650 * 86_400_000),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'subjectAltName', altNames: [...['localhost', ...hosts].map((value) => ({ type: 2 as const, value })), { type: 7 as const, ip: '127.0.0.1' }] },
    ],
  });
  return { cert: made.cert, key: made.private, fingerprint256: new X509Certificate(made.cert).fingerprint256 };
}

/** A certificate that signs assertions, as an application registration holds it: RSA, no hosts. */
export async function makeRsaCertificate(commonName: string): Promise<SelfSigned> {
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'rsa', keySize: 2048, algorithm: 'sha256', notBeforeDate: new Date(Date.now() - 86_400_000), notAfterDate: new Date(Date.now() + 3650 * 86_400_000),
  });
  return { cert: made.cert, key: made.private, fingerprint256: new X509Certificate(made.cert).fingerprint256 };
}
