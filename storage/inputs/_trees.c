/* The loops of `storage.inputs` that run for every entry of a tree and every instruction of a delta, compiled.

   `trees.py` and `deltas.py` hold the same in Python: they say what is right, serve where no C compiler was at hand, and
   tests hold the two against each other. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

enum { ID_BYTES = 20, TREE = 0040000, KIND = 0170000, PIECE_BYTES = 1024, LONGEST_COPY = 0xffffff };

/* An entry from `start` to `end`: its mode, a space, its name, a zero byte and its object's id. */
typedef struct { const char *start, *name, *id, *end; unsigned mode; } Entry;

/* Whether there is an entry at a place. */
static int parse_entry(const char *at, const char *end, Entry *entry) {
    entry->start = at;
    unsigned mode = 0;
    while (at < end && *at >= '0' && *at <= '7') mode = mode << 3 | (unsigned)(*at++ - '0');
    if (at == entry->start || at == end || *at != ' ') return 0;
    entry->name = ++at;
    entry->mode = mode;
    entry->id = memchr(at, 0, (size_t)(end - at));
    if (entry->id == NULL || entry->id++ == at || end - entry->id < ID_BYTES) return 0;
    entry->end = entry->id + ID_BYTES;
    return 1;
}

static Py_ssize_t name_length(const Entry *entry) { return entry->id - 1 - entry->name; }

/* As git sorts: folders as if their names ended with a slash. */
static int compare_names(const Entry *one, const Entry *other) {
    Py_ssize_t first = name_length(one), second = name_length(other), both = Py_MIN(first, second);
    int order = memcmp(one->name, other->name, (size_t)both);
    if (order) return order;
    int next = first > both ? (unsigned char)one->name[both] : one->mode == TREE ? '/' : 0;
    int other_next = second > both ? (unsigned char)other->name[both] : other->mode == TREE ? '/' : 0;
    return next - other_next;
}

static int tell(PyObject *entries, const Entry *entry, PyObject *type) {
    PyObject *name = PyBytes_FromStringAndSize(entry->name, name_length(entry));
    PyObject *told = name ? PyObject_CallFunction(type, "Iy#", entry->mode & KIND, entry->id, (Py_ssize_t)ID_BYTES) : NULL;
    int failed = told == NULL || PyDict_SetItem(entries, name, told) < 0;
    Py_XDECREF(name); Py_XDECREF(told);
    return failed ? -1 : 0;
}

static int no_entry(const char *start, const char *at) {
    PyErr_Format(PyExc_ValueError, "no entry of a tree at byte %zd", at - start);
    return -1;
}

static int compare(Py_buffer *old, Py_buffer *new, PyObject *removed, PyObject *added, PyObject *type) {
    const char *before = old->buf, *before_end = before + old->len;
    const char *after = new->buf, *after_end = after + new->len;
    while (before < before_end) {
        /* Most is as it was: pieces of some entries are compared at once. */
        const char *at = before;
        Entry entry, other;
        while (at < before_end && at - before < PIECE_BYTES) {
            if (!parse_entry(at, before_end, &entry)) return no_entry(old->buf, at);
            at = entry.end;
        }
        if (at - before <= after_end - after && !memcmp(before, after, (size_t)(at - before))) {
            after += at - before;
            before = at;
            continue;
        }
        const char *piece_end = at;
        while (before < piece_end) {
            parse_entry(before, before_end, &entry);
            Py_ssize_t length = entry.end - before;
            if (length <= after_end - after && !memcmp(before, after, (size_t)length)) {
                before += length;
                after += length;
                continue;
            }
            int order = -1;
            if (after < after_end) {
                if (!parse_entry(after, after_end, &other)) return no_entry(new->buf, after);
                order = compare_names(&entry, &other);
            }
            if (order <= 0) {
                if (tell(removed, &entry, type) < 0) return -1;
                before = entry.end;
            }
            if (order >= 0) {
                if (tell(added, &other, type) < 0) return -1;
                after = other.end;
            }
        }
    }
    while (after < after_end) {
        Entry entry;
        if (!parse_entry(after, after_end, &entry)) return no_entry(new->buf, after);
        if (tell(added, &entry, type) < 0) return -1;
        after = entry.end;
    }
    return 0;
}

