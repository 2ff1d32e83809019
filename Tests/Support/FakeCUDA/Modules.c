// Kernels: those of the tests are known by their names.

#include "FakeCUDA.h"

#include "Fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Where the compiler's log goes, by the options given.
static char *error_log(unsigned int count, const int *options, void **values, size_t *capacity) {
    char *log = NULL;
    *capacity = 0;
    for (unsigned int i = 0; i < count; i++) {
        if (options[i] == DARIS_CUDA_JIT_ERROR_LOG) {
            log = values[i];
        } else if (options[i] == DARIS_CUDA_JIT_ERROR_LOG_BYTES) {
            *capacity = (size_t)(uintptr_t)values[i];
        } else {
            note_violation("cuModuleLoadDataEx was given an option that the fake does not know");
        }
    }
    return log;
}

// What is wrong with a text that should be PTX, or NULL.
static const char *mistake(const char *text, int *result) {
    *result = DARIS_CUDA_INVALID_PTX;
    const char *target = strstr(text, ".target sm_");
    if (strstr(text, ".version ") == NULL || target == NULL) {
        return "ptxas fatal : Missing .version or .target directive\n";
    }
    if (strstr(text, ".entry ") == NULL) {
        return "ptxas fatal : There is no kernel\n";
    }
    if (strtol(target + strlen(".target sm_"), NULL, 10) > 10 * configuration.major + configuration.minor) {
        *result = DARIS_CUDA_NO_BINARY_FOR_GPU;
        return "ptxas fatal : The target is newer than the GPU\n";
    }
    *result = DARIS_CUDA_SUCCESS;
    return NULL;
}

int cuModuleLoadDataEx(Module **module, const void *image, unsigned int count, int *options, void **values) {
    const char *call = "cuModuleLoadDataEx";
    int result = begin(call);
    if (result == DARIS_CUDA_SUCCESS) {
        result = need_context(call);
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = is_capturing(call);
    }
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    size_t capacity;
    char *log = error_log(count, options, values, &capacity);
    const char *wrong = mistake(image, &result);
    if (log != NULL && capacity > 0) {
        snprintf(log, capacity, "%s", wrong != NULL ? wrong : "");
    }
    if (result == DARIS_CUDA_SUCCESS) {
        Context *context = current_context();
        *module =
            add_object(sizeof(Module), KIND_MODULE, context->green != NULL ? context->green->object.context : context);
        (*module)->text = strdup(image);
    }
    return end(result);
}

int cuModuleUnload(Module *module) {
    const char *call = "cuModuleUnload";
    int injected = begin(call);
    Module *found = find_object(module, KIND_MODULE, call);
    if (found == NULL) {
        return end(DARIS_CUDA_INVALID_HANDLE);
    }
    int result = need_context_of(found, call);
    if (is_capturing(call) == DARIS_CUDA_SUCCESS) {
        wait_for_all();
    }
    kill_object(found);
    return end(injected != DARIS_CUDA_SUCCESS ? injected : result);
}

