// The calls of ONNX Runtime's C interface that Daris makes, in Daris's own words.
//
// ONNX Runtime exports one function, OrtGetApiBase. Its result leads to a table of function pointers that only ever
// grows at its end, so a function keeps its position for good. Each function below is named after what it does and
// calls one position. Unless it returns something else, it returns a status: NULL is success, anything else is read
// with daris_ort_get_error_code and daris_ort_get_error_message and freed with daris_ort_release_status.
//
// Table version asked for: 17 (ONNX Runtime 1.17), the oldest that has every position used here.

#ifndef CONNXRuntime_H
#define CONNXRuntime_H

#include <stddef.h>
#include <stdint.h>

enum { DARIS_ORT_TABLE_VERSION = 17 };

/// The table of functions.
typedef struct DarisOrt DarisOrt;

typedef struct DarisOrtStatus DarisOrtStatus;
typedef struct DarisOrtEnv DarisOrtEnv;
typedef struct DarisOrtSession DarisOrtSession;
typedef struct DarisOrtSessionOptions DarisOrtSessionOptions;
typedef struct DarisOrtRunOptions DarisOrtRunOptions;
typedef struct DarisOrtValue DarisOrtValue;
typedef struct DarisOrtMemoryInfo DarisOrtMemoryInfo;
typedef struct DarisOrtAllocator DarisOrtAllocator;
typedef struct DarisOrtTypeInfo DarisOrtTypeInfo;
typedef struct DarisOrtTensorInfo DarisOrtTensorInfo;
typedef struct DarisOrtBinding DarisOrtBinding;
typedef struct DarisOrtCudaOptions DarisOrtCudaOptions;
typedef struct DarisOrtTensorRTOptions DarisOrtTensorRTOptions;

/// Takes a line of the library's log. Called from any thread.
typedef void (*DarisOrtLogFunction)(
    void *parameter, int severity, const char *category, const char *logid, const char *location, const char *message);

/// How far `daris_ort_open` came.
typedef enum DarisOrtOpenResult {
    DARIS_ORT_OPENED,
    /// The file could not be loaded; `message` is the loader's.
    DARIS_ORT_NOT_LOADABLE,
    /// The file was loaded, but it is not ONNX Runtime.
    DARIS_ORT_NOT_ONNX_RUNTIME,
    /// It is ONNX Runtime, but an older one than the table asked for; `version` is set.
    DARIS_ORT_TOO_OLD,
} DarisOrtOpenResult;

/// What `daris_ort_open` found.
typedef struct DarisOrtLibrary {
    /// NULL unless opened.
    const DarisOrt *table;
    /// The version string, which belongs to the library, or NULL.
    const char *version;
    /// Where the library was found, which belongs to the loader, or NULL.
    const char *path;
} DarisOrtLibrary;

/// Loads the library at `path` (or by that name, if there is no slash in it) and asks it for its table.
/// Its telemetry is turned off first, through the process's environment, unless ORT_DISABLE_TELEMETRY is set already.
/// An opened library stays loaded until the process ends: its threads may still run code of it.
/// On failure up to `capacity` bytes of explanation are written to `message`, always terminated.
DarisOrtOpenResult daris_ort_open(const char *path, DarisOrtLibrary *library, char *message, size_t capacity);

typedef void (*DarisOrtFunction)(void);

/// The function at a position of the table.
static inline DarisOrtFunction daris_ort_at(const DarisOrt *ort, size_t position) {
    return ((const DarisOrtFunction *)ort)[position];
}

// Reading a status

static inline int daris_ort_get_error_code(const DarisOrt *ort, const DarisOrtStatus *status) {
    typedef int (*Function)(const DarisOrtStatus *);
    return ((Function)daris_ort_at(ort, 1))(status);
}

static inline const char *daris_ort_get_error_message(const DarisOrt *ort, const DarisOrtStatus *status) {
    typedef const char *(*Function)(const DarisOrtStatus *);
    return ((Function)daris_ort_at(ort, 2))(status);
}

static inline void daris_ort_release_status(const DarisOrt *ort, DarisOrtStatus *status) {
    typedef void (*Function)(DarisOrtStatus *);
    ((Function)daris_ort_at(ort, 93))(status);
}

