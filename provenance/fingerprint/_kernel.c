/* The kernel: reference.py and clothes.py in C, function for function and bit for bit. It knows no recipe of its own.
 *
 * The tables come from Python through setup(). Texts are read where they lie; the memory for the work is a
 * block of tokens, whatever the length of the text. No lock is held while texts are read.
 */
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#include <Python.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(_MSC_VER)
#include <intrin.h>
#elif defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

/* Odd constants: fractional digits of pi, as in reference.py. */
static const uint64_t K1 = 0x243F6A8885A308D3, K2 = 0x13198A2E03707345, K3 = 0xA4093822299F31D1;
static const uint64_t K4 = 0x082EFA98EC4E6C89, K5 = 0x452821E638D01377, K6 = 0xBE5466CF34E90C6D;
static const uint64_t BASE = 0xC0AC29B7C97C50DD;
static const uint64_t NEW = 0x3F84D5B5B5470917, NUMBER = 0x9216D5D98979FB1B;

enum { SEPARATOR, WORD, SINGLE, DIGIT };      /* what a character does; a digit is a word character too */
enum { NAME = 1, MARK = 2 };                  /* what a token is: flags */
enum { IN_WORD = 1, OF_WORD = 2, ALONE = 4 }; /* a byte of a word, of ASCII at that, and a lone character of ASCII */
enum { PERMUTATIONS = 128, SIGNATURE = 512 }; /* of a signature: values, bytes */
enum { K_MAX = 64 };                          /* the largest gram or shingle */
enum { BLOCK = 512 };                       /* tokens held at a time, of which the first K_MAX are the past */
enum { SLOTS = 4096, KEYWORDS_MAX = 2047 }; /* of the keyword table */
enum { HEADS = 1024 };                      /* buckets that remember the last use of a symbol */

typedef enum { DONE, NO_MEMORY, TOO_LONG, BAD_OFFSETS } Status;

/* What setup() was given, in the form the work needs. Calls hold a reference, so a later setup() disturbs
 * none. */
typedef struct {
    Py_ssize_t references; /* changed under the GIL only */
    uint32_t k, w, distinct, structure, shingle;
    uint64_t base_k, base_shingle; /* BASE to the power of k and of shingle */
    uint64_t gain[K_MAX];          /* the code of a name last used that many tokens before, less NEW */
    uint64_t turn[K_MAX]; /* what a gram's hash loses when the name so far after its old start turns NEW */
    uint64_t keywords[KEYWORDS_MAX + 1]; /* hashes; number 0 is nobody's */
    uint8_t keyword_kinds[KEYWORDS_MAX + 1];
    uint16_t slots[SLOTS];            /* the first keyword of each slot: the top bits of the hash */
    uint16_t chain[KEYWORDS_MAX + 1]; /* the next keyword of the same slot */
    uint8_t wordy[256];               /* all ones where a name or keyword may begin */
    uint8_t firsts[256]; /* WORD, DIGIT or SINGLE: what begins with this byte; what is beyond ASCII is asked
                            again */
    uint8_t marks[256];  /* MARK for structural punctuation */
    uint8_t edges[256];  /* EDGE flags: what a byte says of where tokens begin */
    uint8_t plane[0x10000]; /* SEPARATOR, WORD or SINGLE, of the code points of the basic plane */
    uint8_t *ranges;        /* the pairs given for those that stand alone, then for those that separate */
    size_t singles, separators;
    uint32_t a[PERMUTATIONS];
    uint32_t b[PERMUTATIONS]; /* with the top bit turned, see minhash_update */
} Tables;

/* A text and how much of it has been read. The bytes up to `readable` may be loaded; those beyond `size` mean
 * nothing. */
typedef struct {
    const uint8_t *bytes;
    size_t size, readable, at;
} Text;

/* A block of tokens behind the K_MAX tokens before it, the rolling hashes over them, and the grams of this
 * block. */
typedef struct {
    uint64_t start[BLOCK], end[BLOCK]; /* byte span in the text */
    uint64_t value[BLOCK], symbol[BLOCK];
    uint64_t code[BLOCK]; /* in the parameterised form, of a token without a previous use */
    uint8_t kind[BLOCK];
    uint8_t back[BLOCK]; /* distance to the previous use of the symbol, 0 if there is none within a gram */
    uint8_t next[BLOCK]; /* distance to the next use of the symbol, 0 while there is none within a gram */
    size_t n;            /* the tokens held, those of the past included */
    uint64_t count;      /* tokens of the text before this block */
    uint64_t stream, literal, parameterised;
    uint64_t distinct, structure;
    uint64_t serial;                  /* of the token at 0; texts are more than a gram apart */
    uint64_t head[HEADS];             /* the serial of the last token whose symbol fell into the bucket */
    uint64_t key[BLOCK], hash[BLOCK]; /* of the eligible grams, with the literal hash */
    uint8_t structured[BLOCK];
    uint16_t last[BLOCK]; /* the index of the last token */
} Work;

/* ---- bytes and integers, little-endian wherever they are stored ---- */

static inline uint64_t load64(const uint8_t *at) {
    uint64_t value;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | at[i];
#else
    memcpy(&value, at, 8);
#endif
    return value;
}

static inline uint32_t load32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint8_t *store(uint8_t *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
    return at + bytes;
}

/* The number of zeros below the lowest one; of 0 it is 63. */
static inline unsigned lowest(uint64_t bits) {
    bits |= (uint64_t)1 << 63;
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(bits);
#elif defined(_MSC_VER) && defined(_WIN64)
    unsigned long at;
    _BitScanForward64(&at, bits);
    return at;
#else
    unsigned at = 0;
    while (!(bits >> at & 1))
        at++;
    return at;
#endif
}

/* Ones from bit 0 up to, not including, this bit; all ones for 64. */
static inline uint64_t ones(size_t below) {
    return below < 64 ? ((uint64_t)1 << below) - 1 : ~(uint64_t)0;
}

static inline void prefetch(const uint8_t *at) {
#if defined(__GNUC__)
    __builtin_prefetch(at);
#else
    (void)at;
#endif
}

/* The two halves of the 128-bit product, xored (as in wyhash). */
static inline uint64_t fold(uint64_t x, uint64_t y) {
#if defined(__SIZEOF_INT128__)
    __extension__ unsigned __int128 product = (unsigned __int128)x * y;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#elif defined(_MSC_VER) && defined(_M_X64)
    uint64_t high, low = _umul128(x, y, &high);
    return low ^ high;
#else
    uint64_t low = (x & 0xFFFFFFFF) * (y & 0xFFFFFFFF), left = (x >> 32) * (y & 0xFFFFFFFF);
    uint64_t right = (x & 0xFFFFFFFF) * (y >> 32), high = (x >> 32) * (y >> 32);
    uint64_t middle = (low >> 32) + (left & 0xFFFFFFFF) + (right & 0xFFFFFFFF);
    return (middle << 32 | (low & 0xFFFFFFFF)) ^ (high + (left >> 32) + (right >> 32) + (middle >> 32));
#endif
}

/* The 64-bit finaliser of MurmurHash3 (public domain): a bijection. */
static inline uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xFF51AFD7ED558CCD;
    x ^= x >> 33;
    x *= 0xC4CEB9FE1A85EC53;
    return x ^ x >> 33;
}

/* ---- tokens ---- */

/* Keep that many of eight bytes. */
static const uint64_t KEEP[9] = {0,
                                 0xFF,
                                 0xFFFF,
                                 0xFFFFFF,
                                 0xFFFFFFFF,
                                 0xFFFFFFFFFF,
                                 0xFFFFFFFFFFFF,
                                 0xFFFFFFFFFFFFFF,
                                 0xFFFFFFFFFFFFFFFF};

/* The hash of a token: blocks of 16 bytes, zero-padded, with the length mixed in first.
 * Of `readable` bytes, at least `length`: a short token is loaded whole and masked where 16 bytes may be
 * read. */
static inline uint64_t token_hash(const uint8_t *token, size_t length, size_t readable) {
    uint64_t value = (uint64_t)length * K3;
    if (length <= 16 && readable >= 16) {
        uint64_t low = load64(token) & KEEP[length < 8 ? length : 8];
        uint64_t high = load64(token + 8) & KEEP[length < 8 ? 0 : length - 8];
        return fold(low ^ K1 ^ value, high ^ K2);
    }
    for (size_t at = 0; at < length; at += 16) {
        uint8_t padded[16] = {0};
        memcpy(padded, token + at, length - at < 16 ? length - at : 16);
        value = fold(load64(padded) ^ K1 ^ value, load64(padded + 8) ^ K2);
    }
    return value;
}

/* The code point at a byte >= 0x80, with its length; -1 and 1 where the bytes are no UTF-8 sequence. 1 <=
 * size. */
static inline int32_t decode(const uint8_t *at, size_t size, size_t *length) {
    uint8_t lead = at[0];
    size_t n = lead >= 0xC2 && lead < 0xE0   ? 2
               : lead >= 0xE0 && lead < 0xF0 ? 3
               : lead >= 0xF0 && lead < 0xF5 ? 4
                                             : 1;
    *length = 1;
    if (n == 1 || n > size)
        return -1;
    int32_t point = lead & (0xFF >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return -1;
        point = point << 6 | (at[i] & 0x3F);
    }
    *length = n;
    return point;
}

static int within(int32_t point, const uint8_t *ranges, size_t pairs) {
    for (size_t i = 0; i < pairs; i++)
        if (load32(ranges + 8 * i) <= (uint32_t)point && (uint32_t)point <= load32(ranges + 8 * i + 4))
            return 1;
    return 0;
}

/* What a character beyond ASCII does. Bytes that are no UTF-8 (-1) are word characters. */
static inline int character(const Tables *tables, int32_t point) {
    if (point < 0)
        return WORD;
    if (point < 0x10000)
        return tables->plane[point];
    if (within(point, tables->ranges + 8 * tables->singles, tables->separators))
        return SEPARATOR;
    return within(point, tables->ranges, tables->singles) ? SINGLE : WORD;
}

static inline uint8_t is_letter(uint8_t byte) {
    return (uint8_t)((byte | 0x20) - 'a') < 26 || byte == '_';
}

static inline uint8_t is_digit(uint8_t byte) {
    return (uint8_t)(byte - '0') < 10;
}

/* Bit i of the result is byte i of the eight, each 0 or 1. */
static inline uint64_t gather(const uint8_t *flags) {
    return load64(flags) * 0x0102040810204080 >> 56;
}

/* The classes of 64 bytes as bit masks. */
static inline void classes(const uint8_t *bytes, uint64_t *word, uint64_t *single, uint64_t *beyond) {
    uint8_t in_word[64], visible[64], high[64];
    for (int i = 0; i < 64; i++) {
        in_word[i] = is_letter(bytes[i]) | is_digit(bytes[i]);
        visible[i] = (uint8_t)(bytes[i] - 0x21) < 0x7F - 0x21;
        high[i] = bytes[i] >> 7;
    }
    *word = *single = *beyond = 0;
    for (int i = 0; i < 64; i += 8) {
        *word |= gather(in_word + i) << i;
        *single |= gather(visible + i) << i;
        *beyond |= gather(high + i) << i;
    }
    *single &= ~*word;
}

/* Tokens of the text into the block behind the past, until it is full or the text at its end; the number
 * held.
 *
 * 64 bytes at a time: a token starts at a lone character or at the first of a word, and ends at the next
 * edge, which is any byte that does not continue a token. A token without an edge behind it yet is open. */
