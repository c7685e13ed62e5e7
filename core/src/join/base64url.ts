const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Base64url without padding of text whose characters are all below 128 (which JSON with escapes is). */
export function encodeAscii(text: string): string {
  let encoded = "";
  let bits = 0;
  let held = 0;
  for (let i = 0; i < text.length; i += 1) {
    held = (held << 8) | text.charCodeAt(i);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      encoded += ALPHABET.charAt((held >> bits) & 63);
    }
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? encoded : encoded + ALPHABET.charAt((held << (6 - bits)) & 63);
}

/** Inverse of {@link encodeAscii}; undefined when the text is not base64url or holds other characters. */
export function decodeAscii(encoded: string): string | undefined {
  const text = decodeBytes(encoded);
  return text === undefined || /[^\0-\x7f]/.test(text) ? undefined : text;
}

/** One character for each byte; undefined when the text is not base64url without padding. */
export function decodeBytes(encoded: string): string | undefined {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const character of encoded) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    held = (held << 6) | value;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    text += String.fromCharCode(held >> bits);
    held &= (1 << bits) - 1;
  }
  return bits < 6 && held === 0 ? text : undefined;
}
