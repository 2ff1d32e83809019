import DarisConfiguration
import DarisCore
import DarisONNX
import ONNXRuntime
import Testing

@testable import DarisRuntime

/// A task's tensors are bound for good, so each job finds what the one before left in them.
@Suite("What a job finds in its tensors", .timeLimit(.minutes(15)))
struct FormerContentTests {
    /// A model, its other dimensions, and a number of stages that it can be cut into.
    struct Sample: Sendable, CustomTestStringConvertible {
        var name: String
        var model: ONNXModel
        var dimensions: [String: Int] = [:]
        var stages: Int

        var testDescription: String { name }

        init(_ name: String, _ model: ONNXModel, _ dimensions: [String: Int] = [:], stages: Int) {
            self.name = name
            self.model = model
            self.dimensions = dimensions
            self.stages = stages
        }
    }

    static let samples: [Sample] = [
        Sample("chain", SmallModels.chain, stages: 4), Sample("gather", SmallModels.gather, stages: 3),
        Sample("two outputs", SmallModels.twoOutputs, stages: 3),
        Sample("any length", SmallModels.anyLength, ["length": 5], stages: 2),
        Sample("batch of two", SmallModels.batchOfTwo, stages: 1), Sample("text", SmallModels.text, stages: 1),
        Sample("choose", SmallModels.choose, stages: 6), Sample("numbers", SmallModels.numbers, stages: 1),
        Sample("through text", SmallModels.throughText, stages: 3), Sample("constant", SmallModels.constant, stages: 1),
        Sample("wide", SmallModels.wide, stages: 4), Sample("concat", SmallModels.concat, stages: 1),
        Sample("concats", SmallModels.concats, stages: 3), Sample("pass through", SmallModels.passThrough, stages: 2),
        Sample("scatter", SmallModels.scatter, stages: 2),
    ]

    /// The outputs of a job by sessions that nothing has run on, with outputs that ONNX Runtime allocates.
    private static func expected(
        _ model: StagedModel, _ inputs: [String: Tensor], _ environment: Environment
    ) throws -> [[UInt8]] {
        var tensors = inputs
        for stage in model.stages {
            var options = SessionOptions()
            options.intraOpThreads = 1
            options.freeDimensionOverrides = model.dimensions
            let session = try Session(environment: environment, model: .file(stage.path), options: options)
            let given = tensors.filter { entry in session.inputs.contains { $0.name == entry.key } }
            for (name, tensor) in zip(stage.outputs, try session.run(inputs: given, outputs: stage.outputs)) {
                tensors[name] = tensor
            }
        }
        return try model.outputs.map { try content(#require(tensors[$0])) }
    }

    private static func content(_ tensor: Tensor) throws -> [UInt8] {
        tensor.elementType == .string ? try tensor.encodedStrings() : tensor.withUnsafeBytes(Array.init)
    }

    /// Runs jobs with inputs that change, in one task whose tensors stay, and compares each answer bit by bit.
    private func compare(_ models: [StagedModel], _ workshop: Workshop, rounds: Int) async throws {
        let bench = try await onThread { try CPUBench(workshop, models) }
        let environment = workshop.environment
        let shapes = bench.device.shapes
        _ = try await bench.run { executor in
            for round in 0..<rounds {
                for (task, model) in models.enumerated() {
                    let inputs = try InputShapes.randomTensors(
                        #require(shapes[DeviceTask(model: task, batch: 1)]).inputs, library: environment.library,
                        seed: UInt64(round + 100), isSparse: round % 2 == 1)
                    let given = try model.inputs.map { try Self.content(#require(inputs[$0])) }
                    let answer = try await executor.submit(task: task, inputs: given)
                    let wanted = try await onThread { try Self.expected(model, inputs, environment) }
                    #expect(answer == wanted, "\(model.stages.count) stages, round \(round)")
                }
            }
        }
    }

    @Test("an answer depends on its own inputs alone, whole and cut", arguments: samples)
    func small(sample: Sample) async throws {
        let workshop = try Workshop()
        let models = try await onThread {
            try Set([1, sample.stages]).sorted().map {
                try workshop.cut(sample.model, name: "m\($0)", stages: $0, dimensions: sample.dimensions)
            }
        }
        #expect(models.last?.stages.count == sample.stages)
        try await compare(models, workshop, rounds: 5)
    }

    @Test("an answer of a built-in network depends on its own inputs alone, whole and cut")
    func network() async throws {
        let workshop = try Workshop()
        let store = workshop.store()
        let declaration = ModelDeclaration(name: "resnet18", source: .builtin("resnet18"))
        let models = try await onThread {
            try [1, 4].map { try store.staged(declaration, goal: .count($0)) { _ in } }
        }
        try await compare(models, workshop, rounds: 3)
    }

    @Test("no text of one job is in the answer of the next", arguments: [1, 3])
    func text(stages: Int) async throws {
        let workshop = try Workshop()
        let bench = try await onThread {
            try CPUBench(workshop, [try workshop.cut(SmallModels.concats, stages: stages)])
        }
        _ = try await bench.run { executor in
            for name in ["alice", "bob", "carol", ""] {
                let (a, b) = ([1, 2, 3].map { "\($0)\(name)" }, [name, "!", ""])
                let answer = try await executor.submit(
                    task: 0, inputs: [a, b].map { EncodedStrings.encode($0.map(\.utf8)) })
                #expect(EncodedStrings.decode(answer[0]) == zip(a, b).map { Array("\($0)\($1)\($1)\($0)".utf8) })
                #expect(EncodedStrings.decode(answer[1]) == zip(a, b).map { Array("\($0)\($1)\($1)".utf8) })
            }
        }
    }
}