static size_t tokens(const Tables *tables, Text *text, Work *work) {
    size_t n = K_MAX;
    int open = 0;
    uint64_t in_word = 0; /* 1 if the byte before this chunk belongs to a word */
    while (text->at < text->size && n + 64 <= BLOCK) {
        const uint8_t *bytes = text->bytes + text->at;
        size_t width = text->size - text->at < 64 ? text->size - text->at : 64;
        uint8_t padded[64];
        if (text->readable - text->at < 64) {
            memset(padded, 0, 64);
            memcpy(padded, bytes, width);
        }
        uint64_t word, single, beyond, inside = 0; /* inside a lone character of several bytes */
        classes(text->readable - text->at < 64 ? padded : bytes, &word, &single, &beyond);
        beyond &= ones(width);
        while (beyond) {
            size_t at = lowest(beyond), length;
            int does = character(tables, decode(bytes + at, text->size - text->at - at, &length));
            if (at + length > 64) {
                width = at;
                break;
            }
            uint64_t whole = ones(length) << at;
            if (does == WORD) {
                word |= whole;
            } else if (does == SINGLE) {
                single |= (uint64_t)1 << at;
                inside |= whole & (whole << 1);
            }
            beyond &= ~whole;
        }
        uint64_t continued = word & (word << 1 | in_word);
        uint64_t edges = ~(continued | inside) & ones(width);
        uint64_t starts = ((word & ~continued) | single) & ones(width);
        if (open && edges) {
            work->end[n - 1] = text->at + lowest(edges);
            open = 0;
        }
        while (starts) {
            unsigned first = lowest(starts);
            uint64_t behind = edges & ~ones(first + 1);
            starts &= starts - 1;
            work->start[n] = text->at + first;
            work->end[n] = text->at + lowest(behind);
            n++;
            open = !behind;
        }
        in_word = word >> (width - 1) & 1;
        text->at += width;
    }
    while (in_word && text->at < text->size) {
        size_t length = 1;
        uint8_t byte = text->bytes[text->at];
        if (byte < 0x80)
            in_word = is_letter(byte) | is_digit(byte);
        else
            in_word =
                character(tables, decode(text->bytes + text->at, text->size - text->at, &length)) == WORD;
        text->at += in_word ? length : 0;
    }
    if (open)
        work->end[n - 1] = text->at;
    return n;
}

/* The hash, the symbol and the class of the tokens of this block. The order of the questions is the
 * reference's: punctuation, lone characters, numbers, keywords, names. */
static void classify(const Tables *tables, const Text *text, Work *work) {
    for (size_t i = K_MAX; i < work->n; i++) {
        const uint8_t *token = text->bytes + work->start[i];
        size_t length = (size_t)(work->end[i] - work->start[i]);
        uint64_t value = token_hash(token, length, text->readable - (size_t)work->start[i]);
        uint8_t first = token[0];
        uint32_t number = tables->slots[value >> 52];
        while (tables->chain[number] && tables->keywords[number] != value)
            number = tables->chain[number];
        uint32_t keyword = 0 - (uint32_t)(tables->keywords[number] == value);
        uint32_t kind = NAME ^ (keyword & (NAME ^ tables->keyword_kinds[number]));
        kind = (kind & tables->wordy[first]) | tables->marks[first];
        size_t whole;
        if (first >= 0x80 && character(tables, decode(token, length, &whole)) == SINGLE)
            kind = 0;
        const uint64_t symbol = tables->firsts[first] == DIGIT ? NUMBER : value;
        work->value[i] = value;
        work->symbol[i] = symbol;
        work->code[i] = symbol ^ ((symbol ^ NEW) & ((uint64_t)0 - (kind & NAME)));
        work->kind[i] = (uint8_t)kind;
    }
}

/* ---- grams ---- */

/* Begin a text: the gram is full of k tokens that were never there, all distinct, and each leaves as the next
 * enters. */
static void begin(const Tables *tables, Work *work) {
    size_t past = K_MAX - tables->k;
    memset(work->value + past, 0, tables->k * sizeof *work->value);
    memset(work->symbol + past, 0, tables->k * sizeof *work->symbol);
    memset(work->code + past, 0, tables->k * sizeof *work->code);
    memset(work->kind + past, 0, tables->k);
    memset(work->next + past, 0, tables->k);
    work->count = work->stream = work->literal = work->parameterised = 0;
    work->distinct = tables->k;
    work->structure = 0;
    work->n = K_MAX;
    work->serial += BLOCK; /* so that no head lies within a gram */
}

/* The next block of the text: the last K_MAX tokens of the one before, then new ones; whether there were any.
 */
static int next_block(const Tables *tables, Text *text, Work *work) {
    size_t by = work->n - K_MAX;
    memmove(work->start, work->start + by, K_MAX * sizeof *work->start);
    memmove(work->end, work->end + by, K_MAX * sizeof *work->end);
    memmove(work->value, work->value + by, K_MAX * sizeof *work->value);
    memmove(work->symbol, work->symbol + by, K_MAX * sizeof *work->symbol);
    memmove(work->code, work->code + by, K_MAX * sizeof *work->code);
    memmove(work->kind, work->kind + by, K_MAX);
    memmove(work->next, work->next + by, K_MAX);
    work->count += by;
    work->serial += by;
    work->n = tokens(tables, text, work);
    classify(tables, text, work);
    return work->n > K_MAX;
}

/* The distance of every token of this block to the previous use of its symbol within a gram, or 0; and
 * forward, to the next. A bucket remembers its last token: if that lies outside the gram there is no previous
 * use; if it has another symbol (one in fifty) all k - 1 are compared. */
static void uses(const Tables *tables, Work *work) {
    const uint32_t k = tables->k;
    for (size_t i = K_MAX; i < work->n; i++) {
        const uint64_t symbol = work->symbol[i], serial = work->serial + i;
        uint64_t *head = &work->head[symbol & (HEADS - 1)];
        uint64_t back = serial - *head;
        *head = serial;
        back &= (uint64_t)0 - (back < k); /* 0 compares the token with itself */
        if (work->symbol[i - back] != symbol) {
            while (++back < k && work->symbol[i - back] != symbol)
                ;
            back = back < k ? back : 0;
        }
        work->back[i] = (uint8_t)back;
        work->next[i] = 0;
        work->next[i - back] = (uint8_t)back;
    }
}

/* The eligible grams that end in this block; their number. Of each the key, the literal hash and the last
 * token.
 *
 * Entering token: its code joins the parameterised hash. Without a previous use it is one distinct symbol
 * more, and a sign of structure if it is a mark; with one, a sign of structure if it is a name. Leaving
 * token: its code is subtracted (a name that leaves is NEW: its previous use left before it). If it is used
 * again within the gram, that use, if a name, turns from a back-reference to NEW, a sign of structure less;
 * if not, one distinct symbol less, and a sign of structure less if it is a mark. */
static size_t grams(const Tables *tables, Work *work) {
    const uint32_t k = tables->k;
    const uint64_t base_k = tables->base_k, warm = work->count + 1;
    uint64_t stream = work->stream, literal = work->literal, parameterised = work->parameterised;
    uint64_t distinct = work->distinct, structure = work->structure;
    size_t found = 0;
    uses(tables, work);
    for (size_t i = K_MAX, gone = K_MAX - k; i < work->n; i++, gone++) {
        const uint64_t value = work->value[i], back = work->back[i], next = work->next[gone];
        const uint64_t entering = work->kind[i], leaving = work->kind[gone];
        const uint64_t name = entering & NAME, orphan = work->kind[gone + next] & NAME;

        const uint64_t enters = work->code[i] + (tables->gain[back] & ((uint64_t)0 - name));
        const uint64_t loses = work->code[gone] * base_k + (tables->turn[next] & ((uint64_t)0 - orphan));
        stream = stream * BASE + value;
        literal = literal * BASE + (value - work->value[gone] * base_k);
        parameterised = parameterised * BASE + (enters - loses);
        distinct += (uint64_t)(back == 0) - (uint64_t)(next == 0);
        structure += ((entering >> 1) & (uint64_t)(back == 0)) + (name & (uint64_t)(back > 0));
        structure -= ((leaving >> 1) & (uint64_t)(next == 0)) + (orphan & (uint64_t)(next > 0));

        const uint64_t structured = structure >= tables->structure;
        work->hash[found] = literal;
        work->key[found] = structured ? parameterised ^ K5 : literal;
        work->structured[found] = (uint8_t)structured;
        work->last[found] = (uint16_t)i;
        found += (distinct >= tables->distinct) & (warm + (i - K_MAX) >= k);
    }
    for (size_t i = 0; i < found; i++)
        work->key[i] = (mix(work->key[i]) & ~(uint64_t)1) | work->structured[i];
    work->stream = stream, work->literal = literal, work->parameterised = parameterised;
    work->distinct = distinct, work->structure = structure;
    return found;
}

/* The tokens of the text so far. */
static uint64_t token_count(const Work *work) {
    return work->count + work->n - K_MAX;
}

/* The hash of the token stream so far, closed with their number. */
static uint64_t stream(const Work *work) {
    return mix(work->stream ^ token_count(work) * K3);
}

/* ---- bytes that grow ---- */

typedef struct {
    uint8_t *bytes;
    size_t size, room;
} Bytes;

/* Where to write up to `more` bytes, or NULL without memory. What is written counts once `size` says so. */
static uint8_t *reserve(Bytes *out, size_t more) {
    if (!out->bytes || more > out->room - out->size) {
        size_t room = out->size + more + 64;
        if (room < more || room > PTRDIFF_MAX)
            return NULL;
        room = room < PTRDIFF_MAX / 2 ? room + room / 2 : PTRDIFF_MAX;
        uint8_t *bytes = realloc(out->bytes, room);
        if (!bytes)
            return NULL;
        out->bytes = bytes;
        out->room = room;
    }
    return out->bytes + out->size;
}

/* ---- the functions of reference.py, without the lock ---- */

/* The tokens joined by single spaces. */
static Status normal_form(const Tables *tables, Work *work, Text text, Bytes *out) {
    begin(tables, work);
    while ((work->n = tokens(tables, &text, work)) > K_MAX) {
        size_t span = (size_t)(work->end[work->n - 1] - work->start[K_MAX]);
        uint8_t *to = reserve(out, span + work->n + 16);
        if (!to)
            return NO_MEMORY;
        for (size_t i = K_MAX; i < work->n; i++) {
            const uint8_t *token = text.bytes + work->start[i];
            size_t length = (size_t)(work->end[i] - work->start[i]);
            *to = ' ';
            to += out->size > 0 || i > K_MAX;
            if (length <= 16 && text.readable - work->start[i] >= 16)
                memcpy(to, token, 16);
            else
                memcpy(to, token, length);
            to += length;
        }
        out->size = (size_t)(to - out->bytes);
    }
    return DONE;
}

/* Key, check and position of every eligible gram. */
static Status measure(const Tables *tables, Work *work, Text text, Bytes *keys, Bytes *checks,
                      Bytes *positions) {
    begin(tables, work);
    while (next_block(tables, &text, work)) {
        size_t found = grams(tables, work);
        uint8_t *key = reserve(keys, 8 * found), *check = reserve(checks, 2 * found);
        uint8_t *position = reserve(positions, 4 * found);
        if (!key || !check || !position)
            return NO_MEMORY;
        if (token_count(work) >= UINT32_MAX)
            return TOO_LONG;
        for (size_t i = 0; i < found; i++) {
            key = store(key, work->key[i], 8);
            check = store(check, mix(work->hash[i] ^ K6) >> 48, 2);
            position = store(position, work->count + work->last[i] - K_MAX + 1 - tables->k, 4);
        }
        keys->size += 8 * found, checks->size += 2 * found, positions->size += 4 * found;
    }
    return DONE;
}

/* The shingles that end in this block: 32-bit hashes into `hashes`; their number. */
static size_t block_shingles(const Tables *tables, Work *work, uint32_t *hashes) {
    uint64_t literal = work->literal;
    size_t found = 0;
    for (size_t i = K_MAX; i < work->n; i++) {
        literal = literal * BASE + (work->value[i] - work->value[i - tables->shingle] * tables->base_shingle);
        hashes[found] = (uint32_t)mix(literal);
        found += work->count + (i - K_MAX) + 1 >= tables->shingle;
    }
    work->literal = literal;
    return found;
}

/* The hashes of all runs of `shingle` tokens, u32 each. */
static Status shingles(const Tables *tables, Work *work, Text text, Bytes *out) {
    uint32_t hashes[BLOCK];
    begin(tables, work);
    while (next_block(tables, &text, work)) {
        size_t found = block_shingles(tables, work, hashes);
        uint8_t *to = reserve(out, 4 * found);
        if (!to)
            return NO_MEMORY;
        for (size_t i = 0; i < found; i++)
            to = store(to, hashes[i], 4);
        out->size += 4 * found;
    }
    return DONE;
}

#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE __attribute__((target("avx2")))
#define HAS_WIDE() __builtin_cpu_supports("avx2")
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define HAS_WIDE() 0
#define ALWAYS_INLINE inline
#endif

enum { GROUP = 32 }; /* permutations at a time: with AVX2 their a, b and minima fill twelve registers */

/* The shingles of a block into the minima. Those are held with the top bit turned, so that signed comparison orders
 * them: turning it in b turns it in a * value + b too. */
