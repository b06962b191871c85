/* Synthetic assistant output: code of three languages whose structure, not only its names, differs everywhere.
 *
 * A fingerprint blots names and numbers out, so templates that are filled with other names repeat themselves.
 * Here rules are expanded at random down to the expressions. Text number i is a function of (seed, i) alone, so
 * any range can be made apart; there is no state beyond a call. `synthetic` at the end is all that is called.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* In a rule `\n` is a new line at the present indent, and
 *   $e expression        $l 0 to 3 expressions    $p 0 to 4 parameters  $b indented statements  $m 1 to 5 members
 *   $n name of the text  $a its attribute         $T its class          $t type                 $o operator
 *   $f new name          $x noun or name          $v verb               $w words of prose       $0 number
 *   $s inside of strings $q the same in quotes    $i 1 to 4 items       $> $<  indent more, less
 *   $$ a dollar
 * (?\? is two question marks that begin no trigraph.)
 */
typedef struct {
    const char *const *rules;
    uint32_t count;
} List;

#define LIST(...) {(const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)}

typedef struct {
    List atoms, expressions; /* an atom holds no expression, */
    List steps, blocks;      /* a step no statement but in its expressions, */
    List plain, types;       /* and a plain type no type: so every text ends */
    List tops, members, parameters, items, operators;
    const char *remark; /* a comment behind a statement */
    const char *quotes; /* four to choose from */
    uint32_t indent;    /* spaces */
    int camel;          /* names are writtenSo, not written_so */
} Language;

/* What stands in strings: paths, formats, messages, markup. */
static const List PIECES = LIST(
    "$x", "$x", "$v", "$w", "$x $x", "/$x", ".$v", "-$x", "_$x", "%s", ": ", "=$0", "$0", " $v", "--", "<$x>", "{}",
    "($v)", "?", "!", "\\t", "@$x.$v", ", ", "[$x]", "#$0", "*.", " | ", "&$x=", "%d", "://", "$T", "; ");

