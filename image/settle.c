/* settle: a module of the image's Python, for a process that has imported all it will and only forks from now on.

   A child that reads an object of its parent counts the reference, and so copies the page on which it lies. Here every
   live object is marked immortal, which is how CPython says that nobody counts its references (PEP 683), and the
   allocator is left with no pool that is partly used, so that a child's first objects lie on pages of its own. Nothing
   is freed any more of what lives now: it is for processes whose children end by _exit. */

#define Py_BUILD_CORE_MODULE
#include "Python.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_global_objects.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_obmalloc.h"
#include "internal/pycore_pystate.h"

typedef struct {
    PyObject **waiting;
    Py_ssize_t length, room, marked;
    int failed;
} Marking;

static int mark(PyObject *object, void *argument) {
    Marking *marking = argument;
    if (object == NULL)
        return 0;
    /* It is remembered in the object, and would be so in each child that looks it up. */
    if (PyUnicode_CheckExact(object) || PyBytes_CheckExact(object))
        PyObject_Hash(object);
    if (_Py_IsImmortal(object))
        return 0;
    object->ob_refcnt = _Py_IMMORTAL_REFCNT;
    marking->marked++;
    if (!PyObject_IS_GC(object) && !PyCode_Check(object))
        return 0;
    if (marking->length == marking->room) {
        Py_ssize_t room = marking->room ? 2 * marking->room : 1024;
        PyObject **waiting = PyMem_RawRealloc(marking->waiting, room * sizeof(PyObject *));
        if (waiting == NULL) {
            marking->failed = 1;
            return -1;
        }
        marking->waiting = waiting;
        marking->room = room;
    }
    marking->waiting[marking->length++] = object;
    return 0;
}

/* What the collector does not know of, because it can be in no cycle: keys that are strings, and parts of code. */
static void mark_beside(PyObject *object, Marking *marking) {
    if (PyDict_Check(object)) {
        Py_ssize_t position = 0;
        PyObject *key;
        while (PyDict_Next(object, &position, &key, NULL))
            mark(key, marking);
    } else if (PyCode_Check(object)) {
        PyCodeObject *code = (PyCodeObject *)object;
        PyObject *parts[] = {code->co_consts, code->co_names, code->co_exceptiontable, code->co_localsplusnames,
                             code->co_localspluskinds, code->co_filename, code->co_name, code->co_qualname,
                             code->co_linetable};
        for (size_t i = 0; i < Py_ARRAY_LENGTH(parts); i++)
            mark(parts[i], marking);
    }
}

/* A class that had an instance knows what its instances have; it would give away its room for more, one by one, with each
   new instance, and so write to itself. One place is left to it. */
static void keep_shape(PyHeapTypeObject *type) {
    PyDictKeysObject *keys = type->ht_cached_keys;
    if (keys != NULL && keys->dk_nentries > 0 && keys->dk_usable > 1)
        keys->dk_usable = 1;
}

static void follow(PyObject *object, Marking *marking) {
    mark_beside(object, marking);
    if (PyObject_IS_GC(object) && Py_TYPE(object)->tp_traverse)
        Py_TYPE(object)->tp_traverse(object, mark, marking);
    if (PyType_Check(object) && (((PyTypeObject *)object)->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        mark(((PyHeapTypeObject *)object)->ht_name, marking);
        mark(((PyHeapTypeObject *)object)->ht_qualname, marking);
        mark(((PyHeapTypeObject *)object)->ht_slots, marking);
        keep_shape((PyHeapTypeObject *)object);
    }
}

static int begin(PyObject *object, void *argument) {
    Marking *marking = argument;
    mark(object, marking);
    follow(object, marking);
    while (marking->length && !marking->failed)
        follow(marking->waiting[--marking->length], marking);
    return !marking->failed;
}

/* Take what is left of each pool in use, until a block comes out of a new one: it is the first behind the header. */
static void use_up_pools(void) {
    for (size_t size = ALIGNMENT; size <= SMALL_REQUEST_THRESHOLD; size += ALIGNMENT)
        for (size_t taken = 0; taken < 4096; taken++) {
            void *block = PyObject_Malloc(size);
            if (block == NULL || ((uintptr_t)block & POOL_SIZE_MASK) == POOL_OVERHEAD)
                break;
        }
}

static PyObject *settle(PyObject *module, PyObject *Py_UNUSED(ignored)) {
    Marking marking = {0};
    PyUnstable_GC_VisitObjects(begin, &marking);
    PyObject *interned = _Py_INTERP_CACHED_OBJECT(_PyInterpreterState_GET(), interned_strings);
    if (interned != NULL && !marking.failed)
        mark_beside(interned, &marking);
    PyMem_RawFree(marking.waiting);
    if (marking.failed)
        return PyErr_NoMemory();
    use_up_pools();
    return PyLong_FromSsize_t(marking.marked);
}

static PyMethodDef functions[] = {
    {"settle", settle, METH_NOARGS, "Mark every live object immortal, and use up begun pools; returns how many."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "lunix_settle", .m_size = 0, .m_methods = functions};

PyMODINIT_FUNC PyInit_lunix_settle(void) {
    return PyModuleDef_Init(&definition);
}
