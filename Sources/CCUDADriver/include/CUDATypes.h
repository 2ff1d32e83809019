// The types and numbers of the CUDA driver.

#ifndef DARIS_CUDA_TYPES_H
#define DARIS_CUDA_TYPES_H

#include <stddef.h>
#include <stdint.h>

/// What a call returned; 0 is success.
typedef int DarisCudaResult;
/// A device's number.
typedef int DarisCudaDevice;
/// An address in a device's memory.
typedef unsigned long long DarisCudaAddress;

// Objects of the driver.
typedef struct DarisCudaContext_ *DarisCudaContext;
typedef struct DarisCudaGreenContext_ *DarisCudaGreenContext;
typedef struct DarisCudaResourceDescription_ *DarisCudaResourceDescription;
typedef struct DarisCudaStream_ *DarisCudaStream;
typedef struct DarisCudaEvent_ *DarisCudaEvent;
typedef struct DarisCudaGraph_ *DarisCudaGraph;
typedef struct DarisCudaGraphNode_ *DarisCudaGraphNode;
typedef struct DarisCudaExecutableGraph_ *DarisCudaExecutableGraph;
typedef struct DarisCudaModule_ *DarisCudaModule;
typedef struct DarisCudaFunction_ *DarisCudaFunction;

/// What tells a device from all others.
typedef struct DarisCudaUUID {
    unsigned char bytes[16];
} DarisCudaUUID;

/// A function that a stream calls on the host.
typedef void (*DarisCudaHostFunction)(void *data);

/// The results that are told apart.
enum {
    DARIS_CUDA_SUCCESS = 0,
    DARIS_CUDA_INVALID_VALUE = 1,
    DARIS_CUDA_OUT_OF_MEMORY = 2,
    DARIS_CUDA_NOT_INITIALIZED = 3,
    DARIS_CUDA_STUB_LIBRARY = 34,
    DARIS_CUDA_DEVICE_UNAVAILABLE = 46,
    DARIS_CUDA_NO_DEVICE = 100,
    DARIS_CUDA_INVALID_DEVICE = 101,
    DARIS_CUDA_INVALID_CONTEXT = 201,
    DARIS_CUDA_NO_BINARY_FOR_GPU = 209,
    DARIS_CUDA_ECC_UNCORRECTABLE = 214,
    DARIS_CUDA_INVALID_PTX = 218,
    DARIS_CUDA_NVLINK_UNCORRECTABLE = 220,
    DARIS_CUDA_JIT_COMPILER_NOT_FOUND = 221,
    DARIS_CUDA_UNSUPPORTED_PTX_VERSION = 222,
    DARIS_CUDA_CONTAINED = 226,
    DARIS_CUDA_OPERATING_SYSTEM = 304,
    DARIS_CUDA_INVALID_HANDLE = 400,
    DARIS_CUDA_NOT_FOUND = 500,
    DARIS_CUDA_NOT_READY = 600,
    DARIS_CUDA_ILLEGAL_ADDRESS = 700,
    DARIS_CUDA_LAUNCH_TIMEOUT = 702,
    DARIS_CUDA_CONTEXT_IS_DESTROYED = 709,
    DARIS_CUDA_ASSERT = 710,
    DARIS_CUDA_HARDWARE_STACK_ERROR = 714,
    DARIS_CUDA_ILLEGAL_INSTRUCTION = 715,
    DARIS_CUDA_MISALIGNED_ADDRESS = 716,
    DARIS_CUDA_INVALID_ADDRESS_SPACE = 717,
    DARIS_CUDA_INVALID_PC = 718,
    DARIS_CUDA_LAUNCH_FAILED = 719,
    DARIS_CUDA_TENSOR_MEMORY_LEAK = 721,
    DARIS_CUDA_NOT_PERMITTED = 800,
    DARIS_CUDA_NOT_SUPPORTED = 801,
    DARIS_CUDA_SYSTEM_NOT_READY = 802,
    DARIS_CUDA_SYSTEM_DRIVER_MISMATCH = 803,
    DARIS_CUDA_COMPATIBILITY_NOT_SUPPORTED = 804,
    DARIS_CUDA_MPS_CONNECTION_FAILED = 805,
    DARIS_CUDA_MPS_RPC_FAILURE = 806,
    DARIS_CUDA_MPS_SERVER_NOT_READY = 807,
    DARIS_CUDA_MPS_MAX_CLIENTS = 808,
    DARIS_CUDA_MPS_MAX_CONNECTIONS = 809,
    DARIS_CUDA_MPS_CLIENT_TERMINATED = 810,
    DARIS_CUDA_CAPTURE_UNSUPPORTED = 900,
    DARIS_CUDA_CAPTURE_INVALIDATED = 901,
    DARIS_CUDA_CAPTURE_UNMATCHED = 903,
    DARIS_CUDA_CAPTURE_UNJOINED = 904,
    DARIS_CUDA_CAPTURE_ISOLATION = 905,
    DARIS_CUDA_CAPTURED_EVENT = 907,
    DARIS_CUDA_CAPTURE_WRONG_THREAD = 908,
    DARIS_CUDA_INVALID_RESOURCE_TYPE = 914,
    DARIS_CUDA_INVALID_RESOURCE_CONFIGURATION = 915,
};

