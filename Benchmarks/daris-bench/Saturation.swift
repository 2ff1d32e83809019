import ArgumentParser
import CDarisSystem
import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation
import ONNXRuntime
import Synchronization

/// Throughput of a saturated CPU under Daris against a bare ONNX Runtime loop, and the hand-over between stages.
struct Saturation: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Throughput against a bare ONNX Runtime loop, and the hand-over between stages.",
        discussion: """
            Both run in this process at once, each on half of the cores: threads that run the whole model in a loop and \
            do nothing else, and Daris with the model in stages, asked for twice what the cores can give and admitting \
            it all. Sides are swapped within each turn.
            """)

    @Option(help: "A built-in network.")
    var model = "resnet18"
    @Option(help: "Stages under Daris.")
    var stages = 4
    @Option(help: "Seconds a turn.")
    var seconds = 2.0
    @Option(help: "Turns; in each both sides of the machine have been Daris's once.")
    var rounds = 7

    func run() throws {
        let cores = SystemRights.allowedProcessors()
        guard cores.count >= 2 else { throw ValidationError("two cores are needed, to run both side by side") }
        let half = cores.count / 2
        let sides = [Array(cores.prefix(half)), Array(cores.dropFirst(half).prefix(half))]
        let staged = try sides.map { try Side(model, stages: stages, cores: $0) }
        let whole = try sides.map { try Side(model, stages: 1, cores: $0) }

        var rates: [String: [Double]] = [:]
        var ratios: [String: [Double]] = [:]
        var handover: [Int64] = []
        func compare(_ name: String, _ a: [any Contender], _ b: [any Contender]) {
            var ratio = 1.0
            for side in 0...1 {
                let (x, y) = race(a[side], b[1 - side])
                rates[name, default: []].append(x)
                rates["whole", default: []].append(y)
                ratio *= x / y
            }
            ratios[name, default: []].append(ratio.squareRoot())
        }
        let contenders = [
            ("bare loop, \(stages) stages", staged.map { $0.loop as any Contender }, whole),
            ("Daris, \(stages) stages", staged.map { $0 as any Contender }, whole),
            ("Daris, whole model", whole.map { $0 as any Contender }, whole),
        ]
        for _ in 0..<rounds {
            for (name, first, second) in contenders { compare(name, first, second.map { $0.loop as any Contender }) }
        }
        for side in staged + whole {
            side.prepared.device.shutDown()
            handover += side.handover
        }

        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        var table = Table(header: ["\(model), \(half) threads each", "JPS", "of the bare loop", "least", "most"])
        table.rows.append(["bare loop, whole model", String(format: "%.1f", median(rates["whole"]!)), "1.000", "", ""])
        for (name, _, _) in contenders {
            let all = ratios[name]!
            table.rows.append(
                [name, String(format: "%.1f", median(rates[name]!))]
                    + [median(all), all.min()!, all.max()!].map { String(format: "%.3f", $0) })
        }
        print("Saturated CPU, side by side with a bare loop of the whole model, \(rounds) turns")
        print(table.text)
        handover.sort()
        print(
            "hand-over from a stage's end to the next one's start on a lane: median "
                + "\(Int(handover[handover.count / 2]).grouped) ns (median of \(handover.count) runs' medians)")
    }

    /// Inferences a second of two contenders over the same stretch of time.
    private func race(_ a: any Contender, _ b: any Contender) -> (Double, Double) {
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
}

/// Something that runs inferences as fast as it can on cores of its own.
private protocol Contender: AnyObject {
    func start()
    /// Inferences so far, to a part of one.
    var inferences: Double { get }
    func stop()
}

/// A model on some cores: under Daris, and in a bare loop.
private final class Side: Contender {
    let prepared: Preparation
    let loop: BareLoop
    private(set) var handover: [Int64] = []
    private var executor: Executor<MachineDevice>?

    init(_ model: String, stages: Int, cores: [Int]) throws {
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
        prepared = try Preparation.prepare(
            TaskSet(
                source: "bench", partition: Partition(contexts: cores.count, streams: 1, oversubscription: 1),
                models: [ModelDeclaration(name: model, source: .builtin(model), stages: .fixed(stages))], tasks: tasks,
                load: 2, scheduler: scheduler, run: RunSettings(duration: .seconds(Int64(3600)), seed: 1)),
            options: .init())
        loop = try BareLoop(prepared.models[0], cores: cores)
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

/// Threads that run a model's stages one after another in a loop, each tied to a core.
private final class BareLoop: Contender, Sendable {
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
