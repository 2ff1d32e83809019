import DarisConfiguration
import DarisCore
import ONNXRuntime
import Synchronization

import CUDADriver
import FakeDriver
@testable import DarisRuntime

extension FakeDriver {
    /// A GPU of this many SMs and bytes.
    convenience init(multiprocessors: Int, memoryBytes: Int = 1 << 34) throws {
        try self.init()
        setMultiprocessors(multiprocessors)
        setMemory(memoryBytes)
    }

    /// How often a call was made.
    func calls(named name: String) -> Int { calls.count { $0 == name } }

    /// Whether everything is released. A thread that was the last to use something may let go of it a moment later.
    func isReleased() async -> Bool {
        for _ in 0..<1_000_000 {
            if live() == 0 { return true }
            await Task.yield()
        }
        return false
    }

    /// Whether everything is released and no rule was broken.
    func isClean() async -> Bool {
        let isReleased = await isReleased()
        return isReleased && violations == []
    }
}

/// Runs stages with ONNX Runtime on the CPU, from within the stream: the fake device's memory is the host's.
struct HostEngine: StageEngine {
    let environment: Environment
    let hostFunctions: HostFunctions
    let loadsForEachBatch: Bool
    /// How many stages are loaded.
    let loaded = LoadedCount()

    /// Counts what is alive.
    final class LoadedCount: Sendable {
        let count = Atomic(0)
    }

    /// Alive as long as the stage that has it.
    private final class Token: Sendable {
        private let loaded: LoadedCount

        init(_ loaded: LoadedCount) {
            self.loaded = loaded
            loaded.count.add(1, ordering: .relaxed)
        }

        deinit { loaded.count.subtract(1, ordering: .relaxed) }
    }

    init(_ environment: Environment, hostFunctions: HostFunctions = .work, loadsForEachBatch: Bool = false) {
        self.environment = environment
        self.loadsForEachBatch = loadsForEachBatch
        self.hostFunctions = hostFunctions
    }

    func load(
        _ stage: StagedModel.Stage, of model: StagedModel, layout: TensorLayout.Stage, on stream: CUDAStream
    ) throws(PreparationError) -> any LoadedStage {
        var options = SessionOptions()
        options.freeDimensionOverrides = model.dimensions
        let (environment, options_) = (environment, options)
        let session = try runtime(model.name) { () throws(ONNXRuntimeError) in
            try Session(environment: environment, model: .file(stage.path), options: options_)
        }
        return Loaded(
            session: session, stream: stream, model: model.name, token: Token(loaded),
            goesOn: hostFunctions == .releases)
    }

    private struct Loaded: LoadedStage {
        let session: Session
        let stream: CUDAStream
        let model: String
        let token: Token
        /// Whether device work comes after the function on the host.
        let goesOn: Bool

        func bind(
            _ layout: TensorLayout.Stage, address: UnsafeMutableRawPointer
        ) throws(PreparationError) -> any StageWork {
            let binding = try runtime(model) { () throws(ONNXRuntimeError) in
                let binding = try IOBinding(session: session)
                for slot in layout.inputs { try binding.bind(try tensor(slot, address), toInput: slot.name) }
                for slot in layout.outputs { try binding.bind(try tensor(slot, address), toOutput: slot.name) }
                return binding
            }
            let copied = goesOn ? layout.outputs.first.map { address + $0.offset } : nil
            return Work(binding: binding, stream: stream, token: token, copied: copied)
        }

        private func tensor(
            _ slot: TensorLayout.Slot, _ address: UnsafeMutableRawPointer
        ) throws(ONNXRuntimeError) -> Tensor {
            try Tensor(
                elementType: slot.elementType, shape: slot.shape,
                over: UnsafeMutableRawBufferPointer(
                    start: address + slot.offset, count: slot.shape.reduce(slot.elementType.byteSize ?? 0, *)),
                in: session.environment.library.hostMemory)
        }
    }

    private struct Work: StageWork {
        let binding: IOBinding
        let stream: CUDAStream
        let token: Token
        /// A byte that is copied onto itself in the end.
        nonisolated(unsafe) let copied: UnsafeMutableRawPointer?

        func enqueue() throws(DeviceError) {
            try cuda { () throws(CUDAError) in
                try stream.launchHostFunction { try? binding.session.run(binding: binding) }
                if let copied { try stream.copy(fromDevice: copied, toDevice: copied, byteCount: 1) }
            }
        }
    }
}

/// Tasks on a fake GPU.
struct GPUBench {
    let gpu: FakeDriver
    let device: CUDADevice
    let notes: [String]
    let units: [[Int]]
    let executor: Executor<CUDADevice>

    init(
        _ workshop: Workshop, _ models: [StagedModel], gpu: FakeDriver, tasks: [DeviceTask]? = nil,
        priorities: [Priority]? = nil,
        partition: Partition = Partition(contexts: 1, streams: 2, oversubscription: 1), kind: PartitionKind? = nil,
        options: GPUOptions = GPUOptions(), engine: HostEngine? = nil,
        meter: EnergyMeter? = nil, batching: Int? = nil, rules: Set<BatchingRule> = Set(BatchingRule.allCases),
        arrivals: [Executor<CUDADevice>.Arrival]? = nil,
        duration: Nanoseconds = Bench.endless
    ) throws {
        let tasks = tasks ?? models.indices.map { DeviceTask(model: $0, batch: 1) }
        let priorities = priorities ?? tasks.map { _ in .high }
        var scheduler = SchedulerOptions()
        scheduler.batching = batching
        scheduler.batchingRules = rules
        let set = TaskSet(
            source: "test", device: "cuda", partition: partition, partitionKind: kind, gpu: options,
            models: models.map { ModelDeclaration(name: $0.name, source: .file("")) },
            tasks: zip(tasks, priorities).enumerated().map { index, task in
                TaskDeclaration(
                    name: "task-\(index)", model: models[task.0.model].name, period: .milliseconds(10),
                    priority: task.1, batch: task.0.batch)
            }, scheduler: scheduler)
        let request = LoadRequest(
            taskSet: set, tasks: tasks, models: models, environment: workshop.environment, processors: [])
        let loaded = try CUDADevice.loadHere(
            request, engine: engine ?? HostEngine(workshop.environment), driver: gpu.path, meter: meter)
        guard let device = loaded.device.base as? CUDADevice else { preconditionFailure("a GPU was asked for") }
        self.gpu = gpu
        self.device = device
        notes = loaded.notes
        units = loaded.contextUnits
        let specifications = tasks.enumerated().map { index, task in
            TaskSpecification(
                name: "task-\(index)", period: .milliseconds(10), priority: priorities[index], batch: task.batch,
                overrun: .queue(limit: 100), afet: models[task.model].stages.map { _ in .microseconds(10) },
                batchGroup: batching == nil ? nil : 0)
        }
        let groups = device.batchSizes(of: 0).map { jobs in
            BatchGroup.Size(jobs: jobs, afet: models[0].stages.map { _ in .microseconds(12) })
        }
        executor = Executor(
            try SchedulerConfiguration(
                partition: partition, tasks: specifications, options: scheduler,
                batchGroups: batching == nil ? nil : [BatchGroup(sizes: groups)]), device: device,
            arrivals: arrivals ?? tasks.map { _ in .sporadic }, duration: duration)
    }

    /// Starts a run, calls `body`, and ends the run and the device.
    func run(_ body: (Executor<CUDADevice>) async throws -> Void) async throws -> Executor<CUDADevice>.Outcome {
        try await executor.run(body)
    }
}
