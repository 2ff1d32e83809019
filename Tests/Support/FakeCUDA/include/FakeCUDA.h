// A CUDA driver and an NVML without a GPU, for tests: they work on the host's memory, keep CUDA's rules, and say which
// of them were broken. These functions set the stage and read what happened; a test finds them with dlsym.
//
// Rules that are checked: handles are valid and alive; the right context is current on the calling thread, releases
// included; copies stay within allocations that live when they are done; nothing waits or allocates on a thread that
// captures; a capture ends on its stream and thread; no stream is destroyed in a capture; green contexts are made of
// groups of one split; primary contexts are released as often as retained, after all that lives in them; host functions
// do not call CUDA.

#ifndef FakeCUDA_H
#define FakeCUDA_H

/// Forgets everything, and reads the environment anew: FAKE_CUDA_VERSION (12080), FAKE_CUDA_DEVICES (1),
/// FAKE_CUDA_SMS (132), FAKE_CUDA_CAPABILITY (90), FAKE_CUDA_MEMORY (bytes), FAKE_CUDA_INIT (the result of cuInit),
/// FAKE_CUDA_MODE (the compute mode, 0), FAKE_CUDA_LOSE (as fake_cuda_lose, 0).
void fake_cuda_reset(void);

// What there is. To be set before the driver is opened.
void fake_cuda_set_version(int version);
void fake_cuda_set_devices(int count);
void fake_cuda_set_multiprocessors(int count);
void fake_cuda_set_capability(int major, int minor);
/// What cuInit gives.
void fake_cuda_set_init(int result);
void fake_cuda_set_memory(unsigned long long bytes);
/// The driver does not give a function, by the name that cuGetProcAddress takes.
void fake_cuda_hide(const char *name);

// When work is done. Automatic: at once, on a thread of the driver's. Manual: when asked here, or when something waits
// for it. Times are virtual in both: 1000 ns for each piece of work, and 1 ns for 10 bytes.
void fake_cuda_set_manual(int is_manual);
/// Does up to `count` pieces of work that can be done now, stream by stream, and returns how many it did.
int fake_cuda_advance(int count);
/// The same on one stream.
int fake_cuda_advance_stream(void *stream, int count);
/// The pieces of work not done yet.
int fake_cuda_pending(void);
/// The nanoseconds that each kernel takes.
void fake_cuda_set_kernel_time(unsigned long long nanoseconds);

/// The device uses energy, which NVML counts.
void fake_cuda_use_energy(unsigned long long millijoules);

// Failures.
/// The `n`-th call from now on, counted from 1, fails with `result`, once. A call that releases does so nevertheless.
void fake_cuda_fail(long n, int result);
/// The same for the calls of one name.
void fake_cuda_fail_named(const char *name, long n, int result);
/// The call that was made to fail, or NULL.
const char *fake_cuda_failed(void);
/// The next work done on the device fails: from then on every call that can tell gives `result`.
void fake_cuda_lose(int result);

// What happened. Calls that look up functions or texts do not count.
long fake_cuda_calls(void);
/// The name of a call, counted from 0, or NULL.
const char *fake_cuda_call(long index);
long fake_cuda_calls_named(const char *name);
long fake_cuda_violations(void);
/// What rule was broken, counted from 0, or NULL.
const char *fake_cuda_violation(long index);
void fake_cuda_forgive(void);
/// The priority that the last kernel ran at.
int fake_cuda_kernel_priority(void);
/// The copies of at least a byte that kernels have made, since the library was loaded.
long fake_cuda_kernel_copies(void);
/// The objects alive: "context" (retains), "green context", "stream", "event", "graph", "executable graph", "module",
/// "device memory", "host memory", "nvml" (starts).
long fake_cuda_live(const char *kind);
/// All of them.
long fake_cuda_live_total(void);

// NVML.
/// The figure of a call is not supported.
void fake_nvml_hide(const char *name);

#endif
