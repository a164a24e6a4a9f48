/* The loops of `storage` that run for every entry of a tree, every instruction of a delta and every field of a footer,
   compiled.

   `inputs/trees.py`, `inputs/deltas.py` and `footers.py` hold the same in Python: they say what is right, serve where no
   C compiler was at hand, and tests hold the two against each other. */

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
    int known = name ? PyDict_Contains(entries, name) : -1;
    if (known > 0) PyErr_SetString(PyExc_ValueError, "no entry of a tree, as its name is there twice");
    PyObject *told = known == 0 ? PyObject_CallFunction(type, "Iy#", entry->mode & KIND, entry->id, (Py_ssize_t)ID_BYTES) : NULL;
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

/* Footers of Parquet files, in Thrift's compact protocol. */

enum { TRUE_ = 1, FALSE_, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, STRUCT = 12, LONG_LIST = 15, DEEPEST = 32 };
enum { FILE_GROUPS = 4, GROUP_COLUMNS = 1, GROUP_OFFSET = 5, GROUP_ORDINAL = 7, CHUNK_OFFSET = 2, CHUNK_META = 3 };
enum { FIRST_INDEX = 4, LAST_INDEX = 7, META_COMPRESSED = 7, FIRST_OFFSET = 9, LAST_OFFSET = 11, BLOOM_FILTER = 14 };

/* What is left of a footer; `wrong` says why it can't be read. */
typedef struct { const unsigned char *at, *end; const char *wrong; } Footer;

/* A row group: where its struct begins, `[first, last)` of its bytes in the file, and the integers to change in it. */
typedef struct { const unsigned char *begin; long long first, last; PyObject *offsets, *ordinal; } RowGroup;

static int fail(Footer *f, const char *wrong) {
    if (f->wrong == NULL) f->wrong = wrong;
    return 0;
}

static int read_byte(Footer *f) { return f->at < f->end ? *f->at++ : (fail(f, "a footer that is cut short"), 0); }

static unsigned long long read_varint(Footer *f) {
    unsigned long long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        int byte = read_byte(f);
        value |= (unsigned long long)(byte & 127) << shift;
        if (byte < 128) return value;
    }
    return fail(f, "an integer that is too long"), 0;
}

static long long read_integer(Footer *f) {
    unsigned long long value = read_varint(f);
    return (long long)(value >> 1) ^ -(long long)(value & 1);
}

/* The type of the next field, whose number follows that of the one before; 0 at the end of the struct. */
static int read_field(Footer *f, long long *number) {
    int header = read_byte(f);
    if (header == 0) return 0;
    /* No struct has so many fields. */
    *number = header >> 4 ? *number + (header >> 4) : read_integer(f) & 0xffffff;
    return header & 15 ? header & 15 : fail(f, "a field without a type");
}

static unsigned long long read_list(Footer *f, int *type) {
    int header = read_byte(f);
    *type = header & 15;
    return header >> 4 == LONG_LIST ? read_varint(f) : (unsigned long long)(header >> 4);
}

static void pass(Footer *f, unsigned long long bytes) {
    if (bytes > (unsigned long long)(f->end - f->at)) fail(f, "a footer that is cut short");
    else f->at += bytes;
}

static void pass_value(Footer *f, int type, int in_list, int depth) {
    if (f->wrong || (depth > DEEPEST && !fail(f, "a footer that is too deep"))) return;
    if (type >= I16 && type <= I64) read_varint(f);
    else if (type == TRUE_ || type == FALSE_) pass(f, in_list != 0);
    else if (type == BYTE) pass(f, 1);
    else if (type == DOUBLE) pass(f, 8);
    else if (type == BINARY) pass(f, read_varint(f));
    else if (type == STRUCT) {
        long long number = 0;
        for (int field; (field = read_field(f, &number)); ) pass_value(f, field, 0, depth + 1);
    } else if (type == LIST || type == SET) {
        int element;
        for (unsigned long long left = read_list(f, &element); left && !f->wrong; left--)
            pass_value(f, element, 1, depth + 1);
    } else fail(f, "a value of a type that no footer has");
}

/* An integer and `[start, end)` of its bytes in the row group's struct. */
static PyObject *read_placed(Footer *f, int type, RowGroup *group, long long *value) {
    const unsigned char *start = f->at;
    if (type < I16 || type > I64) return fail(f, "an offset that is no integer"), NULL;
    *value = read_integer(f);
    return Py_BuildValue("nnL", (Py_ssize_t)(start - group->begin), (Py_ssize_t)(f->at - group->begin), *value);
}

