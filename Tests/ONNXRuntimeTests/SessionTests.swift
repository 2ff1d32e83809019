import Dispatch
import Foundation
import Synchronization
import Testing

@testable import ONNXRuntime

@Suite("Sessions")
struct SessionTests {
    let fixture: Fixture

    init() throws { fixture = try Fixture.make() }

    @Test("a run by names gives what the model computes")
    func run() throws {
        let session = try fixture.session(TestModels.dense)
        let outputs = try session.run(inputs: ["x": fixture.tensor([1, 0, 0, 1] as [Float], [2, 2])])
        #expect(outputs.map { $0.elements(as: Float.self) } == [[1, 2, 3, 0]])
        #expect(outputs[0].shape == [2, 2])
    }

    @Test("a model in a file runs as one in memory")
    func file() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/add.onnx"
        guard case .bytes(let bytes, _) = TestModels.addOne else { return }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let session = try fixture.session(.file(path))
        let outputs = try session.run(inputs: ["x": fixture.tensor([1, 2, 3] as [Float], [1, 3])])
        #expect(outputs[0].elements(as: Float.self) == [2, 3, 4])
    }

    @Test("names, element types, and fixed and symbolic dimensions are told")
    func signature() throws {
        let session = try fixture.session(TestModels.addOne)
        let type = TensorType(elementType: .float32, dimensions: [.symbolic("batch"), .fixed(3)])
        #expect(session.inputs == [ValueInfo(name: "x", type: type)])
        #expect(session.outputs == [ValueInfo(name: "y", type: type)])
        #expect(session.inputs[0].type.shape == nil)
    }

    @Test("the type of an output that the model leaves open is inferred")
    func inferredType() throws {
        let dense = try fixture.session(TestModels.dense)
        #expect(dense.outputs[0].type == TensorType(elementType: .float32, dimensions: [.fixed(2), .fixed(2)]))
        let nonZero = try fixture.session(TestModels.nonZero)
        #expect(nonZero.outputs[0].type.elementType == .int64)
        #expect(nonZero.outputs[0].type.shape == nil)
    }

    @Test("a free dimension can be fixed by name")
    func freeDimension() throws {
        var options = SessionOptions()
        options.freeDimensionOverrides = ["batch": 4]
        let session = try fixture.session(TestModels.addOne, options)
        #expect(session.inputs[0].type.shape == [4, 3])
        #expect(session.outputs[0].type.shape == [4, 3])
    }

    @Test("a tensor of the wrong shape fails with ONNX Runtime's message and the model's name")
    func wrongShape() throws {
        let session = try fixture.session(TestModels.dense)
        let error = #expect(throws: ONNXRuntimeError.self) {
            try session.run(inputs: ["x": fixture.tensor([1, 2, 3] as [Float], [3])])
        }
        guard case .callFailed("Run", .invalidArgument, let message, "the model 'dense'") = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(message.contains("rank"))
    }

    @Test("an input that the model does not have fails by its name")
    func wrongName() throws {
        let session = try fixture.session(TestModels.dense)
        let error = #expect(throws: ONNXRuntimeError.self) {
            try session.run(inputs: ["z": fixture.tensor([1] as [Float], [1])])
        }
        #expect(error?.description.contains("z") == true)
    }

    @Test("bytes that are no model fail as invalid")
    func badBytes() {
        let error = #expect(throws: ONNXRuntimeError.self) {
            try fixture.session(.bytes([0xFF, 0xFF, 0xFF, 0xFF], name: "junk"))
        }
        guard case .callFailed("CreateSessionFromArray", .invalidProtobuf, _, "the model 'junk'") = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
    }

    @Test("a file that is not there fails by its path")
    func missingFile() {
        let error = #expect(throws: ONNXRuntimeError.self) { try fixture.session(.file("/nowhere/model.onnx")) }
        #expect(error?.description.contains("/nowhere/model.onnx") == true)
        guard case .callFailed("CreateSession", .noSuchFile, _, _) = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
    }

    @Test("four threads may run one session at once", arguments: [1, 2])
    func concurrentRuns(intraOpThreads: Int) throws {
        var options = SessionOptions()
        options.intraOpThreads = intraOpThreads
        let session = try fixture.session(TestModels.addOne, options)
        let wrong = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            do {
                for round in 0..<200 {
                    let value = Float(thread * 1_000 + round)
                    let input = try fixture.tensor([value, value, value], [1, 3])
                    let output = try session.run(inputs: ["x": input])[0].elements(as: Float.self)
                    if output != [value + 1, value + 1, value + 1] {
                        wrong.withLock { $0.append("\(value): \(output)") }
                    }
                }
            } catch {
                wrong.withLock { $0.append("\(error)") }
            }
        }
        #expect(wrong.withLock { $0 } == [])
    }

    @Test("a terminated run fails, and runs again once resumed")
    func terminate() throws {
        let session = try fixture.session(TestModels.addOne)
        let binding = try IOBinding(session: session)
        try binding.bind(fixture.tensor([1, 2, 3] as [Float], [1, 3]), toInput: "x")
        try binding.bindOutput("y", to: fixture.library.hostMemory)
        let options = try RunOptions(library: fixture.library)
        try options.terminate()
        let error = #expect(throws: ONNXRuntimeError.self) { try session.run(binding: binding, options: options) }
        #expect(error?.description.contains("terminate") == true)
        try options.resume()
        try session.run(binding: binding, options: options)
        #expect(try binding.outputs()["y"]?.elements(as: Float.self) == [2, 3, 4])
    }

    @Test("ONNX Runtime accepts every option")
    func allOptions() throws {
        var options = SessionOptions()
        options.intraOpThreads = 2
        options.intraOpThreadAffinities = "1"
        options.optimizationLevel = .basic
        options.logSeverity = .error
        options.configEntries = ["session.set_denormal_as_zero": "1"]
        let session = try fixture.session(TestModels.dense, options)
        let outputs = try session.run(inputs: ["x": fixture.tensor([1, 0, 0, 1] as [Float], [2, 2])], outputs: ["y"])
        #expect(outputs[0].elements(as: Float.self) == [1, 2, 3, 0])
    }

    @Test("a CUDA session on a build without CUDA fails with the reason")
    func noCUDA() throws {
        guard !fixture.library.providers.contains("CUDAExecutionProvider") else { return }
        var options = SessionOptions()
        options.cuda = CUDAProvider(options: ["device_id": "0"])
        let error = #expect(throws: ONNXRuntimeError.self) { try fixture.session(TestModels.dense, options) }
        #expect(error?.description.contains("CUDA") == true)
    }
}
