const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648 without padding. */
export function encodeBase32(data: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of data) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += LETTERS[held >> bits];
      held &= (1 << bits) - 1;
    }
  }
  return bits > 0 ? text + LETTERS[held << (5 - bits)] : text;
}

/** Undefined for text with other letters. */
export function decodeBase32(text: string): Buffer | undefined {
  const data: number[] = [];
  let held = 0;
  let bits = 0;
  for (const letter of text) {
    const value = LETTERS.indexOf(letter);
    if (value < 0) return undefined;
    held = (held << 5) | value;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    data.push(held >> bits);
    held &= (1 << bits) - 1;
  }
  return Buffer.from(data);
}
