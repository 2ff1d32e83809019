#ifndef C_ALLOCATION_COUNTER_H
#define C_ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/// Heap allocations by this thread since it started.
uint64_t daris_allocation_count(void);

/// Starts to measure how much memory this thread takes.
void daris_memory_begin(void);

/// The most memory, in bytes, that this thread held of what it took since.
int64_t daris_memory_end(void);

/// Whether allocations are counted on this system; they are with glibc.
bool daris_allocations_are_counted(void);

#endif