static ALWAYS_INLINE void minhash_any(const Tables *tables, int32_t *least, uint32_t *values, size_t count) {
    for (size_t j = 0; j < count; j++) {
        uint32_t value = values[j];
        value ^= value >> 16;
        value *= 0x85EBCA6B;
        value ^= value >> 13;
        value *= 0xC2B2AE35;
        values[j] = value ^ value >> 16;
    }
    for (int group = 0; group < PERMUTATIONS; group += GROUP) {
        const uint32_t *a = tables->a + group, *b = tables->b + group;
        int32_t minima[GROUP];
        memcpy(minima, least + group, sizeof minima);
        for (size_t j = 0; j < count; j++)
            for (int i = 0; i < GROUP; i++) {
                int32_t permuted = (int32_t)(a[i] * values[j] + b[i]);
                minima[i] = permuted < minima[i] ? permuted : minima[i];
            }
        memcpy(least + group, minima, sizeof minima);
    }
}

static void minhash_narrow(const Tables *tables, int32_t *least, uint32_t *values, size_t count) {
    minhash_any(tables, least, values, count);
}

#ifdef WIDE
/* The same in vectors of eight: SSE2, which every x86-64 has, lacks 32-bit products and minima. */
WIDE static void minhash_wide(const Tables *tables, int32_t *least, uint32_t *values, size_t count) {
    minhash_any(tables, least, values, count);
}
#else
#define minhash_wide minhash_narrow
#endif

/* MinHash of the shingles, all ones for a text shorter than a shingle; the number of tokens. */
static uint64_t signature(const Tables *tables, Work *work, Text text, uint8_t *out) {
    uint32_t hashes[BLOCK];
    int32_t least[PERMUTATIONS];
    const int wide = HAS_WIDE();
    for (int i = 0; i < PERMUTATIONS; i++)
        least[i] = INT32_MAX;
    begin(tables, work);
    while (next_block(tables, &text, work)) {
        size_t found = block_shingles(tables, work, hashes);
        (wide ? minhash_wide : minhash_narrow)(tables, least, hashes, found);
    }
    for (int i = 0; i < PERMUTATIONS; i++)
        out = store(out, (uint32_t)least[i] ^ 0x80000000, 4);
    return token_count(work);
}

/* Text `unit` of many. The bounds are checked here, where they are used, whatever another thread wrote into
 * them. */
static Status unit_text(Text data, const uint8_t *offsets, size_t unit, Text *text) {
    int64_t start = (int64_t)load64(offsets + 8 * unit), end = (int64_t)load64(offsets + 8 * unit + 8);
    if (start < 0 || end < start || (uint64_t)end > data.size)
        return BAD_OFFSETS;
    text->bytes = data.bytes + start;
    text->size = (size_t)(end - start);
    text->readable = data.size - (size_t)start;
    text->at = 0;
    return DONE;
}

/* ---- tables: keys on disk, as fingerprint/table.py has them ---- */

enum { PAGE = 4096, BLOOM_BLOCK = 32, MOST_BITS = 24, TABLES_MAX = 256 };

/* A table where it lies, which of its pages its owner has compared with their sums, and those of the others that an
 * answer depended on. What the table says of itself is checked once, what it says of its keys (it may be damaged)
 * wherever it is used. */
typedef struct {
    const uint8_t *bytes;
    size_t filter, fan, keys; /* where the sections begin */
    uint64_t count, blocks;
    uint32_t bits, width;
    const uint8_t *checked; /* a byte a page, or NULL: all are */
    size_t pages;
    int whole;     /* all pages of the filter are checked */
    uint8_t *seen; /* a bit a page: those that stand in `touched`, or a long text would write as much again */
    Bytes touched; /* u32 page numbers */
    int failed;    /* no memory for them */
} Table;

static const uint32_t SALT[8] = {0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D,
                                 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31};
static const uint64_t SPREAD = 0x9E3779B97F4A7C15;

static void push_page(Table *table, size_t page) {
    if (table->seen[page / 8] >> page % 8 & 1)
        return;
    table->seen[page / 8] |= (uint8_t)(1 << page % 8);
    uint8_t *to = reserve(&table->touched, 4);
    if (to) {
        store(to, page, 4);
        table->touched.size += 4;
    }
    table->failed |= !to;
}

static inline void touch(Table *table, size_t at) {
    if (table->checked && !table->checked[at / PAGE])
        push_page(table, at / PAGE);
}

/* Where the key's block of the filter lies. */
static inline size_t filter_block(const Table *table, uint64_t key) {
    return table->filter + BLOOM_BLOCK * (size_t)((key * SPREAD >> 32) * table->blocks >> 32);
}

static inline uint32_t filter_bit(const uint8_t *block, uint32_t key, int i) {
    return load32(block + 4 * i) >> (key * SALT[i] >> 27);
}

/* Whether the key may be there: half of the bits answer for nearly all that are absent. */
static inline int passes(const Table *table, uint64_t key) {
    const uint8_t *block = table->bytes + filter_block(table, key);
    uint32_t low = (uint32_t)key;
    if (!(filter_bit(block, low, 0) & filter_bit(block, low, 1) & filter_bit(block, low, 2) &
          filter_bit(block, low, 3) & 1))
        return 0;
    return filter_bit(block, low, 4) & filter_bit(block, low, 5) & filter_bit(block, low, 6) &
           filter_bit(block, low, 7) & 1;
}

/* The number of the first key from `low` on, below `high`, whose rest is not below this one. The bytes behind the last
 * key may be loaded. */
static uint64_t bound(Table *table, uint64_t low, uint64_t high, uint64_t rest, uint64_t mask, int above) {
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        size_t at = table->keys + (size_t)middle * table->width;
        touch(table, at);
        touch(table, at + table->width - 1);
        uint64_t held = load64(table->bytes + at) & mask;
        if (held < rest || (above && held == rest))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where the number of the first key of the key's bucket stands; that of the next follows. */
static inline size_t fan_entry(const Table *table, uint64_t key) {
    return table->fan + 4 * (size_t)(table->bits ? key * SPREAD >> (64 - table->bits) : 0);
}

/* The number of the first of these keys in `first`, and how many there are; the filter has been asked. */
static uint32_t find(Table *table, uint64_t key, uint32_t *first) {
    const uint64_t place = key * SPREAD, mask = KEEP[table->width], rest = place & mask;
    const size_t at = fan_entry(table, key);
    touch(table, at);
    touch(table, at + 4);
    uint64_t low = load32(table->bytes + at), high = load32(table->bytes + at + 4);
    high = high < table->count ? high : table->count;
    low = bound(table, low, high, rest, mask, 0);
    *first = (uint32_t)low;
    if (low >= high || (load64(table->bytes + table->keys + (size_t)low * table->width) & mask) != rest)
        return *first = 0;
    return (uint32_t)(bound(table, low, high, rest, mask, 1) - low);
}

/* ---- hits ---- */

enum { NEAR = 3, FAR = 6, TRAIL = FAR }; /* reference.NEAR; grams before a block whose marks are remembered */
enum { HIT_POSITION = 4, HIT_NEAR = 36, HIT = 40 }; /* bytes within a hit, <IIQQIII4s, and of one */

/* One byte that tells a gram from others, never 0. */
static inline uint8_t mark(uint64_t key, uint64_t check) {
    uint8_t value = (uint8_t)((key >> 1 & 31) << 3 | (check & 7));
    return value ? value : 8;
}

static inline uint64_t check_of(uint64_t hash) {
    return mix(hash ^ K6) >> 48;
}

/* The marks of the last grams of the block, of those that were found, by the place of their last token; in front of
 * them those of the block before. `from` is the first place that is needed. */
static void fill_marks(const Work *work, size_t found, size_t from, uint8_t *marks) {
    memset(marks + TRAIL + from, 0, work->n - K_MAX - from);
    for (size_t i = found; i-- > 0 && (size_t)work->last[i] - K_MAX >= from;)
        marks[TRAIL + work->last[i] - K_MAX] = mark(work->key[i], check_of(work->hash[i]));
}

/* The hits of this text that end in this block or within the trail before it get the marks around them that are known
 * by now. `start` is where the text's hits begin. */
static void fill_near(const Tables *tables, const Work *work, const uint8_t *marks, Bytes *hits, size_t start) {
    const int64_t here = (int64_t)work->n - K_MAX;
    for (size_t at = hits->size; at > start;) {
        uint8_t *hit = hits->bytes + (at -= HIT);
        int64_t last = (int64_t)load32(hit + HIT_POSITION) + tables->k - 1 - (int64_t)work->count;
        if (last < -TRAIL)
            break;
        if (last >= 0) {
            hit[HIT_NEAR] = marks[TRAIL + last - NEAR];
            hit[HIT_NEAR + 1] = marks[TRAIL + last - FAR];
        }
        if (last + NEAR >= 0 && last + NEAR < here)
            hit[HIT_NEAR + 2] = marks[TRAIL + last + NEAR];
        if (last + FAR >= 0 && last + FAR < here)
            hit[HIT_NEAR + 3] = marks[TRAIL + last + FAR];
    }
}

/* The numbers of the keys that pass the filter, of at most BLOCK. */
static size_t screen_narrow(const Table *table, const uint64_t *keys, size_t count, uint16_t *passed) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (passes(table, keys[i]))
            passed[found++] = (uint16_t)i;
    return found;
}

#ifdef WIDE
/* The same, the eight bits of a key as one vector. */
WIDE static size_t screen_wide(const Table *table, const uint64_t *keys, size_t count, uint16_t *passed) {
    const __m256i salt = _mm256_loadu_si256((const void *)SALT), one = _mm256_set1_epi32(1);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const __m256i block = _mm256_loadu_si256((const void *)(table->bytes + filter_block(table, keys[i])));
        const __m256i low = _mm256_set1_epi32((int)(uint32_t)keys[i]);
        const __m256i bits = _mm256_sllv_epi32(one, _mm256_srli_epi32(_mm256_mullo_epi32(low, salt), 27));
        passed[found] = (uint16_t)i;
        found += (size_t)_mm256_testc_si256(block, bits);
    }
    return found;
}
#else
#define screen_wide screen_narrow
#endif

/* The hits of one text in every table: every eligible gram of a block is asked for in the filter, those that pass in
 * the keys. */
static Status probe(const Tables *tables, Work *work, Text text, uint32_t unit, Table *table, size_t count,
                    Bytes *hits, size_t *starts) {
    uint8_t marks[TRAIL + BLOCK] = {0};
    uint16_t passed[BLOCK];
    const int wide = HAS_WIDE();
    begin(tables, work);
    for (size_t t = 0; t < count; t++)
        starts[t] = hits[t].size;
    while (next_block(tables, &text, work)) {
        const size_t found = grams(tables, work), here = work->n - K_MAX;
        int any = 0;
        if (token_count(work) >= UINT32_MAX)
            return TOO_LONG;
        for (size_t t = 0; t < count; t++) {
            Table *one = table + t;
            if (!one->count)
                continue;
            /* All at once: memory is slow, but has many answers under way. Fetching while the grams are made took longer. */
            for (size_t i = 0; i < found; i++) {
                const size_t block = filter_block(one, work->key[i]);
                if (!one->whole)
                    touch(one, block);
                prefetch(one->bytes + block);
            }
            const size_t through = (wide ? screen_wide : screen_narrow)(one, work->key, found, passed);
            for (size_t p = 0; p < through; p++)
                prefetch(one->bytes + fan_entry(one, work->key[passed[p]]));
            for (size_t p = 0; p < through; p++) {
                const size_t i = passed[p];
                uint32_t first;
                const uint32_t equal = find(one, work->key[i], &first);
                if (!equal)
                    continue;
                uint8_t *to = reserve(&hits[t], HIT);
                if (!to)
                    return NO_MEMORY;
                size_t last = work->last[i], start = last + 1 - tables->k;
                to = store(to, unit, 4);
                to = store(to, work->count + start - K_MAX, 4);
                to = store(to, work->start[start], 8);
                to = store(to, work->end[last], 8);
                to = store(to, first, 4);
                to = store(to, equal, 4);
                to = store(to, check_of(work->hash[i]), 4);
                store(to, 0, 4);
                hits[t].size += HIT;
            }
            any |= hits[t].size > starts[t];
        }
        fill_marks(work, found, any || here < TRAIL ? 0 : here - TRAIL, marks);
        for (size_t t = 0; t < count; t++)
            fill_near(tables, work, marks, &hits[t], starts[t]);
        memmove(marks, marks + here, TRAIL);
    }
    return DONE;
}

/* ---- selection ---- */

enum { VERBATIM = 1, SHOWN = 2 }; /* flags of a gram */
enum { KEYS, PASSAGES, POSITIONS, WORDS, AROUND, COLUMNS };
enum { WINDOWS, FLOOR, COMMONS, LITERAL, COUNTS };

