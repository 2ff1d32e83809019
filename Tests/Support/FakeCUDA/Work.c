// How work is done: one piece at a time, in the order of its stream.

#include "FakeCUDA.h"

#include "Fake.h"

#include <stdlib.h>
#include <string.h>

static pthread_t worker;
static int has_worker, is_stopping;
// Of the last kernel.
static int kernel_priority;

void append(WorkList *list, Work work) {
    Work *added = malloc(sizeof work);
    *added = work;
    added->next = NULL;
    if (list->last == NULL) {
        list->first = added;
    } else {
        list->last->next = added;
    }
    list->last = added;
}

void release_point(Point *point) {
    if (point != NULL && --point->users == 0) {
        free(point);
    }
}

void free_works(WorkList *list) {
    while (list->first != NULL) {
        Work *work = list->first;
        list->first = work->next;
        release_point(work->point);
        free(work);
    }
    list->last = NULL;
}

static void take_time(Stream *stream, uint64_t bytes) { stream->clock += 1000 + bytes / 10; }

// The results of the device's own failures are told by later calls.
static int is_lost(void) {
    if (configuration.lost_result > 0) {
        configuration.lost_result = -configuration.lost_result;
    }
    return configuration.lost_result < 0;
}

static void run(Stream *stream, const Work *work) {
    switch (work->kind) {
    case WORK_COPY:
        if (check_range(work->to, work->bytes, work->direction != DEVICE_TO_HOST, "a copy") == DARIS_CUDA_SUCCESS &&
            check_range(work->from, work->bytes, work->direction != HOST_TO_DEVICE, "a copy") == DARIS_CUDA_SUCCESS) {
            memmove(work->to, work->from, work->bytes);
        }
        take_time(stream, work->bytes);
        break;
    case WORK_FILL:
        if (check_range(work->to, work->bytes, 1, "a fill") == DARIS_CUDA_SUCCESS) {
            memset(work->to, work->value, work->bytes);
        }
        take_time(stream, work->bytes);
        break;
    case WORK_HOST:
        stream->is_running = 1;
        pthread_mutex_unlock(&lock);
        is_in_host_function = 1;
        work->function(work->data);
        is_in_host_function = 0;
        pthread_mutex_lock(&lock);
        stream->is_running = 0;
        take_time(stream, 0);
        break;
    case WORK_KERNEL:
        run_kernel(stream, work);
        kernel_priority = stream->priority;
        stream->clock += configuration.kernel_time;
        break;
    case WORK_WORD:
        if (check_range(work->to, sizeof work->word, ANY_MEMORY, "a signal") == DARIS_CUDA_SUCCESS) {
            __atomic_store_n((uint32_t *)work->to, work->word, __ATOMIC_RELEASE);
        }
        take_time(stream, 0);
        break;
    case WORK_RECORD:
        work->point->is_done = 1;
        work->point->time = stream->clock;
        break;
    case WORK_WAIT:
        stream->clock = stream->clock < work->point->time ? work->point->time : stream->clock;
        break;
    case WORK_GRAPH:
        for (const Work *part = work->executable->works.first; part != NULL; part = part->next) {
            run(stream, part);
            if (part->kind == WORK_KERNEL && work->executable->uses_priorities) {
                kernel_priority = part->priority;
            }
        }
        break;
    }
}

// Does the first piece of work of a stream, if there is one that can be done now.
int step(Stream *stream) {
    Work *work = stream->works.first;
    if (work == NULL || stream->is_running || (work->kind == WORK_WAIT && !work->point->is_done)) {
        return 0;
    }
    stream->works.first = work->next;
    if (work->next == NULL) {
        stream->works.last = NULL;
    }
    // Nothing runs after a failure, but what waits for it is told.
    if (!is_lost() || work->kind == WORK_RECORD) {
        run(stream, work);
    }
    release_point(work->point);
    free(work);
    pthread_cond_broadcast(&changed);
    return 1;
}

int step_any(void) {
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->kind == KIND_STREAM && step((Stream *)object)) {
            return 1;
        }
    }
    return 0;
}

static int is_any_running(void) {
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->kind == KIND_STREAM && ((Stream *)object)->is_running) {
            return 1;
        }
    }
    return 0;
}