// Environment

static inline DarisOrtStatus *daris_ort_create_env_with_custom_logger(
    const DarisOrt *ort, DarisOrtLogFunction log, void *parameter, int severity, const char *name, DarisOrtEnv **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtLogFunction, void *, int, const char *, DarisOrtEnv **);
    return ((Function)daris_ort_at(ort, 4))(log, parameter, severity, name, out);
}

static inline void daris_ort_release_env(const DarisOrt *ort, DarisOrtEnv *env) {
    typedef void (*Function)(DarisOrtEnv *);
    ((Function)daris_ort_at(ort, 92))(env);
}

static inline DarisOrtStatus *daris_ort_get_available_providers(const DarisOrt *ort, char ***out, int *count) {
    typedef DarisOrtStatus *(*Function)(char ***, int *);
    return ((Function)daris_ort_at(ort, 125))(out, count);
}

static inline DarisOrtStatus *daris_ort_release_available_providers(const DarisOrt *ort, char **providers, int count) {
    typedef DarisOrtStatus *(*Function)(char **, int);
    return ((Function)daris_ort_at(ort, 126))(providers, count);
}

// Memory

static inline DarisOrtStatus *daris_ort_create_memory_info(
    const DarisOrt *ort, const char *name, int allocatorType, int deviceId, int memoryType, DarisOrtMemoryInfo **out) {
    typedef DarisOrtStatus *(*Function)(const char *, int, int, int, DarisOrtMemoryInfo **);
    return ((Function)daris_ort_at(ort, 68))(name, allocatorType, deviceId, memoryType, out);
}

static inline void daris_ort_release_memory_info(const DarisOrt *ort, DarisOrtMemoryInfo *info) {
    typedef void (*Function)(DarisOrtMemoryInfo *);
    ((Function)daris_ort_at(ort, 94))(info);
}

static inline DarisOrtStatus *daris_ort_allocator_free(
    const DarisOrt *ort, DarisOrtAllocator *allocator, void *memory) {
    typedef DarisOrtStatus *(*Function)(DarisOrtAllocator *, void *);
    return ((Function)daris_ort_at(ort, 76))(allocator, memory);
}

static inline DarisOrtStatus *daris_ort_get_default_allocator(const DarisOrt *ort, DarisOrtAllocator **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtAllocator **);
    return ((Function)daris_ort_at(ort, 78))(out);
}

// Session options

static inline DarisOrtStatus *daris_ort_create_session_options(const DarisOrt *ort, DarisOrtSessionOptions **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSessionOptions **);
    return ((Function)daris_ort_at(ort, 10))(out);
}

static inline DarisOrtStatus *daris_ort_enable_profiling(
    const DarisOrt *ort, DarisOrtSessionOptions *options, const char *prefix) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSessionOptions *, const char *);
    return ((Function)daris_ort_at(ort, 14))(options, prefix);
}

static inline DarisOrtStatus *daris_ort_set_log_severity(
    const DarisOrt *ort, DarisOrtSessionOptions *options, int severity) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSessionOptions *, int);
    return ((Function)daris_ort_at(ort, 22))(options, severity);
}

static inline DarisOrtStatus *daris_ort_set_optimization_level(
    const DarisOrt *ort, DarisOrtSessionOptions *options, int level) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSessionOptions *, int);
    return ((Function)daris_ort_at(ort, 23))(options, level);
}

static inline DarisOrtStatus *daris_ort_set_intra_op_threads(
    const DarisOrt *ort, DarisOrtSessionOptions *options, int count) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSessionOptions *, int);
    return ((Function)daris_ort_at(ort, 24))(options, count);
}

static inline DarisOrtStatus *daris_ort_override_free_dimension(
    const DarisOrt *ort, DarisOrtSessionOptions *options, const char *dimension, int64_t value) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSessionOptions *, const char *, int64_t);
    return ((Function)daris_ort_at(ort, 124))(options, dimension, value);
}

static inline DarisOrtStatus *daris_ort_add_session_config_entry(
    const DarisOrt *ort, DarisOrtSessionOptions *options, const char *key, const char *value) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSessionOptions *, const char *, const char *);
    return ((Function)daris_ort_at(ort, 130))(options, key, value);
}

