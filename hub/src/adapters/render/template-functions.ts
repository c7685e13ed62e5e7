/** Words of a template language that are no functions. */
const KEYWORDS: readonly string[] = words("if else end range with define template block break continue nil true false");

/**
 * Functions whose result follows from what they are given. The set of functions a chart can call is closed, so whatever is
 * not named here counts as one that may answer differently each time: random values, the time, keys made anew, the order
 * of a Go map (`keys`, `values`), and whatever a later version adds.
 */
const STABLE: ReadonlySet<string> = new Set([
  ...KEYWORDS,
  // Go's own
  ...words("and or not eq ne lt le gt ge len index slice print printf println html js urlquery call"),
  // Helm's own
  ...words("include tpl required fail lookup toToml mustToToml fromToml toYaml mustToYaml toYamlPretty fromYaml"),
  ...words(
    "fromYamlArray toJson mustToJson fromJson fromJsonArray mustToDuration durationSeconds durationMilliseconds",
  ),
  ...words("durationMicroseconds durationNanoseconds durationMinutes durationHours durationDays durationWeeks"),
  ...words("durationRoundTo durationTruncateTo"),
  // Texts
  ...words(
    "abbrev abbrevboth camelcase cat contains hasPrefix hasSuffix indent nindent initials kebabcase lower upper",
  ),
  ...words("nospace plural quote squote repeat replace snakecase substr swapcase title untitle trim trimAll trimall"),
  ...words("trimPrefix trimSuffix trunc wrap wrapWith hello join split splitList splitn sortAlpha toString toStrings"),
  ...words("regexFind regexFindAll regexMatch regexQuoteMeta regexReplaceAll regexReplaceAllLiteral regexSplit"),
  ...words(
    "mustRegexFind mustRegexFindAll mustRegexMatch mustRegexReplaceAll mustRegexReplaceAllLiteral mustRegexSplit",
  ),
  // Numbers
  ...words(
    "add add1 add1f addf atoi biggest ceil div divf float64 floor int int64 max maxf min minf mod mul mulf round",
  ),
  ...words("seq sub subf toDecimal until untilStep"),
  // Lists and mappings
  ...words(
    "all any append chunk coalesce compact concat deepCopy deepEqual default dict dig empty first get has hasKey",
  ),
  ...words("initial last list merge mergeOverwrite mustAppend mustChunk mustCompact mustDeepCopy mustFirst mustHas"),
  ...words(
    "mustInitial mustLast mustMerge mustMergeOverwrite mustPrepend mustPush mustRest mustReverse mustSlice mustUniq",
  ),
  ...words("mustWithout omit pick pluck prepend push rest reverse set ternary tuple uniq unset without"),
  // Types, encodings, digests
  ...words("kindIs kindOf typeIs typeIsLike typeOf adler32sum sha1sum sha256sum sha512sum b32dec b32enc b64dec b64enc"),
  ...words(
    "mustFromJson mustToPrettyJson mustToRawJson toPrettyJson toRawJson decryptAES derivePassword buildCustomCert",
  ),
  // Paths, addresses, versions
  ...words("base clean dir ext isAbs osBase osClean osDir osExt osIsAbs urlJoin urlParse semver semverCompare"),
  // Dates that are given
  ...words("toDate mustToDate unixEpoch duration"),
]);

/** Those that are known to answer differently; the real list has no end. */
export const UNSTABLE_FUNCTIONS: readonly string[] = [
  ...words(
    "ago bcrypt date dateInZone dateModify date_in_zone date_modify durationRound encryptAES genCA genCAWithKey",
  ),
  ...words("genPrivateKey genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey getHostByName"),
  ...words(
    "htmlDate htmlDateInZone htpasswd keys mustDateModify must_date_modify now randAlpha randAlphaNum randAscii",
  ),
  ...words("randBytes randInt randNumeric shuffle uuidv4 values"),
];

/** Where text becomes a template (`tpl`), their names count wherever they stand. */
const UNSTABLE_NAMES = new RegExp(`\\b(${UNSTABLE_FUNCTIONS.join("|")})\\b`);

export const STABLE_FUNCTIONS: readonly string[] = [...STABLE].filter((name) => !KEYWORDS.includes(name)).sort();

/** Functions that the template actions of a text call, in the order they stand there. */
export function functionsIn(text: string): readonly string[] {
  return actionsIn(text).flatMap((action) => identifiersIn(action));
}

/** Whether any of these texts, as templates, may render differently each time. */
export function mayVary(texts: Iterable<string>): boolean {
  let usesTpl = false;
  const seen: string[] = [];
  for (const text of texts) {
    const functions = functionsIn(text);
    if (functions.some((name) => !STABLE.has(name))) return true;
    usesTpl ||= functions.includes("tpl");
    seen.push(text);
  }
  // Text that is put together and then run as a template: names in quotes count.
  return usesTpl && seen.some((text) => quotedIn(text).some((quoted) => UNSTABLE_NAMES.test(quoted)));
}

/** Functions that ask the clock: two renders in one second may agree all the same. */
const CLOCK: ReadonlySet<string> = new Set(
  words("now ago date dateInZone date_in_zone htmlDate htmlDateInZone durationRound"),
);

/** Whether any of these texts, as a template, asks what time it is. */
export function asksTime(texts: Iterable<string>): boolean {
  for (const text of texts) if (functionsIn(text).some((name) => CLOCK.has(name))) return true;
  return false;
}

/** What stands between `{{` and `}}`; quotes may hold either. */
function actionsIn(text: string): readonly string[] {
  const actions: string[] = [];
  for (let start = text.indexOf("{{"); start >= 0; start = text.indexOf("{{", start)) {
    const end = endOfAction(text, start + 2);
    actions.push(text.slice(start + 2, end));
    start = end;
  }
  return actions;
}

/**
 * What is never closed counts to the end of its line or text, and as a call of something unknown: to look for an end from
 * every place where one might begin takes hours for a megabyte.
 */
const PIECE = /\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"\\\n]|\\.)*"?|`[^`]*`|'(?:[^'\\\n]|\\.)*'?|\}\}/g;

function endOfAction(text: string, from: number): number {
  PIECE.lastIndex = from;
  for (let piece = PIECE.exec(text); piece !== null; piece = PIECE.exec(text)) {
    if (piece[0] === "}}") return piece.index;
  }
  return text.length;
}

/** Names that stand alone: no field, no variable, nothing quoted. */
function identifiersIn(action: string): readonly string[] {
  const bare = action.replaceAll(PIECE, (piece) => (piece === "}}" ? piece : CLOSED.test(piece) ? " " : " unclosed "));
  return [...bare.matchAll(/(?<![\w.$)\]])[A-Za-z_]\w*/g)].map(([name]) => name);
}

const CLOSED = /^(?:\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*')$/;

function quotedIn(text: string): readonly string[] {
  return actionsIn(text).flatMap((action) => action.match(PIECE) ?? []);
}

function words(text: string): readonly string[] {
  return text.split(" ");
}
