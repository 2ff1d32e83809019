import DarisCore
import Synchronization

@testable import DarisRuntime
@testable import DarisServer

/// A system to look at, whose figures a test sets: two contexts of two lanes, three tasks of two stages.
final class WatchedSystem: Sendable {
    static let awkwardName = "say \"hi\"\\\nthere"

    let configuration: SchedulerConfiguration
    let plan: RunPlan
    let view: Mutex<SystemView>
    /// What its device says of its energy.
    let energy = Mutex<EnergyUse?>(nil)

    init() throws {
        func task(_ name: String, _ priority: Priority) -> TaskSpecification {
            TaskSpecification(
                name: name, period: .milliseconds(100), priority: priority, afet: [.milliseconds(2), .milliseconds(3)])
        }
        configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 2, streams: 2, oversubscription: 1),
            tasks: [task("camera", .high), task(Self.awkwardName, .low), task("<b>log</b>", .low)])
        plan = RunPlan(
            configuration, models: ["a", "b", "c"], device: "a test", unitName: "cores", units: 4, kind: .streams,
            contextUnits: [[0, 1], [2, 3]], simulated: false, load: nil, duration: .zero, seed: 1, notes: [])
        var view = SystemView(configuration)
        view.time = .seconds(Int64(12))
        view.contexts[0].admission.highPriority = Utilisation(500_000_000)
        view.contexts[0].admission.activeLowPriority = Utilisation(250_000_000)
        view.contexts[1].admission.isAlive = false
        view.contexts[1].losses = 1
        view.lanes[1].stage = .init(
            job: JobID(task: 1, sequence: 7), stage: 1, start: .milliseconds(11_990), mret: .milliseconds(4),
            deadline: .seconds(Int64(13)), jobs: 2)
        view.lanes[1].busy = .milliseconds(1_500)
        for index in 0..<view.stageMRET.count { view.stageMRET[index] = .milliseconds(Int64(index + 1)) }
        view.tasks[0].jobs.figures.counts.released = 5
        view.tasks[0].jobs.figures.counts.completed = 4
        view.tasks[0].jobs.figures.counts.skipped = 1
        for time in [1, 2, 30, 20_000] as [Int64] { view.tasks[0].jobs.response.record(.milliseconds(time)) }
        view.decisions.record(Nanoseconds(700))
        self.view = Mutex(view)
    }

    var subject: LiveSubject {
        LiveSubject(plan: plan, view: { self.view.withLock { $0 } }, energy: { self.energy.withLock { $0 } })
    }

    /// Has so many stages end.
    func end(stages: Int) {
        view.withLock { view in
            for _ in 0..<stages {
                view.recent.append(
                    StageRun(
                        lane: 0, job: JobID(task: 0, sequence: view.stagesEnded), stage: 1, jobs: 1,
                        end: .milliseconds(12_000), executionTime: .milliseconds(3)))
                view.stagesEnded += 1
            }
            view.recent = view.recent.suffix(RecentStages.limit)
        }
    }

    func model(_ name: String) -> ServedModel {
        let queue = RequestQueue(
            name: name, task: 0, instances: 1, priority: .high, deadline: .milliseconds(100), limit: 1,
            sink: ManualSink())
        return ServedModel(
            name: name, signature: ModelSignature(inputs: [], outputs: []), own: queue, other: nil)
    }
}
