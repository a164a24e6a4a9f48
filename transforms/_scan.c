/* The loops of `transforms` that run for every token or every character of an archive, compiled.

   `blocks.py`, `language.py`, `roles.py`, `article.py` and `rows.py` hold the same in Python: they say what is right,
   serve where no C compiler was at hand, and tests hold the two against each other. Everything rare is left to them. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* What `blocks.py` tells of a tag: how the loop treats it, in the lowest bits, and what else counts. */
enum { INLINE, BLOCK, BREAK, SKIPPED, VOID, VOID_BLOCK, LINK, TREATMENT = 7 };
enum { WHOLE_BLOCK = 8, RAW_TEXT = 16, IMPLIED_END = 32, PARAGRAPH = 64, BOLD = 128, ITALIC = 256, SVG = 512 };

#define END_TAG_REACH 64

static PyObject *s_type, *s_col, *s_tag, *s_data, *s_self_closing, *s_attr, *s_attrs, *s_href, *s_line;
static PyObject *TOKENIZE, *TEXT_TOKEN, *START, *END, *TAGS, *DESCRIBE, *BLOCK_TYPE, *TOO_DEEP;
static PyObject *LINK_TYPE, *FIRST_VISIBLE, *LAST_VISIBLE, *END_OF, *PLAIN;

/* Unicode's White_Space characters, U+200B and U+FEFF: `STRIPPED` of `blocks.py`. */
static int is_stripped(Py_UCS4 c) {
    if (c <= 0x20) return c == 0x20 || (c >= 9 && c <= 13);
    if (c < 0x1680) return c == 0x85 || c == 0xa0;
    return c == 0x1680 || (c >= 0x2000 && c <= 0x200b) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f
        || c == 0x3000 || c == 0xfeff;
}

static void visible_range(PyObject *text, Py_ssize_t *start, Py_ssize_t *end) {
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    *end = PyUnicode_GET_LENGTH(text);
    while (*end && is_stripped(PyUnicode_READ(kind, data, *end - 1))) --*end;
    *start = 0;
    while (*start < *end && is_stripped(PyUnicode_READ(kind, data, *start))) ++*start;
}

/* Whether a text is as `_collapse` would make it; a text with line ends may be. */
static int is_collapsed(PyObject *text) {
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    Py_UCS4 before = 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if (c == '\t' || c == '\n' || (c == ' ' && before == ' ')) return 0;
        before = c;
    }
    return 1;
}

static Py_ssize_t number_of(PyObject *object, PyObject *name) {
    PyObject *value = PyObject_GetAttr(object, name);
    if (value == NULL) return -1;
    Py_ssize_t number = PyLong_AsSsize_t(value);
    Py_DECREF(value);
    return number;
}

typedef struct { PyObject *name, *token; int traits; } Open;

typedef struct {
    PyObject *source, *blocks, *skipped;
    Open *open;  /* elements, outermost first */
    Py_ssize_t depth, room;
    int bold_depth, italic_depth;  /* how many of them are `b` or `strong`, and `i` or `em` */
    /* The block under construction: from its first visible character until `finish`. */
    int drafting, breaks, bold, italic;
    PyObject *pieces, *links, *path, *href;
    Py_ssize_t link_from, start, end;
    /* Its text while that is collapsed: `length` of `capacity` characters. */
    Py_UCS4 *buffer;
    Py_ssize_t length, capacity;
} Cutter;

/* Add a piece of text to the buffer: each run of white space as one space, and none around a line break. */
static int collapse(Cutter *c, PyObject *piece) {
    Py_ssize_t size = PyUnicode_GET_LENGTH(piece), length = c->length;
    if (length + size > c->capacity) {
        Py_ssize_t capacity = 2 * (length + size);
        Py_UCS4 *buffer = PyMem_Realloc(c->buffer, capacity * sizeof(Py_UCS4));
        if (buffer == NULL) { PyErr_NoMemory(); return -1; }
        c->buffer = buffer;
        c->capacity = capacity;
    }
    int kind = PyUnicode_KIND(piece);
    const void *data = PyUnicode_DATA(piece);
    Py_UCS4 last = length ? c->buffer[length - 1] : 0;
    for (Py_ssize_t i = 0; i < size; i++) {
        Py_UCS4 character = PyUnicode_READ(kind, data, i);
        if (character == '\t') character = ' ';
        if (character == ' ' && (last == ' ' || last == '\n')) continue;
        if (character == '\n' && last == ' ') length--;
        c->buffer[length++] = last = character;
    }
    c->length = length;
    return 0;
}

/* What the buffer holds but for what is stripped at its ends; in `*leading` how much that is at its start. */
static PyObject *collapsed_text(Cutter *c, Py_ssize_t *leading) {
    Py_ssize_t start = 0, end = c->length;
    while (end && is_stripped(c->buffer[end - 1])) end--;
    while (start < end && is_stripped(c->buffer[start])) start++;
    *leading = start;
    return PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, c->buffer + start, end - start);
}

static int push(Cutter *c, PyObject *name, PyObject *token, int traits) {
    if (c->depth == c->room) {
        Py_ssize_t room = c->room ? c->room * 2 : 64;
        Open *open = PyMem_Realloc(c->open, room * sizeof(Open));
        if (open == NULL) { PyErr_NoMemory(); return -1; }
        c->open = open;
        c->room = room;
    }
    c->open[c->depth++] = (Open){Py_NewRef(name), Py_NewRef(token), traits};
    c->bold_depth += (traits & BOLD) != 0;
    c->italic_depth += (traits & ITALIC) != 0;
    return 0;
}

static void pop(Cutter *c) {
    Open *top = &c->open[--c->depth];
    c->bold_depth -= (top->traits & BOLD) != 0;
    c->italic_depth -= (top->traits & ITALIC) != 0;
    Py_DECREF(top->name);
    Py_DECREF(top->token);
}

static int same(PyObject *one, PyObject *other) { return one == other || PyUnicode_Compare(one, other) == 0; }