/* The grams of one passage, as they were measured. */
typedef struct {
    const uint8_t *keys, *checks, *positions, *flags;
    size_t size;
    uint64_t length;
} Passage;

/* By position, of one passage: the rank of the gram (the lowest is kept), its number, its mark. */
typedef struct {
    uint64_t *rank;
    uint32_t *gram;
    uint8_t *marks;
    size_t room;
} Ranks;

enum { MARGIN = FAR }; /* marks before the first position and behind the last */
static const uint64_t NONE = ~(uint64_t)0;      /* the rank of what is not eligible */
static const uint64_t TAKEN = ~(uint64_t)0 - 1; /* ... of what the commons hold */

static int room_for(Ranks *ranks, size_t count) {
    if (count <= ranks->room)
        return 1;
    size_t room = count + count / 2 + 64;
    if (room > SIZE_MAX / 16)
        return 0;
    uint64_t *rank = realloc(ranks->rank, room * sizeof *rank);
    ranks->rank = rank ? rank : ranks->rank;
    uint32_t *gram = realloc(ranks->gram, room * sizeof *gram);
    ranks->gram = gram ? gram : ranks->gram;
    uint8_t *marks = realloc(ranks->marks, room + (size_t)2 * MARGIN);
    ranks->marks = marks ? marks : ranks->marks;
    if (!rank || !gram || !marks)
        return 0;
    ranks->room = room;
    return 1;
}