static const Language PYTHON = {
    .atoms = LIST(
        "$n", "$n", "$n", "$n", "$0", "$0", "$q", "$q", "$n.$a", "$n.$a", "self.$a", "self.$a", "None", "True",
        "False", "{}", "[]", "$n.$x.$a", "$T.$x", "self._$x"),
    .expressions = LIST(
        "$e $o $e", "$e $o $e", "$e $o $e", "$v($l)", "$v($l)", "$v_$x($l)", "$n.$v($l)", "$n.$v($l)",
        "self.$v_$x($l)", "$T($l)", "$n[$e]", "$n[$e]", "$n[$0:$e]", "$n[$e:]", "[$e for $n in $e]",
        "[$e for $n in $e if $e]", "{$n: $e for $n, $n in $e}", "($e, $e)", "{$i}", "{$i}", "not $e",
        "($e if $e else $e)", "lambda $n: $e", "f\"{$e}$s\"", "f\"$s{$n.$a}$s\"", "-$e", "len($e)",
        "sorted($e, key=$e)", "isinstance($n, $T)", "await $n.$v($l)", "$n is not None", "$e not in $n", "($e $o $e)",
        "$n.get($q, $e)", "sum($e for $n in $e)", "{**$n, $i}", "[$e, $e, *$n]", "$v(*$n, **$n)",
        "any($e for $n in $n)", "$n.$v($e).$v($e)", "str($e)", "zip($n, $e, strict=True)", "$q.join($e)",
        "max($e, $0)", "(yield $e)"),
    .steps = LIST(
        "$n = $e", "$n = $e", "$n = $e", "$n = $e", "$n += $e", "self.$a = $e", "return $e", "$n.$v($e)",
        "$n.append($e)", "$n, $n = $e, $e", "assert $e, $q", "raise $T($q) from $n", "raise $T(f\"$s{$e}\")",
        "yield $e", "$v($e, $a=$e)", "# $w", "# $w", "# $w $w\n# $w.", "# $w $w\n# $w $w\n# $w $w.", "del $n[$e]",
        "$n: $t = $e", "$n: dict[$t, $t] = {$i}", "$n = [$>\n$e,\n$e,\n$e,$<\n]", "$n[$e] = $e",
        "$n = $v_$x($>\n$e,\n$a=$e,\n$a=$e,$<\n)", "logger.$v($q, $e)", "$n -= $e  # $w", "print($e, $e)",
        "$n = $n.$a or $e", "global $n", "$T.$v($l)", "$n |= {$e}"),
    .blocks = LIST(
        "if $e:$b", "if $e:$b", "if $e:$b", "if $e:$b\nelse:$b", "if $e:$b\nelif $e:$b\nelse:$b", "if not $n:$b",
        "for $n in $e:$b", "for $n in $e:$b", "for $n, $n in enumerate($e, $0):$b", "for $n in range($0, $e):$b",
        "while $e:$b", "with $v($e) as $n:$b", "try:$b\nexcept $T as error:$b", "def $v_$x($p):$b",
        "try:$b\nexcept ($T, $T):$b\nfinally:$b", "async with $n.$v($l) as $n:$b",
        "match $n:$>\ncase $e:$b\ncase _:$b$<"),
    .plain = LIST("$T", "$T", "str", "int", "bool", "float"),
    .types = LIST(
        "list[$t]", "dict[str, $t]", "$t | $t", "tuple[$t, $t]", "$t | None", "$T[$t]", "Iterator[$t]", "type[$t]",
        "dict[$t, $t]"),
    .tops = LIST(
        "def $f($p):$b\n", "def $f($p) -> $t:$b\n", "def $f(self, $p) -> $t:$b\n",
        "def $f($p) -> $t:$>\n\"\"\"$w.\"\"\"$<$b\n",
        "def $f($p) -> $t:$>\n\"\"\"$w.\n\n$w $w\n$w $w,\n$w $w.\n\"\"\"$<$b\n",
        "@$v.$x($e)\nasync def $f($p) -> $t:$b\n", "class $T:$>\n$m$<\n", "@$v\nclass $T($T):$>\n$m$<\n",
        "class $T($T, $x=$e):$>\n\"\"\"$w.\"\"\"\n\n$m\n\ndef $f(self, $p):$b$<\n", "if __name__ == $q:$b",
        "class $T:$>\ndef __init__(self, $p):$b\n\n@$x\ndef $x(self, $p) -> $t:$b$<\n", "import $x\n$f = $e",
        "from $x.$v import $T\n\n$m", "$f = {$>\n$q: $e,\n$i,\n$q: ($e, $e),$<\n}", "with $v($q) as $n:$b",
        "# $w $w.\n#\n# $w $w\n# $w $w.\n$f = $e", "for $n, $n in $e:$b"),
    .members = LIST(
        "$x: $t", "$x: str = $q", "$x: $t = $e", "$x = $e", "$x: $t = field($l)", "$x: $t = None", "# $w",
        "_$x: $t = $e", "$x: Callable[[$t], $t]", "$x: ClassVar[$t] = $e", "$x, $x = $e, $e", "$f: $t = $T($l)"),
    .parameters = LIST(
        "$n", "$n: $t", "$n: $t", "$n: $t = $0", "$n=None", "*$n", "**$n: $t", "$n: $t = $e", "$x: $t", "$n=$q"),
    .items = LIST("$q: $e", "$q: $e", "$e: $e", "**$n", "$x: $e", "$q: $n.$a", "$0: $e", "**$v($l)"),
    .operators = LIST(
        "+", "-", "*", "/", "//", "%", "==", "!=", "<", ">", "<=", ">=", "and", "or", "in", "is", "|", "&"),
    .remark = "  # $w",
    .quotes = "\"\"\"'",
    .indent = 4,
};

