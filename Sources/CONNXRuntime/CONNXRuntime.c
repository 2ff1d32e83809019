#define _GNU_SOURCE
#include "CONNXRuntime.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

// The struct behind OrtGetApiBase.
typedef struct {
    const DarisOrt *(*get_table)(uint32_t version);
    const char *(*get_version)(void);
} Entry;

typedef const Entry *(*GetEntry)(void);

// Whether a version such as "1.31.1" has a table of the version asked for. The library itself answers NULL when it has
// not, but writes a line to stderr as it does, so it is asked only when the answer is yes.
static int has_table(const char *version) {
    char *end;
    long major = strtol(version, &end, 10);
    if (major != 1 || *end != '.') {
        return 0;
    }
    return strtol(end + 1, NULL, 10) >= DARIS_ORT_TABLE_VERSION;
}

DarisOrtOpenResult daris_ort_open(const char *path, DarisOrtLibrary *library, char *message, size_t capacity) {
    *library = (DarisOrtLibrary){NULL, NULL, NULL};
    snprintf(message, capacity, "%s", "");
    // Official builds otherwise collect events about sessions in a file under ~/.cache and send them to Microsoft from
    // threads of their own: neither fits a process with deadlines. They read this once, when the library starts.
    setenv("ORT_DISABLE_TELEMETRY", "1", 0);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        snprintf(message, capacity, "%s", reason != NULL ? reason : "the loader gave no reason");
        return DARIS_ORT_NOT_LOADABLE;
    }
    // POSIX's way around a cast that ISO C does not know: from the loader's pointer to a function.
    GetEntry get_entry = NULL;
    *(void **)&get_entry = dlsym(handle, "OrtGetApiBase");
    const Entry *entry = get_entry != NULL ? get_entry() : NULL;
    if (entry == NULL) {
        snprintf(message, capacity, "it has no OrtGetApiBase");
        dlclose(handle);
        return DARIS_ORT_NOT_ONNX_RUNTIME;
    }
    Dl_info origin;
    if (dladdr((const void *)entry, &origin) != 0) {
        library->path = origin.dli_fname;
    }
    library->version = entry->get_version();
    library->table = has_table(library->version) ? entry->get_table(DARIS_ORT_TABLE_VERSION) : NULL;
    return library->table != NULL ? DARIS_ORT_OPENED : DARIS_ORT_TOO_OLD;
}
