// The CUDA driver's functions.

#ifndef DARIS_CUDA_TABLE_H
#define DARIS_CUDA_TABLE_H

#include "CUDATypes.h"

/// The functions of the driver. Those of graphs and green contexts are NULL where the driver is too old for them.
typedef struct DarisCuda {
    // The driver and its devices.
    DarisCudaResult (*init)(unsigned int flags);
    DarisCudaResult (*driver_version)(int *version);
    DarisCudaResult (*error_name)(DarisCudaResult result, const char **name);
    DarisCudaResult (*error_text)(DarisCudaResult result, const char **text);
    DarisCudaResult (*device_count)(int *count);
    DarisCudaResult (*device)(DarisCudaDevice *device, int index);
    DarisCudaResult (*device_name)(char *name, int capacity, DarisCudaDevice device);
    DarisCudaResult (*device_memory)(size_t *bytes, DarisCudaDevice device);
    DarisCudaResult (*device_attribute)(int *value, int attribute, DarisCudaDevice device);
    DarisCudaResult (*device_bus_id)(char *bus_id, int capacity, DarisCudaDevice device);
    // CUDA 11.4; NULL in older drivers.
    DarisCudaResult (*device_uuid)(DarisCudaUUID *uuid, DarisCudaDevice device);

    // Contexts.
    DarisCudaResult (*retain_primary_context)(DarisCudaContext *context, DarisCudaDevice device);
    DarisCudaResult (*release_primary_context)(DarisCudaDevice device);
    DarisCudaResult (*set_current)(DarisCudaContext context);
    DarisCudaResult (*synchronize_context)(void);
    DarisCudaResult (*stream_priority_range)(int *least, int *greatest);

    // Memory.
    DarisCudaResult (*memory_info)(size_t *free, size_t *total);
    DarisCudaResult (*allocate)(DarisCudaAddress *address, size_t bytes);
    DarisCudaResult (*free)(DarisCudaAddress address);
    DarisCudaResult (*allocate_host)(void **address, size_t bytes, unsigned int flags);
    DarisCudaResult (*free_host)(void *address);
    DarisCudaResult (*copy_to_device)(DarisCudaAddress to, const void *from, size_t bytes, DarisCudaStream stream);
    DarisCudaResult (*copy_to_host)(void *to, DarisCudaAddress from, size_t bytes, DarisCudaStream stream);
    DarisCudaResult (*copy_on_device)(DarisCudaAddress to, DarisCudaAddress from, size_t bytes, DarisCudaStream stream);
    DarisCudaResult (*fill)(DarisCudaAddress to, unsigned char value, size_t bytes, DarisCudaStream stream);

    // Streams and events.
    DarisCudaResult (*create_stream)(DarisCudaStream *stream, unsigned int flags, int priority);
    DarisCudaResult (*destroy_stream)(DarisCudaStream stream);
    DarisCudaResult (*query_stream)(DarisCudaStream stream);
    DarisCudaResult (*synchronize_stream)(DarisCudaStream stream);
    DarisCudaResult (*stream_wait_event)(DarisCudaStream stream, DarisCudaEvent event, unsigned int flags);
    DarisCudaResult (*launch_host_function)(DarisCudaStream stream, DarisCudaHostFunction function, void *data);
    // CUDA 11.7; NULL in older drivers.
    DarisCudaResult (*write_word)(DarisCudaStream stream, DarisCudaAddress to, uint32_t value, unsigned int flags);
    DarisCudaResult (*create_event)(DarisCudaEvent *event, unsigned int flags);
    DarisCudaResult (*destroy_event)(DarisCudaEvent event);
    DarisCudaResult (*record_event)(DarisCudaEvent event, DarisCudaStream stream);
    DarisCudaResult (*query_event)(DarisCudaEvent event);
    DarisCudaResult (*synchronize_event)(DarisCudaEvent event);
    DarisCudaResult (*elapsed_milliseconds)(float *milliseconds, DarisCudaEvent start, DarisCudaEvent end);

    // Kernels.
    DarisCudaResult (*load_module)(
        DarisCudaModule *module, const void *image, unsigned int option_count, int *options, void **option_values);
    DarisCudaResult (*unload_module)(DarisCudaModule module);
    DarisCudaResult (*module_function)(DarisCudaFunction *function, DarisCudaModule module, const char *name);
    DarisCudaResult (*launch_kernel)(
        DarisCudaFunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x,
        unsigned int block_y, unsigned int block_z, unsigned int shared_bytes, DarisCudaStream stream,
        void **arguments, void **extra);

    // Graphs: CUDA 11.4.
    DarisCudaResult (*begin_capture)(DarisCudaStream stream, int mode);
    DarisCudaResult (*end_capture)(DarisCudaStream stream, DarisCudaGraph *graph);
    DarisCudaResult (*graph_nodes)(DarisCudaGraph graph, DarisCudaGraphNode *nodes, size_t *count);
    DarisCudaResult (*graph_node_type)(DarisCudaGraphNode node, int *type);
    DarisCudaResult (*graph_node_dependents)(DarisCudaGraphNode node, DarisCudaGraphNode *dependents, size_t *count);
    DarisCudaResult (*graph_node_dependencies)(
        DarisCudaGraphNode node, DarisCudaGraphNode *dependencies, size_t *count);
    DarisCudaResult (*add_graph_dependencies)(
        DarisCudaGraph graph, const DarisCudaGraphNode *from, const DarisCudaGraphNode *to, size_t count);
    DarisCudaResult (*destroy_graph_node)(DarisCudaGraphNode node);
    DarisCudaResult (*set_kernel_node_attribute)(
        DarisCudaGraphNode node, int attribute, const DarisCudaKernelAttribute *value);
    DarisCudaResult (*destroy_graph)(DarisCudaGraph graph);
    DarisCudaResult (*instantiate_graph)(
        DarisCudaExecutableGraph *executable, DarisCudaGraph graph, unsigned long long flags);
    DarisCudaResult (*launch_graph)(DarisCudaExecutableGraph executable, DarisCudaStream stream);
    DarisCudaResult (*destroy_executable_graph)(DarisCudaExecutableGraph executable);

    // Green contexts: CUDA 12.4, streams straight from them 12.5.
    DarisCudaResult (*device_resource)(DarisCudaDevice device, DarisCudaResource *resource, int type);
    DarisCudaResult (*split_resource)(
        DarisCudaResource *groups, unsigned int *count, const DarisCudaResource *resource, DarisCudaResource *rest,
        unsigned int flags, unsigned int least);
    DarisCudaResult (*describe_resources)(
        DarisCudaResourceDescription *description, DarisCudaResource *resources, unsigned int count);
    DarisCudaResult (*create_green_context)(
        DarisCudaGreenContext *green, DarisCudaResourceDescription description, DarisCudaDevice device,
        unsigned int flags);
    DarisCudaResult (*destroy_green_context)(DarisCudaGreenContext green);
    DarisCudaResult (*green_context_resource)(DarisCudaGreenContext green, DarisCudaResource *resource, int type);
    DarisCudaResult (*context_from_green)(DarisCudaContext *context, DarisCudaGreenContext green);
    DarisCudaResult (*create_green_stream)(
        DarisCudaStream *stream, DarisCudaGreenContext green, unsigned int flags, int priority);
} DarisCuda;