static const Language C = {
    .atoms = LIST(
        "$n", "$n", "$n", "$n", "$n", "$0", "$0", "$0", "$q", "$n->$a", "$n->$a", "$n.$a", "NULL", "*$n", "&$n",
        "$n->$x.$a", "sizeof *$n", "sizeof($T)", "!$n", "$n++"),
    .expressions = LIST(
        "$e $o $e", "$e $o $e", "$e $o $e", "($e $o $e)", "($e $o $e)", "$v($l)", "$v_$x($l)", "$v_$x($l)", "$n[$e]",
        "$n[$e]", "$n[$e].$a", "$n->$a[$e]", "($t *)$e", "($t)($e)", "$e ? $e : $e", "$n->$v($l)", "!($e)", "~$e",
        "-$e", "strcmp($n, $q) == 0", "*($n + $e)", "&$n->$a[$e]", "($T){$i}", "($T){$i}", "--$n", "min($e, $e)"),
    .steps = LIST(
        "$n = $e;", "$n = $e;", "$n->$a = $e;", "$n[$e] = $e;", "$t *$n = $e;", "const $t $n = $e;", "return $e;",
        "size_t $n = $e;", "$v_$x($e, $e);", "$v_$x($e);", "return $e;", "/* $w. */", "// $w $w",
        "/* $w $w\n * $w $w. */", "$n += $e;", "$n |= $e;", "assert($e);", "fprintf(stderr, \"$s\\n\", $e);",
        "goto $x;", "break;", "*$n++ = $e;", "memcpy($n, $e, $e);", "free($n);", "static const $t $n[] = {$i};",
        "$n->$v($>\n$e,\n$e);$<", "uint8_t $n[$0] = {$i};", "unsigned $n = $e, $n = $e;", "$n <<= $e;"),
    .blocks = LIST(
        "if ($e) {$b\n}", "if ($e) {$b\n}", "if ($e) {$b\n} else {$b\n}", "for (int $n = $e; $n $o $e; $n++) {$b\n}",
        "for (size_t $n = 0; $e; $n += $e) {$b\n}", "while ($e) {$b\n}", "do {$b\n} while ($e);",
        "switch ($e) {\ncase $0:$b\ncase $T:$b\ndefault:$b\n}", "if ($e)$>\nreturn $e;$<", "if (!$n)$>\ngoto $x;$<",
        "while ($n--)$>\n$n[$n] = $e;$<"),
    .plain = LIST("$T", "$T", "int", "char", "double", "unsigned", "long", "void", "bool"),
    .types = LIST("struct $T", "const $t", "enum $T"),
    .tops = LIST(
        "static $t $f($p) {$b\n}\n", "void $f($p) {$b\n}\n",
        "/* $w $w\n * $w $w\n * $w. */\nstatic $t *$f($p) {$b\n}\n", "#include $q", "#define $T($n) $e",
        "#define $T($n, $x) ($e $o $e)", "bool $f($p) {$b\n}\n", "$t $f($p) {$b\n}\n", "#define $f $e\n",
        "typedef struct {$>\n$m$<\n} $T;\n", "struct $T {$>\n$m$<\n};\n", "union $T {$>\n/* $w. */\n$m$<\n};\n",
        "static $t $f[] = {$>\n{$i},\n{$i},$<\n};\n", "// $w\nstatic inline size_t $f($p) {$b\n}\n",
        "#ifdef $f\nextern $t $f($p);\n#endif", "enum $T { $x = $e, $v, $f = $e };", "int main($p) {$b\n}\n"),
    .members = LIST(
        "uint32_t $x;", "$t *$x, *$x;", "char $x[$e];", "/* $w */", "const $t *$x;", "$t (*$v)($p);", "$t $x : $0;",
        "struct $T $x[$e];", "$t $x, $x;  // $w", "size_t $x;  // $w", "$t $x;", "enum { $x, $x = $e } $x;",
        "$t *$x[$e], **$x;"),
    .parameters = LIST(
        "int $n", "$t *$n", "const char *$n", "size_t $n", "const $t *$n", "$t $n", "uint64_t $n", "$t $n[$0]",
        "$t **$n", "$t (*$n)($t)"),
    .items = LIST("$e", "$e", ".$x = $e", ".$x = $e", "{$e, $e}", "[$0] = $e", ".$a.$x = $e", "$q"),
    .operators = LIST("+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">=", "&&", "||", "&", "|", "<<", ">>", "^"),
    .remark = "  // $w",
    .quotes = "\"\"\"\"",
    .indent = 4,
};

static const Language SCRIPT = {
    .atoms = LIST(
        "$n", "$n", "$n", "$n", "$0", "$0", "$q", "$q", "$n.$a", "$n.$a", "this.$a", "null", "true", "undefined",
        "[]", "{}", "$n?.$a", "$n.$x.$a", "$T.$x", "$n.length"),
    .expressions = LIST(
        "$e $o $e", "$e $o $e", "$e $o $e", "$v($l)", "$n.$v($l)", "$n.$v($l)", "this.$v($l)", "new $T($l)", "$n[$e]",
        "[$e, $e]", "[...$n, $e]", "{ $i }", "{ ...$n, $i }", "($n) => $e", "$n => $e", "({ $i }) => $e",
        "async ($p) => $e", "$e ? $e : $e", "!$e", "`$s$${$e}`", "`$s$${$e}$s`", "await $n.$v($l)",
        "await Promise.all($e)", "$n.map(($n) => $e)", "$n.filter($n => $e)", "typeof $n",
        "$n.reduce(($n, $n) => $e, $e)", "Object.keys($e)", "($e $o $e)", "$e ?\? $e", "$n as $t",
        "$n.$v(async ($p) => {$b\n})", "JSON.stringify($e)", "<$T $x={$e} />", "<$T $x=$q>$s</$T>", "/$s/.test($e)",
        "function ($p) {$b\n}"),
    .steps = LIST(
        "const $n = $e;", "const $n = $e;", "const $n = $e;", "let $n = $e;", "const { $i } = $e;",
        "const [$n, $n] = $e;", "$n = $e;", "this.$a = $e;", "$n.$v($l);", "$n.$v($e);", "return $e;", "return $e;",
        "await $v($e);", "throw new $T($q);", "// $w", "// $w $w", "// $w $w\n// $w $w\n// $w.", "$n += $e;",
        "$n[$e] = $e;", "console.$v(\"$s\\n\", $e);", "return {$>\n$i,\n$x: $e,$<\n};", "expect($e).$v($e);",
        "delete $n[$e];", "$n.push($e);", "const $n: $t = $e;", "$n ?\?= $e;", "return <$T $x={$e}>$w {$e}</$T>;",
        "var $n = $e, $n = $e;"),
    .blocks = LIST(
        "if ($e) {$b\n}", "if ($e) {$b\n}", "if ($e) return $e;", "if ($e) {$b\n} else {$b\n}", "while ($e) {$b\n}",
        "for (const $n of $e) {$b\n}", "for (let $n = $e; $n $o $e; $n++) {$b\n}", "try {$b\n} finally {$b\n}",
        "try {$b\n} catch (error) {$b\n}", "$n.forEach(($p) => {$b\n});", "const $n = async ($p) => {$b\n};",
        "switch ($e) {\ncase $q:$b\ndefault:$b\n}", "$n.on($q, function ($p) {$b\n});", "$v($q, ($p) => {$b\n});"),
    .plain = LIST("$T", "$T", "string", "number", "boolean", "null", "any"),
    .types = LIST("$t[]", "$t | $t", "Promise<$t>", "$T<$t>", "[$t, $t]", "() => $t", "Set<$t>"),
    .tops = LIST(
        "function $f($p) {$b\n}\n", "export function $f($p): $t {$b\n}\n", "export const $f = ($p) => {$b\n};\n",
        "/**\n * $w.\n *\n * $w $w\n * $w, $w.\n */\nasync function $f($p) {$b\n}\n",
        "import { $x, $T as $v } from $q;\n",
        "class $T extends $T {$>\nconstructor($p) {$b\n}\n\nasync $f($p) {$b\n}$<\n}\n", "import $T from $q;\n",
        "export interface $T {$>\n$m$<\n}\n", "type $T = {$>\n$m$<\n};\n", "$f.$v($q, async ($p) => {$b\n});\n",
        "export default {$>\n$i,\n$x: [$l],\n$v($p) {$b\n},$<\n};\n", "// $w, $w.\nconst $f = $e;\n",
        "describe($q, ($p) => {$b\n});\n", "module.exports = $e;\n", "abstract class $T {$>\n$m$<\n}\n"),
    .members = LIST(
        "$x: $t;", "$x?: $t;", "// $w", "$v: ($p) => $t;", "readonly $x: $t;", "$x?: Record<$t, $t>;",
        "[$x: string]: $t;", "$x: Map<$t, $t>;", "$v($p): $t;", "$x: $q | $q;", "$x: { $x: $t, $x?: $t };",
        "$x = $e;", "static $x: $t = $e;"),
    .parameters = LIST(
        "$n", "$n: $t", "$n = $e", "{ $i }", "...$n", "$n?: $t", "$n", "$x: $t", "$n = {}", "[$x, $n = $e]"),
    .items = LIST("$x", "$x", "$x: $e", "$x: $e", "...$n", "$x: $n", "[$e]: $e", "$v($n) {$b\n}", "$q: $e"),
    .operators = LIST("+", "-", "*", "/", "%", "===", "!==", "<", ">", "<=", ">=", "&&", "||", "|"),
    .remark = "  // $w",
    .quotes = "\"'''",
    .indent = 2,
    .camel = 1,
};

static const Language *const LANGUAGES[] = {&PYTHON, &PYTHON, &PYTHON, &PYTHON, &C, &SCRIPT, &SCRIPT, &SCRIPT};

/* ---- words ---- */

static const char NOUNS[] =
    "row page user token event price frame batch node edge path cell slot job account index value key item entry "
    "config option result error message request response session client server cache buffer stream record field "
    "column table query filter label name title body header footer image color width height offset count total limit "
    "amount balance invoice order product cart customer address country region city street phone email date time "
    "zone hour minute second day week month year duration interval timer clock task worker thread queue stack heap "
    "tree graph vertex root leaf branch parent child sibling group team role owner member policy rule score rank "
    "weight metric sample series point vector matrix shape model layer epoch loss gradient dataset chunk segment "
    "block digest hash salt secret signature certificate port host domain route endpoint handler listener callback "
    "hook plugin version release patch commit diff merge tag snapshot backup archive folder file line word letter "
    "symbol lexer parser grammar ruleset scope binding closure template fragment view";
static const char VERBS[] =
    "load parse merge split fetch store check count group apply build trace order reduce open close read write send "
    "receive push pop add remove insert update create destroy start stop pause resume run call invoke emit handle "
    "process render draw paint format print log warn validate verify affirm ensure convert encode decode compress "
    "expand resolve reject retry wait notify subscribe publish collect gather scatter shuffle sort search find "
    "locate replace rename copy move clone compare score estimate measure sample train fit predict evaluate plot "
    "dump bind attach detach connect listen accept schedule cancel flush commit rollback";
static const char TERSE[] =
    "val out ref mod func fn type object string range match base begin end module params select use register include "
    "export import default template final fixed local global internal native public package interface lock loop case "
    "byte char long short double union switch until operator override debugger chan lambda super";
static const char PROSE[] =
    "the of and a in to is for this not with as if from or when on it by then while until where that are an we so "
    "only but can one has was which all do each more than no into its at will there have been what they must may "
    "other any same first last before after without every because should would could already never always still once "
    "also both here between over under again since whether instead rather whose whole empty missing current previous "
    "next given known unknown default optional required valid invalid small large short long slow fast cheap "
    "expensive old new safe broken stale fresh simple common rare exact partial value values name names key keys "
    "list lists text line lines file files folder path paths user users caller callers order number numbers size "
    "sizes count limit time date call calls return returns error errors message messages request requests response "
    "server client cache database table row rows column columns index record records field fields type types object "
    "objects string strings byte bytes token tokens result results case cases edge way work works step steps part "
    "parts copy copies change changes state states test tests check checks use uses used make makes made keep keeps "
    "kept read reads write writes find finds found send sends sent take takes taken give gives add adds added remove "
    "removes removed skip skips skipped happen happens fail fails failed succeed expected allowed ignored handled "
    "sorted merged shared loaded stored parsed session retry timeout connection thread worker queue buffer stream "
    "header body page query filter option config version update upgrade fallback example workaround careful "
    "deliberate otherwise anyway therefore";

enum { WORD = 16, WORDS_MAX = 400 }; /* bytes of a word and words of a list, at most */
enum { FREQUENT = 24 };              /* the first words of PROSE */

typedef struct {
    char text[WORDS_MAX][WORD];
    uint8_t size[WORDS_MAX];
    uint32_t count;
} Words;

static void split(const char *list, Words *words) {
    words->count = 0;
    while (*list && words->count < WORDS_MAX) {
        size_t size = strcspn(list, " ");
        memset(words->text[words->count], 0, WORD);
        memcpy(words->text[words->count], list, size < WORD ? size : WORD);
        words->size[words->count++] = (uint8_t)(size < WORD ? size : WORD);
        list += size + (list[size] == ' ');
    }
}

/* ---- one text ---- */

enum { NAMES = 7, ATTRIBUTES = 5, CLASSES = 3, CALLS = 4 }; /* of one text; calls are verbs */
enum { ALL = NAMES + ATTRIBUTES + CLASSES + CALLS };
enum { NAME = 2 * WORD };           /* bytes of a name */
enum { DEEP = 3, NESTED = 3 };      /* expressions, and blocks that hold blocks, go no deeper */
enum { LEAST = 466, SPREAD = 600 }; /* bytes until a text is long enough */

typedef struct {
    uint64_t state;
    char *first, *at, *end; /* of the text, the next byte, and where no further one may stand */
    size_t enough;
    const Language *language;
    const Words *nouns, *verbs, *terse, *prose;
    uint32_t indent, nested, depth;
    char names[ALL][NAME]; /* the four kinds in this order */
    uint8_t sizes[ALL];
} Maker;

static const uint64_t GAMMA = 0x9E3779B97F4A7C15;

static inline uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
}