static inline DarisOrtStatus *daris_ort_append_cuda_provider(
    const DarisOrt *ort, DarisOrtSessionOptions *options, const DarisOrtCudaOptions *cuda) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSessionOptions *, const DarisOrtCudaOptions *);
    return ((Function)daris_ort_at(ort, 204))(options, cuda);
}

static inline void daris_ort_release_session_options(const DarisOrt *ort, DarisOrtSessionOptions *options) {
    typedef void (*Function)(DarisOrtSessionOptions *);
    ((Function)daris_ort_at(ort, 100))(options);
}

// CUDA execution provider

static inline DarisOrtStatus *daris_ort_create_cuda_options(const DarisOrt *ort, DarisOrtCudaOptions **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtCudaOptions **);
    return ((Function)daris_ort_at(ort, 205))(out);
}

static inline DarisOrtStatus *daris_ort_update_cuda_options(
    const DarisOrt *ort, DarisOrtCudaOptions *options, const char *const *keys, const char *const *values, size_t
    count) {
    typedef DarisOrtStatus *(*Function)(DarisOrtCudaOptions *, const char *const *, const char *const *, size_t);
    return ((Function)daris_ort_at(ort, 206))(options, keys, values, count);
}

static inline DarisOrtStatus *daris_ort_update_cuda_option_with_pointer(
    const DarisOrt *ort, DarisOrtCudaOptions *options, const char *key, void *value) {
    typedef DarisOrtStatus *(*Function)(DarisOrtCudaOptions *, const char *, void *);
    return ((Function)daris_ort_at(ort, 263))(options, key, value);
}

static inline void daris_ort_release_cuda_options(const DarisOrt *ort, DarisOrtCudaOptions *options) {
    typedef void (*Function)(DarisOrtCudaOptions *);
    ((Function)daris_ort_at(ort, 208))(options);
}

// Options of the TensorRT provider

static inline DarisOrtStatus *daris_ort_append_tensorrt_provider(
    const DarisOrt *ort, DarisOrtSessionOptions *options, const DarisOrtTensorRTOptions *tensorrt) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSessionOptions *, const DarisOrtTensorRTOptions *);
    return ((Function)daris_ort_at(ort, 170))(options, tensorrt);
}

static inline DarisOrtStatus *daris_ort_create_tensorrt_options(const DarisOrt *ort, DarisOrtTensorRTOptions **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtTensorRTOptions **);
    return ((Function)daris_ort_at(ort, 171))(out);
}

static inline DarisOrtStatus *daris_ort_update_tensorrt_options(
    const DarisOrt *ort, DarisOrtTensorRTOptions *options, const char *const *keys, const char *const *values, size_t
    count) {
    typedef DarisOrtStatus *(*Function)(DarisOrtTensorRTOptions *, const char *const *, const char *const *, size_t);
    return ((Function)daris_ort_at(ort, 172))(options, keys, values, count);
}

static inline void daris_ort_release_tensorrt_options(const DarisOrt *ort, DarisOrtTensorRTOptions *options) {
    typedef void (*Function)(DarisOrtTensorRTOptions *);
    ((Function)daris_ort_at(ort, 174))(options);
}

static inline DarisOrtStatus *daris_ort_update_tensorrt_option_with_pointer(
    const DarisOrt *ort, DarisOrtTensorRTOptions *options, const char *key, void *value) {
    typedef DarisOrtStatus *(*Function)(DarisOrtTensorRTOptions *, const char *, void *);
    return ((Function)daris_ort_at(ort, 261))(options, key, value);
}

// Sessions

static inline DarisOrtStatus *daris_ort_create_session(
    const DarisOrt *ort, const DarisOrtEnv *env, const char *path, const DarisOrtSessionOptions *options,
    DarisOrtSession **out) {
    typedef DarisOrtStatus *(*Function)(
        const DarisOrtEnv *, const char *, const DarisOrtSessionOptions *, DarisOrtSession **);
    return ((Function)daris_ort_at(ort, 7))(env, path, options, out);
}

