import DarisConfiguration
import DarisCore
import DarisONNX
import Foundation
import ONNXRuntime
import Synchronization

@testable import DarisRuntime

/// A folder of its own for a test, removed with what is in it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/daris-runtime-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// ONNX Runtime, a folder for models and a cache.
struct Workshop: Sendable {
    private static let library = Result { try ONNXRuntimeLibrary.open() }

    let folder: TemporaryFolder
    let environment: Environment

    init() throws {
        folder = try TemporaryFolder()
        environment = try Environment(library: try Self.library.get())
    }

    var cachePath: String { folder.path + "/cache" }

    func store(isFresh: Bool = false, threads: Int = 1, cache: String? = nil) -> ModelStore {
        ModelStore(
            environment: environment, cache: CacheFolder(path: cache ?? cachePath, isFresh: isFresh), threads: threads)
    }

    /// Writes a model to a file and declares it.
    func declare(
        _ model: ONNXModel, name: String = "small", stages: StageCount = .fixed(1), dimensions: [String: Int] = [:]
    ) throws -> ModelDeclaration {
        let path = folder.path + "/\(name).onnx"
        try model.write(path: path)
        return ModelDeclaration(name: name, source: .file(path), stages: stages, dimensions: dimensions)
    }

    /// Writes a model to a file and cuts it.
    func cut(
        _ model: ONNXModel, name: String = "small", stages: Int, dimensions: [String: Int] = [:]
    ) throws -> StagedModel {
        try store().staged(try declare(model, name: name, dimensions: dimensions), goal: .count(stages)) { _ in }
    }

    /// The outputs of a model that is not cut, on one thread.
    func unstaged(_ model: ONNXModel, _ inputs: [String: (values: [Float], shape: [Int])]) throws -> [[Float]] {
        let session = try Session(environment: environment, model: .bytes(try model.serialized(), name: "unstaged"))
        let tensors = try inputs.mapValues { input in
            try Tensor(library: environment.library, input.values, shape: input.shape)
        }
        return try session.run(inputs: tensors).map { $0.elements(as: Float.self) }
    }
}

/// Tasks on the CPU, one for each of `tasks`, all sporadic.
struct CPUBench: Sendable {
    let device: CPUDevice
    let executor: Executor<CPUDevice>

    init(
        _ workshop: Workshop, _ models: [StagedModel], tasks: [DeviceTask]? = nil, priorities: [Priority]? = nil,
        partition: Partition = Partition(contexts: 1, streams: 2, oversubscription: 1), processors: [Int]? = nil
    ) throws {
        let tasks = tasks ?? models.indices.map { DeviceTask(model: $0, batch: 1) }
        // One core unless the test says more, so that no session has threads of its own.
        let processors = processors ?? [SystemRights.allowedProcessors()[0]]
        let priorities = priorities ?? tasks.map { _ in .high }
        device = try CPUDevice(
            tasks: tasks, makesWay: partition.express > 0 ? priorities.map { $0 == .low } : [], models: models,
            partition: partition, processors: processors,
            environment: workshop.environment)
        let specifications = tasks.enumerated().map { index, task in
            TaskSpecification(
                name: "task-\(index)", period: .seconds(Int64(10)), priority: priorities[index], batch: task.batch,
                overrun: .queue(limit: 100),
                afet: models[task.model].stages.map { _ in .milliseconds(1) })
        }
        executor = Executor(
            try SchedulerConfiguration(partition: partition, tasks: specifications), device: device,
            arrivals: tasks.map { _ in .sporadic }, duration: .seconds(Int64(3_600)))
    }

    /// Starts a run, calls `body`, and ends the run and the device.
    func run(_ body: (Executor<CPUDevice>) async throws -> Void) async throws -> Executor<CPUDevice>.Outcome {
        try await executor.run(body)
    }
}

/// Steps of start-up, as they were told.
final class Steps: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var note: @Sendable (String) -> Void { { line in self.lines.withLock { $0.append(line) } } }
}

func bytes<Element: BitwiseCopyable>(_ elements: [Element]) -> [UInt8] { elements.withUnsafeBytes(Array.init) }

func floats(_ bytes: [UInt8]) -> [Float] {
    bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
}

/// The largest difference as a share of the largest number expected.
func relativeDifference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    let largest = expected.lazy.map(abs).max() ?? 0
    let difference = zip(found, expected).lazy.map { abs($0 - $1) }.max() ?? 0
    return difference / max(largest, .leastNormalMagnitude)
}

/// Seeded numbers from 0 to 1.
func randomFloats(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in Float(generator.next() >> 40) / Float(1 << 24) }
}
