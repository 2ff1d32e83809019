// The calls, the objects, and what a test sets and reads.

#include "FakeCUDA.h"

#include "Fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Configuration configuration;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
Object *objects;
int is_started;
unsigned long long used_memory;

_Thread_local int is_in_host_function;

static const char **calls;
static long call_count, call_capacity;
static char **violations;
static long violation_count, violation_capacity;
static long fail_at, fail_named_at;
static char fail_name[64];
static int fail_result, fail_named_result;
static const char *failed_call;

void note_violation(const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (violation_count == violation_capacity) {
        violation_capacity = violation_capacity == 0 ? 16 : 2 * violation_capacity;
        violations = realloc(violations, (size_t)violation_capacity * sizeof *violations);
    }
    violations[violation_count++] = strdup(text);
}

int begin(const char *name) {
    pthread_mutex_lock(&lock);
    if (call_count == call_capacity) {
        call_capacity = call_capacity == 0 ? 256 : 2 * call_capacity;
        calls = realloc(calls, (size_t)call_capacity * sizeof *calls);
    }
    calls[call_count++] = name;
    if (is_in_host_function) {
        note_violation("%s was called by a host function", name);
        return DARIS_CUDA_NOT_PERMITTED;
    }
    if (fail_at > 0 && --fail_at == 0) {
        failed_call = name;
        return fail_result;
    }
    if (fail_named_at > 0 && strcmp(name, fail_name) == 0 && --fail_named_at == 0) {
        failed_call = name;
        return fail_named_result;
    }
    if (!is_started && strncmp(name, "cu", 2) == 0 && strcmp(name, "cuInit") != 0 &&
        strcmp(name, "cuDriverGetVersion") != 0) {
        note_violation("%s was called before cuInit", name);
        return DARIS_CUDA_NOT_INITIALIZED;
    }
    return DARIS_CUDA_SUCCESS;
}

int end(int result) {
    pthread_mutex_unlock(&lock);
    return result;
}

int is_hidden(const char *name) {
    for (int i = 0; i < configuration.hidden_count; i++) {
        if (strcmp(configuration.hidden[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

void *add_object(size_t size, Kind kind, Context *context) {
    Object *object = calloc(1, size);
    object->kind = kind;
    object->is_alive = 1;
    object->context = context;
    object->next = objects;
    objects = object;
    return object;
}

void *find_object(const void *handle, Kind kind, const char *call) {
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object == handle && object->kind == kind) {
            if (object->is_alive) {
                return object;
            }
            note_violation("%s was given an object that is released", call);
            return NULL;
        }
    }
    note_violation("%s was given a handle that never was", call);
    return NULL;
}

void kill_object(void *object) { ((Object *)object)->is_alive = 0; }

long count_objects(int kind) {
    long count = 0;
    for (Object *object = objects; object != NULL; object = object->next) {
        if ((int)object->kind == kind && object->is_alive) {
            count += kind == KIND_CONTEXT ? ((Context *)object)->retained : 1;
        }
    }
    return count;
}

static const struct {
    const char *name;
    int kind;
} kinds[] = {
    {"context", KIND_CONTEXT},
    {"green context", KIND_GREEN},
    {"stream", KIND_STREAM},
    {"event", KIND_EVENT},
    {"graph", KIND_GRAPH},
    {"executable graph", KIND_EXECUTABLE},
    {"module", KIND_MODULE},
    {"device memory", KIND_DEVICE_MEMORY},
    {"host memory", KIND_HOST_MEMORY},
};

long fake_cuda_live(const char *kind) {
    pthread_mutex_lock(&lock);
    long count = strcmp(kind, "nvml") == 0 ? live_nvml() : -1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, kind) == 0) {
            count = count_objects(kinds[i].kind);
        }
    }
    pthread_mutex_unlock(&lock);
    return count;
}

long fake_cuda_live_total(void) {
    pthread_mutex_lock(&lock);
    long count = live_nvml();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        count += count_objects(kinds[i].kind);
    }
    pthread_mutex_unlock(&lock);
    return count;
}

