/**
 * JSON with object keys in code-unit order and no white space, so that equal values have equal text and digests do not
 * depend on who built the object (RFC 8785 for the values we have: strings, finite numbers, booleans, null).
 * `undefined` members are left out, as JSON.stringify does.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) {
    let items = "";
    for (const item of value) items += items === "" ? canonicalJson(item) : `,${canonicalJson(item)}`;
    return `[${items}]`;
  }
  const object = value as Readonly<Record<string, unknown>>;
  let members = "";
  for (const key of sortedKeys(object)) {
    const member = object[key];
    if (member !== undefined) members += `${members === "" ? "" : ","}${quote(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/** Most keys are in order already: looking is cheaper than sorting. */
function sortedKeys(object: object): readonly string[] {
  const keys = Object.keys(object);
  for (let index = 1; index < keys.length; index += 1) {
    if ((keys[index - 1] as string) > (keys[index] as string)) return keys.sort();
  }
  return keys;
}

const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

/** Text of printable ASCII needs no escapes; to see that is cheaper than to let JSON look. */
function quote(text: string): string {
  return text.length < 200 && PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text);
}
