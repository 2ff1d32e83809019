// Streams and events.

#include "Fake.h"

#include <stdlib.h>

static int create(const char *call, Green *green, unsigned int flags, int priority, Stream **stream) {
    if (flags != DARIS_CUDA_STREAM_NON_BLOCKING) {
        note_violation("%s made a stream that waits for the default one", call);
        return DARIS_CUDA_INVALID_VALUE;
    }
    Context *current = current_context();
    Context *context = green != NULL ? green->object.context : current;
    *stream = add_object(sizeof(Stream), KIND_STREAM, context);
    (*stream)->green = green;
    (*stream)->priority = priority > 0 ? 0 : priority < -5 ? -5 : priority;
    return DARIS_CUDA_SUCCESS;
}

int cuStreamCreateWithPriority(Stream **stream, unsigned int flags, int priority) {
    const char *call = "cuStreamCreateWithPriority";
    int result = begin(call);
    if (result == DARIS_CUDA_SUCCESS) {
        result = need_context(call);
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = create(call, current_context()->green, flags, priority, stream);
    }
    return end(result);
}

int cuGreenCtxStreamCreate(Stream **stream, Green *green, unsigned int flags, int priority) {
    const char *call = "cuGreenCtxStreamCreate";
    int result = begin(call);
    if (result == DARIS_CUDA_SUCCESS) {
        Green *found = find_object(green, KIND_GREEN, call);
        result = found == NULL ? DARIS_CUDA_INVALID_CONTEXT : create(call, found, flags, priority, stream);
    }
    return end(result);
}

int cuStreamDestroy_v2(Stream *stream) {
    const char *call = "cuStreamDestroy";
    int injected = begin(call);
    Stream *found = find_object(stream, KIND_STREAM, call);
    if (found == NULL) {
        return end(DARIS_CUDA_INVALID_HANDLE);
    }
    int result = need_context_of(found, call);
    if (found->capture != NULL) {
        note_violation("%s destroyed a stream that is captured", call);
        kill_object(found->capture);
        found->capture = NULL;
    }
    // What is on it is still done.
    kill_object(found);
    return end(injected != DARIS_CUDA_SUCCESS ? injected : result);
}

// A living stream whose context is current.
static Stream *use(Stream *stream, const char *call, int *result) {
    if (*result != DARIS_CUDA_SUCCESS) {
        return NULL;
    }
    Stream *found = find_object(stream, KIND_STREAM, call);
    *result = found == NULL ? DARIS_CUDA_INVALID_HANDLE : need_context_of(found, call);
    return *result == DARIS_CUDA_SUCCESS ? found : NULL;
}

static Event *use_event(Event *event, const char *call, int *result) {
    if (*result != DARIS_CUDA_SUCCESS) {
        return NULL;
    }
    Event *found = find_object(event, KIND_EVENT, call);
    *result = found == NULL ? DARIS_CUDA_INVALID_HANDLE : need_context_of(found, call);
    return *result == DARIS_CUDA_SUCCESS ? found : NULL;
}

int cuStreamQuery(Stream *stream) {
    const char *call = "cuStreamQuery";
    int result = begin(call);
    Stream *found = use(stream, call, &result);
    if (found != NULL && (result = is_capturing(call)) == DARIS_CUDA_SUCCESS &&
        (found->works.first != NULL || found->is_running)) {
        result = DARIS_CUDA_NOT_READY;
    }
    return end(result);
}

int cuStreamSynchronize(Stream *stream) {
    const char *call = "cuStreamSynchronize";
    int result = begin(call);
    Stream *found = use(stream, call, &result);
    if (found != NULL && (result = is_capturing(call)) == DARIS_CUDA_SUCCESS) {
        result = wait_for_stream(found);
    }
    return end(result);
}

int cuLaunchHostFunc(Stream *stream, DarisCudaHostFunction function, void *data) {
    const char *call = "cuLaunchHostFunc";
    int result = begin(call);
    Stream *found = use(stream, call, &result);
    if (found != NULL) {
        result = enqueue(found, (Work){.kind = WORK_HOST, .function = function, .data = data});
    }
    return end(result);
}

int cuStreamWriteValue32_v2(Stream *stream, DarisCudaAddress to, uint32_t value, unsigned int flags) {
    const char *call = "cuStreamWriteValue32";
    int result = begin(call);
    Stream *found = use(stream, call, &result);
    if (found != NULL) {
        result = flags != 0 ? DARIS_CUDA_INVALID_VALUE
                            : enqueue(found, (Work){.kind = WORK_WORD, .to = (void *)(uintptr_t)to, .word = value});
    }
    return end(result);
}

