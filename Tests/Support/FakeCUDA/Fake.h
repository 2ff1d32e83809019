// The state of the fake driver, behind one lock.

#ifndef FAKE_H
#define FAKE_H

#include "CUDATypes.h"

#include <pthread.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

typedef enum {
    KIND_CONTEXT,
    KIND_GREEN,
    KIND_STREAM,
    KIND_EVENT,
    KIND_GRAPH,
    KIND_EXECUTABLE,
    KIND_MODULE,
    KIND_DEVICE_MEMORY,
    KIND_HOST_MEMORY,
    KIND_DESCRIPTION,
    KIND_FUNCTION,
    KIND_COUNT,
} Kind;

// What every object begins with. Objects stay in memory until the reset, so that a dead handle is known for one.
typedef struct Object {
    Kind kind;
    int is_alive;
    struct Context *context;
    struct Object *next;
} Object;

enum { MAX_SMS = 256 };
typedef struct {
    unsigned char has[MAX_SMS];
    int count;
} SMSet;

// A primary context, or the view of a green context as a context.
typedef struct Context {
    Object object;
    int device;
    int retained;
    struct Green *green;
} Context;

typedef struct {
    Object object;
    SMSet sms;
} Description;

typedef struct Green {
    Object object;
    SMSet sms;
    Context *view;
} Green;

typedef struct Memory {
    Object object;
    unsigned char *base;
    size_t bytes;
} Memory;

// One record of an event: shared by the event and whoever waits for it.
typedef struct Point {
    int users;
    int is_done;
    uint64_t time;
} Point;

typedef struct {
    Object object;
    int has_timing;
    Point *point;
    struct Graph *captured_in;
} Event;

typedef enum { WORK_COPY, WORK_FILL, WORK_HOST, WORK_KERNEL, WORK_RECORD, WORK_WAIT, WORK_GRAPH, WORK_WORD } WorkKind;
typedef enum { HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE } Direction;

typedef struct Work {
    WorkKind kind;
    Direction direction;
    unsigned char *to;
    const unsigned char *from;
    size_t bytes;
    unsigned char value;
    uint32_t word;
    DarisCudaHostFunction function;
    void *data;
    struct Function *kernel;
    uint64_t arguments[2];
    unsigned int blocks;
    Point *point;
    struct Executable *executable;
    int priority;
    struct Work *next;
} Work;

typedef struct {
    Work *first;
    Work *last;
} WorkList;

typedef struct Graph {
    Object object;
    WorkList works;
    size_t count;
} Graph;

typedef struct Executable {
    Object object;
    WorkList works;
    int uses_priorities;
} Executable;

typedef struct Stream {
    Object object;
    Green *green;
    int priority;
    WorkList works;
    int is_running;
    uint64_t clock;
    // The capture.
    Graph *capture;
    pthread_t capturer;
    int is_invalidated;
} Stream;

typedef struct Module {
    Object object;
    char *text;
} Module;

typedef struct Function {
    Object object;
    Module *module;
    char name[64];
} Function;

typedef struct {
    int version, devices, multiprocessors, major, minor, init_result, compute_mode, is_manual, lost_result;
    unsigned long long memory, kernel_time;
    char *hidden[64];
    int hidden_count;
} Configuration;

extern Configuration configuration;
extern pthread_mutex_t lock;
extern pthread_cond_t changed;
extern Object *objects;
extern int is_started;
extern _Thread_local int is_in_host_function;
extern unsigned long long used_memory;

// Calls. `begin` takes the lock, notes the call and returns the result that it is made to give, or 0; `end` gives the
// lock back.
int begin(const char *name);
int end(int result);
void note_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
int is_hidden(const char *name);

// Objects.
void *add_object(size_t size, Kind kind, Context *context);
void *find_object(const void *handle, Kind kind, const char *call);
void kill_object(void *object);
long count_objects(int kind);
void free_objects(void);
long live_nvml(void);
void reset_nvml(void);

// Contexts.
Context *current_context(void);
int need_context(const char *call);
int need_context_of(const void *object, const char *call);
int release_primary(Context *context, const char *call);
void forget_contexts(void);
SMSet all_sms(void);

// Captures.
int is_capturing(const char *call);

// Memory. Where `is_device` is ANY_MEMORY, both the device's and the driver's memory of the host will do.
enum { ANY_MEMORY = -1 };
int check_range(const void *address, size_t bytes, int is_device, const char *call);

// Work.
int enqueue(Stream *stream, Work work);
void append(WorkList *list, Work work);
void free_works(WorkList *list);
void run_kernel(Stream *stream, const Work *work);
int step(Stream *stream);
int step_any(void);
int wait_for_stream(Stream *stream);
int wait_for_point(Point *point);
int wait_for_all(void);
void stop_worker(void);
void release_point(Point *point);

#pragma GCC visibility pop

#endif