static void *work_always(void *unused) {
    (void)unused;
    pthread_mutex_lock(&lock);
    while (!is_stopping) {
        if (configuration.is_manual || !step_any()) {
            pthread_cond_wait(&changed, &lock);
        }
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

void stop_worker(void) {
    pthread_mutex_lock(&lock);
    int had = has_worker;
    is_stopping = 1;
    has_worker = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (had) {
        pthread_join(worker, NULL);
    }
    is_stopping = 0;
}

// Puts work on a stream, or in the graph that it is captured into.
int enqueue(Stream *stream, Work work) {
    if (stream->capture != NULL) {
        if (!pthread_equal(stream->capturer, pthread_self())) {
            note_violation("work was put on a stream that another thread captures");
            return DARIS_CUDA_CAPTURE_WRONG_THREAD;
        }
        if (stream->is_invalidated) {
            return DARIS_CUDA_CAPTURE_INVALIDATED;
        }
        append(&stream->capture->works, work);
        stream->capture->count++;
        return DARIS_CUDA_SUCCESS;
    }
    append(&stream->works, work);
    if (!configuration.is_manual && !has_worker) {
        has_worker = 1;
        pthread_create(&worker, NULL, work_always, NULL);
    }
    pthread_cond_broadcast(&changed);
    return DARIS_CUDA_SUCCESS;
}

// Waits for what `is_done` says, in manual mode by doing the work.
static int wait_until(int (*is_done)(void *), void *what) {
    while (!is_done(what)) {
        if (!configuration.is_manual || is_any_running()) {
            if (!configuration.is_manual || !step_any()) {
                pthread_cond_wait(&changed, &lock);
            }
        } else if (!step_any()) {
            note_violation("a wait would never end");
            return DARIS_CUDA_LAUNCH_FAILED;
        }
    }
    return configuration.lost_result < 0 ? -configuration.lost_result : DARIS_CUDA_SUCCESS;
}

static int is_stream_done(void *what) {
    Stream *stream = what;
    return stream->works.first == NULL && !stream->is_running;
}

static int is_point_done(void *what) { return ((Point *)what)->is_done; }

static int is_all_done(void *unused) {
    (void)unused;
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->kind == KIND_STREAM && !is_stream_done(object)) {
            return 0;
        }
    }
    return 1;
}

int wait_for_stream(Stream *stream) { return wait_until(is_stream_done, stream); }
int wait_for_point(Point *point) {
    point->users++;
    int result = wait_until(is_point_done, point);
    release_point(point);
    return result;
}
int wait_for_all(void) { return wait_until(is_all_done, NULL); }

int fake_cuda_advance(int count) {
    pthread_mutex_lock(&lock);
    int done = 0;
    while (done < count && step_any()) {
        done++;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fake_cuda_advance_stream(void *stream, int count) {
    pthread_mutex_lock(&lock);
    int done = 0;
    Stream *found = find_object(stream, KIND_STREAM, "fake_cuda_advance_stream");
    while (found != NULL && done < count && step(found)) {
        done++;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fake_cuda_pending(void) {
    pthread_mutex_lock(&lock);
    int count = 0;
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->kind != KIND_STREAM) {
            continue;
        }
        for (Work *work = ((Stream *)object)->works.first; work != NULL; work = work->next) {
            count++;
        }
    }
    pthread_mutex_unlock(&lock);
    return count;
}

// Frees what the objects hold, then the objects: for the reset.
void free_objects(void) {
    Object *next;
    for (Object *object = objects; object != NULL; object = next) {
        next = object->next;
        switch (object->kind) {
        case KIND_STREAM:
            free_works(&((Stream *)object)->works);
            break;
        case KIND_EVENT:
            release_point(((Event *)object)->point);
            break;
        case KIND_GRAPH:
            free_works(&((Graph *)object)->works);
            break;
        case KIND_EXECUTABLE:
            free_works(&((Executable *)object)->works);
            break;
        case KIND_MODULE:
            free(((Module *)object)->text);
            break;
        case KIND_DEVICE_MEMORY:
        case KIND_HOST_MEMORY:
            if (object->is_alive) {
                free(((Memory *)object)->base);
            }
            break;
        default:
            break;
        }
        free(object);
    }
}

int fake_cuda_kernel_priority(void) {
    pthread_mutex_lock(&lock);
    int priority = kernel_priority;
    pthread_mutex_unlock(&lock);
    return priority;
}