/// How opening the driver ended.
typedef enum DarisCudaOpening {
    /// The functions are there.
    DARIS_CUDA_OPENED,
    /// There is no such library, or it cannot be loaded.
    DARIS_CUDA_NOT_LOADABLE,
    /// The library is not the CUDA driver.
    DARIS_CUDA_NOT_A_DRIVER,
    /// The driver is older than the functions that are needed.
    DARIS_CUDA_TOO_OLD,
} DarisCudaOpening;

/// The earliest version of CUDA that a driver must know: 11.0, in the driver's form.
enum { DARIS_CUDA_OLDEST_VERSION = 11000 };

/// Loads the driver's library and looks its functions up; calls nothing of it but the functions that say its version
/// and give the others.
///
/// `version` becomes the version of CUDA that the driver knows, in its form; 0 if it was not asked, and the negative
/// result if it did not say. If not all needed functions are there, up to `capacity` bytes of `message` say why, always
/// terminated. A loaded driver stays loaded until the process ends.
DarisCudaOpening daris_cuda_open(const char *path, DarisCuda *driver, int *version, char *message, size_t capacity);

/// Sets CUDA_DEVICE_MAX_CONNECTIONS, which a driver reads when it starts. No other thread may use the environment
/// meanwhile.
void daris_cuda_set_max_connections(int connections);

/// The path in an environment variable, or NULL if it is not set or empty.
const char *daris_cuda_environment(const char *name);

/// Reads a word that a device writes, and before whatever the device wrote first.
static inline uint32_t daris_cuda_load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

#endif