/// The attributes of a device that are read.
enum {
    DARIS_CUDA_MULTIPROCESSOR_COUNT = 16,
    DARIS_CUDA_COMPUTE_MODE = 20,
    DARIS_CUDA_L2_CACHE_BYTES = 38,
    DARIS_CUDA_COMPUTE_CAPABILITY_MAJOR = 75,
    DARIS_CUDA_COMPUTE_CAPABILITY_MINOR = 76,
};

/// The compute modes in which one process at a time may use a device.
enum { DARIS_CUDA_MODE_EXCLUSIVE = 1, DARIS_CUDA_MODE_EXCLUSIVE_PROCESS = 3 };

/// Flags and modes.
enum {
    DARIS_CUDA_STREAM_NON_BLOCKING = 1,
    DARIS_CUDA_EVENT_DISABLE_TIMING = 2,
    DARIS_CUDA_CAPTURE_THREAD_LOCAL = 1,
    DARIS_CUDA_RESOURCE_SM = 1,
    DARIS_CUDA_SPLIT_IGNORE_COSCHEDULING = 1,
    DARIS_CUDA_GREEN_DEFAULT_STREAM = 1,
    DARIS_CUDA_JIT_ERROR_LOG = 5,
    DARIS_CUDA_JIT_ERROR_LOG_BYTES = 6,
};

/// A resource of a device: here always a set of streaming multiprocessors (SMs). 144 bytes in every version of CUDA.
typedef struct DarisCudaResource {
    int type;
    unsigned char reserved[92];
    /// The number of SMs in the set.
    unsigned int sm_count;
    /// From CUDA 13.0, the least SMs that a part may have; before, not meaningful.
    unsigned int least_partition;
    /// From CUDA 13.0, the number that SMs are parted in multiples of; before, not meaningful.
    unsigned int alignment;
    unsigned char rest[36];
} DarisCudaResource;

/// What kinds of work a graph has, as far as Daris asks.
enum { DARIS_CUDA_NODE_KERNEL = 0, DARIS_CUDA_NODE_HOST = 3 };

/// The attribute of a kernel in a graph that is its priority, as streams have one: CUDA 11.7.
enum { DARIS_CUDA_KERNEL_PRIORITY = 8 };

/// Makes an executable graph's kernels go by their own priorities, not by that of the stream: CUDA 11.7.
enum { DARIS_CUDA_USE_NODE_PRIORITY = 8 };

/// An attribute of a kernel: 64 bytes, of which a priority takes the first four.
typedef union DarisCudaKernelAttribute {
    int priority;
    unsigned char size[64];
} DarisCudaKernelAttribute;

_Static_assert(sizeof(DarisCudaResource) == 144, "the size that the driver expects");
_Static_assert(offsetof(DarisCudaResource, sm_count) == 96, "the place that the driver expects");

#endif
