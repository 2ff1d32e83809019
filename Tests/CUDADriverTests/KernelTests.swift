import FakeDriver
import Testing

@testable import CUDADriver

@Suite("Kernels")
struct KernelTests {
    @Test("the compiler's messages are in the error")
    func compilerLog() throws {
        let fake = try FakeDriver()
        let context = try fake.context()
        let error = try #require(errorOf { try CUDAModule(context: context, ptx: "nonsense") })
        #expect(error.call == "cuModuleLoadDataEx" && error.number == 218)
        #expect(error.description.contains("ptxas fatal : Missing .version or .target directive"))
        fake.setCapability(6, 0)
        let target = try #require(
            errorOf { try CUDAModule(context: context, ptx: ".version 8.0\n.target sm_90\n.entry f() {}") })
        #expect(target.number == 209 && target.description.contains("The target is newer than the GPU"))
        #expect(fake.live("module") == 0)
    }

    @Test("a kernel that is not there is named")
    func missingKernel() throws {
        let fake = try FakeDriver()
        let module = try CUDAModule(context: try fake.context(), ptx: ".version 6.0\n.target sm_60\n.entry f() {}")
        let error = try #require(errorOf { try module.function("g") })
        #expect(error.call == "cuModuleGetFunction")
        #expect(error.description.contains("finding the kernel 'g' failed"))
    }

    @Test(
        "the kernel that maps SMs is compiled for old and new devices",
        arguments: [(6, 0, "sm_60"), (7, 0, "sm_60"), (7, 5, "sm_75"), (9, 0, "sm_75"), (12, 0, "sm_75")])
    func targets(major: Int, minor: Int, target: String) throws {
        let fake = try FakeDriver()
        fake.setCapability(major, minor)
        fake.setMultiprocessors(68)
        do {
            let context = try fake.context()
            #expect(SMMap.ptx(computeCapability: context.device.computeCapability).contains(".target \(target)\n"))
            let stream = try CUDAStream(context: context)
            #expect(try SMMap(context: context).multiprocessors(of: stream) == Array(0..<68))
        }
        fake.expectClean()
    }

    @Test("one kernel copies in every direction, by its table at each launch of the graph")
    func copies() throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let device = try DeviceMemory(context: context, byteCount: 64)
            let host = try PinnedMemory(context: context, byteCount: 64)
            let back = try PinnedMemory(context: context, byteCount: 64)
            let kernel = try CopyKernel(context: context)
            let (into, out) = (
                try CopyTable(context: context, capacity: 4), try CopyTable(context: context, capacity: 1)
            )
            for index in 0..<64 { host.bytes[index] = UInt8(index) }
            let graph = try stream.capture {
                try into.upload(3, on: stream)
                try out.upload(1, on: stream)
                try kernel.launch(into, 1..<3, largest: 32, on: stream)
                try kernel.launch(out, 0..<1, largest: 64, on: stream)
            }
            let executable = try graph.instantiate()
            out.set(0, to: .init(source: device.address, target: back.address, byteCount: 64))
            for first in [0, 16] {
                into.set(1, to: .init(source: host.address + first, target: device.address, byteCount: 32))
                into.set(2, to: .init(source: host.address + 48, target: device.address + 32, byteCount: 16))
                try stream.fill(device, with: 0xff)
                try executable.launch(on: stream)
                try stream.synchronize()
                #expect(Array(back.bytes[0..<32]) == (first..<first + 32).map(UInt8.init))
                #expect(Array(back.bytes[32..<48]) == (48..<64).map(UInt8.init))
                #expect(back.bytes[48..<64].allSatisfy { $0 == 0xff })
            }
        }
        fake.expectClean()
    }

    @Test(
        "a large copy gets many blocks, many copies get few each",
        arguments: [(1, 100, 1), (1, 100_000, 7), (1, 10_000_000, 32), (16, 10_000_000, 16), (300, 10_000_000, 1)])
    func blocks(copies: Int, bytes: Int, blocks: Int) {
        #expect(CopyKernel.blocks(copies: copies, largest: bytes) == blocks)
    }
}