static PyObject *path_of(Cutter *c) {
    PyObject *path = PyTuple_New(c->depth);
    if (path == NULL) return NULL;
    for (Py_ssize_t i = 0; i < c->depth; i++) PyTuple_SET_ITEM(path, i, Py_NewRef(c->open[i].token));
    return path;
}

/* Takes over the references to `text`, `path` and `links`, any of which may be NULL after an error. */
static int add_block(Cutter *c, PyObject *text, Py_ssize_t start, Py_ssize_t end, PyObject *path, int bold, int italic,
                     PyObject *links) {
    PyTypeObject *type = (PyTypeObject *)BLOCK_TYPE;
    PyObject *from = PyLong_FromSsize_t(start), *to = PyLong_FromSsize_t(end), *block = NULL;
    if (text && path && links && from && to) block = type->tp_alloc(type, 7);
    if (block == NULL) {
        Py_XDECREF(text); Py_XDECREF(path); Py_XDECREF(links); Py_XDECREF(from); Py_XDECREF(to);
        return -1;
    }
    PyTuple_SET_ITEM(block, 0, text);
    PyTuple_SET_ITEM(block, 1, from);
    PyTuple_SET_ITEM(block, 2, to);
    PyTuple_SET_ITEM(block, 3, path);
    PyTuple_SET_ITEM(block, 4, Py_NewRef(bold ? Py_True : Py_False));
    PyTuple_SET_ITEM(block, 5, Py_NewRef(italic ? Py_True : Py_False));
    PyTuple_SET_ITEM(block, 6, links);
    int failed = PyList_Append(c->blocks, block);
    Py_DECREF(block);
    return failed;
}

/* Most blocks are one text between two tags. */
static int add_plain_block(Cutter *c, PyObject *text, Py_ssize_t text_start) {
    Py_ssize_t start, end;
    visible_range(text, &start, &end);
    if (start == end) return 0;
    PyObject *visible = PyUnicode_Substring(text, start, end);
    if (visible && !is_collapsed(visible)) {
        Py_ssize_t leading;
        c->length = 0;
        Py_SETREF(visible, collapse(c, visible) ? NULL : collapsed_text(c, &leading));
    }
    return add_block(c, visible, text_start + start, text_start + end, path_of(c), c->bold_depth > 0,
                     c->italic_depth > 0, PyTuple_New(0));
}

static Py_ssize_t edge_of(PyObject *search, Cutter *c, Py_ssize_t start, Py_ssize_t end) {
    PyObject *found = PyObject_CallFunction(search, "Onn", c->source, start, end);
    if (found == NULL) return -1;
    Py_ssize_t edge = PyLong_AsSsize_t(found);
    Py_DECREF(found);
    return edge;
}

/* Take the text token whose source is `[start, end)`. */
static int add_text(Cutter *c, PyObject *text, Py_ssize_t start, Py_ssize_t end) {
    Py_ssize_t first, last;
    visible_range(text, &first, &last);
    int has_references = PyUnicode_GET_LENGTH(text) != end - start;
    if (first == last && !c->drafting) return 0;
    PyObject *piece = has_references ? PyObject_CallOneArg(PLAIN, text) : Py_NewRef(text);
    if (piece == NULL) return -1;
    int failed = PyList_Append(c->pieces, piece);
    Py_DECREF(piece);
    if (failed || first == last) return failed;
    if (!c->drafting) {
        c->drafting = c->bold = c->italic = 1;
        c->start = has_references ? edge_of(FIRST_VISIBLE, c, start, end) : start + first;
        if (c->start < 0) return -1;
        Py_XSETREF(c->path, path_of(c));
        if (c->path == NULL) return -1;
        c->link_from = 0;
    }
    c->end = has_references ? edge_of(LAST_VISIBLE, c, start, end) : start + last;
    if (c->end < 0) return -1;
    c->breaks = 0;
    c->bold = c->bold && c->bold_depth;
    c->italic = c->italic && c->italic_depth;
    return 0;
}

static int keep_link(Cutter *c) {
    if (c->href == NULL || !c->drafting || PyList_GET_SIZE(c->pieces) <= c->link_from) return 0;
    PyObject *link = Py_BuildValue("Onn", c->href, c->link_from, PyList_GET_SIZE(c->pieces));
    if (link == NULL) return -1;
    int failed = PyList_Append(c->links, link);
    Py_DECREF(link);
    return failed;
}

static int end_link(Cutter *c) {
    int failed = keep_link(c);
    Py_CLEAR(c->href);
    return failed;
}

static int start_link(Cutter *c, PyObject *token) {
    if (end_link(c)) return -1;
    PyObject *href = PyObject_CallMethodOneArg(token, s_attr, s_href);
    if (href == NULL) return -1;
    if (href == Py_None) Py_DECREF(href);
    else c->href = href;
    c->link_from = PyList_GET_SIZE(c->pieces);
    return 0;
}

static int renew(PyObject **list) {
    if (PyList_GET_SIZE(*list) == 0) return 0;
    return PyList_SetSlice(*list, 0, PyList_GET_SIZE(*list), NULL);
}

/* A link, or NULL without an error where its characters `[start, end)` of a block's text are none or white space. */
static PyObject *placed_link(PyObject *href, PyObject *text, Py_ssize_t start, Py_ssize_t end) {
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    if (start < 0) start = 0;
    if (end > PyUnicode_GET_LENGTH(text)) end = PyUnicode_GET_LENGTH(text);
    while (end > start && is_stripped(PyUnicode_READ(kind, data, end - 1))) end--;
    while (start < end && is_stripped(PyUnicode_READ(kind, data, start))) start++;
    if (start >= end) return NULL;
    PyObject *from = PyLong_FromSsize_t(start), *to = PyLong_FromSsize_t(end), *link = NULL;
    if (from && to) link = ((PyTypeObject *)LINK_TYPE)->tp_alloc((PyTypeObject *)LINK_TYPE, 3);
    if (link == NULL) { Py_XDECREF(from); Py_XDECREF(to); return NULL; }
    PyTuple_SET_ITEM(link, 0, Py_NewRef(href));
    PyTuple_SET_ITEM(link, 1, from);
    PyTuple_SET_ITEM(link, 2, to);
    return link;
}

