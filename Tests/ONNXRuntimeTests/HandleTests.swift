import Foundation
import Testing

@testable import ONNXRuntime

@Suite("Handles")
struct HandleTests {
    @Test("a thousand sessions, bindings and tensors made and dropped leave nothing behind")
    func nothingLeaks() async {
        // In a process of its own, whose memory no other test changes.
        await #expect(processExitsWith: .success) { try Self.makeAndDrop() }
    }

    private static func makeAndDrop() throws {
        let library = try ONNXRuntimeLibrary.open()
        let baseline = library.liveHandleCount
        func cycle() throws {
            let environment = try Environment(library: library)
            let session = try Session(environment: environment, model: TestModels.addOne)
            let binding = try IOBinding(session: session)
            let x = try Tensor(library: library, [1, 2, 3] as [Float], shape: [1, 3])
            try binding.bind(x, toInput: "x")
            try binding.bindOutput("y", to: library.hostMemory)
            try session.run(binding: binding, options: RunOptions(library: library))
            _ = try binding.outputs()
            _ = try? session.run(inputs: ["z": x])
        }
        for _ in 0..<100 { try cycle() }
        let before = ResidentMemory.bytes
        for _ in 0..<1_000 { try cycle() }
        #expect(library.liveHandleCount == baseline)
        // A leaked session alone takes more than 64 KiB, so that a thousand take twice the bound.
        #expect(ResidentMemory.bytes - before < 32 << 20)
    }

    @Test("a failed session leaves no handle behind")
    func failureLeaksNothing() throws {
        _ = try Fixture.make()
        let library = try ONNXRuntimeLibrary.open()
        let baseline = library.liveHandleCount
        for _ in 0..<10 {
            #expect(throws: ONNXRuntimeError.self) {
                try Session(environment: Environment(library: library), model: .bytes([1, 2, 3], name: "junk"))
            }
        }
        #expect(library.liveHandleCount == baseline)
    }
}

/// The memory that this process has.
enum ResidentMemory {
    static var bytes: Int {
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        return (pages.flatMap { Int($0[1]) } ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
