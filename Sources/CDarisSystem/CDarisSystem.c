#define _GNU_SOURCE
#include "CDarisSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t daris_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int daris_get_affinity(int *processors, int capacity) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return -1;
    int count = 0;
    for (int processor = 0; processor < CPU_SETSIZE && count < capacity; processor++) {
        if (CPU_ISSET(processor, &set)) processors[count++] = processor;
    }
    return count;
}

int daris_set_affinity(const int *processors, int count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int index = 0; index < count; index++) {
        if (processors[index] < 0 || processors[index] >= CPU_SETSIZE) return EINVAL;
        CPU_SET(processors[index], &set);
    }
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno;
}

int daris_make_way(void) {
    struct sched_param parameters = {.sched_priority = 0};
    return sched_setscheduler(0, SCHED_IDLE, &parameters) == 0 ? 0 : errno;
}

int daris_set_slice(int64_t nanoseconds) {
    // As sched_setattr(2) has it; not all C libraries do.
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {.size = sizeof attributes, .policy = SCHED_OTHER, .runtime = (uint64_t)nanoseconds};
    errno = 0;
    attributes.nice = getpriority(PRIO_PROCESS, 0);
    if (errno != 0) return errno;
    return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 ? 0 : errno;
}

int daris_set_fifo_priority(int priority) {
    struct sched_param parameters = {.sched_priority = priority};
    return pthread_setschedparam(pthread_self(), priority > 0 ? SCHED_FIFO : SCHED_OTHER, &parameters);
}

void daris_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int daris_lock_memory(void) { return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? 0 : errno; }

int daris_may_lock_memory(void) {
    struct rlimit limit;
    if (geteuid() == 0) return 1;
    return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

void daris_keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    // A thread that makes way must not keep one that does not from memory: each has an arena of its own.
    mallopt(M_ARENA_MAX, 256);
}

void daris_return_freed_memory(void) { malloc_trim(0); }

static struct timespec absolute(int64_t nanoseconds) {
    struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return time;
}

int daris_semaphore_wait_until(sem_t *semaphore, int64_t nanoseconds) {
    struct timespec until = absolute(nanoseconds);
    while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &until) != 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}

int daris_condition_init(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int result = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return result;
}

int daris_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t nanoseconds) {
    struct timespec until = absolute(nanoseconds);
    return pthread_cond_timedwait(condition, mutex, &until);
}

int daris_lock_file(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) return -1;
    int result;
    do result = flock(file, LOCK_EX);
    while (result != 0 && errno == EINTR);
    if (result == 0) return file;
    close(file);
    return -1;
}

int daris_try_lock_file(const char *path) {
    int file = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return -errno;
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return file;
    int error = errno;
    close(file);
    return -error;
}

void daris_unlock_file(int lock) {
    if (lock >= 0) close(lock);
}

int daris_current_processor(void) { return sched_getcpu(); }