/* Give out the block. A link that is still open goes on in the next one. */
static int finish(Cutter *c) {
    if (keep_link(c)) return -1;
    Py_ssize_t count = PyList_GET_SIZE(c->pieces), link_count = PyList_GET_SIZE(c->links), leading, next = 0;
    PyObject *only = count == 1 && link_count == 0 ? PyList_GET_ITEM(c->pieces, 0) : NULL, *text;
    /* Where links start and end in the buffer, in turn: they do not overlap, and are in the order of the pieces. */
    Py_ssize_t *edges = PyMem_New(Py_ssize_t, 2 * link_count + 1);
    if (edges == NULL) { PyErr_NoMemory(); return -1; }
    if (only && is_collapsed(only)) {
        Py_ssize_t end;
        visible_range(only, &leading, &end);
        text = PyUnicode_Substring(only, leading, end);
    } else {
        int failed = 0;
        c->length = 0;
        for (Py_ssize_t piece = 0; !failed; piece++) {
            while (next < 2 * link_count) {
                PyObject *link = PyList_GET_ITEM(c->links, next / 2);
                if (PyLong_AsSsize_t(PyTuple_GET_ITEM(link, 1 + next % 2)) != piece) break;
                edges[next++] = c->length;
            }
            if (piece == count) break;
            failed = collapse(c, PyList_GET_ITEM(c->pieces, piece));
        }
        text = failed ? NULL : collapsed_text(c, &leading);
    }
    PyObject *links = text ? PyTuple_New(0) : NULL;
    if (links && link_count) {
        Py_SETREF(links, PyList_New(0));
        for (Py_ssize_t i = 0; links && i < link_count; i++) {
            PyObject *href = PyTuple_GET_ITEM(PyList_GET_ITEM(c->links, i), 0);
            PyObject *link = placed_link(href, text, edges[2 * i] - leading, edges[2 * i + 1] - leading);
            if ((link == NULL && PyErr_Occurred()) || (link && PyList_Append(links, link))) Py_CLEAR(links);
            Py_XDECREF(link);
        }
        if (links) Py_SETREF(links, PyList_AsTuple(links));
    }
    PyMem_Free(edges);
    PyObject *path = c->path;
    c->path = NULL;
    if (add_block(c, text, c->start, c->end, path, c->bold, c->italic, links)) return -1;
    c->drafting = c->breaks = 0;
    c->link_from = 0;
    return renew(&c->pieces) || renew(&c->links) ? -1 : 0;
}

static int add_break(Cutter *c) {
    return ++c->breaks == 2 ? finish(c) : PyList_Append(c->pieces, s_line);
}

/* What `blocks.py` knows of a tag: its traits, and a borrowed name of the element that `*held` keeps alive. */
static int traits_of(PyObject *tag, PyObject **name, PyObject **held) {
    PyObject *known = PyDict_GetItemWithError(TAGS, tag);
    if (known != NULL) Py_INCREF(known);
    else if (PyErr_Occurred() || (known = PyObject_CallOneArg(DESCRIBE, tag)) == NULL) return -1;
    int traits = (int)PyLong_AsLong(PyTuple_GET_ITEM(known, 0));
    *name = PyTuple_GET_ITEM(known, 1);
    *held = known;
    return traits;
}

static int end_element(Cutter *c, PyObject *name) {
    Py_ssize_t least = c->depth > END_TAG_REACH ? c->depth - END_TAG_REACH : 0;
    for (Py_ssize_t at = c->depth; at-- > least;)
        if (same(c->open[at].name, name)) {
            while (c->depth > at) pop(c);
            break;
        }
    return PyErr_Occurred() ? -1 : 0;
}

static int add_skipped(Cutter *c, Py_ssize_t start, Py_ssize_t end) {
    PyObject *range = Py_BuildValue("nn", start, end);
    if (range == NULL) return -1;
    int failed = PyList_Append(c->skipped, range);
    Py_DECREF(range);
    return failed;
}

typedef struct {
    PyObject *tag;  /* of the element whose content is skipped, or NULL */
    int svg, ended;
    Py_ssize_t depth, start, end;
} Skip;

static int leave_skipped(Cutter *c, Skip *skip, Py_ssize_t position) {
    Py_ssize_t end = edge_of(END_OF, c, skip->end, position);
    skip->ended = 0;
    return end < 0 ? -1 : add_skipped(c, skip->start, end);
}

/* A start or end tag: 0, or 1 where the source has to be cut anew for an element with raw text, or -1. */
static int take_tag(Cutter *c, Skip *skip, PyObject *token, PyObject *tag, int starts, Py_ssize_t position,
                    Py_ssize_t max_depth) {
    PyObject *name, *held;
    int traits = traits_of(tag, &name, &held), result = 0;
    if (traits < 0) return -1;
    int treatment = traits & TREATMENT;
    if (skip->tag != NULL) {
        /* Only the skipped element's own tags matter until it ends. */
        if (starts && traits & RAW_TEXT) result = 1;
        else if (same(tag, skip->tag)) {
            int closing = 0;
            if (starts && skip->svg) {
                PyObject *value = PyObject_GetAttr(token, s_self_closing);
                closing = value == NULL ? -1 : PyObject_IsTrue(value);
                Py_XDECREF(value);
            }
            if (closing < 0) result = -1;
            skip->depth += starts ? !closing : -1;
            if (skip->depth == 0) {
                Py_CLEAR(skip->tag);
                skip->ended = 1;
                skip->end = position;
            }
        }
    } else if (treatment == BREAK) {
        if (c->drafting) result = add_break(c);
    } else {
        if (c->drafting && (treatment == BLOCK || treatment == VOID_BLOCK)) result = finish(c);
        if (result) {
        } else if (!starts) {
            result = end_element(c, name);
            if (!result && treatment == LINK) result = end_link(c);
        } else if (treatment == SKIPPED) {
            PyObject *value = PyObject_GetAttr(token, s_self_closing);
            int closing = value == NULL ? -1 : PyObject_IsTrue(value);
            Py_XDECREF(value);
            skip->start = position;
            skip->svg = (traits & SVG) != 0;
            if (closing < 0) result = -1;
            else if (closing && skip->svg) { skip->ended = 1; skip->end = position; }
            else { skip->tag = Py_NewRef(tag); skip->depth = 1; }
        } else if (treatment == BLOCK || treatment == INLINE || treatment == LINK) {
            Open *top = c->depth ? &c->open[c->depth - 1] : NULL;
            if (traits & RAW_TEXT) result = 1;
            else {
                if (treatment == BLOCK && top && top->traits & IMPLIED_END
                    && (top->traits & PARAGRAPH || same(top->name, name))) pop(c);
                if (c->depth >= max_depth) {
                    PyObject *error = PyObject_CallFunction(TOO_DEEP, "nn", position, max_depth);
                    if (error) { PyErr_SetObject(TOO_DEEP, error); Py_DECREF(error); }
                    result = -1;
                } else {
                    result = push(c, name, token, traits);
                    if (!result && treatment == LINK) result = start_link(c, token);
                }
            }
        }
    }
    Py_DECREF(held);
    return result;
}

