// The CUDA driver's calls that Daris makes, in Daris's own words. The driver is opened at run time: neither a header nor
// a library of CUDA is needed to build.

#ifndef CCUDADriver_H
#define CCUDADriver_H

#include <stddef.h>

/// What a call returned; 0 is success.
typedef int DarisCudaResult;
/// A device's number.
typedef int DarisCudaDevice;

/// The attributes of a device that are read.
enum {
    DARIS_CUDA_MULTIPROCESSOR_COUNT = 16,
    DARIS_CUDA_COMPUTE_CAPABILITY_MAJOR = 75,
    DARIS_CUDA_COMPUTE_CAPABILITY_MINOR = 76,
};

/// The functions of the driver.
typedef struct DarisCuda {
    DarisCudaResult (*init)(unsigned int flags);
    DarisCudaResult (*driver_version)(int *version);
    DarisCudaResult (*device_count)(int *count);
    DarisCudaResult (*device)(DarisCudaDevice *device, int index);
    DarisCudaResult (*device_name)(char *name, int capacity, DarisCudaDevice device);
    DarisCudaResult (*device_memory)(size_t *bytes, DarisCudaDevice device);
    DarisCudaResult (*device_attribute)(int *value, int attribute, DarisCudaDevice device);
    DarisCudaResult (*error_name)(DarisCudaResult result, const char **name);
    DarisCudaResult (*error_text)(DarisCudaResult result, const char **text);
} DarisCuda;

/// Loads the driver's library and looks its functions up, but calls none. Returns 1 if all are there; otherwise 0, and up
/// to `capacity` bytes of why, always terminated. A loaded driver stays loaded until the process ends.
int daris_cuda_open(const char *path, DarisCuda *driver, char *message, size_t capacity);

#endif
