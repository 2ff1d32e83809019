import CDarisSystem
import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation
import ONNXRuntime
import Synchronization

/// A side of a comparison: it runs inferences as fast as it can on cores of its own.
protocol Contender: AnyObject {
    func start()
    /// The inferences so far, with fractions.
    var inferences: Double { get }
    func stop()
}

/// The inferences a second of two contenders over the same time.
func race(_ a: any Contender, _ b: any Contender, seconds: Double) -> (Double, Double) {
    a.start()
    b.start()
    Thread.sleep(forTimeInterval: 0.5)
    let (firstA, firstB, start) = (a.inferences, b.inferences, daris_monotonic_nanoseconds())
    Thread.sleep(forTimeInterval: seconds)
    let (lastA, lastB, end) = (a.inferences, b.inferences, daris_monotonic_nanoseconds())
    a.stop()
    b.stop()
    let elapsed = Double(end - start) / 1e9
    return ((lastA - firstA) / elapsed, (lastB - firstB) / elapsed)
}

/// Threads that run a model's stages one after another in a loop, each bound to a core.
final class BareLoop: Contender, Sendable {
    private let lanes: [(core: Int, bindings: [IOBinding])]
    private let count = Atomic(0)
    private let isRunning = Atomic(false)
    private let group = DispatchGroup()

    init(_ model: StagedModel, cores: [Int]) throws {
        let environment = try Environment(library: try ONNXRuntimeLibrary.open())
        let sessions = try model.stages.map { try Session(environment: environment, model: .file($0.path)) }
        lanes = try cores.map { core in
            var tensors: [String: Tensor] = [:]
            let bindings = try sessions.map { session in
                let binding = try IOBinding(session: session)
                for input in session.inputs {
                    if tensors[input.name] == nil {
                        let shape = input.type.dimensions.map { if case .fixed(let length) = $0 { length } else { 1 } }
                        tensors[input.name] = try Tensor(
                            library: environment.library, elementType: input.type.elementType, shape: shape)
                    }
                    try binding.bind(tensors[input.name]!, toInput: input.name)
                }
                let memory = environment.library.hostMemory
                for output in session.outputs { try binding.bindOutput(output.name, to: memory) }
                try session.run(binding: binding)
                for (name, tensor) in try binding.outputs() {
                    tensors[name] = tensor
                    try binding.bind(tensor, toOutput: name)
                }
                return binding
            }
            return (core, bindings)
        }
    }

    var inferences: Double { Double(count.load(ordering: .relaxed)) }

    func start() {
        isRunning.store(true, ordering: .relaxed)
        for lane in lanes {
            group.enter()
            Thread.detachNewThread { [self] in
                var core = Int32(lane.core)
                _ = daris_set_affinity(&core, 1)
                while isRunning.load(ordering: .relaxed) {
                    for binding in lane.bindings { try? binding.session.run(binding: binding) }
                    count.add(1, ordering: .relaxed)
                }
                group.leave()
            }
        }
    }

    func stop() {
        isRunning.store(false, ordering: .relaxed)
        group.wait()
    }
}

/// A model on some cores under Daris, with a demand of four times their capacity by the measured times, so that they
/// are saturated even if the machine was busy during the measurement.
final class SaturatedSide: Contender {
    let prepared: Preparation
    private(set) var handover: [Int64] = []
    private var executor: Executor<MachineDevice>?

    init(_ model: String, stages: Int, cores: [Int], isolation: Isolation = .none, realTime: Bool = false) throws {
        // A device uses the cores of the thread that makes it.
        let all = SystemRights.allowedProcessors().map(Int32.init)
        let own = cores.map(Int32.init)
        _ = daris_set_affinity(own, Int32(own.count))
        defer { _ = daris_set_affinity(all, Int32(all.count)) }
        let tasks = (0..<cores.count * 8).map { index in
            TaskDeclaration(
                name: "task-\(index)", model: model, period: .milliseconds(100), priority: .low, arrival: .periodic)
        }
        // Without the admission test, which would leave gaps: this measures the cost of scheduling.
        var scheduler = SchedulerOptions()
        scheduler.admission = false
        var options = Preparation.Options()
        options.realTime = realTime
        prepared = try Preparation.prepare(
            TaskSet(
                source: "bench", partition: Partition(contexts: cores.count, streams: 1, oversubscription: 1),
                isolation: isolation,
                models: [ModelDeclaration(name: model, source: .builtin(model), stages: .fixed(stages))], tasks: tasks,
                load: 4, scheduler: scheduler, run: RunSettings(duration: .seconds(Int64(3600)), seed: 1)),
            options: options)
    }

    func start() {
        executor = prepared.executor()
        executor?.start()
    }

    /// The completed jobs.
    var inferences: Double { Double(executor?.snapshot().lp.inferences ?? 0) }

    func stop() {
        executor?.interrupt()
        if let outcome = executor?.waitForEnd() { handover.append(outcome.summary.handoverNs.p50) }
        executor = nil
    }
}