static int take_tokens(Cutter *c, Skip *skip, PyObject *tokens, Py_ssize_t max_depth) {
    PyObject *token, *text = NULL, *tag = NULL, *type = NULL;
    Py_ssize_t text_start = 0;
    int result = 0;
    while (!result && (token = PyIter_Next(tokens)) != NULL) {
        type = PyObject_GetAttr(token, s_type);
        Py_ssize_t position = number_of(token, s_col);
        int is_tag = type == START || type == END;
        tag = is_tag ? PyObject_GetAttr(token, s_tag) : NULL;
        if (type == NULL || position < 0 || (is_tag && tag == NULL)) { result = -1; goto next; }
        if (text != NULL) {
            /* A text token ends where the next token starts, which tells whether references were resolved in it. */
            PyObject *name, *held = NULL;
            int plain = type == END && !c->drafting && c->href == NULL
                && PyUnicode_GET_LENGTH(text) == position - text_start;
            int traits = plain ? traits_of(tag, &name, &held) : 0;
            Py_XDECREF(held);
            if (traits < 0) result = -1;
            else if (traits & WHOLE_BLOCK) result = add_plain_block(c, text, text_start);
            else result = add_text(c, text, text_start, position);
            Py_CLEAR(text);
            if (result) goto next;
        }
        if (skip->ended && leave_skipped(c, skip, position)) { result = -1; goto next; }
        if (type == TEXT_TOKEN && skip->tag == NULL) {
            text = PyObject_GetAttr(token, s_data);
            text_start = position;
            if (text == NULL) result = -1;
        } else if (is_tag) {
            result = take_tag(c, skip, token, tag, type == START, position, max_depth);
        } else if (skip->tag == NULL) {
            skip->start = skip->end = position;
            skip->ended = 1;
        }
    next:
        Py_XDECREF(type);
        Py_CLEAR(tag);
        Py_DECREF(token);
    }
    if (!result && PyErr_Occurred()) result = -1;
    Py_ssize_t length = PyUnicode_GET_LENGTH(c->source);
    if (!result && text != NULL) result = add_text(c, text, text_start, length);
    Py_XDECREF(text);
    if (!result && skip->ended) result = leave_skipped(c, skip, length);
    else if (!result && skip->tag != NULL) result = add_skipped(c, skip->start, length);
    if (!result && c->drafting) result = finish(c);
    return result;
}

PyDoc_STRVAR(cut_doc, "cut(source, max_depth)\n--\n\n"
    "Blocks and skipped ranges of `source`, as `transforms.blocks._cut` gives them; None where it gives None.");

static PyObject *cut(PyObject *module, PyObject *args) {
    Cutter c = {0};
    Skip skip = {0};
    Py_ssize_t max_depth;
    if (!PyArg_ParseTuple(args, "Un", &c.source, &max_depth)) return NULL;
    if (TOKENIZE == NULL) { PyErr_SetString(PyExc_RuntimeError, "call `prepare` before `cut`"); return NULL; }
    PyObject *stream = PyObject_CallOneArg(TOKENIZE, c.source), *tokens = stream ? PyObject_GetIter(stream) : NULL;
    c.blocks = PyList_New(0); c.skipped = PyList_New(0); c.pieces = PyList_New(0); c.links = PyList_New(0);
    int result = tokens && c.blocks && c.skipped && c.pieces && c.links ? take_tokens(&c, &skip, tokens, max_depth) : -1;
    while (c.depth) pop(&c);
    PyMem_Free(c.open);
    PyMem_Free(c.buffer);
    Py_XDECREF(stream); Py_XDECREF(tokens); Py_XDECREF(skip.tag);
    Py_XDECREF(c.pieces); Py_XDECREF(c.links); Py_XDECREF(c.path); Py_XDECREF(c.href);
    PyObject *found = result == 1 ? Py_NewRef(Py_None)
        : result == 0 ? PyTuple_Pack(2, c.blocks, c.skipped) : NULL;
    Py_XDECREF(c.blocks); Py_XDECREF(c.skipped);
    return found;
}

PyDoc_STRVAR(prepare_doc, "prepare(*parts)\n--\n\nTake over what the Python loop uses: see `transforms.blocks`.");

static PyObject *prepare(PyObject *module, PyObject *const *parts, Py_ssize_t count) {
    PyObject **kept[] = {&TOKENIZE, &TEXT_TOKEN, &START, &END, &TAGS, &DESCRIBE, &BLOCK_TYPE, &LINK_TYPE, &TOO_DEEP,
                         &FIRST_VISIBLE, &LAST_VISIBLE, &END_OF, &PLAIN};
    if (count != Py_ARRAY_LENGTH(kept) || !PyDict_Check(parts[4])) {
        PyErr_SetString(PyExc_TypeError, "`transforms.blocks` and its compiled loop are of different versions; install anew");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) Py_XSETREF(*kept[i], Py_NewRef(parts[i]));
    Py_RETURN_NONE;
}