static inline DarisOrtStatus *daris_ort_create_session_from_bytes(
    const DarisOrt *ort, const DarisOrtEnv *env, const void *bytes, size_t count, const DarisOrtSessionOptions
    *options, DarisOrtSession **out) {
    typedef DarisOrtStatus *(*Function)(
        const DarisOrtEnv *, const void *, size_t, const DarisOrtSessionOptions *, DarisOrtSession **);
    return ((Function)daris_ort_at(ort, 8))(env, bytes, count, options, out);
}

static inline void daris_ort_release_session(const DarisOrt *ort, DarisOrtSession *session) {
    typedef void (*Function)(DarisOrtSession *);
    ((Function)daris_ort_at(ort, 95))(session);
}

static inline DarisOrtStatus *daris_ort_get_input_count(
    const DarisOrt *ort, const DarisOrtSession *session, size_t *out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtSession *, size_t *);
    return ((Function)daris_ort_at(ort, 30))(session, out);
}

static inline DarisOrtStatus *daris_ort_get_output_count(
    const DarisOrt *ort, const DarisOrtSession *session, size_t *out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtSession *, size_t *);
    return ((Function)daris_ort_at(ort, 31))(session, out);
}

static inline DarisOrtStatus *daris_ort_get_input_type(
    const DarisOrt *ort, const DarisOrtSession *session, size_t index, DarisOrtTypeInfo **out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtSession *, size_t, DarisOrtTypeInfo **);
    return ((Function)daris_ort_at(ort, 33))(session, index, out);
}

static inline DarisOrtStatus *daris_ort_get_output_type(
    const DarisOrt *ort, const DarisOrtSession *session, size_t index, DarisOrtTypeInfo **out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtSession *, size_t, DarisOrtTypeInfo **);
    return ((Function)daris_ort_at(ort, 34))(session, index, out);
}

static inline DarisOrtStatus *daris_ort_get_input_name(
    const DarisOrt *ort, const DarisOrtSession *session, size_t index, DarisOrtAllocator *allocator, char **out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtSession *, size_t, DarisOrtAllocator *, char **);
    return ((Function)daris_ort_at(ort, 36))(session, index, allocator, out);
}

static inline DarisOrtStatus *daris_ort_get_output_name(
    const DarisOrt *ort, const DarisOrtSession *session, size_t index, DarisOrtAllocator *allocator, char **out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtSession *, size_t, DarisOrtAllocator *, char **);
    return ((Function)daris_ort_at(ort, 37))(session, index, allocator, out);
}

static inline DarisOrtStatus *daris_ort_run(
    const DarisOrt *ort, DarisOrtSession *session, const DarisOrtRunOptions *options, const char *const *inputNames,
    const DarisOrtValue *const *inputs, size_t inputCount, const char *const *outputNames, size_t outputCount,
    DarisOrtValue **outputs) {
    typedef DarisOrtStatus *(*Function)(
        DarisOrtSession *, const DarisOrtRunOptions *, const char *const *, const DarisOrtValue *const *, size_t,
        const char *const *, size_t, DarisOrtValue **);
    return ((Function)daris_ort_at(ort, 9))(
        session, options, inputNames, inputs, inputCount, outputNames, outputCount, outputs);
}

static inline DarisOrtStatus *daris_ort_end_profiling(
    const DarisOrt *ort, DarisOrtSession *session, DarisOrtAllocator *allocator, char **path) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSession *, DarisOrtAllocator *, char **);
    return ((Function)daris_ort_at(ort, 110))(session, allocator, path);
}

// Types

static inline DarisOrtStatus *daris_ort_get_tensor_info(
    const DarisOrt *ort, const DarisOrtTypeInfo *type, const DarisOrtTensorInfo **out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtTypeInfo *, const DarisOrtTensorInfo **);
    return ((Function)daris_ort_at(ort, 55))(type, out);
}

static inline DarisOrtStatus *daris_ort_get_element_type(
    const DarisOrt *ort, const DarisOrtTensorInfo *info, int *out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtTensorInfo *, int *);
    return ((Function)daris_ort_at(ort, 60))(info, out);
}

