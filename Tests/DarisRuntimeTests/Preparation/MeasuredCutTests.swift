import DarisConfiguration
import DarisCore
import DarisONNX
import Foundation
import Synchronization
import Testing

import FakeDriver
@testable import DarisRuntime

@Suite("Cuts by times of the device", .timeLimit(.minutes(15)))
struct MeasuredCutTests {
    /// A device that takes for a stage what its nodes take, and something for the dispatch.
    final class Skewed: NamedDevice {
        static let kind = DeviceKind(name: "skewed", partitionKinds: [.cores])
        static let automaticStages: Int? = 3
        /// What the nodes of the model take in µs.
        static let costs: [Int64] = [1, 1, 1, 1, 1, 1, 1, 1, 1, 30, 30, 30]
        static let dispatch: Int64 = 20

        static func cuttingFingerprint(_ taskSet: TaskSet) -> String? { "skewed \(taskSet.run.seed)" }

        private let base: ThreadedDevice

        init(_ request: LoadRequest) {
            let (tasks, models) = (request.tasks, request.models)
            // Seed 2 stands for a device on which a part fails.
            let fails = request.taskSet.run.seed == 2
            base = ThreadedDevice(
                lanes: request.partition.lanes,
                time: { job, stage in
                    let stages = models[tasks[job.task].model].stages
                    let first = stages[..<stage].reduce(0) { $0 + $1.nodes }
                    return .microseconds(Self.costs[first..<first + stages[stage].nodes].reduce(Self.dispatch, +))
                },
                fails: { job, stage in fails && models[tasks[job.task].model].stages.count > 3 && stage == 4 })
        }

        static func load(_ request: LoadRequest) throws(PreparationError) -> LoadedDevice {
            LoadedDevice(
                device: MachineDevice(Skewed(request)), name: "a skewed device", unitName: "parts", units: 1,
                kind: .cores, contextUnits: [[0]], fingerprint: "skewed", shapes: [:])
        }