/* UTF-8 bytes of the characters `[start, end)`. */
static Py_ssize_t utf8_length(PyObject *text, Py_ssize_t start, Py_ssize_t end) {
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t total = 0;
    if (PyUnicode_IS_ASCII(text)) return end - start;
    for (Py_ssize_t i = start; i < end; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        total += 1 + (c > 0x7f) + (c > 0x7ff) + (c > 0xffff);
    }
    return total;
}

PyDoc_STRVAR(paragraphs_doc, "paragraphs(body, blocks, roles, languages, links, start, paragraph, hash)\n--\n\n"
    "The rows of `transforms.article._paragraphs`; `body` starts at byte `start`, `hash` is that of UTF-8 text.");

typedef struct { Py_ssize_t position, byte_end, char_start; } Place;

/* A row of type `type`; moves `place` behind its block. */
static PyObject *paragraph(PyTypeObject *type, PyObject *body, PyObject *block, PyObject *hash, Place *place) {
    if (!PyTuple_Check(block) || PyTuple_GET_SIZE(block) < 3 || !PyUnicode_Check(PyTuple_GET_ITEM(block, 0))
        || !PyType_IsSubtype(type, &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "blocks and rows are tuples");
        return NULL;
    }
    PyObject *text = PyTuple_GET_ITEM(block, 0);
    Py_ssize_t start = PyLong_AsSsize_t(PyTuple_GET_ITEM(block, 1)), end = PyLong_AsSsize_t(PyTuple_GET_ITEM(block, 2));
    if (start < place->position || end < start || end > PyUnicode_GET_LENGTH(body)) {
        PyErr_SetString(PyExc_ValueError, "spans do not follow each other inside the text");
        return NULL;
    }
    PyObject *row = type->tp_alloc(type, 9);
    if (row == NULL) return NULL;
    Py_ssize_t byte_start = place->byte_end + utf8_length(body, place->position, start);
    Py_ssize_t byte_end = byte_start + utf8_length(body, start, end);
    Py_ssize_t char_end = place->char_start + PyUnicode_GET_LENGTH(text);
    PyObject *data = PyUnicode_AsUTF8String(text);
    PyTuple_SET_ITEM(row, 1, data);
    PyTuple_SET_ITEM(row, 2, PyLong_FromSsize_t(place->char_start));
    PyTuple_SET_ITEM(row, 3, PyLong_FromSsize_t(char_end));
    PyTuple_SET_ITEM(row, 4, PyLong_FromSsize_t(byte_start));
    PyTuple_SET_ITEM(row, 5, PyLong_FromSsize_t(byte_end));
    PyTuple_SET_ITEM(row, 7, data ? PyObject_CallOneArg(hash, data) : NULL);
    *place = (Place){end, byte_end, char_end + 2};
    if (PyErr_Occurred()) Py_CLEAR(row);
    return row;
}

static PyObject *paragraphs(PyObject *module, PyObject *args) {
    PyObject *body, *blocks, *roles, *languages, *links, *type, *hash;
    Place place = {0};
    if (!PyArg_ParseTuple(args, "UO!O!O!O!nO!O", &body, &PyList_Type, &blocks, &PyList_Type, &roles, &PyList_Type,
                          &languages, &PyList_Type, &links, &place.byte_end, &PyType_Type, &type, &hash)) return NULL;
    Py_ssize_t count = PyList_GET_SIZE(blocks);
    if (PyList_GET_SIZE(roles) != count || PyList_GET_SIZE(languages) != count || PyList_GET_SIZE(links) != count)
        return PyErr_Format(PyExc_ValueError, "each of the %zd blocks has a role, a language and links", count);
    PyObject *rows = PyList_New(count);
    for (Py_ssize_t i = 0; rows && i < count; i++) {
        PyObject *row = paragraph((PyTypeObject *)type, body, PyList_GET_ITEM(blocks, i), hash, &place);
        if (row == NULL) { Py_CLEAR(rows); break; }
        PyTuple_SET_ITEM(row, 0, Py_NewRef(PyList_GET_ITEM(roles, i)));
        PyTuple_SET_ITEM(row, 6, Py_NewRef(PyList_GET_ITEM(languages, i)));
        PyTuple_SET_ITEM(row, 8, Py_NewRef(PyList_GET_ITEM(links, i)));
        PyList_SET_ITEM(rows, i, row);
    }
    return rows;
}

PyDoc_STRVAR(languages_doc, "languages(texts, table, sample, tags, by_words)\n--\n\n"
    "What `transforms.language.detect` says of each text by its first `sample` characters. `table` has a byte for each\n"
    "character of the Basic Multilingual Plane; `by_words` is asked about letters other than Han.");

enum { SIMPLIFIED = 1, TRADITIONAL = 2, KANA = 4, HAN = 8 };
enum { LETTERS, HANS, HANT, JAPANESE, UNDETERMINED };

static int script_of(PyObject *text, const unsigned char *table, Py_ssize_t sample) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), simplified = 0, traditional = 0, kana = 0, han = 0;
    if (PyUnicode_IS_ASCII(text)) return LETTERS;
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    for (Py_ssize_t i = 0; i < length && i < sample; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        int traits = c <= 0xffff ? table[c] : c >= 0x20000 && c <= 0x3ffff ? HAN : 0;
        simplified += (traits & SIMPLIFIED) != 0;
        traditional += (traits & TRADITIONAL) != 0;
        kana += (traits & KANA) != 0;
        han += (traits & HAN) != 0;
    }
    if (simplified && !traditional && !kana) return HANS;
    if (!simplified && !traditional && !han) return LETTERS;
    if (kana * 2 > han) return JAPANESE;
    if (simplified && traditional)
        return simplified == traditional ? UNDETERMINED : simplified > traditional ? HANS : HANT;
    return simplified ? HANS : traditional ? HANT : UNDETERMINED;
}