PyDoc_STRVAR(compared_doc, "compared(old, new, Entry): the entries of a tree that the other one has not, and of that one.");

static PyObject *compared(PyObject *module, PyObject *args) {
    Py_buffer old, new;
    PyObject *type;
    if (!PyArg_ParseTuple(args, "y*y*O", &old, &new, &type)) return NULL;
    PyObject *removed = PyDict_New(), *added = PyDict_New(), *result = NULL;
    if (removed && added && compare(&old, &new, removed, added, type) == 0) result = PyTuple_Pack(2, removed, added);
    Py_XDECREF(removed); Py_XDECREF(added);
    PyBuffer_Release(&old); PyBuffer_Release(&new);
    return result;
}

/* A size of seven bits a byte, the lowest ones first; -1 where there is none. */
static Py_ssize_t read_size(const unsigned char **at, const unsigned char *end) {
    Py_ssize_t size = 0;
    for (int shift = 0; *at < end && shift < 56; shift += 7) {
        unsigned char byte = *(*at)++;
        size |= (Py_ssize_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return size;
    }
    return -1;
}

/* Bytes of a number whose bits in the code say which of them are there; -1 where they are not. */
static Py_ssize_t read_number(const unsigned char **at, const unsigned char *end, int code, int bytes) {
    Py_ssize_t number = 0;
    for (int byte = 0; byte < bytes; byte++) {
        if (!(code & 1 << byte)) continue;
        if (*at == end) return -1;
        number |= (Py_ssize_t) * (*at)++ << 8 * byte;
    }
    return number;
}

/* What is wrong with the delta, NULL where nothing is. */
static const char *apply(const unsigned char *base, Py_ssize_t base_size, const unsigned char *at,
                         const unsigned char *end, char *out, Py_ssize_t room) {
    while (at < end) {
        int code = *at++;
        Py_ssize_t length = code;
        const unsigned char *from = at;
        if (code & 0x80) {
            Py_ssize_t start = read_number(&at, end, code, 4);
            length = start < 0 ? -1 : read_number(&at, end, code >> 4, 3);
            if (length < 0) return "an instruction that is cut short";
            if (!length) length = 0x10000;
            if (start > base_size || length > base_size - start) return "a copy of bytes that the base has not";
            from = base + start;
        } else if (!code) {
            return "an instruction that is reserved";
        } else if (length > end - at) {
            return "an instruction that is cut short";
        } else {
            at += length;
        }
        if (length > room) return "a delta that makes more than it says";
        memcpy(out, from, (size_t)length);
        out += length;
        room -= length;
    }
    return room ? "a delta that makes less than it says" : NULL;
}

PyDoc_STRVAR(applied_doc, "applied(base, delta): what a delta makes of its base.");

static PyObject *applied(PyObject *module, PyObject *args) {
    Py_buffer base, delta;
    if (!PyArg_ParseTuple(args, "y*y*", &base, &delta)) return NULL;
    const unsigned char *at = delta.buf, *end = at + delta.len;
    Py_ssize_t before = read_size(&at, end), after = read_size(&at, end);
    const char *wrong = before != base.len ? "a delta with another base" : NULL;
    /* No instruction makes more, so what claims to is not even asked memory for. */
    if (!wrong && (after < 0 || after / LONGEST_COPY > delta.len)) wrong = "a delta that makes less than it says";
    PyObject *data = wrong ? NULL : PyBytes_FromStringAndSize(NULL, after);
    if (data) wrong = apply(base.buf, base.len, at, end, PyBytes_AS_STRING(data), after);
    if (wrong) {
        Py_CLEAR(data);
        PyErr_SetString(PyExc_ValueError, wrong);
    }
    PyBuffer_Release(&base); PyBuffer_Release(&delta);
    return data;
}

static PyMethodDef METHODS[] = {
    {"compared", compared, METH_VARARGS, compared_doc},
    {"applied", applied, METH_VARARGS, applied_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_trees", NULL, -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__trees(void) { return PyModule_Create(&MODULE); }
