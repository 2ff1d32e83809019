import Dispatch
import Synchronization
import Testing

@testable import ONNXRuntime

@Suite("I/O bindings")
struct IOBindingTests {
    let fixture: Fixture

    init() throws { fixture = try Fixture.make() }

    @Test("every run of a binding reads and writes the bound tensors")
    func run() throws {
        let session = try fixture.session(TestModels.addOne)
        let x = try fixture.tensor([1, 2, 3, 4, 5, 6] as [Float], [2, 3])
        let y = try Tensor(library: fixture.library, elementType: .float32, shape: [2, 3])
        let binding = try IOBinding(session: session)
        try binding.bind(x, toInput: "x")
        try binding.bind(y, toOutput: "y")
        try session.run(binding: binding)
        #expect(y.elements(as: Float.self) == [2, 3, 4, 5, 6, 7])
        x.withUnsafeMutableBytes { $0.storeBytes(of: 10 as Float, as: Float.self) }
        try session.run(binding: binding)
        #expect(y.elements(as: Float.self) == [11, 3, 4, 5, 6, 7])
        #expect(try binding.outputs()["y"] === y)
    }

    @Test("an output of unknown shape is allocated by the run")
    func dynamicOutput() throws {
        let session = try fixture.session(TestModels.nonZero)
        let binding = try IOBinding(session: session)
        try binding.bind(fixture.tensor([0, 5, 0, 7] as [Float], [4]), toInput: "x")
        try binding.bindOutput("y", to: fixture.library.hostMemory)
        try session.run(binding: binding)
        let y = try #require(try binding.outputs()["y"])
        #expect(y.shape == [1, 2])
        #expect(y.elements(as: Int64.self) == [1, 3])
    }

    @Test("an output read stays valid after its binding and session are gone")
    func outputOutlives() throws {
        func output() throws -> Tensor? {
            let binding = try IOBinding(session: fixture.session(TestModels.addOne))
            try binding.bind(fixture.tensor([1, 2, 3] as [Float], [1, 3]), toInput: "x")
            try binding.bindOutput("y", to: fixture.library.hostMemory)
            try binding.session.run(binding: binding)
            return try binding.outputs()["y"]
        }
        #expect(try output()?.elements(as: Float.self) == [2, 3, 4])
    }

    @Test("a tensor can be bound in place of another")
    func rebind() throws {
        let session = try fixture.session(TestModels.addOne)
        let binding = try IOBinding(session: session)
        let outputs = try (0..<2).map { _ in
            try Tensor(library: fixture.library, elementType: .float32, shape: [1, 3])
        }
        try binding.bind(fixture.tensor([1, 2, 3] as [Float], [1, 3]), toInput: "x")
        try binding.bind(outputs[0], toOutput: "y")
        try session.run(binding: binding)
        try binding.bind(fixture.tensor([7, 8, 9] as [Float], [1, 3]), toInput: "x")
        try binding.bind(outputs[1], toOutput: "y")
        try session.run(binding: binding)
        #expect(outputs.map { $0.elements(as: Float.self) } == [[2, 3, 4], [8, 9, 10]])
        #expect(try binding.outputs().count == 1)
    }

    @Test("binding a name that the model does not have fails by that name")
    func wrongName() throws {
        let binding = try IOBinding(session: fixture.session(TestModels.addOne))
        let error = #expect(throws: ONNXRuntimeError.self) {
            try binding.bind(fixture.tensor([1] as [Float], [1]), toInput: "nothing")
        }
        #expect(error?.description.contains("'nothing' of the model 'add-one'") == true)
    }

    @Test("a bound tensor of the wrong shape fails the run")
    func wrongShape() throws {
        let session = try fixture.session(TestModels.addOne)
        let binding = try IOBinding(session: session)
        try binding.bind(fixture.tensor([1, 2] as [Float], [1, 2]), toInput: "x")
        try binding.bindOutput("y", to: fixture.library.hostMemory)
        let error = #expect(throws: ONNXRuntimeError.self) { try session.run(binding: binding) }
        #expect(error?.description.contains("RunWithBinding") == true)
    }

    @Test("four threads run one session through a binding each")
    func concurrentBindings() throws {
        let session = try fixture.session(TestModels.addOne)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            do {
                let x = try fixture.tensor([Float(thread), 0, 0], [1, 3])
                let y = try Tensor(library: fixture.library, elementType: .float32, shape: [1, 3])
                let binding = try IOBinding(session: session)
                try binding.bind(x, toInput: "x")
                try binding.bind(y, toOutput: "y")
                for _ in 0..<500 {
                    try session.run(binding: binding)
                    if y.elements(as: Float.self)[0] != Float(thread + 1) {
                        failures.withLock { $0.append("\(thread)") }
                    }
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
    }
}
