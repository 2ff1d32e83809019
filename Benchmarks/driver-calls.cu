// What the CUDA driver's calls cost on the host, alone and while another thread polls an event, and what small copies cost on
// the device: the figures of docs/decisions/0014. It is no part of the build; on a machine with CUDA's compiler:
//
//     nvcc -O2 -std=c++17 -arch=native -o driver-calls Benchmarks/driver-calls.cu -lcuda && ./driver-calls
#include <cuda.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <algorithm>
#include <vector>
#include <chrono>
#include <thread>
#include <atomic>
#define CK(x) do { CUresult r_ = (x); if (r_ != CUDA_SUCCESS) { const char *s = 0; cuGetErrorString(r_, &s); printf("FAIL %s: %s line %d\n", #x, s, __LINE__); exit(1); } } while (0)
using Clock = std::chrono::steady_clock;
static double us(Clock::time_point a, Clock::time_point b) { return std::chrono::duration<double, std::micro>(b - a).count(); }
struct Pairs { unsigned long long dst[64], src[64]; unsigned long long bytes; };
extern "C" __global__ void gather(Pairs p) {
    const uint4 *s = (const uint4 *)p.src[blockIdx.y]; uint4 *d = (uint4 *)p.dst[blockIdx.y];
    unsigned long long n = p.bytes / 16;
    for (unsigned long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) d[i] = s[i];
}
extern "C" __global__ void tiny(float *x) { if (x) x[threadIdx.x] += 1.f; }
template <class F> static void timed(const char *name, CUstream s, F f) {
    std::vector<double> v;
    for (int i = 0; i < 400; i++) { auto a = Clock::now(); f(); auto b = Clock::now(); v.push_back(us(a, b)); if (i % 8 == 7) CK(cuStreamSynchronize(s)); }
    CK(cuStreamSynchronize(s)); std::sort(v.begin(), v.end());
    printf("  %-44s p50 %6.2f us  p95 %6.2f\n", name, v[200], v[380]);
}
static CUstream S; static CUevent A, B;
template <class F> static void device(const char *name, int reps, F f) {
    std::vector<float> v;
    for (int i = 0; i < 30; i++) { CK(cuEventRecord(A, S)); for (int k = 0; k < reps; k++) f(); CK(cuEventRecord(B, S)); CK(cuEventSynchronize(B)); float ms; CK(cuEventElapsedTime(&ms, A, B)); v.push_back(ms * 1000); }
    std::sort(v.begin(), v.end()); printf("  %-60s %8.2f us\n", name, v[15] / reps);
}
int main() {
    CK(cuInit(0)); CUdevice dev; CK(cuDeviceGet(&dev, 0)); CUcontext ctx; CK(cuDevicePrimaryCtxRetain(&ctx, dev)); CK(cuCtxSetCurrent(ctx));
    cudaFree(0);
    CK(cuStreamCreate(&S, CU_STREAM_NON_BLOCKING)); CUstream other; CK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    CK(cuEventCreate(&A, 0)); CK(cuEventCreate(&B, 0)); CUevent pending; CK(cuEventCreate(&pending, CU_EVENT_DISABLE_TIMING));
    const size_t N = 602112; CUdeviceptr d, e; CK(cuMemAlloc(&d, N * 64)); CK(cuMemAlloc(&e, N * 64)); CUdeviceptr flag; void *h; CK(cuMemHostAlloc(&h, N * 64, 0)); memset(h, 1, N * 64);
    void *hf; CK(cuMemHostAlloc(&hf, 4096, CU_MEMHOSTALLOC_DEVICEMAP)); CK(cuMemHostGetDevicePointer(&flag, hf, 0));
    cudaGraph_t g; cudaGraphExec_t ge; cudaStream_t cs = (cudaStream_t)S;
    cudaStreamBeginCapture(cs, cudaStreamCaptureModeThreadLocal); for (int i = 0; i < 20; i++) tiny<<<8, 128, 0, cs>>>((float *)d); cudaStreamEndCapture(cs, &g); cudaGraphInstantiate(&ge, g, 0);
    for (int i = 0; i < 20; i++) cudaGraphLaunch(ge, cs); cudaStreamSynchronize(cs);
    Pairs p; for (int i = 0; i < 64; i++) { p.dst[i] = e + i * N; p.src[i] = d + i * N; } p.bytes = N / 16 * 16;
    Pairs ph = p; for (int i = 0; i < 64; i++) ph.src[i] = (unsigned long long)h + i * N;
    for (int contended = 0; contended < 2; contended++) {
        std::atomic<bool> stop{false}; std::thread poller;
        if (contended) poller = std::thread([&] { cuCtxSetCurrent(ctx); while (!stop) { for (int i = 0; i < 6; i++) cuEventQuery(A); } });
        printf("host cost of calls%s\n", contended ? ", while another thread asks cuEventQuery all the time" : "");
        timed("cuCtxSetCurrent", S, [&] { CK(cuCtxSetCurrent(ctx)); });
        timed("cuEventRecord timing", S, [&] { CK(cuEventRecord(A, S)); });
        timed("cuEventRecord no timing", S, [&] { CK(cuEventRecord(pending, S)); });
        timed("cuEventQuery done", S, [&] { cuEventQuery(A); });
        timed("cuMemcpyHtoDAsync 602112", S, [&] { CK(cuMemcpyHtoDAsync(d, h, N, S)); });
        timed("cuMemcpyDtoHAsync 4000", S, [&] { CK(cuMemcpyDtoHAsync(h, d, 4000, S)); });
        timed("cuMemcpyDtoDAsync 400 KB", S, [&] { CK(cuMemcpyDtoDAsync(e, d, 401408, S)); });
        timed("cudaGraphLaunch, 20 kernels", S, [&] { cudaGraphLaunch(ge, cs); });
        timed("kernel launch, 1 KB parameters", S, [&] { gather<<<dim3(4, 1), 256, 0, cs>>>(p); });
        timed("kernel launch, 8 B parameters", S, [&] { tiny<<<8, 128, 0, cs>>>((float *)d); });
        timed("cuStreamWriteValue32", S, [&] { CK(cuStreamWriteValue32(S, flag, 7, 0)); });
        cuEventRecord(A, S); cuEventRecord(B, S); cuStreamSynchronize(S);
        timed("cuEventElapsedTime", S, [&] { float ms; CK(cuEventElapsedTime(&ms, A, B)); });
        timed("one dispatch: 2 events, in, graph, out", S, [&] { CK(cuCtxSetCurrent(ctx)); CK(cuEventRecord(A, S)); CK(cuMemcpyDtoDAsync(e, d, 401408, S)); cudaGraphLaunch(ge, cs); CK(cuMemcpyDtoDAsync(d, e, 401408, S)); CK(cuEventRecord(B, S)); });
        timed("the same with kernels that copy", S, [&] { CK(cuCtxSetCurrent(ctx)); CK(cuEventRecord(A, S)); gather<<<dim3(8, 1), 256, 0, cs>>>(p); cudaGraphLaunch(ge, cs); gather<<<dim3(8, 1), 256, 0, cs>>>(p); CK(cuEventRecord(B, S)); });
        timed("16 cuMemcpyDtoDAsync", S, [&] { for (int i = 0; i < 16; i++) CK(cuMemcpyDtoDAsync(e + i * N, d + i * N, 401408, S)); });
        stop = true; if (contended) poller.join();
    }
    printf("device time of each\n");
    device("empty (two events)", 1, [&] {});
    device("graph of 20 tiny kernels", 1, [&] { cudaGraphLaunch(ge, cs); });
    device("one cuMemcpyDtoDAsync 100 KB", 16, [&] { CK(cuMemcpyDtoDAsync(e, d, 100352, S)); });
    device("one cuMemcpyDtoDAsync 400 KB", 16, [&] { CK(cuMemcpyDtoDAsync(e, d, 401408, S)); });
    device("one cuMemcpyDtoDAsync 600 KB", 16, [&] { CK(cuMemcpyDtoDAsync(e, d, N, S)); });
    device("one cuMemcpyHtoDAsync 600 KB", 16, [&] { CK(cuMemcpyHtoDAsync(d, h, N, S)); });
    device("one cuMemcpyDtoHAsync 4 KB", 16, [&] { CK(cuMemcpyDtoHAsync(h, d, 4000, S)); });
    for (int jobs : {1, 16, 64}) for (int blocks : {2, 4, 8, 16, 32}) { char n[99]; sprintf(n, "gather kernel, device, %d x 600 KB, %d blocks each", jobs, blocks); device(n, 1, [&] { gather<<<dim3(blocks, jobs), 512, 0, cs>>>(p); }); }
    for (int jobs : {1, 16, 64}) for (int blocks : {1, 2, 4, 8}) { char n[99]; sprintf(n, "gather kernel, from pinned host, %d x 600 KB, %d blocks each", jobs, blocks); device(n, 1, [&] { gather<<<dim3(blocks, jobs), 512, 0, cs>>>(ph); }); }
    device("cuStreamWriteValue32", 1, [&] { CK(cuStreamWriteValue32(S, flag, 7, 0)); });
    // How soon the host sees the end: an event asked for, and a word written.
    for (int word = 0; word < 2; word++) { std::vector<double> v; volatile unsigned *w = (volatile unsigned *)hf;
        for (int i = 1; i < 300; i++) { auto a = Clock::now(); cudaGraphLaunch(ge, cs); if (word) { CK(cuStreamWriteValue32(S, flag, i, 0)); while (*w != (unsigned)i) {} } else { CK(cuEventRecord(B, S)); while (cuEventQuery(B) != CUDA_SUCCESS) {} } v.push_back(us(a, Clock::now())); }
        std::sort(v.begin(), v.end()); printf("  graph launched until seen to have ended, by %s: p50 %.2f us p95 %.2f\n", word ? "a written word" : "an event", v[150], v[285]); }
    fflush(stdout); return 0;
}