static inline DarisOrtStatus *daris_ort_get_dimension_count(
    const DarisOrt *ort, const DarisOrtTensorInfo *info, size_t *out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtTensorInfo *, size_t *);
    return ((Function)daris_ort_at(ort, 61))(info, out);
}

static inline DarisOrtStatus *daris_ort_get_dimensions(
    const DarisOrt *ort, const DarisOrtTensorInfo *info, int64_t *out, size_t count) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtTensorInfo *, int64_t *, size_t);
    return ((Function)daris_ort_at(ort, 62))(info, out, count);
}

static inline DarisOrtStatus *daris_ort_get_symbolic_dimensions(
    const DarisOrt *ort, const DarisOrtTensorInfo *info, const char **out, size_t count) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtTensorInfo *, const char **, size_t);
    return ((Function)daris_ort_at(ort, 63))(info, out, count);
}

static inline void daris_ort_release_type_info(const DarisOrt *ort, DarisOrtTypeInfo *type) {
    typedef void (*Function)(DarisOrtTypeInfo *);
    ((Function)daris_ort_at(ort, 98))(type);
}

static inline void daris_ort_release_tensor_info(const DarisOrt *ort, DarisOrtTensorInfo *info) {
    typedef void (*Function)(DarisOrtTensorInfo *);
    ((Function)daris_ort_at(ort, 99))(info);
}

// Values

static inline DarisOrtStatus *daris_ort_create_tensor(
    const DarisOrt *ort, const DarisOrtMemoryInfo *memory, void *data, size_t byteCount, const int64_t *shape,
    size_t rank, int elementType, DarisOrtValue **out) {
    typedef DarisOrtStatus *(*Function)(
        const DarisOrtMemoryInfo *, void *, size_t, const int64_t *, size_t, int, DarisOrtValue **);
    return ((Function)daris_ort_at(ort, 49))(memory, data, byteCount, shape, rank, elementType, out);
}

static inline DarisOrtStatus *daris_ort_create_owned_tensor(
    const DarisOrt *ort, DarisOrtAllocator *allocator, const int64_t *shape, size_t rank, int elementType,
    DarisOrtValue **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtAllocator *, const int64_t *, size_t, int, DarisOrtValue **);
    return ((Function)daris_ort_at(ort, 48))(allocator, shape, rank, elementType, out);
}

static inline DarisOrtStatus *daris_ort_is_tensor(const DarisOrt *ort, const DarisOrtValue *value, int *out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtValue *, int *);
    return ((Function)daris_ort_at(ort, 50))(value, out);
}

static inline DarisOrtStatus *daris_ort_get_tensor_data(const DarisOrt *ort, DarisOrtValue *value, void **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtValue *, void **);
    return ((Function)daris_ort_at(ort, 51))(value, out);
}

/// Makes a string of a tensor so many bytes long and tells where they are, to be written.
static inline DarisOrtStatus *daris_ort_resize_string(
    const DarisOrt *ort, DarisOrtValue *value, size_t index, size_t byteCount, char **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtValue *, size_t, size_t, char **);
    return ((Function)daris_ort_at(ort, 252))(value, index, byteCount, out);
}

/// The bytes of all strings of a tensor together.
static inline DarisOrtStatus *daris_ort_get_strings_length(
    const DarisOrt *ort, const DarisOrtValue *value, size_t *out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtValue *, size_t *);
    return ((Function)daris_ort_at(ort, 53))(value, out);
}

/// Copies the strings of a tensor, one directly after another, and where each starts.
static inline DarisOrtStatus *daris_ort_get_strings(
    const DarisOrt *ort, const DarisOrtValue *value, void *bytes, size_t byteCount, size_t *starts, size_t count) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtValue *, void *, size_t, size_t *, size_t);
    return ((Function)daris_ort_at(ort, 54))(value, bytes, byteCount, starts, count);
}

static inline DarisOrtStatus *daris_ort_get_value_tensor_info(
    const DarisOrt *ort, const DarisOrtValue *value, DarisOrtTensorInfo **out) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtValue *, DarisOrtTensorInfo **);
    return ((Function)daris_ort_at(ort, 65))(value, out);
}

