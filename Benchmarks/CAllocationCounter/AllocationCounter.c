// Counts heap allocations and their bytes by standing in front of the C library's allocator: the program's own malloc is found before
// glibc's, by the Swift runtime too. Linked into the benchmarks alone.

#include "CAllocationCounter.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

static _Thread_local uint64_t count;
static _Thread_local bool is_measuring;
static _Thread_local int64_t held, most_held;

uint64_t daris_allocation_count(void) { return count; }

void daris_memory_begin(void) {
    held = most_held = 0;
    is_measuring = true;
}

int64_t daris_memory_end(void) {
    is_measuring = false;
    return most_held;
}

#if defined(__GLIBC__)

#include <malloc.h>

bool daris_allocations_are_counted(void) { return true; }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

extern void __libc_free(void *);

static void *taken(void *block) {
    count++;
    if (is_measuring && block != NULL) {
        held += (int64_t)malloc_usable_size(block);
        if (held > most_held) most_held = held;
    }
    return block;
}

void free(void *block) {
    if (is_measuring && block != NULL) held -= (int64_t)malloc_usable_size(block);
    __libc_free(block);
}

void *malloc(size_t size) { return taken(__libc_malloc(size)); }

void *calloc(size_t number, size_t size) {
    return taken(__libc_calloc(number, size));
}

void *realloc(void *block, size_t size) {
    // A block that is moved is there twice for a while.
    int64_t before = is_measuring && block != NULL ? (int64_t)malloc_usable_size(block) : 0;
    void *found = taken(__libc_realloc(block, size));
    if (found != NULL || size == 0) held -= before;
    return found;
}

void *memalign(size_t alignment, size_t size) {
    return taken(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) {
    return taken(__libc_memalign(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *found = taken(__libc_memalign(alignment, size));
    if (found == NULL) return ENOMEM;
    *block = found;
    return 0;
}

#else

bool daris_allocations_are_counted(void) { return false; }

#endif