static PyObject *languages(PyObject *module, PyObject *args) {
    PyObject *texts, *tags, *by_words;
    Py_buffer table;
    Py_ssize_t sample;
    if (!PyArg_ParseTuple(args, "O!y*nO!O", &PyList_Type, &texts, &table, &sample, &PyTuple_Type, &tags, &by_words))
        return NULL;
    PyObject *found = NULL;
    if (table.len != 0x10000 || PyTuple_GET_SIZE(tags) != UNDETERMINED + 1)
        PyErr_SetString(PyExc_ValueError, "the table has 65536 bytes, and there are five tags");
    else found = PyList_New(PyList_GET_SIZE(texts));
    for (Py_ssize_t i = 0; found && i < PyList_GET_SIZE(found); i++) {
        PyObject *text = PyList_GET_ITEM(texts, i), *tag;
        if (!PyUnicode_Check(text)) { PyErr_SetString(PyExc_TypeError, "texts are strings"); Py_CLEAR(found); break; }
        int script = script_of(text, table.buf, sample);
        if (script == LETTERS) {
            PyObject *start = PyUnicode_Substring(text, 0, sample);
            tag = start ? PyObject_CallOneArg(by_words, start) : NULL;
            Py_XDECREF(start);
        } else tag = Py_NewRef(PyTuple_GET_ITEM(tags, script));
        if (tag == NULL) Py_CLEAR(found);
        else PyList_SET_ITEM(found, i, tag);
    }
    PyBuffer_Release(&table);
    return found;
}

PyDoc_STRVAR(surroundings_doc, "surroundings(blocks, judged, nothing, frames, by_name, of_element)\n--\n\n"
    "What `transforms.roles._Classifier._inside` says of each block. `judged` maps ids of start tags to findings and is\n"
    "added to; `by_name` has the findings that names of elements alone give; `of_element` judges any other start tag.");

typedef struct { PyObject *judged, *nothing, *frames, *by_name, *of_element; } Judging;

/* Whether a start tag has no attributes, not even one that a scraper glued to its name; its name in `*tag`. */
static int is_bare(PyObject *token, PyObject **tag) {
    *tag = PyObject_GetAttr(token, s_tag);
    PyObject *attributes = *tag ? PyObject_GetAttr(token, s_attrs) : NULL;
    int some = attributes == NULL ? -1 : PyObject_IsTrue(attributes);
    Py_XDECREF(attributes);
    if (some == 0) some = PyUnicode_FindChar(*tag, '=', 0, PyUnicode_GET_LENGTH(*tag), 1) >= 0;
    if (some < 0) Py_CLEAR(*tag);
    return some < 0 ? -1 : !some;
}

static PyObject *finding_of(Judging *j, PyObject *token, PyObject *number) {
    PyObject *tag, *finding;
    int framing = PySet_Contains(j->frames, number);
    if (framing) return framing < 0 ? NULL : Py_NewRef(Py_None);
    int bare = is_bare(token, &tag);
    if (bare < 0) return NULL;
    if (bare) finding = Py_XNewRef(PyDict_GetItemWithError(j->by_name, tag));
    else finding = PyObject_CallOneArg(j->of_element, token);
    Py_DECREF(tag);
    return finding || PyErr_Occurred() ? finding : Py_NewRef(Py_None);
}

static int is_strong(PyObject *finding) { return finding != Py_None && PyTuple_GET_ITEM(finding, 2) == Py_True; }

static PyObject *surrounding(Judging *j, PyObject *path) {
    Py_ssize_t length = PyTuple_GET_SIZE(path), depth;
    PyObject *found = j->nothing, *tag;
    if (length) {
        int bare = is_bare(PyTuple_GET_ITEM(path, length - 1), &tag);
        if (bare < 0) return NULL;
        if (bare && PyUnicode_GET_LENGTH(tag) == 1 && PyUnicode_READ_CHAR(tag, 0) == 'p') length--;
        Py_DECREF(tag);
    }
    for (depth = length; depth; depth--) {
        PyObject *number = PyLong_FromVoidPtr(PyTuple_GET_ITEM(path, depth - 1));
        PyObject *known = number ? PyDict_GetItemWithError(j->judged, number) : NULL;
        Py_XDECREF(number);
        if (known) { found = known; break; }
        if (PyErr_Occurred()) return NULL;
    }
    Py_INCREF(found);
    for (; depth < length; depth++) {
        PyObject *token = PyTuple_GET_ITEM(path, depth), *number = PyLong_FromVoidPtr(token);
        PyObject *own = number ? finding_of(j, token, number) : NULL, *before = PyTuple_GET_ITEM(found, 0);
        if (own && own != Py_None && (is_strong(own) || !is_strong(before)))
            Py_SETREF(found, PyTuple_Pack(2, own, number));
        if (own == NULL || found == NULL || PyDict_SetItem(j->judged, number, found)) Py_CLEAR(found);
        Py_XDECREF(own);
        Py_XDECREF(number);
        if (found == NULL) return NULL;
    }
    return found;
}

static PyObject *surroundings(PyObject *module, PyObject *args) {
    PyObject *blocks;
    Judging j;
    if (!PyArg_ParseTuple(args, "O!O!O!OO!O", &PyList_Type, &blocks, &PyDict_Type, &j.judged, &PyTuple_Type, &j.nothing,
                          &j.frames, &PyDict_Type, &j.by_name, &j.of_element)) return NULL;
    PyObject *found = PyList_New(PyList_GET_SIZE(blocks));
    for (Py_ssize_t i = 0; found && i < PyList_GET_SIZE(found); i++) {
        PyObject *one = surrounding(&j, PyTuple_GET_ITEM(PyList_GET_ITEM(blocks, i), 3));
        if (one == NULL) Py_CLEAR(found);
        else PyList_SET_ITEM(found, i, one);
    }
    return found;
}