int cuModuleGetFunction(Function **function, Module *module, const char *name) {
    const char *call = "cuModuleGetFunction";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Module *found = find_object(module, KIND_MODULE, call);
    result = found == NULL ? DARIS_CUDA_INVALID_HANDLE : need_context_of(found, call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    char entry[96];
    snprintf(entry, sizeof entry, ".entry %s(", name);
    if (strstr(found->text, entry) == NULL) {
        return end(DARIS_CUDA_NOT_FOUND);
    }
    *function = add_object(sizeof(Function), KIND_FUNCTION, found->object.context);
    (*function)->module = found;
    snprintf((*function)->name, sizeof(*function)->name, "%s", name);
    return end(DARIS_CUDA_SUCCESS);
}

int cuLaunchKernel(
    Function *function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x,
    unsigned int block_y, unsigned int block_z, unsigned int shared_bytes, Stream *stream, void **arguments,
    void **extra) {
    const char *call = "cuLaunchKernel";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Function *found = find_object(function, KIND_FUNCTION, call);
    Stream *on = find_object(stream, KIND_STREAM, call);
    if (found == NULL || on == NULL) {
        return end(DARIS_CUDA_INVALID_HANDLE);
    }
    result = need_context_of(on, call);
    if (result == DARIS_CUDA_SUCCESS && !found->module->object.is_alive) {
        note_violation("%s launched a kernel of a module that is unloaded", call);
        result = DARIS_CUDA_INVALID_HANDLE;
    }
    uint64_t blocks = (uint64_t)grid_x * grid_y * grid_z;
    uint64_t threads = (uint64_t)block_x * block_y * block_z;
    if (result == DARIS_CUDA_SUCCESS &&
        (blocks == 0 || threads == 0 || threads > 1024 || shared_bytes > 48 << 10 || extra != NULL)) {
        note_violation("%s was given a grid or a block that cannot be", call);
        result = DARIS_CUDA_INVALID_VALUE;
    }
    if (result == DARIS_CUDA_SUCCESS) {
        Work work = {.kind = WORK_KERNEL, .kernel = found, .blocks = (unsigned int)blocks};
        if (strcmp(found->name, "daris_sm_map") == 0) {
            memcpy(&work.arguments[0], arguments[0], sizeof work.arguments[0]);
            memcpy(&work.arguments[1], arguments[1], sizeof work.arguments[1]);
        } else if (strcmp(found->name, "daris_copy") == 0) {
            memcpy(&work.arguments[0], arguments[0], sizeof work.arguments[0]);
            work.arguments[1] = grid_y;
        }
        result = enqueue(on, work);
    }
    return end(result);
}

// The copies of at least a byte that kernels have made.
static long copied_pieces;

// The kernel that copies what a table says: source, target and size, 32 bytes a row.
static void run_copies(const Work *work) {
    const unsigned char *table = (const unsigned char *)(uintptr_t)work->arguments[0];
    if (check_range(table, 32 * work->arguments[1], ANY_MEMORY, "a kernel's table") != DARIS_CUDA_SUCCESS) {
        return;
    }
    for (uint64_t row = 0; row < work->arguments[1]; row++) {
        uint64_t entry[3];
        memcpy(entry, table + 32 * row, sizeof entry);
        const void *source = (const void *)(uintptr_t)entry[0];
        void *target = (void *)(uintptr_t)entry[1];
        copied_pieces += entry[2] > 0;
        if (check_range(source, entry[2], ANY_MEMORY, "a kernel") == DARIS_CUDA_SUCCESS &&
            check_range(target, entry[2], ANY_MEMORY, "a kernel") == DARIS_CUDA_SUCCESS) {
            memmove(target, source, entry[2]);
        }
    }
}

// The kernel that notes each block's SM: they go round the SMs of the stream.
void run_kernel(Stream *stream, const Work *work) {
    if (!work->kernel->module->object.is_alive) {
        note_violation("a kernel ran after its module was unloaded");
        return;
    }
    if (strcmp(work->kernel->name, "daris_copy") == 0) {
        run_copies(work);
    }
    if (strcmp(work->kernel->name, "daris_sm_map") != 0) {
        return;
    }
    uint32_t *seen = (uint32_t *)(uintptr_t)work->arguments[0];
    if (check_range(seen, 4 * (size_t)work->blocks, 1, "a kernel") != DARIS_CUDA_SUCCESS) {
        return;
    }
    SMSet sms = stream->green != NULL ? stream->green->sms : all_sms();
    unsigned int block = 0;
    while (block < work->blocks) {
        for (uint32_t sm = 0; sm < MAX_SMS && block < work->blocks; sm++) {
            if (sms.has[sm]) {
                seen[block++] = sm;
            }
        }
    }
}

long fake_cuda_kernel_copies(void) {
    pthread_mutex_lock(&lock);
    long pieces = copied_pieces;
    pthread_mutex_unlock(&lock);
    return pieces;
}