static long long read_offset(Footer *f, int type, RowGroup *group) {
    long long value = 0;
    PyObject *placed = read_placed(f, type, group, &value);
    if (placed == NULL || PyList_Append(group->offsets, placed) < 0) fail(f, "no memory");
    Py_XDECREF(placed);
    return value;
}

/* Start and size of a column chunk's pages. */
static void read_chunk_meta(Footer *f, RowGroup *group, long long *start, long long *size) {
    long long number = 0;
    for (int type; (type = read_field(f, &number)) && !f->wrong; ) {
        if (number == META_COMPRESSED && type >= I16 && type <= I64) *size = read_integer(f);
        else if (number >= FIRST_OFFSET && number <= LAST_OFFSET) {
            long long value = read_offset(f, type, group);
            /* A dictionary comes before the pages with data. */
            *start = *start ? Py_MIN(*start, value) : value;
        } else if (number == BLOOM_FILTER) fail(f, "a column chunk with a filter");
        else pass_value(f, type, 0, 0);
    }
}

static void read_chunk(Footer *f, RowGroup *group) {
    long long number = 0, start = 0, size = 0;
    for (int type; (type = read_field(f, &number)) && !f->wrong; ) {
        if (number == CHUNK_META && type == STRUCT) read_chunk_meta(f, group, &start, &size);
        else if (number >= FIRST_INDEX && number <= LAST_INDEX) fail(f, "a column chunk with an index");
        else if (number == CHUNK_OFFSET) read_offset(f, type, group);
        else pass_value(f, type, 0, 0);
    }
    if (group->first < 0) group->first = group->last = start;
    if (start != group->last) fail(f, "a row group with gaps");
    group->last = (long long)((unsigned long long)start + (unsigned long long)size);
}

static void read_group(Footer *f, RowGroup *group) {
    long long number = 0, value;
    for (int type; (type = read_field(f, &number)) && !f->wrong; ) {
        if (number == GROUP_COLUMNS && (type == LIST || type == SET)) {
            int element;
            unsigned long long left = read_list(f, &element);
            if (element != STRUCT) fail(f, "columns that are no structs");
            for (; left && !f->wrong; left--) read_chunk(f, group);
        } else if (number == GROUP_OFFSET) read_offset(f, type, group);
        else if (number == GROUP_ORDINAL) {
            Py_XSETREF(group->ordinal, read_placed(f, type, group, &value));
            if (group->ordinal == NULL) fail(f, "no memory");
        } else pass_value(f, type, 0, 0);
    }
}

static PyObject *told_group(Footer *f) {
    RowGroup group = {f->at, -1, -1, PyList_New(0), NULL};
    PyObject *told = NULL;
    if (group.offsets) read_group(f, &group);
    if (!f->wrong && !PyErr_Occurred()) {
        told = Py_BuildValue("y#LLOO", group.begin, (Py_ssize_t)(f->at - group.begin), group.first, group.last,
                             group.offsets, group.ordinal ? group.ordinal : Py_None);
    }
    Py_XDECREF(group.offsets); Py_XDECREF(group.ordinal);
    return told;
}

PyDoc_STRVAR(row_groups_doc, "row_groups(footer): struct, start, end, offsets and ordinal of each row group.");

static PyObject *row_groups(PyObject *module, PyObject *data) {
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) return NULL;
    Footer f = {view.buf, (const unsigned char *)view.buf + view.len, NULL};
    PyObject *groups = PyList_New(0);
    long long number = 0;
    for (int type; groups && (type = read_field(&f, &number)) && !f.wrong; ) {
        if (number != FILE_GROUPS || (type != LIST && type != SET)) {
            pass_value(&f, type, 0, 0);
            continue;
        }
        int element;
        unsigned long long left = read_list(&f, &element);
        if (element != STRUCT) fail(&f, "row groups that are no structs");
        for (; left && !f.wrong; left--) {
            PyObject *told = told_group(&f);
            if (told == NULL || PyList_Append(groups, told) < 0) fail(&f, "no memory");
            Py_XDECREF(told);
        }
        break;
    }
    if (f.wrong && !PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, f.wrong);
    if (PyErr_Occurred()) Py_CLEAR(groups);
    PyBuffer_Release(&view);
    return groups;
}

static PyMethodDef METHODS[] = {
    {"compared", compared, METH_VARARGS, compared_doc},
    {"applied", applied, METH_VARARGS, applied_doc},
    {"row_groups", row_groups, METH_O, row_groups_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_formats", NULL, -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__formats(void) { return PyModule_Create(&MODULE); }
