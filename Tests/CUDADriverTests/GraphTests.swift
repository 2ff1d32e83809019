import FakeDriver
import Foundation
import Testing

@testable import CUDADriver

@Suite("Graphs")
struct GraphTests {
    private struct Broken: Error, Equatable {}

    @Test("captured work does not run, and can be launched any number of times")
    func replay() throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let memory = try DeviceMemory(context: context, byteCount: 4)
            let source = try PinnedMemory(context: context, byteCount: 4)
            let target = try PinnedMemory(context: context, byteCount: 4)
            let calls = Counter()
            let graph = try stream.capture {
                try stream.copy(from: source, to: memory)
                try stream.fill(device: memory.address, with: 9, byteCount: 1)
                try stream.copy(from: memory, to: target)
                try stream.launchHostFunction { calls.increment() }
            }
            #expect(graph.nodeCount == 4)
            #expect(graph.hostFunctionCount == 1)
            #expect(calls.value == 0)
            let executable = try graph.instantiate()
            for round in 1...3 {
                source.bytes[3] = UInt8(round)
                try executable.launch(on: stream)
                try stream.synchronize()
                #expect(target.bytes[0] == 9 && target.bytes[3] == UInt8(round))
                #expect(calls.value == round)
            }
        }
        fake.expectClean()
    }

    @Test("an executable graph does not need its graph, and finishes when it is dropped")
    func lifetimes() throws {
        let fake = try FakeDriver()
        fake.setManual()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let calls = Counter()
            do {
                let executable = try stream.capture { try stream.launchHostFunction { calls.increment() } }
                    .instantiate()
                #expect(fake.live("graph") == 0)
                try executable.launch(on: stream)
            }
            #expect(fake.live("executable graph") == 0)
            #expect(calls.value == 1)
        }
        fake.expectClean()
    }

    @Test("a body that fails ends the capture, releases everything and gives its error")
    func failingBody() throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let memory = try DeviceMemory(context: context, byteCount: 4)
            #expect(throws: Broken()) {
                try stream.capture {
                    try stream.fill(memory)
                    throw Broken()
                }
            }
            #expect(fake.live("graph") == 0)
            try stream.fill(memory)
            try stream.synchronize()
            #expect(try stream.capture { try stream.fill(memory) }.nodeCount == 1, "it can be captured again")
        }
        fake.expectClean()
    }

    @Test("a call that cannot be captured is a clear error")
    func invalidated() throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let error = try #require(throws: CUDAError.self) {
                try stream.capture { try? stream.synchronize() }
            }
            #expect(error.call == "cuStreamEndCapture" && error.number == 901)
            #expect(error.description.contains("such as a synchronisation or an allocation"))
            #expect(fake.violations == ["cuStreamSynchronize was called on a thread that captures"])
            fake.forgive()
            let allocation = try #require(throws: CUDAError.self) {
                try stream.capture { _ = try DeviceMemory(context: context, byteCount: 1) }
            }
            #expect(allocation.call == "cuMemAlloc" && allocation.number == 900)
            fake.forgive()
            let event = try CUDAEvent(context: context)
            try event.record(on: stream)
            let outside = try #require(throws: CUDAError.self) { try stream.capture { try stream.wait(for: event) } }
            #expect(outside.number == 905 && outside.description.contains("work outside the capture"))
            fake.forgive()
            let captured = try #require(throws: CUDAError.self) {
                try stream.capture {
                    try event.record(on: stream)
                    _ = try event.isDone
                }
            }
            #expect(captured.number == 907)
            fake.forgive()
        }
        fake.expectClean()
    }

    @Test("a capture applies to its thread only: others may wait and allocate")
    func otherThread() throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let other = try CUDAStream(context: context)
            let graph = try stream.capture {
                onThread {
                    #expect(throws: Never.self) {
                        let memory = try DeviceMemory(context: context, byteCount: 16)
                        try other.fill(memory)
                        try other.synchronize()
                    }
                }
            }
            #expect(graph.nodeCount == 0)
        }
        fake.expectClean()
    }

    @Test("kernels of a graph get a priority where the driver knows it")
    func kernelPriority() throws {
        let fake = try FakeDriver()
        let context = try fake.context()
        let stream = try CUDAStream(context: context)
        let kernel = try CUDAModule(context: context, ptx: ".version 6.0\n.target sm_60\n.entry nothing() { ret; }")
            .function("nothing")
        let graph = try stream.capture {
            try kernel.launch(grid: .init(1), block: .init(1), arguments: [], on: stream)
        }
        #expect(graph.setKernelPriority(-5))
        try graph.instantiate().launch(on: stream)
        try stream.synchronize()
        #expect(fake.kernelPriority == 0, "that of the stream")
        try graph.instantiate(usingKernelPriorities: true).launch(on: stream)
        try stream.synchronize()
        #expect(fake.kernelPriority == -5)
        fake.setVersion(11_060)
        #expect(!graph.setKernelPriority(-5))
        #expect(fake.violations.isEmpty)
    }

    @Test("host functions at the end can be removed, those in between cannot")
    func finalHostFunctions() throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let memory = try DeviceMemory(context: context, byteCount: 4)
            let calls = Counter()
            let graph = try stream.capture {
                try stream.fill(memory)
                for _ in 0..<3 { try stream.launchHostFunction { calls.increment() } }
            }
            #expect(graph.hostFunctionCount == 3)
            try graph.dropFinalHostFunctions()
            #expect(graph.hostFunctionCount == 0)
            let executable = try graph.instantiate()
            for _ in 0..<2 { try executable.launch(on: stream) }
            try stream.synchronize()
            #expect(calls.value == 0)

            let mixed = try stream.capture {
                try stream.launchHostFunction { calls.increment() }
                try stream.fill(memory)
                try stream.launchHostFunction { calls.increment() }
            }
            try mixed.dropFinalHostFunctions()
            #expect(mixed.hostFunctionCount == 1)

            fake.fail("cuGraphDestroyNode", with: 801)
            let kept = try stream.capture { try stream.launchHostFunction { calls.increment() } }
            let error = try #require(throws: CUDAError.self) { try kept.dropFinalHostFunctions() }
            #expect(error.call == "cuGraphDestroyNode" && kept.hostFunctionCount == 1)
        }
        fake.expectClean()
    }

    @Test("the last kernel may follow the removed host functions, and then waits for what they waited for")
    func callsBeforeTheLastKernel() throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let host = try PinnedMemory(context: context, byteCount: 4)
            let device = try DeviceMemory(context: context, byteCount: 4)
            let kernel = try CopyKernel(context: context)
            let table = try CopyTable(context: context, capacity: 1)
            table.set(0, to: .init(source: device.address, target: host.address, byteCount: 4))
            let calls = Counter()
            func captured(callingFirst: Bool = false) throws -> CUDAGraph {
                try stream.capture {
                    try table.upload(1, on: stream)
                    if callingFirst { try stream.launchHostFunction { calls.increment() } }
                    try stream.fill(device, with: 7)
                    for _ in 0..<2 { try stream.launchHostFunction { calls.increment() } }
                    try kernel.launch(table, 0..<1, largest: 4, on: stream)
                }
            }
            let kept = try captured()
            try kept.dropFinalHostFunctions()
            #expect(kept.hostFunctionCount == 2, "a kernel that may be the library's own waits for them")

            let graph = try captured()
            try graph.dropFinalHostFunctions(before: true)
            #expect(graph.hostFunctionCount == 0 && fake.calls.contains("cuGraphAddDependencies"))
            try graph.instantiate().launch(on: stream)
            try stream.synchronize()
            #expect(calls.value == 0 && host.bytes.allSatisfy { $0 == 7 })

            let mixed = try captured(callingFirst: true)
            try mixed.dropFinalHostFunctions(before: true)
            #expect(mixed.hostFunctionCount == 1)
        }
        fake.expectClean()
    }

    @Test("a capture on a driver without graphs fails at once")
    func missing() throws {
        let fake = try FakeDriver()
        fake.setVersion(11_030)
        let stream = try CUDAStream(context: try fake.context())
        let error = try #require(throws: CUDAError.self) { try stream.capture {} }
        #expect(error.kind == .featureMissing)
        #expect(!fake.calls.contains("cuStreamBeginCapture"))
    }
}