/* splitmix64 (Steele, Lea, Flood 2014), and a number below `below` from it. */
static inline uint64_t draw(Maker *maker) {
    return mix(maker->state += GAMMA);
}

static inline uint32_t pick(Maker *maker, uint32_t below) {
    return (uint32_t)((draw(maker) >> 32) * below >> 32);
}

static inline int is_long(const Maker *maker) {
    return (size_t)(maker->at - maker->first) >= maker->enough;
}

static inline void put(Maker *maker, char letter) {
    if (maker->at < maker->end)
        *maker->at++ = letter;
}

/* So many bytes of a text in a field of `field` bytes; those behind it are written over later. */
static inline void copy(Maker *maker, const char *text, size_t size, ptrdiff_t field) {
    if (maker->end - maker->at < field) {
        maker->at = maker->end;
        return;
    }
    memcpy(maker->at, text, (size_t)field);
    maker->at += size;
}

static inline void word(Maker *maker, const Words *words) {
    uint32_t number = pick(maker, words->count);
    copy(maker, words->text[number], words->size[number], WORD);
}

/* One of these words, or one that some language reserves: reserved words keep their letters in a fingerprint. */
static inline void name_word(Maker *maker, const Words *words) {
    word(maker, pick(maker, 2) ? maker->terse : words);
}

