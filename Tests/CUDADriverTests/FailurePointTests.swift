import FakeDriver
import Testing

@testable import CUDADriver

/// Every call of a life that uses all of the driver fails once; each time there is an error that names it, no rule is
/// broken, and nothing is left.
@Suite("Failure points")
struct FailurePointTests {
    /// Calls whose failure is tolerated: there is nothing left to do about an object that is dropped.
    private static let releases: Set<String> = [
        "cuDevicePrimaryCtxRelease", "cuMemFree", "cuMemFreeHost", "cuStreamDestroy", "cuEventDestroy",
        "cuGraphDestroy", "cuGraphExecDestroy", "cuModuleUnload", "cuGreenCtxDestroy",
    ]

    @Test(
        "every call that fails gives an error that names it, and leaves nothing behind",
        arguments: [11_080, 12_040, 13_000], [2, 719])
    func everyCall(version: Int, result: Int) throws {
        let fake = try FakeDriver()
        let unharmed = try Self.outcome(fake, version: version, failing: nil, with: 0)
        #expect(unharmed == nil, "the life goes well without failures")
        fake.expectClean()
        let names = fake.calls
        #expect(names.count >= (version < 12_000 ? 100 : 160), "\(names.count) points")
        for n in 1...names.count {
            let error = try Self.outcome(fake, version: version, failing: n, with: result)
            let call = names[n - 1]
            #expect(fake.failed == call)
            if let error {
                #expect(error.call == call && error.number == result, "\(n): \(error)")
                #expect(error.name.hasPrefix("CUDA_ERROR_") && !error.text.isEmpty && !error.purpose.isEmpty)
            } else {
                let isTolerated = Self.isTolerated(call, at: n, in: names)
                #expect(isTolerated, "\(n): \(call) failed unnoticed")
            }
            #expect(fake.violations.isEmpty, "\(n): \(call)")
            #expect(fake.live() == 0, "\(n): \(call)")
        }
    }

    /// Runs the life once, with the `n`-th call failing, and gives its error.
    private static func outcome(
        _ fake: FakeDriver, version: Int, failing n: Int?, with result: Int
    ) throws -> CUDAError? {
        fake.reset()
        fake.setVersion(version)
        fake.setManual()
        if let n { fake.fail(n, with: result) }
        do {
            try life(fake)
            return nil
        } catch {
            return try #require(error as? CUDAError)
        }
    }

    /// A release, or a call that only serves one.
    private static func isTolerated(_ call: String, at n: Int, in names: [String]) -> Bool {
        if releases.contains(call) || call == "cuGraphKernelNodeSetAttribute" { return true }
        let next = names.dropFirst(n).prefix(3)
        switch call {
        case "cuCtxSetCurrent":
            return next.first.map { releases.contains($0) || $0 == "cuCtxSynchronize" } ?? false || next.isEmpty
        case "cuCtxSynchronize": return next.dropFirst().first == "cuGraphExecDestroy"
        default: return false
        }
    }

    private static func life(_ fake: FakeDriver) throws {
        let library = try fake.open()
        let context = try CUDAContext(library: library)
        _ = try context.freeMemory()
        let memory = try DeviceMemory(context: context, byteCount: 256)
        let other = try DeviceMemory(context: context, byteCount: 256)
        let host = try PinnedMemory(context: context, byteCount: 256)
        var streams = [try CUDAStream(context: context, priority: -1)]
        if library.supports(.greenContexts) {
            let groups = try SMResource(of: context).split(intoGroupsOf: 8).groups
            let green = try GreenContext(context: context, groups: Array(groups.prefix(2)))
            streams.append(try CUDAStream(greenContext: green))
        }
        let map = try SMMap(context: context)
        let start = try CUDAEvent(context: context)
        let stop = try CUDAEvent(context: context)
        let calls = Counter()
        for stream in streams {
            try start.record(on: stream)
            try stream.copy(from: host, to: memory)
            try stream.copy(from: memory, to: other)
            try stream.fill(other)
            try stream.copy(from: other, to: host)
            try stream.launchHostFunction { calls.increment() }
            try stop.record(on: stream)
            _ = try stream.isIdle
            _ = try stop.isDone
            try stop.synchronize()
            _ = try stop.seconds(since: start)
            try streams[0].wait(for: stop)
            let kernel = try CUDAModule(context: context, ptx: ".version 6.0\n.target sm_60\n.entry f() {}").function(
                "f")
            let graph = try stream.capture {
                try stream.copy(from: host, to: memory)
                try stream.fill(memory)
                try kernel.launch(grid: .init(2), block: .init(32), arguments: [], on: stream)
                try stream.launchHostFunction { calls.increment() }
            }
            let isPrioritised = graph.setKernelPriority(-1)
            try graph.dropFinalHostFunctions()
            let executable = try graph.instantiate(usingKernelPriorities: isPrioritised)
            try executable.launch(on: stream)
            try stream.synchronize()
            _ = try map.multiprocessors(of: stream)
        }
        try context.synchronize()
    }
}
