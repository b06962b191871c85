"""The tables that both engines share: scripts without spaces, separators, keywords. Data only, no function.

The kernel is given these at import, so there is one source of them. A change here is a new recipe version.
"""

from __future__ import annotations

SINGLE = (
    # Characters of scripts written without spaces: one token each (Unicode 16 block ranges).
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, Khmer symbols
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2010, 0x2027),  # general punctuation
    (0x2030, 0x205E),
    (0x2E80, 0x2FFF),  # CJK radicals, Kangxi, description characters
    (0x3001, 0x312F),  # CJK punctuation, Hiragana, Katakana, Bopomofo
    (0x3190, 0x4DBF),  # Kanbun to CJK extension A
    (0x4E00, 0xA4CF),  # CJK unified ideographs, Yi
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAADF),  # Myanmar extended A, Tai Viet
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFE30, 0xFE4F),  # CJK compatibility forms
    (0xFF01, 0xFF0F),  # full-width punctuation
    (0xFF1A, 0xFF20),
    (0xFF3B, 0xFF40),
    (0xFF5B, 0xFF9F),  # full-width punctuation, half-width Katakana
    (0x1AFF0, 0x1B16F),  # Kana supplement and extensions
    (0x20000, 0x3FFFF),  # CJK extensions B and later
)

SEPARATORS = (
    # Unicode spaces, the byte order mark, zero-width and direction characters: they separate, and are no token.
    (0x0080, 0x00A0),  # C1 controls (with NEL), no-break space
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x1680, 0x1680),
    (0x180B, 0x180F),
    (0x2000, 0x200F),
    (0x2028, 0x202F),
    (0x205F, 0x206F),
    (0x3000, 0x3000),
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),
    (0xE0000, 0xE0FFF),  # tags, variation selectors supplement
)

KEYWORDS = frozenset(
    """
    abstract and as assert async await base begin bool boolean break byte case catch chan char class const constexpr
    constructor continue crate debugger declare def default defer del delete do done double dyn elif else elsif end
    enum esac except exec explicit export extends extern fallthrough false False fi final finally fixed float fn for
    foreach from fun func function global go goto guard if impl implements import in include inline instanceof int
    interface internal is lambda let local lock long loop match mod module mut namespace native new nil None nonlocal
    not null nullptr object of operator or out override package params pass priv private protected protocol pub public
    raise range readonly ref register rescue return sealed select self short signed sizeof static strictfp string
    struct super switch synchronized template then this throw throws trait transient true True try type typedef typename
    typeof union unless unsafe unsigned until use using val var virtual void volatile when where while with xor yield
    """.split()
)
"""Kept literal in the parameterised form: reserved words of Python, C, C++, C#, Java, JavaScript, TypeScript, Go,
Rust, Ruby, PHP, Kotlin, Swift and shell (from their language references)."""

PLAIN_KEYWORDS = frozenset(
    """and as base begin case continue default do done else end except final finally fixed for from global go goto
    guard if implements import in include internal is let local lock long loop match native new not object of operator
    or out override package pass private protected protocol public raise range register select self short signed string
    super switch then this throw throws transient trait true try type union unless until use using when where while
    with yield""".split()
)
"""The keywords that are English words too: literal, but no sign of structure."""

STRUCTURAL_PUNCTUATION = b"()[]{}=;<>+*/&|!:@#$%^~\\"
"""Punctuation that prose seldom uses: a sign of structure. Comma, full stop, quotes, dash, question mark are none."""
