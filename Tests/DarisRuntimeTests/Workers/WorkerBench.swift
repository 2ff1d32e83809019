import DarisCore
import Foundation

@testable import DarisRuntime

/// Sporadic HP tasks in worker processes on one core, one worker a context.
struct WorkerBench: Sendable {
    let device: WorkerDevice
    let executor: Executor<WorkerDevice>
    /// Contexts that were lost and restored, in order.
    let changes = Journal<Event>()
    /// Stages that were launched, in order.
    let launches = Journal<(job: JobID, lane: Int)>()

    /// The built `daris`, which lies in the folder of the test bundle.
    static let program: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let folders = [bundle, CommandLine.arguments[0]].map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        let places = folders.map { $0.appendingPathComponent("daris").path }
        return places.first { FileManager.default.isExecutableFile(atPath: $0) } ?? places[0]
    }()

    init(
        _ workshop: Workshop, _ models: [StagedModel], tasks: [DeviceTask], priorities: [Priority]? = nil,
        contexts: Int = 2, streams: Int = 1, express: Int = 0, budget: RestartBudget = RestartBudget()
    ) throws {
        let partition = Partition(contexts: contexts, streams: streams, oversubscription: 1, express: express)
        let priorities = priorities ?? tasks.map { _ in .high }
        device = try Self.device(
            workshop, models, tasks: tasks, makesWay: express > 0 ? priorities.map { $0 == .low } : [], partition,
            budget: budget)
        let specifications = tasks.enumerated().map { index, task in
            TaskSpecification(
                name: "task-\(index)", period: Bench.endless, priority: priorities[index], batch: task.batch,
                overrun: .queue(limit: 100), afet: models[task.model].stages.map { _ in .milliseconds(1) })
        }
        var options = Executor<WorkerDevice>.Options()
        options.observer = { [changes, launches] event, _, commands in
            switch event {
            case .contextLost, .contextRestored: changes.append(event)
            default: break
            }
            for case .dispatch(let dispatch) in commands { launches.append((dispatch.jobs[0], dispatch.lane)) }
        }
        executor = Executor(
            try SchedulerConfiguration(partition: partition, tasks: specifications), device: device,
            arrivals: tasks.map { _ in .sporadic }, duration: Bench.endless, options: options)
    }

    static func specification(
        _ workshop: Workshop, _ models: [StagedModel], tasks: [DeviceTask], makesWay: [Bool] = [], context: Int = 0,
        streams: Int = 1, express: Int = 0
    ) throws -> WorkerSpecification {
        WorkerSpecification(
            context: context, device: try .init(.cpu, [SystemRights.allowedProcessors()[0]]),
            partition: Partition(contexts: 1, streams: streams, oversubscription: 1, express: express),
            makesWay: makesWay, tasks: tasks, models: models, seed: 1, fifoPriority: 0, locksMemory: false,
            library: workshop.environment.library.path)
    }

    static func device(
        _ workshop: Workshop, _ models: [StagedModel], tasks: [DeviceTask], makesWay: [Bool] = [],
        _ partition: Partition, budget: RestartBudget
    ) throws -> WorkerDevice {
        let plans = try (0..<partition.contexts).map { context in
            WorkerDevice.ContextPlan(
                specification: try specification(
                    workshop, models, tasks: tasks, makesWay: makesWay, context: context,
                    streams: partition.streams, express: partition.express))
        }
        return try WorkerDevice(plans, program: program, budget: budget) { _ in }
    }

    /// The number of a context's present worker, or `nil`.
    func worker(_ context: Int) -> Int32? { device.contexts[context].state.withLock { $0.attachment?.process } }

    /// Sends a signal to a context's worker.
    func send(_ signal: Int32, to context: Int) {
        if let process = worker(context) { kill(process, signal) }
    }

    /// Stops a context's worker and waits until all of it stands still: what it is told then it cannot do.
    func stop(_ context: Int) async {
        guard let process = worker(context) else { return }
        kill(process, SIGSTOP)
        let folder = "/proc/\(process)/task"
        func standsStill() -> Bool {
            let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return threads.allSatisfy { thread in
                let status = (try? String(contentsOfFile: "\(folder)/\(thread)/stat", encoding: .utf8)) ?? ""
                return status.split(separator: ")").last?.hasPrefix(" T") == true
            }
        }
        while !standsStill() { await Task.yield() }
    }

    /// Starts a run, calls `body`, and ends the run and the device.
    @discardableResult
    func run(_ body: (Executor<WorkerDevice>) async throws -> Void) async throws -> Executor<WorkerDevice>.Outcome {
        try await executor.run(body)
    }
}