PyDoc_STRVAR(told_doc, "told(blocks, around, table, remarks, sizes)\n--\n\n"
    "For each block a byte of what `transforms.roles._Classifier._told` says. `table` has a byte for each character of\n"
    "the Basic Multilingual Plane, `sizes` are the four that it goes by.");

enum { STARTS_REMARK = 1, TELLING = 2, ENDS_SENTENCE = 4, TRANSLATES = 8 };
enum { PLAIN_INSIDE = 1, PLAIN_AT_EDGE = 2, TELLS = 4 };

/* Of what the table does not have, anything may be true that leaves a block to the rules. */
static int character_traits(const unsigned char *table, Py_UCS4 c) {
    return c <= 0xffff ? table[c] : STARTS_REMARK | TELLING | TRANSLATES;
}

/* What a text says of itself anywhere: bits of `STARTS_REMARK`, where it contains a remark, and of `TRANSLATES`. */
static int telling_parts(PyObject *text, const unsigned char *table, PyObject *remarks) {
    int kind = PyUnicode_KIND(text), found = 0;
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 first = PyUnicode_READ(kind, data, i);
        int traits = character_traits(table, first);
        found |= traits & TRANSLATES;
        if (!(traits & STARTS_REMARK) || found & STARTS_REMARK) continue;
        for (Py_ssize_t j = 0; j < PyTuple_GET_SIZE(remarks); j++) {
            if (PyUnicode_READ_CHAR(PyTuple_GET_ITEM(remarks, j), 0) != first) continue;
            Py_ssize_t matches = PyUnicode_Tailmatch(text, PyTuple_GET_ITEM(remarks, j), i, length, -1);
            if (matches < 0) return -1;
            if (matches) { found |= STARTS_REMARK; break; }
        }
    }
    return found;
}

static int traits_told(PyObject *block, int bare, const unsigned char *table, PyObject *remarks, const Py_ssize_t *sizes,
                     int at_edge) {
    PyObject *text = PyTuple_GET_ITEM(block, 0);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    if (length == 0) return 0;
    int telling = character_traits(table, PyUnicode_READ_CHAR(text, 0)) & TELLING;
    int plain = bare && !telling && PyTuple_GET_ITEM(block, 4) != Py_True && PyTuple_GET_ITEM(block, 5) != Py_True
        && !PyTuple_GET_SIZE(PyTuple_GET_ITEM(block, 6))
        && (length > sizes[1] || character_traits(table, PyUnicode_READ_CHAR(text, length - 1)) & ENDS_SENTENCE);
    if (plain && !at_edge && length > sizes[0]) return PLAIN_INSIDE | TELLS;
    int parts = length <= sizes[2] || (plain && at_edge) ? telling_parts(text, table, remarks) : 0;
    if (parts < 0) return -1;
    int remark = parts & STARTS_REMARK && length <= sizes[2], bits = telling || remark ? TELLS : 0;
    if (plain && !(remark && length <= sizes[0])) bits |= PLAIN_INSIDE;
    if (plain && at_edge && !remark && !(parts & TRANSLATES)) bits |= PLAIN_AT_EDGE;
    return bits;
}

static PyObject *told(PyObject *module, PyObject *args) {
    PyObject *blocks, *around, *remarks, *found = NULL;
    Py_buffer table;
    Py_ssize_t sizes[4];
    if (!PyArg_ParseTuple(args, "O!O!y*O!(nnnn)", &PyList_Type, &blocks, &PyList_Type, &around, &table, &PyTuple_Type,
                          &remarks, sizes, sizes + 1, sizes + 2, sizes + 3)) return NULL;
    Py_ssize_t count = PyList_GET_SIZE(blocks);
    if (table.len != 0x10000 || PyList_GET_SIZE(around) != count)
        PyErr_SetString(PyExc_ValueError, "the table has 65536 bytes, and each block something around it");
    else found = PyBytes_FromStringAndSize(NULL, count);
    for (Py_ssize_t i = 0; found && i < count; i++) {
        int bare = PyTuple_GET_ITEM(PyList_GET_ITEM(around, i), 0) == Py_None;
        int bits = traits_told(PyList_GET_ITEM(blocks, i), bare, table.buf, remarks, sizes, count - i <= sizes[3]);
        if (bits < 0) Py_CLEAR(found);
        else PyBytes_AS_STRING(found)[i] = (char)bits;
    }
    PyBuffer_Release(&table);
    return found;
}

PyDoc_STRVAR(columns_doc, "columns(articles, roles)\n--\n\n"
    "The columns of the rows in `articles`, a list of lists of `Paragraph`, as what Arrow takes for its buffers: owners,\n"
    "ordinals, roles (their numbers in `roles`), ends of texts (with a 0 before), texts, char_start, char_end, byte_start,\n"
    "byte_end, languages (numbers), text_hash; and the languages in the order of their numbers, and the links.");

enum { OWNER, ORDINAL, ROLE, TEXT_END, TEXT, CHAR_START, CHAR_END, BYTE_START, BYTE_END, LANGUAGE, HASH, COLUMNS };
static const int WIDTHS[COLUMNS] = {4, 4, 4, 4, 1, 4, 4, 8, 8, 4, 8};
/* Where a row has what a column takes as it is. */
static const int NUMBERS[][2] = {{CHAR_START, 2}, {CHAR_END, 3}, {BYTE_START, 4}, {BYTE_END, 5}};

typedef struct { PyObject *buffers[COLUMNS], *languages, *codes, *links; Py_ssize_t row, text_end; } Columns;

static void put(Columns *c, int column, Py_ssize_t place, long long number) {
    char *buffer = PyBytes_AS_STRING(c->buffers[column]);
    if (WIDTHS[column] == 4) ((int32_t *)buffer)[place] = (int32_t)number;
    else ((int64_t *)buffer)[place] = number;
}

