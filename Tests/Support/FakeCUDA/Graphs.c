// Captures and graphs.

#include "Fake.h"

#include <stdlib.h>

// Whether this thread captures, where that forbids `call`; if so, its captures become invalid.
int is_capturing(const char *call) {
    int result = DARIS_CUDA_SUCCESS;
    for (Object *object = objects; object != NULL; object = object->next) {
        Stream *stream = (Stream *)object;
        if (object->kind == KIND_STREAM && object->is_alive && stream->capture != NULL &&
            pthread_equal(stream->capturer, pthread_self())) {
            note_violation("%s was called on a thread that captures", call);
            stream->is_invalidated = 1;
            result = DARIS_CUDA_CAPTURE_UNSUPPORTED;
        }
    }
    return result;
}

int cuStreamBeginCapture_v2(Stream *stream, int mode) {
    const char *call = "cuStreamBeginCapture";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Stream *found = find_object(stream, KIND_STREAM, call);
    result = found == NULL ? DARIS_CUDA_INVALID_HANDLE : need_context_of(found, call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    if (found->capture != NULL || mode != DARIS_CUDA_CAPTURE_THREAD_LOCAL) {
        note_violation("%s began a second capture, or one that other threads suffer from", call);
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    found->capture = add_object(sizeof(Graph), KIND_GRAPH, found->object.context);
    found->capturer = pthread_self();
    found->is_invalidated = 0;
    return end(DARIS_CUDA_SUCCESS);
}

int cuStreamEndCapture(Stream *stream, Graph **graph) {
    const char *call = "cuStreamEndCapture";
    int injected = begin(call);
    *graph = NULL;
    Stream *found = find_object(stream, KIND_STREAM, call);
    if (found == NULL) {
        return end(DARIS_CUDA_INVALID_HANDLE);
    }
    if (found->capture == NULL) {
        note_violation("%s ended a capture that was not begun", call);
        return end(DARIS_CUDA_CAPTURE_UNMATCHED);
    }
    if (!pthread_equal(found->capturer, pthread_self())) {
        note_violation("%s ended a capture on another thread", call);
        return end(DARIS_CUDA_CAPTURE_WRONG_THREAD);
    }
    Graph *captured = found->capture;
    found->capture = NULL;
    // A capture that fails ends nevertheless.
    int result = injected != DARIS_CUDA_SUCCESS    ? injected
                 : found->is_invalidated ? DARIS_CUDA_CAPTURE_INVALIDATED
                                         : need_context_of(found, call);
    if (result != DARIS_CUDA_SUCCESS) {
        kill_object(captured);
        return end(result);
    }
    *graph = captured;
    return end(DARIS_CUDA_SUCCESS);
}

int cuGraphGetNodes(Graph *graph, Work **nodes, size_t *count) {
    const char *call = "cuGraphGetNodes";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Graph *found = find_object(graph, KIND_GRAPH, call);
    if (found == NULL) {
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    size_t given = 0;
    for (Work *work = found->works.first; work != NULL && nodes != NULL && given < *count; work = work->next) {
        nodes[given++] = work;
    }
    *count = nodes == NULL ? found->count : given;
    return end(DARIS_CUDA_SUCCESS);
}

// A node of a living graph.
static Work *find_node(const Work *node, const char *call) {
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->kind != KIND_GRAPH || !object->is_alive) {
            continue;
        }
        for (Work *work = ((Graph *)object)->works.first; work != NULL; work = work->next) {
            if (work == node) {
                return work;
            }
        }
    }
    note_violation("%s was given a node of no living graph", call);
    return NULL;
}

int cuGraphNodeGetType(Work *node, int *type) {
    int result = begin("cuGraphNodeGetType");
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Work *found = find_node(node, "cuGraphNodeGetType");
    if (found == NULL) {
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    switch (found->kind) {
    case WORK_KERNEL:
        *type = DARIS_CUDA_NODE_KERNEL;
        break;
    case WORK_COPY:
        *type = 1;
        break;
    case WORK_FILL:
        *type = 2;
        break;
    case WORK_HOST:
        *type = DARIS_CUDA_NODE_HOST;
        break;
    default:
        *type = 4;  // a graph within
        break;
    }
    return end(DARIS_CUDA_SUCCESS);
}

// Works of a capture are in one line, so that each has one dependent, the next.
int cuGraphNodeGetDependentNodes(Work *node, Work **dependents, size_t *count) {
    int result = begin("cuGraphNodeGetDependentNodes");
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Work *found = find_node(node, "cuGraphNodeGetDependentNodes");
    if (found == NULL) {
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    size_t there = found->next != NULL;
    if (dependents != NULL && there > 0 && *count > 0) {
        dependents[0] = found->next;
    }
    *count = there;
    return end(DARIS_CUDA_SUCCESS);
}

int cuGraphNodeGetDependencies(Work *node, Work **dependencies, size_t *count) {
    int result = begin("cuGraphNodeGetDependencies");
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    if (find_node(node, "cuGraphNodeGetDependencies") == NULL) {
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    Work *before = NULL;
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->kind != KIND_GRAPH || !object->is_alive) {
            continue;
        }
        for (Work *work = ((Graph *)object)->works.first; work != NULL; work = work->next) {
            before = work->next == node ? work : before;
        }
    }
    if (dependencies != NULL && before != NULL && *count > 0) {
        dependencies[0] = before;
    }
    *count = before != NULL;
    return end(DARIS_CUDA_SUCCESS);
}

// Work is done in its order whatever is added, so that only senseless edges are found out.
int cuGraphAddDependencies(Graph *graph, Work *const *from, Work *const *to, size_t count) {
    const char *call = "cuGraphAddDependencies";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    if (find_object(graph, KIND_GRAPH, call) == NULL) {
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    for (size_t i = 0; i < count; i++) {
        Work *work = find_node(from[i], call);
        if (work == NULL || find_node(to[i], call) == NULL || work->next == to[i]) {
            return end(DARIS_CUDA_INVALID_VALUE);
        }
        while (work != NULL && work != to[i]) {
            work = work->next;
        }
        if (work == NULL) {
            note_violation("%s had work wait for later work", call);
            return end(DARIS_CUDA_INVALID_VALUE);
        }
    }
    return end(DARIS_CUDA_SUCCESS);
}

int cuGraphDestroyNode(Work *node) {
    int result = begin("cuGraphDestroyNode");
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->kind != KIND_GRAPH || !object->is_alive) {
            continue;
        }
        Graph *graph = (Graph *)object;
        Work *previous = NULL;
        for (Work *work = graph->works.first; work != NULL; previous = work, work = work->next) {
            if (work != node) {
                continue;
            }
            *(previous == NULL ? &graph->works.first : &previous->next) = work->next;
            if (graph->works.last == work) {
                graph->works.last = previous;
            }
            graph->count--;
            free(work);
            return end(DARIS_CUDA_SUCCESS);
        }
    }
    note_violation("cuGraphDestroyNode was given a node of no living graph");
    return end(DARIS_CUDA_INVALID_VALUE);
}

int cuGraphKernelNodeSetAttribute(Work *node, int attribute, const DarisCudaKernelAttribute *value) {
    const char *call = "cuGraphKernelNodeSetAttribute";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Work *found = find_node(node, call);
    if (found == NULL || found->kind != WORK_KERNEL || attribute != DARIS_CUDA_KERNEL_PRIORITY ||
        configuration.version < 11070) {
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    if (value->priority < -5 || value->priority > 0) {
        note_violation("%s was given a priority beyond the range", call);
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    found->priority = value->priority;
    return end(DARIS_CUDA_SUCCESS);
}

static int destroy(const char *call, Kind kind, void *handle) {
    int injected = begin(call);
    Object *found = find_object(handle, kind, call);
    int result = found == NULL ? DARIS_CUDA_INVALID_VALUE : need_context_of(found, call);
    if (found != NULL) {
        kill_object(found);
    }
    return end(injected != DARIS_CUDA_SUCCESS ? injected : result);
}

int cuGraphDestroy(Graph *graph) { return destroy("cuGraphDestroy", KIND_GRAPH, graph); }

int cuGraphInstantiateWithFlags(Executable **executable, Graph *graph, unsigned long long flags) {
    const char *call = "cuGraphInstantiateWithFlags";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Graph *found = find_object(graph, KIND_GRAPH, call);
    int is_known = flags == 0 || (flags == DARIS_CUDA_USE_NODE_PRIORITY && configuration.version >= 11070);
    result = found == NULL || !is_known ? DARIS_CUDA_INVALID_VALUE : need_context_of(found, call);
    if (result == DARIS_CUDA_SUCCESS) {
        result = is_capturing(call);
    }
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    *executable = add_object(sizeof(Executable), KIND_EXECUTABLE, found->object.context);
    (*executable)->uses_priorities = flags == DARIS_CUDA_USE_NODE_PRIORITY;
    for (const Work *work = found->works.first; work != NULL; work = work->next) {
        append(&(*executable)->works, *work);
    }
    return end(DARIS_CUDA_SUCCESS);
}

int cuGraphLaunch(Executable *executable, Stream *stream) {
    const char *call = "cuGraphLaunch";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Executable *found = find_object(executable, KIND_EXECUTABLE, call);
    Stream *on = find_object(stream, KIND_STREAM, call);
    result = found == NULL || on == NULL ? DARIS_CUDA_INVALID_HANDLE : need_context_of(on, call);
    if (result == DARIS_CUDA_SUCCESS) {
        result = enqueue(on, (Work){.kind = WORK_GRAPH, .executable = found});
    }
    return end(result);
}

// The executable's works are freed at the reset, since a launch that goes on still needs them.
int cuGraphExecDestroy(Executable *executable) {
    return destroy("cuGraphExecDestroy", KIND_EXECUTABLE, executable);
}
