/* The loop of `storage` that runs for every file of a folder, compiled.

   `inputs/entries.py` holds the same in Python: it says what is right, serves where no C compiler was at hand, and tests
   hold the two against each other. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#ifdef __APPLE__
#define MODIFIED(info) (info).st_mtimespec
#define CHANGED(info) (info).st_ctimespec
#else
#define MODIFIED(info) (info).st_mtim
#define CHANGED(info) (info).st_ctim
#endif

enum { REGULAR = 'f', FOLDER = 'd', OTHER = '?', FEW = 256, MANY = 4096 };

/* What tells that a file changed; all zero where it is too new for that. */
typedef struct { unsigned long long device, inode; long long size, modified, changed; } Facts;

typedef struct { char *name; size_t length; char kind; int64_t size; Facts facts; } Entry;

typedef struct { Entry *all; size_t count, room; } Entries;

static long long nanoseconds(struct timespec time) { return time.tv_sec * 1000000000LL + time.tv_nsec; }

/* Names of folders end with a slash, so that they sort as the paths below them. */
static void look_at(int folder, Entry *entry, long long settled) {
    struct stat info;
    /* Whoever asks again hears what is wrong. */
    if (fstatat(folder, entry->name, &info, AT_SYMLINK_NOFOLLOW) < 0) return;
    if (S_ISDIR(info.st_mode)) {
        entry->kind = FOLDER;
        entry->name[entry->length++] = '/';
        entry->name[entry->length] = 0;
    } else if (S_ISREG(info.st_mode)) {
        long long modified = nanoseconds(MODIFIED(info)), changed = nanoseconds(CHANGED(info));
        entry->kind = REGULAR;
        entry->size = info.st_size;
        if (modified <= settled && changed <= settled)
            entry->facts = (Facts){info.st_dev, info.st_ino, info.st_size, modified, changed};
    }
}

static int add(Entries *entries, const char *name) {
    if (entries->count == entries->room) {
        size_t room = entries->room ? 2 * entries->room : FEW;
        Entry *all = realloc(entries->all, room * sizeof *all);
        if (all == NULL) return -1;
        entries->all = all;
        entries->room = room;
    }
    size_t length = strlen(name);
    char *copy = malloc(length + 2);
    if (copy == NULL) return -1;
    memcpy(copy, name, length + 1);
    entries->all[entries->count++] = (Entry){copy, length, OTHER, 0, {0}};
    return 0;
}

static int by_name(const void *one, const void *other) {
    return strcmp(((const Entry *)one)->name, ((const Entry *)other)->name);
}

/* Whether somebody interrupts, which a folder of a slow network is long enough for. */
static int interrupted(PyThreadState **state) {
    PyEval_RestoreThread(*state);
    int raised = PyErr_CheckSignals();
    *state = PyEval_SaveThread();
    return raised;
}

/* Zero, or the number of the error; `state` is that of the thread, which is left to others. */
static int read_folder(const char *path, long long settled, Entries *entries, PyThreadState **state) {
    DIR *folder = opendir(path);
    if (folder == NULL) return errno;
    int wrong = 0;
    for (;;) {
        errno = 0;
        struct dirent *found = readdir(folder);
        if (found == NULL) {
            wrong = errno;
            break;
        }
        if (found->d_name[0] != '.' && add(entries, found->d_name) < 0) {
            wrong = ENOMEM;
            break;
        }
    }
    for (size_t n = 0; !wrong && n < entries->count; n++) {
        look_at(dirfd(folder), &entries->all[n], settled);
        if (n % MANY == MANY - 1 && interrupted(state)) wrong = EINTR;
    }
    closedir(folder);
    if (!wrong && entries->count) qsort(entries->all, entries->count, sizeof *entries->all, by_name);
    return wrong;
}

/* Kinds, lengths of paths, paths, sizes and facts of the entries: each of these side by side. */
static PyObject *columns(const Entries *entries, const char *prefix, Py_ssize_t prefix_length) {
    size_t count = entries->count, bytes = count * (size_t)prefix_length;
    for (size_t n = 0; n < count; n++) bytes += entries->all[n].length;
    PyObject *kinds = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)count);
    PyObject *lengths = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(int64_t)));
    PyObject *paths = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes);
    PyObject *sizes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(int64_t)));
    PyObject *facts = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(Facts)));
    PyObject *told = NULL;
    if (kinds && lengths && paths && sizes && facts) {
        char *path = PyBytes_AS_STRING(paths);
        for (size_t n = 0; n < count; n++) {
            const Entry *entry = &entries->all[n];
            int64_t length = prefix_length + (int64_t)entry->length;
            memcpy(path, prefix, (size_t)prefix_length);
            memcpy(path + prefix_length, entry->name, entry->length);
            path += length;
            PyBytes_AS_STRING(kinds)[n] = entry->kind;
            memcpy(PyBytes_AS_STRING(lengths) + n * sizeof length, &length, sizeof length);
            memcpy(PyBytes_AS_STRING(sizes) + n * sizeof entry->size, &entry->size, sizeof entry->size);
            memcpy(PyBytes_AS_STRING(facts) + n * sizeof entry->facts, &entry->facts, sizeof entry->facts);
        }
        told = PyTuple_Pack(5, kinds, lengths, paths, sizes, facts);
    }
    Py_XDECREF(kinds); Py_XDECREF(lengths); Py_XDECREF(paths); Py_XDECREF(sizes); Py_XDECREF(facts);
    return told;
}

PyDoc_STRVAR(entries_doc, "entries(folder, prefix, settled): what is in a folder, see `Entries` in `inputs/entries.py`.");

static PyObject *entries(PyObject *module, PyObject *args) {
    const char *path, *prefix;
    Py_ssize_t prefix_length;
    long long settled;
    if (!PyArg_ParseTuple(args, "yy#L", &path, &prefix, &prefix_length, &settled)) return NULL;
    Entries found = {NULL, 0, 0};
    PyThreadState *state = PyEval_SaveThread();
    int wrong = read_folder(path, settled, &found, &state);
    PyEval_RestoreThread(state);
    errno = wrong;
    PyObject *told = NULL;
    if (wrong == ENOMEM) PyErr_NoMemory();
    else if (wrong && !PyErr_Occurred()) PyErr_SetFromErrno(PyExc_OSError);
    else if (!wrong) told = columns(&found, prefix, prefix_length);
    for (size_t n = 0; n < found.count; n++) free(found.all[n].name);
    free(found.all);
    return told;
}

static PyMethodDef METHODS[] = {{"entries", entries, METH_VARARGS, entries_doc}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_folders", NULL, -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__folders(void) { return PyModule_Create(&MODULE); }