/* The number of a language; new ones get the next. */
static long long language_code(Columns *c, PyObject *language) {
    PyObject *code = PyDict_GetItemWithError(c->codes, language);
    if (code != NULL) return PyLong_AsLongLong(code);
    Py_ssize_t next = PyList_GET_SIZE(c->languages);
    if (PyErr_Occurred() || PyList_Append(c->languages, language)) return -1;
    code = PyLong_FromSsize_t(next);
    int failed = code == NULL || PyDict_SetItem(c->codes, language, code);
    Py_XDECREF(code);
    return failed ? -1 : next;
}

static int add_row(Columns *c, PyObject *row, PyObject *roles, Py_ssize_t owner, Py_ssize_t ordinal) {
    PyObject *role = PyDict_GetItemWithError(roles, PyTuple_GET_ITEM(row, 0)), *text = PyTuple_GET_ITEM(row, 1);
    if (role == NULL) {
        if (!PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, PyTuple_GET_ITEM(row, 0));
        return -1;
    }
    Py_ssize_t size = PyBytes_GET_SIZE(text), at = c->row++;
    memcpy(PyBytes_AS_STRING(c->buffers[TEXT]) + c->text_end, PyBytes_AS_STRING(text), size);
    c->text_end += size;
    put(c, OWNER, at, owner);
    put(c, ORDINAL, at, ordinal);
    put(c, ROLE, at, PyLong_AsLong(role));
    put(c, TEXT_END, at + 1, c->text_end);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(NUMBERS); i++)
        put(c, NUMBERS[i][0], at, PyLong_AsLongLong(PyTuple_GET_ITEM(row, NUMBERS[i][1])));
    put(c, LANGUAGE, at, language_code(c, PyTuple_GET_ITEM(row, 6)));
    put(c, HASH, at, (long long)PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(row, 7)));
    PyList_SET_ITEM(c->links, at, Py_NewRef(PyTuple_GET_ITEM(row, 8)));
    return PyErr_Occurred() ? -1 : 0;
}

/* Rows of all articles and bytes of their texts; -1 where these are not what they are taken for. */
static Py_ssize_t count_rows(PyObject *articles, Py_ssize_t *text_bytes) {
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(articles); i++) {
        PyObject *rows = PyList_GET_ITEM(articles, i);
        if (!PyList_Check(rows)) { PyErr_SetString(PyExc_TypeError, "articles are lists of rows"); return -1; }
        for (Py_ssize_t j = 0; j < PyList_GET_SIZE(rows); j++, count++) {
            PyObject *row = PyList_GET_ITEM(rows, j);
            if (!PyTuple_Check(row) || PyTuple_GET_SIZE(row) != 9 || !PyBytes_Check(PyTuple_GET_ITEM(row, 1))) {
                PyErr_SetString(PyExc_TypeError, "rows are tuples of nine, with texts in UTF-8");
                return -1;
            }
            *text_bytes += PyBytes_GET_SIZE(PyTuple_GET_ITEM(row, 1));
        }
    }
    if (*text_bytes <= INT32_MAX) return count;
    PyErr_SetString(PyExc_OverflowError, "the texts of one batch have more than 2 GiB");
    return -1;
}

static PyObject *columns(PyObject *module, PyObject *args) {
    PyObject *articles, *roles, *result = NULL;
    Columns c = {0};
    Py_ssize_t text_bytes = 0;
    if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &articles, &PyDict_Type, &roles)) return NULL;
    Py_ssize_t count = count_rows(articles, &text_bytes);
    if (count < 0) return NULL;
    int failed = !(c.languages = PyList_New(0)) || !(c.codes = PyDict_New()) || !(c.links = PyList_New(count));
    for (int i = 0; !failed && i < COLUMNS; i++) {
        Py_ssize_t size = i == TEXT ? text_bytes : WIDTHS[i] * (count + (i == TEXT_END));
        failed = !(c.buffers[i] = PyBytes_FromStringAndSize(NULL, size));
    }
    if (!failed) put(&c, TEXT_END, 0, 0);
    for (Py_ssize_t owner = 0; !failed && owner < PyList_GET_SIZE(articles); owner++) {
        PyObject *rows = PyList_GET_ITEM(articles, owner);
        for (Py_ssize_t ordinal = 0; !failed && ordinal < PyList_GET_SIZE(rows); ordinal++)
            failed = add_row(&c, PyList_GET_ITEM(rows, ordinal), roles, owner, ordinal);
    }
    PyObject *buffers = failed ? NULL : PyTuple_New(COLUMNS);
    if (buffers) {
        for (int i = 0; i < COLUMNS; i++) PyTuple_SET_ITEM(buffers, i, Py_NewRef(c.buffers[i]));
        result = PyTuple_Pack(3, buffers, c.languages, c.links);
        Py_DECREF(buffers);
    }
    for (int i = 0; i < COLUMNS; i++) Py_XDECREF(c.buffers[i]);
    Py_XDECREF(c.languages); Py_XDECREF(c.codes); Py_XDECREF(c.links);
    return result;
}

static PyMethodDef METHODS[] = {
    {"cut", cut, METH_VARARGS, cut_doc},
    {"prepare", (PyCFunction)(void (*)(void))prepare, METH_FASTCALL, prepare_doc},
    {"paragraphs", paragraphs, METH_VARARGS, paragraphs_doc},
    {"languages", languages, METH_VARARGS, languages_doc},
    {"surroundings", surroundings, METH_VARARGS, surroundings_doc},
    {"told", told, METH_VARARGS, told_doc},
    {"columns", columns, METH_VARARGS, columns_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_scan", NULL, -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__scan(void) {
    s_type = PyUnicode_InternFromString("type");
    s_col = PyUnicode_InternFromString("col");
    s_tag = PyUnicode_InternFromString("tag");
    s_data = PyUnicode_InternFromString("data");
    s_self_closing = PyUnicode_InternFromString("self_closing");
    s_attr = PyUnicode_InternFromString("attr");
    s_attrs = PyUnicode_InternFromString("attrs");
    s_href = PyUnicode_InternFromString("href");
    s_line = PyUnicode_InternFromString("\n");
    if (PyErr_Occurred()) return NULL;
    return PyModule_Create(&MODULE);
}