static Status keep(const Passage *passage, const Ranks *ranks, uint32_t number, size_t position, Bytes *out) {
    const size_t gram = ranks->gram[position];
    uint8_t *to[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        if (!(to[i] = reserve(&out[i], 8)))
            return NO_MEMORY;
    const uint64_t check = (uint64_t)passage->checks[2 * gram] | (uint64_t)passage->checks[2 * gram + 1] << 8;
    store(to[KEYS], load64(passage->keys + 8 * gram), 8);
    store(to[PASSAGES], number, 4);
    store(to[POSITIONS], position, 4);
    store(to[WORDS], (check & 0x3FFF) | (uint64_t)(passage->flags[gram] & 3) << 14, 2);
    const uint8_t *here = ranks->marks + MARGIN + position;
    to[AROUND][0] = here[-NEAR], to[AROUND][1] = here[-FAR], to[AROUND][2] = here[NEAR], to[AROUND][3] = here[FAR];
    out[KEYS].size += 8, out[PASSAGES].size += 4, out[POSITIONS].size += 4, out[WORDS].size += 2;
    out[AROUND].size += 4;
    return DONE;
}

/* The grams of one passage into ranks; BAD_OFFSETS where a position is none. `first` and `last` of those that may be
 * kept, first > last if there is none. */
static Status rank(const Passage *passage, size_t count, Table *commons, Ranks *ranks, size_t *first,
                   size_t *last) {
    if (!room_for(ranks, count))
        return NO_MEMORY;
    memset(ranks->rank, 0xFF, count * sizeof *ranks->rank);
    memset(ranks->marks, 0, count + (size_t)2 * MARGIN);
    *first = count, *last = 0;
    for (size_t i = 0; i < passage->size; i++) {
        const uint64_t key = load64(passage->keys + 8 * i);
        const size_t position = load32(passage->positions + 4 * i);
        uint32_t number;
        if (position >= count)
            return BAD_OFFSETS;
        if (commons && passes(commons, key) && find(commons, key, &number)) {
            ranks->rank[position] = TAKEN;
            continue;
        }
        /* Bit 0 of a key says structured; as the top bit, inverted, it puts structured grams first. */
        ranks->rank[position] = key >> 1 | (~key & 1) << 63;
        ranks->gram[position] = (uint32_t)i;
        if (!(passage->flags[i] & VERBATIM))
            ranks->marks[MARGIN + position] = mark(key, passage->checks[2 * i]);
        *first = position < *first ? position : *first;
        *last = position > *last ? position : *last;
    }
    return DONE;
}

static Status select_one(const Passage *passage, uint32_t number, uint32_t w, uint32_t k, Table *commons,
                         Ranks *ranks, Bytes *out, uint64_t *counts) {
    if (passage->length < k)
        return passage->size ? BAD_OFFSETS : DONE;
    const size_t count = (size_t)(passage->length - k + 1), width = w < count ? w : count;
    size_t first, last, best = 0, eligible = 0; /* `eligible` is one behind the last eligible position so far */
    Status status = rank(passage, count, commons, ranks, &first, &last);
    if (status != DONE)
        return status;
    const uint64_t *ranked = ranks->rank;
    size_t kept = count; /* the position kept last */
    if (first <= last)
        status = keep(passage, ranks, number, kept = first, out);
    for (size_t end = 0; status == DONE && end < count; end++) {
        if (ranked[end] <= ranked[best])
            best = end;
        if (ranked[end] != NONE)
            eligible = end + 1;
        if (end + 1 < width)
            continue;
        const size_t start = end + 1 - width;
        if (best < start) {
            best = start;
            for (size_t i = start + 1; i <= end; i++)
                best = ranked[i] <= ranked[best] ? i : best;
        }
        counts[WINDOWS]++;
        if (ranked[best] >= TAKEN) {
            counts[eligible > start ? COMMONS : FLOOR]++;
            continue;
        }
        counts[LITERAL] += ranked[best] >> 63;
        if (best != kept)
            status = keep(passage, ranks, number, kept = best, out);
    }
    if (status == DONE && first <= last && last != kept)
        status = keep(passage, ranks, number, last, out);
    return status;
}

/* ---- clothes: what a text is wrapped in ---- */

enum { ESCAPED = 1, DIFF = 2, QUOTED = 4, FENCED = 8, COMMENTED = 16, BARE = 32 }; /* nobody wears the last */

static const uint8_t *blanks(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* Whether a string of a list ends here, behind an escaped line break, and another follows. */
static int listed(const uint8_t *at, const uint8_t *end) {
    if (at == end || *at != '"' || (at = blanks(at + 1, end)) == end || *at != ',')
        return 0;
    at = blanks(at + 1, end);
    return at < end && *at == '"';
}

/* Whether there are two escaped line breaks on one line, or two at the end of strings of a list. */
static int escaped(const uint8_t *text, size_t size) {
    const uint8_t *end = text + size, *at = text, *before = NULL;
    unsigned strings = 0;
    while (size && at < end && (at = memchr(at, '\\', (size_t)(end - at)))) {
        if (end - at < 2)
            return 0;
        int once = at[1] == 'n';
        if (once || (end - at > 2 && at[1] == '\\' && at[2] == 'n')) {
            if (before && !memchr(before, '\n', (size_t)(at - before)))
                return 1;
            strings += once && listed(at + 2, end);
            if (strings == 2)
                return 1;
            before = at;
        }
        at += 2;
    }
    return 0;
}

static int begins(const uint8_t *at, const uint8_t *end, const char *with) {
    size_t length = strlen(with);
    return (size_t)(end - at) >= length && !memcmp(at, with, length);
}

/* What a search for the end of a comment found to be nowhere behind. */
typedef struct {
    int block, markup;
} Unclosed;

/* The bytes of the comment that begins here, 0 if none does. */
static size_t comment(const uint8_t *text, size_t at, size_t size, Unclosed *unclosed) {
    const uint8_t *here = text + at, *end = text + size;
    int behind_blank = !at || here[-1] == ' ' || here[-1] == '\t' || here[-1] == '\n';
    uint8_t next = end - here > 1 ? here[1] : '\n';
    int *nowhere = NULL;
    const char *close = NULL;
    if (*here == '/' && next == '*')
        close = "*/", nowhere = &unclosed->block;
    else if (*here == '<' && begins(here, end, "<!--"))
        close = "-->", nowhere = &unclosed->markup;
    if (close) {
        const size_t length = strlen(close);
        for (const uint8_t *to = here + 2 * length - 2; !*nowhere && to < end; to++) {
            to = memchr(to, close[0], (size_t)(end - to));
            if (!to)
                break;
            if (begins(to, end, close))
                return (size_t)(to + length - here);
        }
        *nowhere = 1;
        return 0;
    }
    if (*here == '/' ? next == '/' && !(at && here[-1] == ':')
        : *here == '#'
            ? behind_blank && !is_letter(next) && !is_digit(next) && next < 0x80
            : *here == '-' && behind_blank && next == '-' && end - here > 2 && (here[2] == ' ' || here[2] == '\t')) {
        const uint8_t *stop = memchr(here, '\n', (size_t)(end - here));
        return (size_t)((stop ? stop : end) - here);
    }
    return 0;
}

/* Where a comment may begin: of 64 bytes at once, those from `base` to `end`. */
typedef struct {
    const uint8_t *text;
    size_t size, base, end;
    uint64_t signs;
} Signs;

static int may_begin(uint8_t byte, uint8_t next) {
    return (byte == '#') | ((byte == '/') & ((next == '/') | (next == '*'))) | ((byte == '-') & (next == '-')) |
           ((byte == '<') & (next == '!'));
}

/* The first such place at `at` or behind it, or the text's size; `at` never goes back. */
static size_t next_sign(Signs *in, size_t at) {
    for (;;) {
        if (at < in->end) {
            uint64_t ahead = in->signs & ~ones(at - in->base);
            if (ahead)
                return in->base + lowest(ahead);
            at = in->end;
        }
        if (at >= in->size)
            return in->size;
        const uint8_t *text = in->text + at;
        const size_t left = in->size - at;
        in->base = at, in->end = at + (left < 64 ? left : 64), in->signs = 0;
        if (left > 64) {
            uint8_t sign[64];
            for (int i = 0; i < 64; i++)
                sign[i] = (uint8_t)may_begin(text[i], text[i + 1]);
            for (int i = 0; i < 64; i += 8)
                in->signs |= gather(sign + i) << i;
        } else {
            for (size_t i = 0; i < left; i++)
                in->signs |= (uint64_t)may_begin(text[i], i + 1 < left ? text[i + 1] : 0) << i;
        }
    }
}

/* Whether there is a comment in a text. */
static int commented(const uint8_t *text, size_t size) {
    Unclosed unclosed = {0, 0};
    Signs signs = {text, size, 0, 0, 0};
    for (size_t at = 0; (at = next_sign(&signs, at)) < size; at++)
        if (comment(text, at, size, &unclosed))
            return 1;
    return 0;
}

/* The flags of a text: what occurs often enough in it, each counted only up to its threshold. */
static uint8_t clothes(const uint8_t *text, size_t size) {
    const uint8_t *end = text + size, *at;
    unsigned plus = 0, quotes = 0, fences = 0;
    for (at = text; fences < 2 && size && (at = memchr(at, '`', (size_t)(end - at))); at++)
        if (end - at >= 3 && at[1] == '`' && at[2] == '`')
            fences++, at += 2;
    for (at = text; at < end && (plus < 3 || quotes < 3); at++) {
        plus += *at == '+', quotes += *at == '>';
        if (!(at = memchr(at, '\n', (size_t)(end - at))))
            break;
    }
    return (uint8_t)(escaped(text, size) * ESCAPED | (plus >= 3) * DIFF | (quotes >= 3) * QUOTED |
                     (fences >= 2) * FENCED | commented(text, size) * COMMENTED);
}

/* ---- unwrapped: texts without their clothes, and the way back ---- */

/* A text without its comments, where the pieces of it stand in the text, and where a comment was cut out. */
typedef struct {
    Bytes text, starts, places, cuts;
} Bare;

typedef struct {
    Bytes texts, views, starts, places;
    size_t begun, pieces; /* of the view at hand: where its text begins, and how many pieces it has */
    Bare bare;            /* room to work in */
} Unwrapped;

static Status append(Bytes *out, const void *bytes, size_t size) {
    uint8_t *to = reserve(out, size);
    if (!to)
        return NO_MEMORY;
    memcpy(to, bytes, size);
    out->size += size;
    return DONE;
}

static Status append_number(Bytes *out, uint64_t value, unsigned size) {
    uint8_t bytes[8];
    store(bytes, value, size);
    return append(out, bytes, size);
}

/* A piece of the view at hand, that stands at this place of its text. */
static Status piece(Unwrapped *out, const uint8_t *bytes, size_t size, size_t place) {
    Status status = append_number(&out->starts, out->texts.size - out->begun, 4);
    if (status == DONE)
        status = append_number(&out->places, place, 4);
    if (status == DONE)
        status = append(&out->texts, bytes, size);
    out->pieces++;
    return status;
}

/* What stands between two places as it is, if it is anything. */
static Status kept(Unwrapped *out, const uint8_t *text, size_t first, size_t end) {
    return end > first ? piece(out, text + first, end - first, first) : DONE;
}

/* The view at hand is whole: its unit, size and pieces. */
static Status closed(Unwrapped *out, size_t unit) {
    Status status = append_number(&out->views, unit, 8);
    if (status == DONE)
        status = append_number(&out->views, out->texts.size - out->begun, 8);
    if (status == DONE)
        status = append_number(&out->views, out->pieces, 8);
    out->begun = out->texts.size;
    out->pieces = 0;
    return status;
}

/* The value of four hexadecimal digits, or -1. */
static int32_t four_digits(const uint8_t *at, const uint8_t *end) {
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (unsigned i = 0; i < 4; i++) {
        int32_t c = at[i], lower = c | 0x20;
        int32_t digit = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static size_t utf8(int32_t point, uint8_t *to) {
    if (point < 0x80) {
        to[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (uint8_t)(0xC0 | point >> 6), to[1] = (uint8_t)(0x80 | (point & 63));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (uint8_t)(0xE0 | point >> 12), to[1] = (uint8_t)(0x80 | (point >> 6 & 63));
        to[2] = (uint8_t)(0x80 | (point & 63));
        return 3;
    }
    to[0] = (uint8_t)(0xF0 | point >> 18), to[1] = (uint8_t)(0x80 | (point >> 12 & 63));
    to[2] = (uint8_t)(0x80 | (point >> 6 & 63)), to[3] = (uint8_t)(0x80 | (point & 63));
    return 4;
}

/* How many bytes the escape at a backslash has, 0 if it is none, and what it stands for: up to four bytes. */
static size_t escape(const uint8_t *at, const uint8_t *end, uint8_t *to, size_t *length) {
    static const char LETTERS[] = "\"\\/bfnrt", PLAIN[] = "\"\\/\b\f\n\r\t";
    *length = 1;
    if (end - at < 2)
        return 0;
    if (at[1] == 'n' && end - at > 2 && at[2] == '"') { /* a string of a list ends, and the next begins */
        const uint8_t *next = at + 3;
        while (next < end && (*next == ' ' || *next == '\t'))
            next++;
        if (next < end && *next == ',') {
            for (next++; next < end && (*next == ' ' || (*next >= '\t' && *next <= '\r'));)
                next++;
            if (next < end && *next == '"') {
                *to = '\n';
                return (size_t)(next + 1 - at);
            }
        }
    }
    if (at[1] == 'u') {
        int32_t point = four_digits(at + 2, end), second = -1;
        if (point < 0)
            return 0;
        if (point >= 0xD800 && point < 0xDC00 && end - at >= 12 && at[6] == '\\' && at[7] == 'u')
            second = four_digits(at + 8, end);
        if (second >= 0xDC00 && second < 0xE000) {
            *length = utf8(0x10000 + ((point - 0xD800) << 10) + (second - 0xDC00), to);
            return 12;
        }
        *length = utf8(point >= 0xD800 && point < 0xE000 ? 0xFFFD : point, to);
        return 6;
    }
    const char *letter = at[1] ? strchr(LETTERS, at[1]) : NULL;
    if (!letter)
        return 0;
    *to = (uint8_t)PLAIN[letter - LETTERS];
    return 2;
}

/* Some lines of a text, their escapes replaced. */
static Status unescaped(Unwrapped *out, const uint8_t *text, size_t first, size_t end) {
    Status status = DONE;
    size_t done = first;
    const uint8_t *at = text + first;
    while (status == DONE && (at = memchr(at, '\\', (size_t)(text + end - at)))) {
        uint8_t plain[4];
        size_t length, size = escape(at, text + end, plain, &length), here = (size_t)(at - text);
        if (size) {
            status = kept(out, text, done, here);
            if (status == DONE)
                status = piece(out, plain, length, here);
            done = here + size;
        }
        at += size ? size : 1;
    }
    return status == DONE ? kept(out, text, done, end) : status;
}

static const uint8_t *escaped_break(const uint8_t *at, const uint8_t *end) {
    while (at < end && (at = memchr(at, '\\', (size_t)(end - at)))) {
        if (end - at > 1 && at[1] == 'n')
            return at;
        at++;
    }
    return NULL;
}

/* The lines with an escaped line break, each with the line behind it. */
static Status without_escapes(Unwrapped *out, const uint8_t *text, size_t size) {
    Status status = DONE;
    const uint8_t *end = text + size, *at = escaped_break(text, end), *first = NULL, *last = NULL;
    while (status == DONE && at) {
        const uint8_t *start = at, *stop = memchr(at, '\n', (size_t)(end - at)), *behind = NULL;
        while (start > text && start[-1] != '\n')
            start--;
        if (stop)
            behind = memchr(stop + 1, '\n', (size_t)(end - stop - 1));
        if (first && start > last) {
            status = unescaped(out, text, (size_t)(first - text), (size_t)(last - text));
            first = NULL;
        }
        if (!first)
            first = start;
        last = behind ? behind + 1 : end;
        at = stop ? escaped_break(stop, end) : NULL;
    }
    if (status == DONE && first)
        status = unescaped(out, text, (size_t)(first - text), (size_t)(last - text));
    return status;
}

/* How much of a line of a diff is not the new text: its first byte, or all of it with its line break. */
static size_t of_diff(const uint8_t *at, const uint8_t *end, size_t line) {
    if ((*at == '+' || *at == ' ') && !begins(at + 1, end, "++ "))
        return 1;
    if (*at == '-' || *at == '\\' || begins(at, end, "@@") || begins(at, end, "+++ ") ||
        begins(at, end, "diff ") || begins(at, end, "index "))
        return line;
    return 0;
}

/* How much of a line is the quote's: blanks, and marks with a blank each. */
static size_t of_quote(const uint8_t *at, const uint8_t *end) {
    const uint8_t *to = at;
    while (to < end && (*to == ' ' || *to == '\t'))
        to++;
    if (to == end || *to != '>')
        return 0;
    while (to < end && *to == '>') {
        to++;
        to += to < end && (*to == ' ' || *to == '\t');
    }
    return (size_t)(to - at);
}

/* The lines of a diff's new side, or of a quote. */
static Status without_signs(Unwrapped *out, const uint8_t *text, size_t size, int is_diff) {
    Status status = DONE;
    size_t done = 0;
    for (size_t at = 0, next; status == DONE && at < size; at = next) {
        const uint8_t *stop = memchr(text + at, '\n', size - at);
        next = stop ? (size_t)(stop + 1 - text) : size;
        size_t cut = is_diff ? of_diff(text + at, text + size, next - at) : of_quote(text + at, text + size);
        if (cut) {
            status = kept(out, text, done, at);
            done = at + cut;
        }
    }
    return status == DONE ? kept(out, text, done, size) : status;
}

/* The backticks that a line begins with, behind blanks; where they end is left in `behind`. */
static size_t ticks(const uint8_t *at, const uint8_t *end, const uint8_t **behind) {
    const uint8_t *first;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    for (first = at; at < end && *at == '`';)
        at++;
    *behind = at;
    return (size_t)(at - first);
}

/* What stands in fences, each a view. */
static Status within_fences(Unwrapped *out, const uint8_t *text, size_t size, size_t unit) {
    Status status = DONE;
    const uint8_t *end = text + size, *at = text, *behind, *stop;
    while (status == DONE && at < end) {
        size_t fence = ticks(at, end, &behind);
        stop = memchr(behind, '\n', (size_t)(end - behind));
        if (!stop)
            break;
        at = stop + 1;
        if (fence < 3 || memchr(behind, '`', (size_t)(stop - behind)))
            continue;
        const uint8_t *first = at, *last = end;
        while (at < end) {
            if (ticks(at, end, &behind) >= fence) {
                last = at;
                stop = memchr(behind, '\n', (size_t)(end - behind));
                at = stop ? stop + 1 : end;
                break;
            }
            stop = memchr(at, '\n', (size_t)(end - at));
            at = stop ? stop + 1 : end;
        }
        status = piece(out, first, (size_t)(last - first), (size_t)(first - text));
        if (status == DONE)
            status = closed(out, unit);
    }
    return status;
}

/* 1 where a token of ASCII begins, by the bytes' edges; of other scripts none is counted. */
static inline uint32_t starts_token(uint8_t edge, uint8_t before) {
    return (uint32_t)(edge >> 2 | (edge >> 1 & ~before)) & 1;
}

static Status bare_piece(Bare *bare, const uint8_t *bytes, size_t size, size_t place) {
    Status status = append_number(&bare->starts, bare->text.size, 4);
    if (status == DONE)
        status = append_number(&bare->places, place, 4);
    return status == DONE ? append(&bare->text, bytes, size) : status;
}

static int is_blank(const uint8_t *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] > ' ' && text[i] != 0x7F)
            return 0;
    return 1;
}

/* Each comment becomes a space. A cut has tokens before it that no other cut is behind. */
static Status bare_text(Bare *bare, const uint8_t *text, size_t size) {
    Status status = DONE;
    Unclosed unclosed = {0, 0};
    Signs signs = {text, size, 0, 0, 0};
    size_t done = 0;
    for (size_t at = 0; status == DONE && (at = next_sign(&signs, at)) < size;) {
        size_t length = comment(text, at, size, &unclosed);
        if (!length) {
            at++;
            continue;
        }
        if (at > done)
            status = bare_piece(bare, text + done, at - done, done);
        if (status == DONE && !is_blank(text + done, at - done))
            status = append_number(&bare->cuts, bare->text.size, 4);
        if (status == DONE)
            status = bare_piece(bare, (const uint8_t *)" ", 1, at);
        done = at += length;
    }
    return status == DONE && size > done ? bare_piece(bare, text + done, size - done, done) : status;
}

/* The pieces of a bare text from one place to another as a view. */
static Status bare_view(Unwrapped *out, const Bare *bare, size_t *number, size_t first, size_t end, size_t unit) {
    Status status = DONE;
    const size_t count = bare->starts.size / 4;
    while (*number + 1 < count && load32(bare->starts.bytes + 4 * (*number + 1)) <= first)
        ++*number;
    for (size_t i = *number; status == DONE && i < count; i++) {
        size_t start = load32(bare->starts.bytes + 4 * i), from = start > first ? start : first;
        size_t stop = i + 1 < count ? load32(bare->starts.bytes + 4 * (i + 1)) : bare->text.size;
        stop = stop < end ? stop : end;
        if (from >= stop)
            break;
        status = piece(out, bare->text.bytes + from, stop - from,
                       load32(bare->places.bytes + 4 * i) + (from - start));
    }
    return status == DONE ? closed(out, unit) : status;
}

/* A text without its comments. */
static Status without_comments(Unwrapped *out, const uint8_t *text, size_t size) {
    Bare *bare = &out->bare;
    bare->text.size = bare->starts.size = bare->places.size = bare->cuts.size = 0;
    Status status = reserve(&bare->text, size) ? bare_text(bare, text, size) : NO_MEMORY;
    const size_t count = bare->starts.size / 4;
    for (size_t i = 0; status == DONE && i < count; i++) {
        size_t start = load32(bare->starts.bytes + 4 * i);
        size_t stop = i + 1 < count ? load32(bare->starts.bytes + 4 * (i + 1)) : bare->text.size;
        status = piece(out, bare->text.bytes + start, stop - start, load32(bare->places.bytes + 4 * i));
    }
    return status;
}

/* What stands around the comments of a text, k tokens or more on either side: each stretch a view. A gram
 * that lies further away is found as it stands. */
static Status around_comments(const Tables *tables, Unwrapped *out, const uint8_t *text, size_t size, size_t unit) {
    const uint8_t *edges = tables->edges;
    const uint32_t reach = tables->k;
    Bare *bare = &out->bare;
    bare->text.size = bare->starts.size = bare->places.size = bare->cuts.size = 0;
    Status status = reserve(&bare->text, size) ? bare_text(bare, text, size) : NO_MEMORY;
    size_t first = 0, end = 0, number = 0;
    const size_t cuts = bare->cuts.size / 4;
    for (size_t i = 0; status == DONE && i < cuts; i++) {
        const size_t cut = load32(bare->cuts.bytes + 4 * i);
        const size_t next = i + 1 < cuts ? load32(bare->cuts.bytes + 4 * (i + 1)) : bare->text.size;
        size_t from = cut, to = cut;
        const uint8_t *bytes = bare->text.bytes;
        uint8_t before = 0; /* where the comment was is a space now */
        for (uint32_t n = 0; to < next; to++) { /* from the next cut on it goes on as that one's */
            n += starts_token(edges[bytes[to]], before);
            if (n > reach)
                break;
            before = edges[bytes[to]];
        }
        for (uint32_t n = 0; from > end && n < reach;) {
            from--;
            n += starts_token(edges[bytes[from]], from ? edges[bytes[from - 1]] : 0);
        }
        if (from > end) {
            if (end > first)
                status = bare_view(out, bare, &number, first, end, unit);
            first = from;
        }
        end = to > end ? to : end;
    }
    if (status == DONE && end > first)
        status = bare_view(out, bare, &number, first, end, unit);
    return status;
}

static Status unwrapped(const Tables *tables, Unwrapped *out, Text text, unsigned sign, size_t unit) {
    Status status;
    if (sign == COMMENTED)
        return around_comments(tables, out, text.bytes, text.size, unit);
    if (sign == FENCED)
        return within_fences(out, text.bytes, text.size, unit);
    if (sign == BARE)
        status = without_comments(out, text.bytes, text.size);
    else if (sign == ESCAPED)
        status = without_escapes(out, text.bytes, text.size);
    else
        status = without_signs(out, text.bytes, text.size, sign == DIFF);
    return status == DONE ? closed(out, unit) : status;
}

/* ---- the module: Python objects in, Python objects out ---- */

typedef struct {
    Tables *tables; /* NULL before setup() */
} State;

static void release(Tables *tables) {
    if (tables && --tables->references == 0) {
        free(tables->ranges);
        free(tables);
    }
}

static const uint8_t *bytes_of(const Py_buffer *view) {
    return view->len > 0 ? view->buf : (const void *)"";
}

/* What a call works with: the data, held where it lies, the tables and a block. */
typedef struct {
    Py_buffer buffer;
    Text data;
    Tables *tables;
    Work *work;
} Call;

/* Enter a call; 0 with an exception set if that cannot be. Left with leave(). */
static int enter(PyObject *module, PyObject *data, Call *call) {
    State *state = PyModule_GetState(module);
    if (!state->tables) {
        PyErr_SetString(PyExc_RuntimeError, "_kernel: call setup(*reference.kernel_tables()) first");
        return 0;
    }
    if (PyObject_GetBuffer(data, &call->buffer, PyBUF_SIMPLE) < 0)
        return 0;
    call->work = calloc(1, sizeof *call->work);
    if (!call->work) {
        PyBuffer_Release(&call->buffer);
        PyErr_NoMemory();
        return 0;
    }
    call->work->n = K_MAX;
    call->tables = state->tables;
    call->tables->references++;
    call->data.bytes = bytes_of(&call->buffer);
    call->data.size = call->data.readable = (size_t)call->buffer.len;
    call->data.at = 0;
    return 1;
}

static void leave(Call *call) {
    free(call->work);
    release(call->tables);
    PyBuffer_Release(&call->buffer);
}

/* A Bytes as a Python object, or the exception that tells why there is none; its memory is given back. */
static PyObject *finished(Status status, Bytes *out) {
    PyObject *object = NULL;
    if (status == NO_MEMORY)
        PyErr_NoMemory();
    else if (status == TOO_LONG)
        PyErr_SetString(PyExc_ValueError, "a text of 2**32 - 1 tokens or more: split it");
    else if (status == BAD_OFFSETS)
        PyErr_SetString(PyExc_ValueError, "offsets: not ascending, or not within the data");
    else
        object = PyBytes_FromStringAndSize(out->size ? (const char *)out->bytes : "", (Py_ssize_t)out->size);
    free(out->bytes);
    return object;
}

/* Three of them as a tuple, behind the count and stream of the text if one is given. */
static PyObject *finished_three(Status status, const Work *work, Bytes *out) {
    PyObject *first = finished(status, &out[0]), *second = finished(status, &out[1]);
    PyObject *third = finished(status, &out[2]), *result = NULL;
    if (first && second && third && work)
        result = Py_BuildValue("KKOOO", (unsigned long long)token_count(work),
                               (unsigned long long)stream(work), first, second, third);
    else if (first && second && third)
        result = Py_BuildValue("OOO", first, second, third);
    Py_XDECREF(first);
    Py_XDECREF(second);
    Py_XDECREF(third);
    return result;
}

/* A tuple of objects, each NULL where it could not be made; takes the references. */
static PyObject *tuple_of(PyObject **objects, size_t count) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    int sound = tuple != NULL;
    for (size_t i = 0; i < count; i++) {
        sound = sound && objects[i];
        if (tuple && objects[i])
            PyTuple_SetItem(tuple, (Py_ssize_t)i, objects[i]);
        else
            Py_XDECREF(objects[i]);
    }
    if (!sound)
        Py_CLEAR(tuple);
    return tuple;
}

static PyObject *kernel_tokens(PyObject *module, PyObject *argument) {
    Call call;
    if (!enter(module, argument, &call))
        return NULL;
    Text text = call.data;
    PyObject *spans = PyList_New(0);
    while (spans && (call.work->n = tokens(call.tables, &text, call.work)) > K_MAX) {
        for (size_t i = K_MAX; spans && i < call.work->n; i++) {
            PyObject *span = Py_BuildValue("KK", (unsigned long long)call.work->start[i],
                                           (unsigned long long)call.work->end[i]);
            if (!span || PyList_Append(spans, span) < 0)
                Py_CLEAR(spans);
            Py_XDECREF(span);
        }
    }
    leave(&call);
    return spans;
}

static PyObject *kernel_normal_form(PyObject *module, PyObject *argument) {
    Call call;
    if (!enter(module, argument, &call))
        return NULL;
    Bytes out = {NULL, 0, 0};
    Status status;
    Py_BEGIN_ALLOW_THREADS status = normal_form(call.tables, call.work, call.data, &out);
    Py_END_ALLOW_THREADS leave(&call);
    return finished(status, &out);
}

static PyObject *kernel_measure(PyObject *module, PyObject *argument) {
    Call call;
    if (!enter(module, argument, &call))
        return NULL;
    Bytes out[3] = {{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}};
    Status status;
    Py_BEGIN_ALLOW_THREADS status = measure(call.tables, call.work, call.data, &out[0], &out[1], &out[2]);
    Py_END_ALLOW_THREADS PyObject *result = finished_three(status, call.work, out);
    leave(&call);
    return result;
}

/* For each gram its key, and its key with the check of its very words. */
static Status marks_of(const Bytes *keys, const Bytes *checks, Bytes *out) {
    size_t count = keys->size / 8;
    uint8_t *to = count <= PTRDIFF_MAX / 16 ? reserve(out, 16 * count) : NULL;
    if (!to)
        return NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        uint64_t key = load64(keys->bytes + 8 * i);
        uint64_t check = (uint64_t)checks->bytes[2 * i] | (uint64_t)checks->bytes[2 * i + 1] << 8;
        to = store(store(to, key, 8), key ^ (check + 1) * SPREAD, 8);
    }
    out->size = 16 * count;
    return DONE;
}

static PyObject *kernel_marks(PyObject *module, PyObject *argument) {
    Call call;
    if (!enter(module, argument, &call))
        return NULL;
    Bytes grams[3] = {{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}}, out = {NULL, 0, 0};
    Status status;
    Py_BEGIN_ALLOW_THREADS status = measure(call.tables, call.work, call.data, &grams[0], &grams[1], &grams[2]);
    if (status == DONE)
        status = marks_of(&grams[0], &grams[1], &out);
    for (int i = 0; i < 3; i++)
        free(grams[i].bytes);
    Py_END_ALLOW_THREADS leave(&call);
    return finished(status, &out);
}

/* The slot that holds a mark's number (from 1), or the empty one where it would stand. */
static uint32_t *slot_of(uint32_t *slots, size_t size, const uint8_t *marks, uint64_t mark) {
    size_t slot = mark & (size - 1);
    while (slots[slot] && load64(marks + 8 * (slots[slot] - 1)) != mark)
        slot = (slot + 1) & (size - 1);
    return &slots[slot];
}

/* Whether each of the marks is among others: the marks in an open table of at most half its size, the others
 * streamed past one bit of it. */
static Status among(const uint8_t *marks, size_t count, const uint8_t *others, size_t many, Bytes *out) {
    size_t size = 64; /* a power of two */
    while (size < 4 * count)
        size *= 2;
    uint8_t *to = count <= PTRDIFF_MAX / 64 ? reserve(out, count) : NULL;
    uint32_t *slots = to ? calloc(size, sizeof *slots) : NULL;
    uint64_t *bits = slots ? calloc(size / 8, sizeof *bits) : NULL; /* 8 bits a slot */
    if (!bits) {
        free(slots);
        return NO_MEMORY;
    }
    memset(to, 0, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t mark = load64(marks + 8 * i), bit = mark & (8 * size - 1);
        bits[bit / 64] |= 1ull << bit % 64;
        uint32_t *slot = slot_of(slots, size, marks, mark);
        if (!*slot) /* of equal marks the first */
            *slot = (uint32_t)(i + 1);
    }
    for (size_t i = 0; i < many; i++) {
        uint64_t mark = load64(others + 8 * i), bit = mark & (8 * size - 1);
        if (bits[bit / 64] >> bit % 64 & 1) {
            uint32_t first = *slot_of(slots, size, marks, mark);
            if (first)
                to[first - 1] = 1;
        }
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t first = *slot_of(slots, size, marks, load64(marks + 8 * i));
        to[i] = first ? to[first - 1] : 0; /* none: another thread wrote into what it gave us */
    }
    out->size = count;
    free(bits);
    free(slots);
    return DONE;
}

static PyObject *kernel_among(PyObject *Py_UNUSED(module), PyObject *arguments) {
    Py_buffer marks, others;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*y*:among", &marks, &others))
        return NULL;
    if (marks.len % 8 || others.len % 8 || (uint64_t)marks.len / 8 >= UINT32_MAX)
        PyErr_Format(PyExc_ValueError, "marks: %zd and %zd bytes, not multiples of 8", marks.len, others.len);
    else {
        Bytes out = {NULL, 0, 0};
        Status status;
        Py_BEGIN_ALLOW_THREADS status =
            among(bytes_of(&marks), (size_t)marks.len / 8, bytes_of(&others), (size_t)others.len / 8, &out);
        Py_END_ALLOW_THREADS result = finished(status, &out);
    }
    PyBuffer_Release(&marks);
    PyBuffer_Release(&others);
    return result;
}

static PyObject *kernel_shingles(PyObject *module, PyObject *argument) {
    Call call;
    if (!enter(module, argument, &call))
        return NULL;
    Bytes out = {NULL, 0, 0};
    Status status;
    Py_BEGIN_ALLOW_THREADS status = shingles(call.tables, call.work, call.data, &out);
    Py_END_ALLOW_THREADS leave(&call);
    PyObject *hashes = status == DONE ? PyList_New((Py_ssize_t)(out.size / 4)) : PyErr_NoMemory();
    for (size_t i = 0; hashes && i < out.size / 4; i++) {
        PyObject *hash = PyLong_FromUnsignedLong(load32(out.bytes + 4 * i));
        if (!hash || PyList_SetItem(hashes, (Py_ssize_t)i, hash) < 0)
            Py_CLEAR(hashes);
    }
    free(out.bytes);
    return hashes;
}

static PyObject *kernel_signature(PyObject *module, PyObject *argument) {
    Call call;
    if (!enter(module, argument, &call))
        return NULL;
    uint8_t out[SIGNATURE];
    uint64_t count;
    Py_BEGIN_ALLOW_THREADS count = signature(call.tables, call.work, call.data, out);
    Py_END_ALLOW_THREADS Py_ssize_t size = count >= call.tables->shingle ? SIGNATURE : 0;
    leave(&call);
    return PyBytes_FromStringAndSize((const char *)out, size);
}

/* The number of texts that the offsets bound, or -1 with an exception set: n + 1 ascending i64 within the
 * data. */
static Py_ssize_t units(Text data, const Py_buffer *offsets) {
    Py_ssize_t count = offsets->len >= 8 ? offsets->len / 8 - 1 : 0;
    Text text;
    if (offsets->len % 8 || (uint64_t)count > UINT32_MAX) {
        PyErr_Format(PyExc_ValueError, "offsets: %zd bytes, not a multiple of 8 below 2**35", offsets->len);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (unit_text(data, bytes_of(offsets), (size_t)i, &text) != DONE) {
            PyErr_Format(PyExc_ValueError,
                         "offsets: text %zd ends before it starts or lies outside the %zd bytes", i,
                         (Py_ssize_t)data.size);
            return -1;
        }
    return count;
}

static Status all_signatures(Call *call, const uint8_t *offsets, const uint8_t *wanted, size_t count, Bytes *out) {
    size_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += !wanted || wanted[i];
    uint8_t *to = rows <= PTRDIFF_MAX / SIGNATURE ? reserve(out, rows * SIGNATURE) : NULL, *first = to;
    Status status = to ? DONE : NO_MEMORY;
    for (size_t i = 0; status == DONE && i < count; i++) {
        Text text;
        /* Counted again: another thread may write into what it gave us. */
        if ((wanted && !wanted[i]) || to == first + rows * SIGNATURE)
            continue;
        status = unit_text(call->data, offsets, i, &text);
        if (status == DONE) {
            signature(call->tables, call->work, text, to);
            to += SIGNATURE;
        }
    }
    out->size = status == DONE ? (size_t)(to - first) : 0;
    return status;
}

static PyObject *kernel_signatures(PyObject *module, PyObject *arguments) {
    Call call;
    PyObject *data, *result = NULL;
    Py_buffer offsets, wanted = {0};
    if (!PyArg_ParseTuple(arguments, "Oy*|y*:signatures", &data, &offsets, &wanted))
        return NULL;
    if (enter(module, data, &call)) {
        Py_ssize_t count = units(call.data, &offsets);
        if (count >= 0 && wanted.obj && wanted.len != count) {
            PyErr_Format(PyExc_ValueError, "wanted: %zd bytes for %zd texts", wanted.len, count);
        } else if (count >= 0) {
            Bytes out = {NULL, 0, 0};
            Status status;
            Py_BEGIN_ALLOW_THREADS status =
                all_signatures(&call, bytes_of(&offsets), wanted.obj ? bytes_of(&wanted) : NULL, (size_t)count, &out);
            Py_END_ALLOW_THREADS result = finished(status, &out);
        }
        leave(&call);
    }
    if (wanted.obj)
        PyBuffer_Release(&wanted);
    PyBuffer_Release(&offsets);
    return result;
}

/* The flags of all texts. */
static Status all_clothes(Text data, const uint8_t *offsets, size_t count, Bytes *out) {
    uint8_t *to = reserve(out, count);
    Status status = to ? DONE : NO_MEMORY;
    for (size_t i = 0; status == DONE && i < count; i++) {
        Text text;
        status = unit_text(data, offsets, i, &text);
        if (status == DONE)
            *to++ = clothes(text.bytes, text.size);
    }
    out->size = count;
    return status;
}

static PyObject *kernel_clothes(PyObject *module, PyObject *arguments) {
    Call call;
    PyObject *data, *result = NULL;
    Py_buffer offsets;
    if (!PyArg_ParseTuple(arguments, "Oy*:clothes", &data, &offsets))
        return NULL;
    if (enter(module, data, &call)) {
        Py_ssize_t count = units(call.data, &offsets);
        if (count >= 0) {
            Bytes out = {NULL, 0, 0};
            Status status;
            Py_BEGIN_ALLOW_THREADS status = all_clothes(call.data, bytes_of(&offsets), (size_t)count, &out);
            Py_END_ALLOW_THREADS result = finished(status, &out);
        }
        leave(&call);
    }
    PyBuffer_Release(&offsets);
    return result;
}

/* All texts with a sign, without what it is the sign of. */
static Status all_unwrapped(const Tables *tables, Text data, const uint8_t *offsets, const uint8_t *flags, size_t count, unsigned sign,
                            Unwrapped *out) {
    Status status = DONE;
    for (size_t i = 0; status == DONE && i < count; i++) {
        Text text;
        if (!(flags[i] & sign))
            continue;
        status = unit_text(data, offsets, i, &text);
        if (status == DONE)
            status = text.size > UINT32_MAX ? TOO_LONG : unwrapped(tables, out, text, sign, i);
    }
    free(out->bare.text.bytes);
    free(out->bare.starts.bytes);
    free(out->bare.places.bytes);
    free(out->bare.cuts.bytes);
    return status;
}

static PyObject *kernel_unwrap(PyObject *module, PyObject *arguments) {
    Call call;
    PyObject *data, *result = NULL;
    Py_buffer offsets, flags;
    unsigned sign;
    if (!PyArg_ParseTuple(arguments, "Oy*y*I:unwrap", &data, &offsets, &flags, &sign))
        return NULL;
    if (enter(module, data, &call)) {
        Py_ssize_t count = units(call.data, &offsets);
        if (count >= 0 && flags.len != count) {
            PyErr_Format(PyExc_ValueError, "flags: %zd bytes for %zd texts", flags.len, count);
        } else if (count >= 0 && sign != ESCAPED && sign != DIFF && sign != QUOTED && sign != FENCED && sign != COMMENTED &&
                   sign != BARE) {
            PyErr_Format(PyExc_ValueError, "sign: %u is none", sign);
        } else if (count >= 0) {
            Unwrapped out = {0};
            Status status;
            Py_BEGIN_ALLOW_THREADS status =
                all_unwrapped(call.tables, call.data, bytes_of(&offsets), bytes_of(&flags), (size_t)count, sign, &out);
            Py_END_ALLOW_THREADS PyObject *parts[] = {finished(status, &out.texts), finished(status, &out.views),
                                                      finished(status, &out.starts), finished(status, &out.places)};
            result = tuple_of(parts, 4);
        }
        leave(&call);
    }
    PyBuffer_Release(&flags);
    PyBuffer_Release(&offsets);
    return result;
}

/* A table from what holds it; 0 with an exception set if it is none. Closed with close_table(). */
static int open_table(const Py_buffer *view, Table *table) {
    const uint8_t *bytes = view->buf;
    const size_t size = (size_t)view->len;
    memset(table, 0, sizeof *table);
    if (size < PAGE || memcmp(bytes, "pvtable1", 8)) {
        PyErr_Format(PyExc_ValueError, "table: %zd bytes, not a table of version 1", view->len);
        return 0;
    }
    table->bytes = bytes;
    table->count = load64(bytes + 8), table->blocks = load64(bytes + 16);
    table->bits = load32(bytes + 24), table->width = load32(bytes + 28);
    int sound = table->count <= UINT32_MAX && table->blocks && table->blocks <= (uint64_t)1 << 32 &&
                table->bits <= MOST_BITS && table->width >= 1 && table->width <= 8 &&
                table->bits + 8 * table->width >= 64;
    if (sound) {
        const uint64_t pages = PAGE - 1;
        uint64_t filter = PAGE, fan = filter + ((BLOOM_BLOCK * table->blocks + pages) & ~pages);
        uint64_t keys = fan + (((uint64_t)4 * (((uint64_t)1 << table->bits) + 1) + pages) & ~pages);
        uint64_t end = keys + ((table->count * table->width + 8 + pages) & ~pages);
        table->filter = (size_t)filter, table->fan = (size_t)fan, table->keys = (size_t)keys;
        sound = end == size;
    }
    if (!sound) {
        PyErr_SetString(PyExc_ValueError, "table: its header does not describe it");
        return 0;
    }
    table->pages = size / PAGE;
    return 1;
}

/* Which pages of a table have been checked; 0 with an exception set where the view is not of its pages. */
static int set_checked(Table *table, const Py_buffer *view) {
    table->checked = view->buf;
    if ((size_t)view->len != table->pages)
        PyErr_Format(PyExc_ValueError, "checked: %zd bytes for %zu pages", view->len, table->pages);
    else if (!(table->seen = calloc(table->pages / 8 + 1, 1)))
        PyErr_NoMemory();
    return table->seen != NULL;
}

/* What was touched as bytes, or NULL with an exception set; its memory is given back. */
static PyObject *touched_pages(Table *table) {
    PyObject *pages = finished(table->failed ? NO_MEMORY : DONE, &table->touched);
    table->touched.bytes = NULL;
    free(table->seen);
    table->seen = NULL;
    return pages;
}

/* Counts, streams and hits of all texts. */
static Status all_probes(Call *call, const uint8_t *offsets, size_t units, Table *table, size_t count,
                         Bytes *out, Bytes *hits) {
    uint8_t *tokens_to = reserve(&out[0], 4 * units), *streams_to = reserve(&out[1], 8 * units);
    Status status = tokens_to && streams_to ? DONE : NO_MEMORY;
    size_t starts[TABLES_MAX];
    for (size_t t = 0; t < count; t++) /* a short text is sooner read than all these bytes */
        table[t].whole = call->data.size >= table[t].pages && !memchr(table[t].checked, 0, table[t].fan / PAGE);
    for (size_t i = 0; status == DONE && i < units; i++) {
        Text text;
        status = unit_text(call->data, offsets, i, &text);
        if (status == DONE)
            status = probe(call->tables, call->work, text, (uint32_t)i, table, count, hits, starts);
        tokens_to = store(tokens_to, token_count(call->work), 4);
        streams_to = store(streams_to, stream(call->work), 8);
    }
    out[0].size = 4 * units, out[1].size = 8 * units;
    return status;
}

/* The tables of a probe, held while it works. */
typedef struct {
    Py_buffer view[TABLES_MAX], checked[TABLES_MAX];
    Table table[TABLES_MAX];
    Bytes hits[TABLES_MAX];
    size_t count, flags; /* of the views and of checked that are held */
} Probe;

/* Item i of a sequence as a buffer; 0 with an exception set if it is none. */
static int hold(PyObject *sequence, Py_ssize_t i, Py_buffer *view) {
    PyObject *item = PySequence_GetItem(sequence, i);
    int held = item && PyObject_GetBuffer(item, view, PyBUF_SIMPLE) == 0;
    Py_XDECREF(item);
    return held;
}

/* The tables of a sequence, with what was checked of each; 0 with an exception set if one is none. */
static int open_tables(PyObject *sequence, PyObject *checked, Probe *probe) {
    Py_ssize_t count = PySequence_Size(sequence), flags = PySequence_Size(checked);
    if (count < 0 || flags < 0)
        return 0;
    if (count > TABLES_MAX || count != flags) {
        PyErr_Format(PyExc_ValueError, "tables: %zd, and %zd of what was checked: the same number, at most %d", count,
                     flags, (int)TABLES_MAX);
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!hold(sequence, i, &probe->view[i]))
            return 0;
        probe->count++;
        if (!open_table(&probe->view[i], &probe->table[i]) || !hold(checked, i, &probe->checked[i]))
            return 0;
        probe->flags++;
        if (!set_checked(&probe->table[i], &probe->checked[i]))
            return 0;
    }
    return 1;
}

static void close_tables(Probe *probe) {
    for (size_t i = 0; i < probe->count; i++) {
        free(probe->table[i].touched.bytes);
        free(probe->table[i].seen);
        PyBuffer_Release(&probe->view[i]);
    }
    for (size_t i = 0; i < probe->flags; i++)
        PyBuffer_Release(&probe->checked[i]);
    free(probe);
}

/* The answer of a probe: counts, streams, hits and touched pages, the latter two one a table. */
static PyObject *probed(Status status, Probe *probe, Bytes *out) {
    PyObject *hits[TABLES_MAX], *touched[TABLES_MAX], *result = NULL;
    PyObject *counts = finished(status, &out[0]), *streams = finished(status, &out[1]);
    for (size_t i = 0; i < probe->count; i++) {
        hits[i] = finished(status, &probe->hits[i]);
        touched[i] = touched_pages(&probe->table[i]);
    }
    PyObject *all_hits = tuple_of(hits, probe->count), *all_touched = tuple_of(touched, probe->count);
    if (counts && streams && all_hits && all_touched)
        result = Py_BuildValue("OOOO", counts, streams, all_hits, all_touched);
    Py_XDECREF(counts);
    Py_XDECREF(streams);
    Py_XDECREF(all_hits);
    Py_XDECREF(all_touched);
    return result;
}

static PyObject *kernel_probe(PyObject *module, PyObject *arguments) {
    Call call;
    PyObject *data, *sequence, *checked, *result = NULL;
    Py_buffer offsets;
    if (!PyArg_ParseTuple(arguments, "Oy*OO:probe", &data, &offsets, &sequence, &checked))
        return NULL;
    Probe *probe = calloc(1, sizeof *probe);
    if (!probe) {
        PyBuffer_Release(&offsets);
        return PyErr_NoMemory();
    }
    if (open_tables(sequence, checked, probe) && enter(module, data, &call)) {
        Py_ssize_t count = units(call.data, &offsets);
        if (count >= 0) {
            Bytes out[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
            Status status;
            Py_BEGIN_ALLOW_THREADS status = all_probes(&call, bytes_of(&offsets), (size_t)count, probe->table,
                                                       probe->count, out, probe->hits);
            Py_END_ALLOW_THREADS result = probed(status, probe, out);
        }
        leave(&call);
    }
    close_tables(probe);
    PyBuffer_Release(&offsets);
    return result;
}

static Status find_all(Table *table, const uint8_t *keys, size_t count, Bytes *out) {
    uint8_t *firsts = reserve(&out[0], 4 * count), *counts = reserve(&out[1], 4 * count);
    if (!firsts || !counts)
        return NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = load64(keys + 8 * i);
        uint32_t first = 0, equal = 0;
        if (table->count) {
            touch(table, filter_block(table, key));
            equal = passes(table, key) ? find(table, key, &first) : 0;
        }
        firsts = store(firsts, first, 4), counts = store(counts, equal, 4);
    }
    out[0].size = out[1].size = 4 * count;
    return DONE;
}

static PyObject *kernel_find(PyObject *Py_UNUSED(module), PyObject *arguments) {
    Py_buffer keys, view, checked;
    Table table;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*y*y*:find", &keys, &view, &checked))
        return NULL;
    if (keys.len % 8)
        PyErr_Format(PyExc_ValueError, "keys: %zd bytes, not a multiple of 8", keys.len);
    else if (open_table(&view, &table) && set_checked(&table, &checked)) {
        Bytes out[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
        Status status;
        Py_BEGIN_ALLOW_THREADS status = find_all(&table, bytes_of(&keys), (size_t)keys.len / 8, out);
        Py_END_ALLOW_THREADS PyObject *firsts = finished(status, &out[0]), *counts = finished(status, &out[1]);
        PyObject *touched = touched_pages(&table);
        if (firsts && counts && touched)
            result = Py_BuildValue("OOO", firsts, counts, touched);
        Py_XDECREF(firsts);
        Py_XDECREF(counts);
        Py_XDECREF(touched);
    }
    PyBuffer_Release(&keys);
    PyBuffer_Release(&view);
    PyBuffer_Release(&checked);
    return result;
}

/* The kept grams of all passages as columns. */
static Status select_all(const Tables *tables, const Py_buffer *view, Table *commons, Bytes *out,
                         uint64_t *counts) {
    Ranks ranks = {NULL, NULL, NULL, 0};
    Status status = DONE;
    size_t at = 0, all = (size_t)view[2].len / 8;
    for (size_t i = 0; status == DONE && i < (size_t)view[0].len / 4; i++) {
        Passage passage = {bytes_of(&view[2]) + 8 * at, bytes_of(&view[3]) + 2 * at, bytes_of(&view[4]) + 4 * at,
                           bytes_of(&view[5]) + at, load32(bytes_of(&view[1]) + 4 * i),
                           load32(bytes_of(&view[0]) + 4 * i)};
        if (passage.size > all - at)
            status = BAD_OFFSETS;
        else
            status = select_one(&passage, (uint32_t)i, tables->w, tables->k, commons, &ranks, out, counts);
        at += passage.size;
    }
    free(ranks.rank);
    free(ranks.gram);
    free(ranks.marks);
    return status;
}

static PyObject *kernel_select(PyObject *module, PyObject *arguments) {
    State *state = PyModule_GetState(module);
    Py_buffer view[7];
    PyObject *result = NULL;
    if (!state->tables) {
        PyErr_SetString(PyExc_RuntimeError, "_kernel: call setup(*reference.kernel_tables()) first");
        return NULL;
    }
    if (!PyArg_ParseTuple(arguments, "y*y*y*y*y*y*y*:select", &view[0], &view[1], &view[2], &view[3], &view[4],
                          &view[5], &view[6]))
        return NULL;
    const Py_ssize_t grams_given = view[2].len / 8;
    Table commons;
    if (view[0].len % 4 || view[0].len != view[1].len || view[2].len % 8 || view[3].len != 2 * grams_given ||
        view[4].len != 4 * grams_given || view[5].len != grams_given)
        PyErr_SetString(PyExc_ValueError, "select: columns of different lengths");
    else if (view[6].len == 0 || open_table(&view[6], &commons)) {
        Tables *tables = state->tables;
        Bytes out[COLUMNS] = {{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}};
        uint64_t counts[COUNTS] = {0};
        Status status;
        tables->references++;
        Table *held = view[6].len && commons.count ? &commons : NULL;
        Py_BEGIN_ALLOW_THREADS status = select_all(tables, view, held, out, counts);
        Py_END_ALLOW_THREADS release(tables);
        PyObject *columns[COLUMNS];
        int sound = 1;
        for (int i = 0; i < COLUMNS; i++)
            sound = (columns[i] = finished(status, &out[i])) && sound;
        if (sound)
            result = Py_BuildValue(
                "OOOOO(KKKK)", columns[0], columns[1], columns[2], columns[3], columns[4],
                (unsigned long long)counts[WINDOWS], (unsigned long long)counts[FLOOR],
                (unsigned long long)counts[COMMONS], (unsigned long long)counts[LITERAL]);
        for (int i = 0; i < COLUMNS; i++)
            Py_XDECREF(columns[i]);
    }
    for (int i = 0; i < 7; i++)
        PyBuffer_Release(&view[i]);
    return result;
}

static uint64_t power(uint64_t base, uint32_t exponent) {
    uint64_t result = 1;
    while (exponent--)
        result *= base;
    return result;
}

static void mark_plane(Tables *tables, const uint8_t *ranges, size_t pairs, uint8_t does) {
    for (size_t i = 0; i < pairs; i++)
        for (uint32_t point = load32(ranges + 8 * i); point < 0x10000 && point <= load32(ranges + 8 * i + 4);
             point++)
            tables->plane[point] = does;
}

/* The keywords of one kind; those already there keep theirs. */
static void add_keywords(Tables *tables, size_t *number, const uint8_t *hashes, size_t count, uint8_t kind) {
    for (size_t i = 0; i < count; i++) {
        uint64_t value = load64(hashes + 8 * i);
        tables->chain[++*number] = tables->slots[value >> 52];
        tables->slots[value >> 52] = (uint16_t)*number;
        tables->keywords[*number] = value;
        tables->keyword_kinds[*number] = kind;
    }
}

/* The tables from what setup() was given; sizes have been checked. */
static void fill_tables(Tables *tables, const Py_buffer *view) {
    const uint8_t *structural = bytes_of(&view[0]), *plain = bytes_of(&view[1]), *single = bytes_of(&view[2]);
    const uint8_t *separators = bytes_of(&view[3]), *punctuation = bytes_of(&view[4]),
                  *drawn = bytes_of(&view[5]);
    size_t number = 0;
    tables->base_k = power(BASE, tables->k);
    tables->base_shingle = power(BASE, tables->shingle);
    for (uint32_t i = 1; i < tables->k; i++) {
        tables->gain[i] = mix(i ^ K4) - NEW;
        tables->turn[i] = tables->gain[i] * power(BASE, tables->k - i);
    }
    tables->keyword_kinds[0] = NAME;
    add_keywords(tables, &number, structural, (size_t)view[0].len / 8, MARK);
    add_keywords(tables, &number, plain, (size_t)view[1].len / 8, 0);
    for (int i = 0; i < 256; i++) {
        uint8_t letter = is_letter((uint8_t)i) || i >= 0x80;
        tables->edges[i] = i >= 0x80 ? IN_WORD
                           : letter || is_digit((uint8_t)i) ? IN_WORD | OF_WORD
                           : i > ' ' && i < 0x7F            ? ALONE
                                                            : 0;
        tables->firsts[i] = letter ? WORD : is_digit((uint8_t)i) ? DIGIT : SINGLE;
        tables->wordy[i] = letter ? 0xFF : 0;
    }
    for (Py_ssize_t i = 0; i < view[4].len; i++)
        if (tables->firsts[punctuation[i]] == SINGLE)
            tables->marks[punctuation[i]] = MARK;
    tables->singles = (size_t)view[2].len / 8;
    tables->separators = (size_t)view[3].len / 8;
    memcpy(tables->ranges, single, (size_t)view[2].len);
    memcpy(tables->ranges + view[2].len, separators, (size_t)view[3].len);
    memset(tables->plane, WORD, sizeof tables->plane);
    mark_plane(tables, single, tables->singles, SINGLE);
    mark_plane(tables, separators, tables->separators, SEPARATOR);
    for (int i = 0; i < PERMUTATIONS; i++) {
        tables->a[i] = load32(drawn + 4 * i);
        tables->b[i] = load32(drawn + 4 * (PERMUTATIONS + i)) ^ 0x80000000;
    }
}

static PyObject *kernel_setup(PyObject *module, PyObject *arguments) {
    State *state = PyModule_GetState(module);
    int k, w, distinct, structure, shingle;
    Py_buffer view[6];
    if (!PyArg_ParseTuple(arguments, "iiiiiy*y*y*y*y*y*:setup", &k, &w, &distinct, &structure, &shingle, &view[0],
                          &view[1], &view[2], &view[3], &view[4], &view[5]))
        return NULL;
    const char *wrong = NULL;
    if (k < 1 || k > K_MAX || shingle < 1 || shingle > K_MAX)
        wrong = "k and shingle: 1 to 64";
    else if (w < 1)
        wrong = "w: at least 1";
    else if (distinct < 0 || distinct > k || structure < 0 || structure > k)
        wrong = "distinct and structure: 0 to k";
    else if (view[0].len % 8 || view[1].len % 8 || view[0].len / 8 + view[1].len / 8 > KEYWORDS_MAX)
        wrong = "keywords: whole u64, at most 2047";
    else if (view[2].len % 8 || view[3].len % 8)
        wrong = "ranges: whole pairs of u32";
    else if (view[5].len != 8 * PERMUTATIONS)
        wrong = "parameters: 256 u32";
    Tables *tables = wrong ? NULL : calloc(1, sizeof *tables);
    if (tables) {
        tables->references = 1;
        tables->k = (uint32_t)k, tables->w = (uint32_t)w, tables->shingle = (uint32_t)shingle;
        tables->distinct = (uint32_t)distinct, tables->structure = (uint32_t)structure;
        tables->ranges = malloc((size_t)view[2].len + (size_t)view[3].len + 1);
        if (tables->ranges) {
            fill_tables(tables, view);
            release(state->tables);
            state->tables = tables;
        } else {
            release(tables);
            tables = NULL;
        }
    }
    for (int i = 0; i < 6; i++)
        PyBuffer_Release(&view[i]);
    if (wrong)
        PyErr_SetString(PyExc_ValueError, wrong);
    if (!tables)
        return wrong ? NULL : PyErr_NoMemory();
    Py_RETURN_NONE;
}

static void kernel_free(void *module) {
    State *state = PyModule_GetState(module);
    if (state)
        release(state->tables);
}

static PyMethodDef METHODS[] = {
    {"setup", kernel_setup, METH_VARARGS,
     "setup(*reference.kernel_tables()): before any other call; again at will."},
    {"tokens", kernel_tokens, METH_O, "tokens(data) -> list[tuple[int, int]]"},
    {"normal_form", kernel_normal_form, METH_O, "normal_form(data) -> bytes"},
    {"measure", kernel_measure, METH_O, "measure(data) -> (tokens, stream, keys, checks, positions)"},
    {"marks", kernel_marks, METH_O, "marks(data) -> bytes"},
    {"among", kernel_among, METH_VARARGS, "among(marks, others) -> bytes"},
    {"shingles", kernel_shingles, METH_O, "shingles(data) -> list[int]"},
    {"signature", kernel_signature, METH_O, "signature(data) -> bytes"},
    {"signatures", kernel_signatures, METH_VARARGS, "signatures(data, offsets[, wanted]) -> bytes"},
    {"clothes", kernel_clothes, METH_VARARGS, "clothes(data, offsets) -> bytes"},
    {"unwrap", kernel_unwrap, METH_VARARGS, "unwrap(data, offsets, flags, sign) -> (texts, views, starts, places)"},
    {"probe", kernel_probe, METH_VARARGS, "probe(data, offsets, tables, checked) -> (counts, streams, hits, touched)"},
    {"find", kernel_find, METH_VARARGS, "find(keys, table, checked) -> (firsts, counts, touched)"},
    {"select", kernel_select, METH_VARARGS,
     "select(lengths, sizes, keys, checks, positions, flags, commons)"
     " -> (keys, passages, positions, words, around, counts)"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS_OF_MODULE[] = {{0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    "provenance.fingerprint._kernel",
    "The functions of provenance.fingerprint.reference, in C.",
    sizeof(State),
    METHODS,
    SLOTS_OF_MODULE,
    NULL,
    NULL,
    kernel_free,
};

PyMODINIT_FUNC PyInit__kernel(void) {
    return PyModuleDef_Init(&MODULE);
}