static inline void daris_ort_release_value(const DarisOrt *ort, DarisOrtValue *value) {
    typedef void (*Function)(DarisOrtValue *);
    ((Function)daris_ort_at(ort, 96))(value);
}

// Run options

static inline DarisOrtStatus *daris_ort_create_run_options(const DarisOrt *ort, DarisOrtRunOptions **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtRunOptions **);
    return ((Function)daris_ort_at(ort, 39))(out);
}

static inline DarisOrtStatus *daris_ort_set_terminate(const DarisOrt *ort, DarisOrtRunOptions *options) {
    typedef DarisOrtStatus *(*Function)(DarisOrtRunOptions *);
    return ((Function)daris_ort_at(ort, 46))(options);
}

static inline DarisOrtStatus *daris_ort_unset_terminate(const DarisOrt *ort, DarisOrtRunOptions *options) {
    typedef DarisOrtStatus *(*Function)(DarisOrtRunOptions *);
    return ((Function)daris_ort_at(ort, 47))(options);
}

static inline DarisOrtStatus *daris_ort_add_run_config_entry(
    const DarisOrt *ort, DarisOrtRunOptions *options, const char *key, const char *value) {
    typedef DarisOrtStatus *(*Function)(DarisOrtRunOptions *, const char *, const char *);
    return ((Function)daris_ort_at(ort, 165))(options, key, value);
}

static inline void daris_ort_release_run_options(const DarisOrt *ort, DarisOrtRunOptions *options) {
    typedef void (*Function)(DarisOrtRunOptions *);
    ((Function)daris_ort_at(ort, 97))(options);
}

// I/O bindings

static inline DarisOrtStatus *daris_ort_create_binding(
    const DarisOrt *ort, DarisOrtSession *session, DarisOrtBinding **out) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSession *, DarisOrtBinding **);
    return ((Function)daris_ort_at(ort, 134))(session, out);
}

static inline void daris_ort_release_binding(const DarisOrt *ort, DarisOrtBinding *binding) {
    typedef void (*Function)(DarisOrtBinding *);
    ((Function)daris_ort_at(ort, 135))(binding);
}

static inline DarisOrtStatus *daris_ort_bind_input(
    const DarisOrt *ort, DarisOrtBinding *binding, const char *name, const DarisOrtValue *value) {
    typedef DarisOrtStatus *(*Function)(DarisOrtBinding *, const char *, const DarisOrtValue *);
    return ((Function)daris_ort_at(ort, 136))(binding, name, value);
}

static inline DarisOrtStatus *daris_ort_bind_output(
    const DarisOrt *ort, DarisOrtBinding *binding, const char *name, const DarisOrtValue *value) {
    typedef DarisOrtStatus *(*Function)(DarisOrtBinding *, const char *, const DarisOrtValue *);
    return ((Function)daris_ort_at(ort, 137))(binding, name, value);
}

static inline DarisOrtStatus *daris_ort_bind_output_to_device(
    const DarisOrt *ort, DarisOrtBinding *binding, const char *name, const DarisOrtMemoryInfo *memory) {
    typedef DarisOrtStatus *(*Function)(DarisOrtBinding *, const char *, const DarisOrtMemoryInfo *);
    return ((Function)daris_ort_at(ort, 138))(binding, name, memory);
}

static inline DarisOrtStatus *daris_ort_get_bound_output_values(
    const DarisOrt *ort, const DarisOrtBinding *binding, DarisOrtAllocator *allocator, DarisOrtValue ***out, size_t
    *count) {
    typedef DarisOrtStatus *(*Function)(const DarisOrtBinding *, DarisOrtAllocator *, DarisOrtValue ***, size_t *);
    return ((Function)daris_ort_at(ort, 140))(binding, allocator, out, count);
}

static inline DarisOrtStatus *daris_ort_run_with_binding(
    const DarisOrt *ort, DarisOrtSession *session, const DarisOrtRunOptions *options, const DarisOrtBinding *binding) {
    typedef DarisOrtStatus *(*Function)(DarisOrtSession *, const DarisOrtRunOptions *, const DarisOrtBinding *);
    return ((Function)daris_ort_at(ort, 133))(session, options, binding);
}

#endif
