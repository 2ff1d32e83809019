import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation
import Synchronization

/// The cost of worker processes: throughput and hand-over compared with one process, and the time until a killed one is
/// back.
struct Isolated: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "isolation",
        abstract: "Throughput and hand-over of worker processes, and the time until a killed one is back.",
        discussion: """
            Throughput: Daris with each context in a worker process, and Daris in one process, at the same time, each on \
            half of the cores, with a demand above their capacity. Sides are swapped within each turn. Needs 'daris' beside \
            this program.
            """)

    @Option(help: "A built-in network.")
    var model = "resnet18"
    @Option(help: "Stages.")
    var stages = 4
    @Option(help: "Seconds a turn.")
    var seconds = 2.0
    @Option(help: "Turns; in each the workers run once on either half of the cores.")
    var rounds = 7
    @Option(
        help: "Workers killed for each set of networks: at most 5, the limit of restarts in a minute."
    )
    var kills = 5

    @Flag(help: "Ask for SCHED_FIFO, which excludes other programs from the measurement.")
    var realtime = false

    private var preparing: Preparation.Options {
        var options = Preparation.Options()
        options.realTime = realtime
        return options
    }

    func run() throws {
        let cores = SystemRights.allowedProcessors()
        guard cores.count >= 2 else { throw ValidationError("two cores are needed, to run both side by side") }
        try handOver()
        try compare(cores)
        guard kills > 0 else { return }
        for network in ["resnet18", "unet", "inception_v3"] {
            try kill(models: "\(network): {builtin: \(network), stages: 4}", tasks: [(network, 8)], name: network)
        }
        try kill(
            models: "resnet18: {builtin: resnet18, stages: 4}, unet: {builtin: unet, stages: 14}, "
                + "inception_v3: {builtin: inception_v3, stages: 6}",
            tasks: [("resnet18", 19), ("unet", 5), ("inception_v3", 6)], name: "examples/overload.yaml, 30 tasks")
    }

    /// Prints the hand-over between stages of one node, which do not fill the caches.
    private func handOver() throws {
        let file = NSTemporaryDirectory() + "/daris-bench-\(UUID().uuidString).onnx"
        try Self.tinyModel.write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        print("Hand-over between stages of one node each, \(rounds) runs of \(seconds) s")
        var times: [Isolation: [Int64]] = [:]
        for _ in 0..<rounds {
            for isolation in Isolation.allCases {
                let taskSet = TaskSet(
                    source: "bench", partition: Partition(contexts: 1, streams: 1, oversubscription: 1),
                    isolation: isolation,
                    models: [ModelDeclaration(name: "tiny", source: .file(file), stages: .fixed(4))],
                    tasks: [
                        TaskDeclaration(
                            name: "task", model: "tiny", period: .microseconds(250), priority: .high, arrival: .periodic
                        )
                    ], run: RunSettings(duration: .seconds(seconds), seed: 1))
                let prepared = try Preparation.prepare(taskSet, options: preparing)
                times[isolation, default: []].append(prepared.run().summary.handoverNs.p50)
            }
        }
        for (isolation, name) in [(Isolation.none, "in one process"), (.process, "worker process")] {
            print("\(name): median \(median(times[isolation] ?? [0]).grouped) ns")
        }
        print("")
    }

    /// An ONNX model of four nodes in a row: Relu, Neg, Exp, Exp of 1 × 4 numbers.
    private static let tinyModel = Data(
        base64Encoded:
            "CAg6cQoPCgF4EgFhGgFhIgRSZWx1Cg4KAWESAWIaAWIiA05lZwoOCgFiEgFjGgFjIgNFeHAKDgoBYxIBeRoBeSIDRXhwWhMK"
            + "AXgSDgoMCAESCAoCCAEKAggEYhMKAXkSDgoMCAESCAoCCAEKAggEEgR0ZXN0QgQKABAR")!

    private func compare(_ cores: [Int]) throws {
        let half = cores.count / 2
        let sides = [Array(cores.prefix(half)), Array(cores.dropFirst(half).prefix(half))]
        let workers = try sides.map {
            try SaturatedSide(model, stages: stages, cores: $0, isolation: .process, realTime: realtime)
        }
        let inside = try sides.map { try SaturatedSide(model, stages: stages, cores: $0, realTime: realtime) }
        var ratios: [Double] = []
        var rates: [(workers: Double, inside: Double)] = []
        for _ in 0..<rounds {
            var ratio = 1.0
            for side in 0...1 {
                let (x, y) = race(workers[side], inside[1 - side], seconds: seconds)
                rates.append((x, y))
                ratio *= x / y
            }
            ratios.append(ratio.squareRoot())
        }
        for side in workers + inside { side.prepared.device.shutDown() }
        var table = Table(header: ["\(model), \(stages) stages, \(half) threads each", "JPS", "hand-over ns"])
        for (name, rate, sides) in [
            ("in one process", median(rates.map(\.inside)), inside),
            ("worker processes", median(rates.map(\.workers)), workers),
        ] {
            let handover = median(sides.flatMap(\.handover))
            table.rows.append([name, String(format: "%.1f", rate), Int(handover).grouped])
        }
        print("Saturated CPU, side by side, \(rounds) turns")
        print(table.text)
        print(
            String(
                format: "throughput of workers over that of one process: median %.3f, %.3f to %.3f\n", median(ratios),
                ratios.min() ?? 0, ratios.max() ?? 0))
    }

    /// Kills workers of an overloaded run one after another, and prints the time until each context is restored.
    private func kill(models: String, tasks: [(model: String, count: Int)], name: String) throws {
        let lines = tasks.map {
            "  - {name: \($0.model), model: \($0.model), rate: 10 Hz, priority: low, count: \($0.count)}"
        }
        let taskSet = try TaskSet.parse(
            """
            partition: {contexts: 2, streams: 1, oversubscription: 1}
            isolation: process
            models: {\(models)}
            tasks:
            \(lines.joined(separator: "\n"))
            load: 150 %
            run: {duration: 1 h}
            """, file: "bench")
        let prepared = try Preparation.prepare(taskSet, options: preparing)
        let changes = Changes()
        var options = Executor<MachineDevice>.Options()
        options.observer = { event, time, _ in
            switch event {
            case .contextLost: changes.lost(at: time)
            case .contextRestored: changes.restored(at: time)
            default: break
            }
        }
        let executor = prepared.executor(options: options)
        executor.start()
        for kill in 0..<min(kills, 5) {
            Thread.sleep(forTimeInterval: 1)
            let victims = Self.workers()
            Glibc.kill(victims[kill % victims.count], SIGKILL)
            changes.waitForRestore()
        }
        executor.interrupt()
        let outcome = executor.waitForEnd()
        prepared.device.shutDown()
        let times = changes.times
        print(
            String(
                format:
                    "\(name): a killed worker is back after %.0f ms (median of %d, longest %.0f ms), %d jobs failed",
                median(times), times.count, times.max() ?? 0, outcome.summary.jobs.failed))
    }

    /// The process numbers of this process's workers.
    private static func workers() -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { process in
            let status = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
            // After the name in parentheses: the state, then the parent.
            let fields = status.split(separator: ")").last?.split(separator: " ") ?? []
            return fields.count > 1 && fields[0] != "Z" && pid_t(fields[1]) == getpid()
        }.sorted()
    }
}

/// The times at which contexts were lost and restored.
private final class Changes: Sendable {
    private let state = Mutex<(lost: Nanoseconds, times: [Double])>((.zero, []))
    private let semaphore = DispatchSemaphore(value: 0)

    func lost(at time: Nanoseconds) { state.withLock { $0.lost = time } }

    func restored(at time: Nanoseconds) {
        state.withLock { $0.times.append((time - $0.lost).inMilliseconds) }
        semaphore.signal()
    }

    /// Waits for a restored context, at most a minute.
    func waitForRestore() { _ = semaphore.wait(timeout: .now() + 60) }

    /// The milliseconds from each loss to the restoration.
    var times: [Double] { state.withLock { $0.times } }
}