static inline void capital(Maker *maker) {
    char *first = maker->at;
    word(maker, maker->nouns);
    if (first < maker->end)
        *first &= ~0x20;
}

/* One of the text's names, so many behind the first. */
static inline void known(Maker *maker, uint32_t first, uint32_t count) {
    uint32_t number = first + pick(maker, count);
    copy(maker, maker->names[number], maker->sizes[number], NAME);
}

static inline void noun(Maker *maker) {
    if (pick(maker, 3))
        known(maker, 0, NAMES + ATTRIBUTES);
    else
        name_word(maker, maker->nouns);
}

static inline void verb(Maker *maker) {
    if (pick(maker, 2))
        known(maker, NAMES + ATTRIBUTES + CLASSES, CALLS);
    else
        name_word(maker, maker->verbs);
}

/* A name of one word, or of two as the language joins them. */
static void new_name(Maker *maker, int short_) {
    if (short_) {
        name_word(maker, maker->nouns);
        return;
    }
    word(maker, maker->verbs);
    if (maker->language->camel) {
        capital(maker);
    } else {
        put(maker, '_');
        word(maker, maker->nouns);
    }
}

static void new_class(Maker *maker) {
    capital(maker);
    if (pick(maker, 2))
        capital(maker);
}

/* One to four digits, sometimes with a sign or a fraction. */
static void number(Maker *maker) {
    uint64_t random = draw(maker);
    uint32_t digits = (random & 7) < 5 ? 1 : (uint32_t)(random & 7) - 3;
    if ((random >> 8 & 7) == 0)
        put(maker, '-');
    for (uint32_t i = 0; i < digits; i++)
        put(maker, (char)('0' + ((random >> (16 + 8 * i) & 0xFF) * 9 >> 8) + (i == 0 && digits > 1)));
    if ((random >> 48 & 7) == 0) {
        put(maker, '.');
        put(maker, (char)('0' + (random >> 51) % 10));
    }
}