        var laneCount: Int { base.laneCount }
        func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) { base.tensorSizes(of: task) }
        func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { base.setHandler(handler) }
        func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) { base.hand(dispatch, tensors: tensors) }
        func wake(lane: Int) { base.wake(lane: lane) }
        func terminateRunningStages() { base.terminateRunningStages() }
        func shutDown() { base.shutDown() }
    }

    /// Twelve nodes in a row that take a CPU the same.
    private static let row: ONNXModel = {
        let names = ["x"] + (1...11).map { "t\($0)" } + ["y"]
        let shape: [SmallModels.Dimension] = [.symbolic("batch"), .fixed(3)]
        return SmallModels.model(
            inputs: [SmallModels.float("x", shape)], outputs: [SmallModels.float("y", shape)],
            zip(names, names.dropFirst()).map { SmallModels.node("Neg", [$0], [$1]) })
    }()

    private func prepare(
        _ workshop: Workshop, stages: StageCount = .auto, seed: UInt64 = 1, byDevice: Bool = true,
        steps: Steps = Steps()
    ) async throws -> Preparation {
        let set = TaskSet(
            source: "test", device: "skewed", partition: Partition(contexts: 1, streams: 1, oversubscription: 1),
            models: [try workshop.declare(Self.row, name: "row", stages: stages)],
            tasks: [TaskDeclaration(name: "a", model: "row", period: .milliseconds(50), priority: .high)],
            run: RunSettings(duration: .milliseconds(50), seed: seed))
        var options = Preparation.Options()
        options.cache = CacheFolder(path: workshop.cachePath)
        options.progress = steps.note
        options.cutsByDevice = byDevice
        let chosen = options
        let prepared = try await onThread {
            try Preparation.prepare(set, options: chosen, devices: MachineDevice.types + [Skewed.self])
        }
        await onThread { prepared.device.shutDown() }
        return prepared
    }

    @Test(
        "the longest stage is as short as it can be on the device, whatever a CPU takes",
        arguments: [StageCount.auto, .fixed(3), .fixed(4), .fixed(2)])
    func balanced(stages: StageCount) async throws {
        let model = try await prepare(try Workshop(), stages: stages).models[0]
        let count = if case .fixed(let count) = stages { count } else { 3 }
        // Of 4 stages the second may take a tenth longer than those of one node each.
        let expected: [Int: [Int]] = [2: [10, 2], 3: [10, 1, 1], 4: [6, 4, 1, 1]]
        #expect(model.stages.map(\.nodes) == expected[count])
        // What a dispatch costs was told from what nodes take.
        let bounds = model.stages.reduce(into: [0]) { $0.append($0.last! + $1.nodes) }
        #expect(
            model.stages.map(\.measured)
                == zip(bounds, bounds.dropFirst()).map { from, to in
                    .microseconds(Skewed.costs[from..<to].reduce(Skewed.dispatch, +))
                })
    }

    @Test("parts are measured once, and again for another device")
    func cached() async throws {
        let workshop = try Workshop()
        let (first, second, third) = (Steps(), Steps(), Steps())
        let cut = try await prepare(workshop, steps: first).models[0]
        #expect(first.all.contains("measuring the parts of row"))
        // Neither needs the times of nodes on a CPU.
        #expect(!first.all.contains("timing the nodes of row"))
        let again = try await prepare(workshop, steps: second).models[0]
        #expect(!second.all.contains { $0.hasPrefix("measuring") } && again.stages == cut.stages)
        _ = try await prepare(workshop, seed: 3, steps: third)
        #expect(third.all.contains("measuring the parts of row"))
        let fourth = Steps()
        _ = try await prepare(workshop, seed: 3, byDevice: false, steps: fourth)
        #expect(fourth.all.contains("timing the nodes of row") && !fourth.all.contains("measuring the parts of row"))
    }

    @Test("a model whose parts cannot be measured is cut by a CPU's times, with a note")
    func fails() async throws {
        let prepared = try await prepare(try Workshop(), seed: 2)
        #expect(prepared.models[0].stages.count == 3)
        #expect(
            prepared.plan.notes.contains(
                "'row' is cut by times of the CPU, since its parts could not be measured: model 'row': it fails while it is "
                    + "measured: stage 4 fails"), "\(prepared.plan.notes)")
    }

    @Test("stages of measured parts compute what the whole model computes")
    func computes() async throws {
        let workshop = try Workshop()
        let model = try workshop.declare(SmallModels.skips, name: "skips")
        let outputs = try await onThread {
            let parts = try workshop.store().staged(model, goal: .parts(32)) { _ in }
            #expect(parts.stages.map(\.nodes) == [1, 1, 1, 1, 1])
            let cut = try #require(
                MeasuredCut.join(
                    parts, stages: 2,
                    times: .init(
                        parts: [1, 1, 9, 1, 1].map { .microseconds($0) }, whole: .microseconds(9))))
            let staged = try workshop.store().staged(model, goal: try #require(cut.goal)) { _ in }
            #expect(staged.stages.count == 2)
            let bench = try CPUBench(workshop, [staged])
            defer { bench.device.shutDown() }
            return try OneJob(device: bench.device, task: 0, stages: 2, inputs: [bytes([1, -2, 3] as [Float])]).run()
        }
        #expect(outputs.map(floats) == SmallModels.skipped([1, -2, 3]))
    }

    /// A GPU of the fake driver.
    private enum FakeGPU: NamedDevice {
        static let kind = DeviceKind(name: "fake", partitionKinds: [.streams])
        static let automaticStages: Int? = 2
        static let driver = Mutex<String?>(nil)

        static func cuttingFingerprint(_ taskSet: TaskSet) -> String? { "fake" }
        static func runsBatches(_ taskSet: TaskSet) -> Bool { true }
        static func load(_ request: LoadRequest) throws(PreparationError) -> LoadedDevice {
            try CUDADevice.loadHere(
                request, engine: HostEngine(request.environment), driver: driver.withLock { $0 })
        }

        // There is none: what is loaded is a `CUDADevice`.
        var laneCount: Int { 0 }
        func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) { ([], []) }
        func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) {}
        func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {}
        func terminateRunningStages() {}
        func shutDown() {}
    }

    @Test("a network that a GPU must not run whole is loaded in parts, timed in batches on one lane, and cut by that")
    func gpu() async throws {
        let workshop = try Workshop()
        let gpu = try FakeDriver(multiprocessors: 132)
        FakeGPU.driver.withLock { $0 = gpu.path }
        do {
            var scheduler = SchedulerOptions()
            scheduler.batching = 8
            let set = TaskSet(
                source: "test", device: "fake", partition: Partition(contexts: 1, streams: 2, oversubscription: 1),
                models: [try workshop.declare(SmallModels.skips, name: "skips", stages: .auto)],
                tasks: (0..<8).map { index in
                    TaskDeclaration(
                        name: "a\(index)", model: "skips", period: .milliseconds(20), deadline: .microseconds(40),
                        priority: .low)
                }, scheduler: scheduler, run: RunSettings(duration: .milliseconds(50), seed: 1))
            let steps = Steps()
            var options = Preparation.Options()
            options.cache = CacheFolder(path: workshop.cachePath)
            options.progress = steps.note
            let chosen = options
            let prepared = try await onThread {
                try Preparation.prepare(set, options: chosen, devices: MachineDevice.types + [FakeGPU.self])
            }
            #expect(
                prepared.plan.notes.contains { $0.hasPrefix("skips: cut into stages, since batches of 8 of the whole") }
            )
            #expect(prepared.models[0].stages.count == 2 && steps.all.contains("measuring the parts of skips"))
            #expect(prepared.device.base is CUDADevice && prepared.device.batchSizes(of: 0) == [2, 4, 8])
            let outcome = await onThread { prepared.run() }
            #expect(outcome.summary.jobs.failed == 0)
        }
        #expect(await gpu.isClean())
    }
}
