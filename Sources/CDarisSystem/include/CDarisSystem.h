// What Linux offers to real-time threads and Swift's Glibc module does not reach (macros, sets of processors).
// Every function returns 0, or the error number of the call that failed, unless it says otherwise.
#ifndef CDARISSYSTEM_H
#define CDARISSYSTEM_H

#include "DarisCrash.h"
#include "DarisProcess.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>

/// CLOCK_MONOTONIC in nanoseconds.
int64_t daris_monotonic_nanoseconds(void);

/// The processors this thread may run on, into `processors` (room for `capacity`). Returns their number, or -1.
int daris_get_affinity(int *processors, int capacity);

/// Lets this thread run on the given processors only.
int daris_set_affinity(const int *processors, int count);

/// Gives this thread SCHED_FIFO with a priority (1 to 99), or SCHED_OTHER with 0.
int daris_set_fifo_priority(int priority);

/// Has this thread, and those it starts, make way for all threads of usual priority that its processor could run (SCHED_IDLE). Needs
/// no right, and cannot be taken back without one.
int daris_make_way(void);

/// Asks that this thread, of usual priority, run soon when it wakes, and for so many nanoseconds at a time (100,000 to 100,000,000):
/// among threads of one priority those that ask for less go first. Needs no right; Linux before 6.12 takes no notice.
int daris_set_slice(int64_t nanoseconds);

/// Names this thread for debuggers and top: at most 15 bytes are kept.
void daris_name_thread(const char *name);

/// Keeps all memory of the process, present and future, from being paged out once it has been used. Memory that is only
/// reserved stays unused: to fill the 8 MiB of a new thread's stack would stop all other threads for 20 ms.
int daris_lock_memory(void);

/// Whether the process may lock any amount of memory: 1 or 0.
int daris_may_lock_memory(void);

/// Keeps freed memory for what is allocated next: blocks of up to 32 MiB come from heaps, which give nothing back until
/// 256 MiB at the end of one are free. Every page that comes from the system costs a fault when it is first written.
void daris_keep_freed_memory(void);

/// Gives memory that is free back to the system.
void daris_return_freed_memory(void);

/// Waits for a semaphore until the absolute monotonic time in nanoseconds. Returns ETIMEDOUT at that time.
int daris_semaphore_wait_until(sem_t *semaphore, int64_t nanoseconds);

/// Makes a condition variable that times by CLOCK_MONOTONIC.
int daris_condition_init(pthread_cond_t *condition);

/// Waits until signalled or until the absolute monotonic time in nanoseconds. Returns ETIMEDOUT at that time.
int daris_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t nanoseconds);

/// Waits for the right to a file that other processes and threads lock likewise; the file is made if need be. Returns
/// what to unlock it with, or -1 where the file cannot be made or locked.
int daris_lock_file(const char *path);

/// The same without waiting, for a file that is there. Returns an error number, negative, where that cannot be:
/// EWOULDBLOCK if another holds the right.
int daris_try_lock_file(const char *path);

/// Gives up the right from daris_lock_file; -1 is none.
void daris_unlock_file(int lock);

/// The processor this thread runs on now, or -1.
int daris_current_processor(void);

#endif