/* Words with a mark between some; half are of the FREQUENT first, one in eight is a name. */
static void prose(Maker *maker) {
    static const char MARKS[] = ",,,.;:-=/";
    uint32_t words = 2 + pick(maker, 10);
    for (uint32_t i = 0; i < words; i++) {
        uint64_t random = draw(maker);
        uint64_t among = random >> 61 < 4 ? FREQUENT : maker->prose->count;
        uint64_t number = (random & 0xFFFFFF) * among >> 24;
        if (i && (random >> 32 & 15) == 0)
            put(maker, MARKS[pick(maker, sizeof MARKS - 1)]);
        if (i)
            put(maker, ' ');
        if (random >> 61 == 7)
            noun(maker);
        else
            copy(maker, maker->prose->text[number], maker->prose->size[number], WORD);
    }
}

static void line(Maker *maker) {
    put(maker, '\n');
    for (uint32_t i = 0; i < maker->indent * maker->language->indent; i++)
        put(maker, ' ');
}

static void expand(Maker *maker, const char *rule);

static inline void one(Maker *maker, const List *list) {
    expand(maker, list->rules[pick(maker, list->count)]);
}

static inline void one_of(Maker *maker, const List *first, const List *second) {
    uint32_t number = pick(maker, first->count + second->count);
    expand(maker, number < first->count ? first->rules[number] : second->rules[number - first->count]);
}

