import { createPublicKey } from "node:crypto";
import { newIdentity } from "./new-identity.ts";
import { expect, it } from "vitest";

it("the request carries the key's public half and the name in the places PKCS#10 has for them", () => {
  const { keyPem, csrPem } = newIdentity("eu-prod-1");
  const der = Buffer.from(csrPem.replace(/-----.*-----|\n/g, ""), "base64");
  const spki = createPublicKey(keyPem).export({ format: "der", type: "spki" });
  // SEQUENCE of 0x.. bytes: info (version 0, subject, key, no attributes), algorithm, signature of 64 bytes.
  const subject = "30143112301006035504030c0965752d70726f642d31";
  const info = `020100${subject}${spki.toString("hex")}a000`;
  expect(der.toString("hex")).toContain(`30${(info.length / 2).toString(16)}${info}300506032b6570034100`);
  expect(der.readUInt8(0)).toBe(0x30);
  expect(der.readUInt8(1)).toBe(0x81);
  expect(der.readUInt8(2)).toBe(der.length - 3);
});

it("every identity has keys of its own", () => {
  const [one, other] = [newIdentity(""), newIdentity("")];
  expect(one.keyPem).not.toBe(other.keyPem);
  expect(one.sealPrivateKey).not.toBe(other.sealPrivateKey);
  expect(Buffer.from(one.sealPrivateKey, "base64")).toHaveLength(32);
});