int cuEventCreate(Event **event, unsigned int flags) {
    const char *call = "cuEventCreate";
    int result = begin(call);
    if (result == DARIS_CUDA_SUCCESS) {
        result = need_context(call);
    }
    if (result == DARIS_CUDA_SUCCESS) {
        Context *context = current_context();
        *event =
            add_object(sizeof(Event), KIND_EVENT, context->green != NULL ? context->green->object.context : context);
        (*event)->has_timing = (flags & DARIS_CUDA_EVENT_DISABLE_TIMING) == 0;
    }
    return end(result);
}

int cuEventDestroy_v2(Event *event) {
    const char *call = "cuEventDestroy";
    int injected = begin(call);
    Event *found = find_object(event, KIND_EVENT, call);
    if (found == NULL) {
        return end(DARIS_CUDA_INVALID_HANDLE);
    }
    int result = need_context_of(found, call);
    kill_object(found);
    return end(injected != DARIS_CUDA_SUCCESS ? injected : result);
}

int cuEventRecord(Event *event, Stream *stream) {
    const char *call = "cuEventRecord";
    int result = begin(call);
    Event *found = use_event(event, call, &result);
    Stream *on = use(stream, call, &result);
    if (found == NULL || on == NULL) {
        return end(result);
    }
    if (on->capture != NULL) {
        found->captured_in = on->capture;
        return end(on->is_invalidated ? DARIS_CUDA_CAPTURE_INVALIDATED : DARIS_CUDA_SUCCESS);
    }
    found->captured_in = NULL;
    release_point(found->point);
    found->point = calloc(1, sizeof(Point));
    found->point->users = 2;
    return end(enqueue(on, (Work){.kind = WORK_RECORD, .point = found->point}));
}

int cuStreamWaitEvent(Stream *stream, Event *event, unsigned int flags) {
    const char *call = "cuStreamWaitEvent";
    int result = begin(call);
    Stream *found = use(stream, call, &result);
    Event *awaited = use_event(event, call, &result);
    if (found == NULL || awaited == NULL || flags != 0) {
        return end(result);
    }
    if (found->capture != NULL && awaited->captured_in != found->capture) {
        note_violation("%s had captured work wait for work outside the capture", call);
        found->is_invalidated = 1;
        return end(DARIS_CUDA_CAPTURE_ISOLATION);
    }
    if (found->capture == NULL && awaited->captured_in != NULL) {
        note_violation("%s forked a capture, which the fake cannot do", call);
        return end(DARIS_CUDA_NOT_SUPPORTED);
    }
    if (found->capture != NULL || awaited->point == NULL) {
        return end(DARIS_CUDA_SUCCESS);
    }
    awaited->point->users++;
    return end(enqueue(found, (Work){.kind = WORK_WAIT, .point = awaited->point}));
}

// The point of an event that is asked for, or NULL with a result.
static Point *asked(Event *event, const char *call, int *result) {
    Event *found = use_event(event, call, result);
    if (found == NULL) {
        return NULL;
    }
    if (found->captured_in != NULL) {
        note_violation("%s asked for an event that was recorded in a capture", call);
        *result = DARIS_CUDA_CAPTURED_EVENT;
        return NULL;
    }
    *result = is_capturing(call);
    return *result == DARIS_CUDA_SUCCESS ? found->point : NULL;
}

int cuEventQuery(Event *event) {
    const char *call = "cuEventQuery";
    int result = begin(call);
    Point *point = asked(event, call, &result);
    if (point != NULL && !point->is_done) {
        result = DARIS_CUDA_NOT_READY;
    }
    return end(result);
}

int cuEventSynchronize(Event *event) {
    const char *call = "cuEventSynchronize";
    int result = begin(call);
    Point *point = asked(event, call, &result);
    if (point != NULL) {
        result = wait_for_point(point);
    }
    return end(result);
}

int cuEventElapsedTime(float *milliseconds, Event *start, Event *stop) {
    const char *call = "cuEventElapsedTime";
    int result = begin(call);
    Event *first = use_event(start, call, &result);
    Event *last = use_event(stop, call, &result);
    if (first == NULL || last == NULL) {
        return end(result);
    }
    if (!first->has_timing || !last->has_timing || first->point == NULL || last->point == NULL) {
        note_violation("%s was given an event without a time", call);
        return end(DARIS_CUDA_INVALID_HANDLE);
    }
    if (!first->point->is_done || !last->point->is_done) {
        return end(DARIS_CUDA_NOT_READY);
    }
    *milliseconds = (float)((double)last->point->time - (double)first->point->time) / 1e6f;
    return end(DARIS_CUDA_SUCCESS);
}