/* The deeper, the likelier an atom. */
static void expression(Maker *maker) {
    const Language *language = maker->language;
    if (pick(maker, DEEP + 1) <= maker->depth || maker->nested > NESTED + 1) {
        one(maker, &language->atoms);
        return;
    }
    maker->depth++;
    one_of(maker, &language->atoms, &language->expressions);
    maker->depth--;
}

static void type(Maker *maker) {
    const Language *language = maker->language;
    if (pick(maker, DEEP) <= maker->depth) {
        one(maker, &language->plain);
        return;
    }
    maker->depth++;
    one_of(maker, &language->plain, &language->types);
    maker->depth--;
}

static void parameter(Maker *maker) {
    one(maker, &maker->language->parameters);
}

static void several(Maker *maker, uint32_t least, uint32_t most, void (*each)(Maker *)) {
    for (uint32_t i = 0, count = least + pick(maker, most - least + 1); i < count; i++) {
        if (i) {
            put(maker, ',');
            put(maker, ' ');
        }
        each(maker);
    }
}

static void members(Maker *maker) {
    for (uint32_t i = 0, count = 1 + pick(maker, 5); i < count; i++) {
        if (i)
            line(maker);
        one(maker, &maker->language->members);
    }
}

static void item(Maker *maker) {
    one(maker, &maker->language->items);
}

static void string(Maker *maker) {
    for (uint32_t i = 0, count = 1 + pick(maker, 4); i < count; i++)
        one(maker, &PIECES);
}

static void quoted(Maker *maker) {
    char quote = maker->language->quotes[pick(maker, 4)];
    put(maker, quote);
    string(maker);
    put(maker, quote);
}

/* Three to seven statements, within another block one to three; a single step once the text is long enough. Blocks
 * that come by way of expressions and items, beyond NESTED, stay empty in the end. */
