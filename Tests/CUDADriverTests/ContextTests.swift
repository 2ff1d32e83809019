import FakeDriver
import Foundation
import Testing

@testable import CUDADriver

@Suite("Contexts and memory")
struct ContextTests {
    @Test("a context is retained once and released once, after everything in it")
    func lifetime() throws {
        let fake = try FakeDriver()
        var memory: DeviceMemory?
        do {
            let context = try fake.context()
            #expect(fake.live("context") == 1)
            #expect(context.streamPriorityRange == -5...0)
            memory = try DeviceMemory(context: context, byteCount: 1_000)
        }
        #expect(fake.live("context") == 1, "the memory keeps its context")
        #expect(memory?.byteCount == 1_000)
        memory = nil
        #expect(fake.calls.suffix(3) == ["cuCtxSetCurrent", "cuMemFree", "cuDevicePrimaryCtxRelease"])
        fake.expectClean()
    }

    @Test("objects can be released on a thread without their context")
    func releaseElsewhere() throws {
        let fake = try FakeDriver()
        nonisolated(unsafe) var stream: CUDAStream? = try CUDAStream(context: try fake.context())
        #expect(stream != nil)
        onThread { stream = nil }
        #expect(fake.live("stream") == 0)
        fake.expectClean()
    }

    @Test("free memory goes down with allocations, and too much is an error with advice")
    func memory() throws {
        let fake = try FakeDriver()
        fake.setMemory(1 << 20)
        let context = try fake.context()
        let before = try context.freeMemory()
        #expect(before.free == 1 << 20 && before.total == 1 << 20)
        let memory = try DeviceMemory(context: context, byteCount: 1 << 19)
        #expect(try context.freeMemory().free == 1 << 19)
        let error = try #require(errorOf { try DeviceMemory(context: context, byteCount: 1 << 20) })
        #expect(
            error.description == "allocating 1048576 bytes on the GPU failed: cuMemAlloc gave error 2 "
                + "(CUDA_ERROR_OUT_OF_MEMORY, out of memory); use fewer lanes, smaller batches or smaller models, or "
                + "free memory that other processes hold")
        let pinned = try PinnedMemory(context: context, byteCount: 64)
        #expect(pinned.bytes.count == 64 && pinned.bytes.baseAddress == pinned.address)
        withExtendedLifetime(memory) {}
        #expect(fake.violations.isEmpty)
    }

    @Test("a lost context is reported by name, and objects are still released")
    func lost() throws {
        let fake = try FakeDriver()
        fake.setManual()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let memory = try DeviceMemory(context: context, byteCount: 256)
            try stream.fill(memory)
            fake.lose(700)
            let error = try #require(errorOf { try stream.synchronize() })
            #expect(error.name == "CUDA_ERROR_ILLEGAL_ADDRESS")
            #expect(error.description.contains("the process must be started anew"))
            #expect(errorOf { try DeviceMemory(context: context, byteCount: 1) }?.number == 700)
        }
        fake.expectClean()
    }
}