static long from_environment(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? strtol(value, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void configure(void) {
    for (int i = 0; i < configuration.hidden_count; i++) {
        free(configuration.hidden[i]);
    }
    memset(&configuration, 0, sizeof configuration);
    configuration.version = (int)from_environment("FAKE_CUDA_VERSION", 12080);
    configuration.devices = (int)from_environment("FAKE_CUDA_DEVICES", 1);
    configuration.multiprocessors = (int)from_environment("FAKE_CUDA_SMS", 132);
    configuration.major = (int)from_environment("FAKE_CUDA_CAPABILITY", 90) / 10;
    configuration.minor = (int)from_environment("FAKE_CUDA_CAPABILITY", 90) % 10;
    configuration.memory = (unsigned long long)from_environment("FAKE_CUDA_MEMORY", 16L << 30);
    configuration.init_result = (int)from_environment("FAKE_CUDA_INIT", 0);
    configuration.lost_result = (int)from_environment("FAKE_CUDA_LOSE", 0);
    configuration.compute_mode = (int)from_environment("FAKE_CUDA_MODE", 0);
    configuration.kernel_time = 10000;
}

void fake_cuda_forgive(void) {
    pthread_mutex_lock(&lock);
    for (long i = 0; i < violation_count; i++) {
        free(violations[i]);
    }
    violation_count = 0;
    pthread_mutex_unlock(&lock);
}

void fake_cuda_reset(void) {
    stop_worker();
    fake_cuda_forgive();
    pthread_mutex_lock(&lock);
    free_objects();
    forget_contexts();
    reset_nvml();
    objects = NULL;
    is_started = 0;
    used_memory = 0;
    call_count = 0;
    fail_at = fail_named_at = 0;
    failed_call = NULL;
    configure();
    pthread_mutex_unlock(&lock);
}

// The functions that set one value.
#define SET(statement)           \
    pthread_mutex_lock(&lock);   \
    statement;                   \
    pthread_mutex_unlock(&lock)

void fake_cuda_set_version(int version) { SET(configuration.version = version); }
void fake_cuda_set_devices(int count) { SET(configuration.devices = count); }
void fake_cuda_set_multiprocessors(int count) { SET(configuration.multiprocessors = count); }
void fake_cuda_set_capability(int major, int minor) { SET(configuration.major = major; configuration.minor = minor); }
void fake_cuda_set_init(int result) { SET(configuration.init_result = result); }
void fake_cuda_set_memory(unsigned long long bytes) { SET(configuration.memory = bytes); }
// The thread that does work by itself may wait because it was not to.
void fake_cuda_set_manual(int is_manual) { SET(configuration.is_manual = is_manual; pthread_cond_broadcast(&changed)); }
void fake_cuda_set_kernel_time(unsigned long long nanoseconds) { SET(configuration.kernel_time = nanoseconds); }
void fake_cuda_lose(int result) { SET(configuration.lost_result = result); }

// Names that are given are literals of the test; a copy keeps them.
static void hide(const char *name) {
    if (configuration.hidden_count < 64) {
        configuration.hidden[configuration.hidden_count++] = strdup(name);
    }
}

void fake_cuda_hide(const char *name) { SET(hide(name)); }
void fake_nvml_hide(const char *name) { SET(hide(name)); }

void fake_cuda_fail(long n, int result) { SET(fail_at = n; fail_result = result; failed_call = NULL); }

void fake_cuda_fail_named(const char *name, long n, int result) {
    SET(snprintf(fail_name, sizeof fail_name, "%s", name); fail_named_at = n; fail_named_result = result;
        failed_call = NULL);
}

const char *fake_cuda_failed(void) { return failed_call; }
long fake_cuda_calls(void) { return call_count; }
const char *fake_cuda_call(long index) { return index >= 0 && index < call_count ? calls[index] : NULL; }

long fake_cuda_calls_named(const char *name) {
    long count = 0;
    pthread_mutex_lock(&lock);
    for (long i = 0; i < call_count; i++) {
        count += strcmp(calls[i], name) == 0;
    }
    pthread_mutex_unlock(&lock);
    return count;
}

long fake_cuda_violations(void) { return violation_count; }
const char *fake_cuda_violation(long index) {
    return index >= 0 && index < violation_count ? violations[index] : NULL;
}

// A process that a test started tells its violations and leaks by itself, if asked to.
__attribute__((destructor)) static void tell(void) {
    if (getenv("FAKE_CUDA_TELL") == NULL) {
        return;
    }
    for (long i = 0; i < violation_count; i++) {
        fprintf(stderr, "fake CUDA: %s\n", violations[i]);
    }
    long live = fake_cuda_live_total();
    if (live > 0) {
        fprintf(stderr, "fake CUDA: %ld objects are not released\n", live);
    }
}
