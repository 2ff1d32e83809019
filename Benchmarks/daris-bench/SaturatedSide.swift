import CDarisSystem
import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation

/// A model on some cores under Daris, asked for four times what they can give by the measured times, so that they
/// are saturated even if the machine was busy when these were measured.
final class SaturatedSide: Contender {
    let prepared: Preparation
    private(set) var handover: [Int64] = []
    private var executor: Executor<MachineDevice>?

    init(_ model: String, stages: Int, cores: [Int], isolation: Isolation = .none, realTime: Bool = false) throws {
        // A device takes the cores its maker may run on.
        let all = SystemRights.allowedProcessors().map(Int32.init)
        let own = cores.map(Int32.init)
        _ = daris_set_affinity(own, Int32(own.count))
        defer { _ = daris_set_affinity(all, Int32(all.count)) }
        let tasks = (0..<cores.count * 8).map { index in
            TaskDeclaration(
                name: "task-\(index)", model: model, period: .milliseconds(100), priority: .low, arrival: .periodic)
        }
        // Without the admission test, which would leave gaps: what is asked here is what scheduling costs.
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

    /// Completed jobs; a job counts when it completes.
    var inferences: Double { Double(executor?.snapshot().lp.inferences ?? 0) }

    func stop() {
        executor?.interrupt()
        if let outcome = executor?.waitForEnd() { handover.append(outcome.summary.handoverNs.p50) }
        executor = nil
    }
}
