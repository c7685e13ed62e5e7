import { generateKeyPairSync } from "node:crypto";
import { generateSealingKey } from "@axle/runtime/crypto/sealing.ts";
import { writeCertificateRequest } from "./certificate-request.ts";
import type { Identity } from "./identity.ts";

/** Fresh keys. `name` is only a hint in the certificate request. */
export function newIdentity(name: string): Identity {
  const keyPem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  return {
    keyPem,
    csrPem: writeCertificateRequest(keyPem, name),
    sealPrivateKey: Buffer.from(generateSealingKey().privateKey).toString("base64"),
  };
}