static void block(Maker *maker) {
    if (maker->nested > NESTED + 2)
        return;
    const Language *language = maker->language;
    uint32_t depth = maker->depth, count = maker->nested ? 1 + pick(maker, 3) : 3 + pick(maker, 5);
    maker->depth = 0;
    maker->indent++;
    maker->nested++;
    do {
        line(maker);
        if (maker->nested > NESTED || is_long(maker))
            one(maker, &language->steps);
        else
            one_of(maker, &language->steps, &language->blocks);
        if (pick(maker, 8) == 0)
            expand(maker, language->remark);
    } while (--count && !is_long(maker));
    maker->nested--;
    maker->indent--;
    maker->depth = depth;
}

static void symbol(Maker *maker, char letter) {
    switch (letter) {
    case 'e':
        expression(maker);
        break;
    case 'l':
        several(maker, 0, 3, expression);
        break;
    case 'p':
        several(maker, 0, 4, parameter);
        break;
    case 'b':
        block(maker);
        break;
    case 'i':
        several(maker, 1, 4, item);
        break;
    case 'm':
        members(maker);
        break;
    case 'n':
        known(maker, 0, NAMES);
        break;
    case 'a':
        known(maker, NAMES, ATTRIBUTES);
        break;
    case 'T':
        known(maker, NAMES + ATTRIBUTES, CLASSES);
        break;
    case 't':
        type(maker);
        break;
    case 'o':
        one(maker, &maker->language->operators);
        break;
    case 'f':
        new_name(maker, pick(maker, 3) == 0);
        break;
    case 'x':
        noun(maker);
        break;
    case 'v':
        verb(maker);
        break;
    case 'w':
        prose(maker);
        break;
    case '0':
        number(maker);
        break;
    case 's':
        string(maker);
        break;
    case 'q':
        quoted(maker);
        break;
    case '>':
        maker->indent++;
        break;
    case '<':
        maker->indent--;
        break;
    default:
        put(maker, letter);
    }
}

static void expand(Maker *maker, const char *rule) {
    for (; *rule; rule++) {
        if (*rule == '$')
            symbol(maker, *++rule);
        else if (*rule == '\n' && rule[1] != '\n')
            line(maker);
        else
            put(maker, *rule);
    }
}

static void text(Maker *maker) {
    char *first = maker->first = maker->at;
    maker->language = LANGUAGES[pick(maker, sizeof LANGUAGES / sizeof *LANGUAGES)];
    maker->indent = maker->nested = maker->depth = 0;
    for (uint32_t i = 0; i < ALL; i++) {
        if (i < NAMES + ATTRIBUTES)
            new_name(maker, pick(maker, 3) != 0);
        else if (i < NAMES + ATTRIBUTES + CLASSES)
            new_class(maker);
        else
            name_word(maker, maker->verbs);
        maker->sizes[i] = (uint8_t)(maker->at - first);
        memset(maker->names[i], 0, NAME);
        memcpy(maker->names[i], first, maker->sizes[i]);
        maker->at = first;
    }
    maker->enough = LEAST + pick(maker, SPREAD);
    do {
        one(maker, &maker->language->tops);
        line(maker);
    } while (!is_long(maker) && maker->at < maker->end);
}

/* Write the texts first, first + 1, ... of this seed, each ended by a zero byte, as many as `count` and `capacity`
 * allow; tell how many, and return their bytes. */
size_t synthetic(uint64_t seed, uint64_t first, uint64_t count, char *to, size_t capacity, uint64_t *made) {
    Words nouns, verbs, terse, words;
    split(NOUNS, &nouns);
    split(VERBS, &verbs);
    split(TERSE, &terse);
    split(PROSE, &words);
    Maker maker = {.at = to, .end = to + capacity, .nouns = &nouns, .verbs = &verbs, .terse = &terse, .prose = &words};
    char *done = to;
    for (*made = 0; *made < count; ++*made) {
        maker.state = mix(mix(seed + GAMMA) ^ mix(~(first + *made)));
        text(&maker);
        if (maker.at >= maker.end)
            break;
        *maker.at++ = 0;
        done = maker.at;
    }
    return (size_t)(done - to);
}
