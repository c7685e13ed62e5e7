import { createPrivateKey, type KeyObject } from "node:crypto";
import { CredentialError } from "./credential-error.ts";

/**
 * Refuses what ssh could not use unattended: text that is no private key, and keys with a passphrase. Gives the key with the
 * line end it needs. Throws CredentialError `bad-key`.
 */
export function checkSshKey(pem: string, from: string): string {
  const text = `${pem.replaceAll("\r\n", "\n").trim()}\n`;
  const body = /^-----BEGIN ([A-Z ]*)PRIVATE KEY-----\n([\s\S]*)\n-----END \1PRIVATE KEY-----\n$/.exec(text);
  if (body === null) {
    const hint = /^(ssh-|ecdsa-)/.test(text) ? "this is the public key; " : "";
    throw new CredentialError(
      "bad-key",
      `the ssh key for ${from} is no private key: ${hint}expected -----BEGIN … PRIVATE KEY-----`,
    );
  }
  const [, label = "", content = ""] = body;
  if (label === "ENCRYPTED " || /^Proc-Type:.*ENCRYPTED/m.test(content) || isEncryptedOpenSsh(label, content)) {
    throw withPassphrase(`the ssh key for ${from}`, "ssh-keygen -p -N '' -f KEY");
  }
  return text;
}

/** Reads a PEM private key for signing. Throws CredentialError `bad-key`. */
export function readSigningKey(pem: string, from: string): KeyObject {
  if (/BEGIN ENCRYPTED|^Proc-Type:.*ENCRYPTED/m.test(pem)) {
    throw withPassphrase(`the key of the GitHub App for ${from}`, "openssl rsa -in KEY -out NEWKEY");
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Not as a cause: OpenSSL's words are of no use, and it has seen the key.
    throw new CredentialError("bad-key", `the key of the GitHub App for ${from} is no private key in PEM`);
  }
  if (key.asymmetricKeyType === "rsa") return key;
  throw new CredentialError("bad-key", `the key of the GitHub App for ${from} is no RSA key`);
}

/** OpenSSH's own format names its cipher first; `none` is a key in the clear. */
function isEncryptedOpenSsh(label: string, content: string): boolean {
  if (label !== "OPENSSH ") return false;
  const data = Buffer.from(content, "base64");
  const magic = "openssh-key-v1\0";
  if (data.length < magic.length + 8 || data.toString("latin1", 0, magic.length) !== magic) return false;
  const length = data.readUInt32BE(magic.length);
  return data.toString("latin1", magic.length + 4, magic.length + 4 + length) !== "none";
}

function withPassphrase(what: string, command: string): CredentialError {
  return new CredentialError(
    "bad-key",
    `${what} has a passphrase, and nobody is there to type it; make one without (${command}) and protect the file`,
  );
}
