import ArgumentParser
import DarisCore
import DarisSimulator
import Foundation

/// The time of an event in a simulated run, and its growth.
struct SimulationSpeed: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulation", abstract: "Time of an event in a simulated run, by tasks and contexts.",
        discussion: """
            ResNet18 tasks on the RTX 2080 Ti model, a third of them HP, at 150 % load; every event goes through the device \
            model, the scheduler and the auditor. 'ns/event' is the cost of one more event: the difference of runs of 20 s \
            and of 10 s, which excludes start-up and the report; the median of the rounds.
            """)

    @Option(help: "The number of timings of each run.")
    var rounds = 5

    func run() throws {
        let gpu = try GPUCatalogue.device("rtx2080ti")
        var table = Table(header: ["tasks", "contexts × streams", "events in all", "ns/event", "simulated s per s"])
        func add(tasks: Int, contexts: Int, streams: Int) throws {
            let partition = Partition(
                contexts: contexts, streams: streams, oversubscription: Double(contexts))
            guard let stages = gpu.stages(of: "resnet18", stages: 4, inferences: 1) else { return }
            // The device's capacity is 1,150 jobs a second.
            let period = Nanoseconds.seconds(Double(tasks) / (1150 * 1.5))
            let list = (0..<tasks).map { index in
                SimulatedTask(
                    TaskSpecification(
                        name: "t\(index)", period: period, priority: index % 3 == 0 ? .high : .low, afet: []),
                    network: "resnet18", stages: stages)
            }
            let simulation = try Simulation(
                list, on: gpu, partition: partition, kind: .standard(contexts: contexts), options: .init(), seed: 1)
            let phases = simulation.randomPhases(seed: 1)
            let duration = max(Nanoseconds.seconds(Int64(10)), Nanoseconds(2 * period.rawValue))
            func time(_ duration: Nanoseconds) -> (seconds: Double, events: Int) {
                let start = ContinuousClock.now
                let events = simulation.run(phases: phases, duration: duration).events
                let span = start.duration(to: .now).components
                return (Double(span.seconds) + Double(span.attoseconds) / 1e18, events)
            }
            var costs: [Double] = []
            var events = 0
            var whole = 0.0
            for _ in 0..<rounds {
                let short = time(duration)
                let long = time(duration + duration)
                costs.append((long.seconds - short.seconds) / Double(long.events - short.events) * 1e9)
                (whole, events) = (long.seconds, long.events)
            }
            table.rows.append([
                tasks.grouped, "\(contexts) × \(streams)", events.grouped,
                Int(costs.sorted()[costs.count / 2]).grouped, Int(2 * duration.inSeconds / whole).grouped,
            ])
        }
        for tasks in [10, 48, 100, 1_000, 10_000] { try add(tasks: tasks, contexts: 6, streams: 1) }
        for contexts in [1, 2, 4, 8, 16, 32] { try add(tasks: 100, contexts: contexts, streams: 1) }
        print(table.text)
    }
}
