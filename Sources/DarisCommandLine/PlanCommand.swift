import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisReport
import DarisSimulator
import Foundation

/// `daris plan TASKSET`.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Find how to cut a GPU for a task set, by simulation.",
        discussion: """
            Searches kinds of partition, numbers of contexts and streams, and oversubscription for the highest number of \
            completed jobs a second, while no high-priority job and fewer than 2 % of the accepted low-priority jobs miss \
            their deadlines, and the device's memory suffices. Prints the best few and the headroom of the first. With \
            --output it writes a task set ready to run and the trade-off as a plot.

            The best plan is that of the highest throughput, or with --objective of the least energy, or the least cost, an \
            inference: the part of the card's work or memory that the tasks take from others, over what they complete. With \
            --devices several cards are put side by side.

            Results are simulated: exact where the device was measured with your networks, a guide elsewhere.

            Examples:
              daris plan examples/paper-mixed.yaml
              daris plan examples/paper-resnet18.yaml --device h200 --compare streams,mps,green,fifo,batching
              daris plan mine.yaml --device rtx2080ti --output out --search-stages
              daris plan examples/paper-mixed.yaml --devices rtx2080ti,h200,a100,orin --price h200=3.5,a100=1.5

            Exit codes: 0 a plan was found; 1 no partition keeps the constraints; 2 wrong usage or task set.
            """)

    @Argument(help: "A YAML file with models and tasks.")
    var taskset: String
    @Option(help: ArgumentHelp("rtx2080ti, h200, a100, orin or a device file.", valueName: "name"))
    var device: String?
    @Option(
        help: ArgumentHelp(
            "Compare the best of these: streams, mps, green, fifo, edf, batching.", valueName: "list"))
    var compare: String?
    @Option(help: ArgumentHelp("What to look for: throughput, energy, cost.", valueName: "word"))
    var objective = "throughput"
    @Option(
        help: ArgumentHelp(
            "The price of a card for an hour, such as 2.5; with --devices also one for each, such as h200=3.5,a100=1.5.",
            valueName: "price"))
    var price: String?
    @Option(
        help: ArgumentHelp("Find a plan for each of these cards or device files, side by side.", valueName: "list"))
    var devices: String?
    @Option(help: ArgumentHelp("The highest HP deadline miss rate allowed.", valueName: "0%"))
    var hpDmr = "0%"
    @Option(help: ArgumentHelp("The upper bound of the LP deadline miss rate, not reached.", valueName: "2%"))
    var lpDmr = "2%"
    @Option(help: ArgumentHelp("The limit of device memory in MiB; by default the device's.", valueName: "MiB"))
    var memory: Double?
    @Option(help: ArgumentHelp("Kinds of partition to try.", valueName: "streams,mps,green"))
    var kinds = "streams,mps,green"
    @Option(help: ArgumentHelp("The limit of contexts.", valueName: "n"))
    var maxContexts = 16
    @Option(help: ArgumentHelp("The limit of streams in a context.", valueName: "n"))
    var maxStreams = 12
    @Flag(help: "Also try more and fewer stages a model.")
    var searchStages = false
    @Flag(help: "Leave out the headroom.")
    var noHeadroom = false
    @Option(help: ArgumentHelp("Write plan.yaml, plan.json and pareto.svg into this folder.", valueName: "folder"))
    var output: String?
    @Flag(help: "Print one JSON object instead of tables.")
    var json = false

    func validate() throws {
        guard (1...Partition.limit).contains(maxContexts), (1...Partition.limit).contains(maxStreams) else {
            throw ValidationError("--max-contexts and --max-streams must be from 1 to \(Partition.limit)")
        }
        guard Planner.Objective(rawValue: objective) != nil else {
            let words = Planner.Objective.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--objective: there is none called '\(objective)'; use \(words)")
        }
        _ = try prices()
        guard devices == nil || device == nil && compare == nil && output == nil else {
            throw ValidationError("--devices goes with none of --device, --compare and --output")
        }
        if let memory, !(memory > 0) { throw ValidationError("--memory must be above 0, not \(memory)") }
    }

    func run() throws {
        // Before the search, which takes a while.
        if let word = compare?.split(separator: ",").first(where: { !Self.policies.contains(String($0)) }) {
            throw Self.unknownPolicy(word)
        }
        if let devices { return try compare(devices: devices.split(separator: ",").map(String.init)) }
        let (taskSet, problem) = try problem(on: device)
        let planner = try planner(problem)
        let outcome = Self.search(planner)
        var report = PlanningReport(
            device: problem.gpu, constraints: problem.constraints, finalists: outcome.finalists, all: outcome.all,
            best: outcome.best)
        report.objective = planner.objective
        report.pricePerHour = try price(of: problem.gpu, named: taskSet.device)
        if let compare { report.comparison = try comparison(compare, planner: planner, best: outcome.best) }
        if let best = outcome.best, !noHeadroom {
            Terminal.progress("measuring the headroom of \(best.candidate.label)")
            report.headroom = problem.headroom(of: best.candidate)
            Terminal.endProgress()
        }
        if let output { try write(report, taskSet: taskSet, into: output) }
        try Terminal.print(json ? try report.json() : report.text(styling: Terminal.styling))
        guard outcome.best != nil else {
            throw Failure(
                message:
                    "no partition keeps HP DMR ≤ \(hpDmr), LP DMR < \(lpDmr) and memory; lower the rates, allow more "
                    + "misses with --hp-dmr or --lp-dmr, or take another device", exitCode: 1)
        }
    }

    private func planner(_ problem: PlanningProblem) throws -> Planner {
        var planner = Planner(problem)
        planner.kinds = try partitionKinds()
        planner.contextLimit = maxContexts
        planner.streamLimit = maxStreams
        planner.searchesStages = searchStages
        planner.objective = Planner.Objective(rawValue: objective) ?? .throughput
        guard planner.objective != .energy || problem.gpu.power != nil else {
            throw Failure.usage(
                "--objective energy: nothing is known of the power of \(problem.gpu.title); give its device file 'power' "
                    + "(docs/gpu-model.md), or look for throughput")
        }
        return planner
    }

    /// Prices an hour by device; under an empty name that of all.
    private func prices() throws -> [String: Double] {
        var prices: [String: Double] = [:]
        for part in (price ?? "").split(separator: ",") {
            let words = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard let value = Double(words.last ?? ""), value > 0, value < 1e9 else {
                throw ValidationError("--price: '\(part)' is no price; write a number above 0, such as 2.5 or h200=2.5")
            }
            prices[words.count > 1 ? words[0] : ""] = value
        }
        return prices
    }

    private func price(of gpu: GPUModel, named name: String) throws -> Double? {
        let prices = try prices()
        return prices[name] ?? prices[""]
    }

    /// Plans for several cards side by side.
    private func compare(devices: [String]) throws {
        guard devices.count > 1 else {
            throw Failure.usage("--devices: put at least two side by side, such as rtx2080ti,h200")
        }
        var rows: [DeviceComparison.Row] = []
        for name in devices {
            let (_, problem) = try problem(on: name)
            let outcome = Self.search(try planner(problem))
            rows.append(
                DeviceComparison.Row(
                    name: name, gpu: problem.gpu, constraints: problem.constraints,
                    figures: outcome.best ?? outcome.finalists.first,
                    pricePerHour: try price(of: problem.gpu, named: name)))
        }
        let report = DeviceComparison(rows: rows, objective: objective)
        try Terminal.print(json ? try report.json() : report.text(styling: Terminal.styling))
        guard rows.contains(where: \.holds) else {
            throw Failure(
                message: "none of these cards keeps the limits; lower the rates, or take others", exitCode: 1)
        }
    }

    private func problem(on device: String?) throws -> (TaskSet, PlanningProblem) {
        do {
            var taskSet = try TaskSet.read(path: taskset)
            try taskSet.apply(TaskSet.Overrides(device: device))
            let constraints = (
                hp: try Quantity.parseFraction(hpDmr, field: "--hp-dmr"),
                lp: try Quantity.parseFraction(lpDmr, field: "--lp-dmr")
            )
            let gpu = try TaskSetSimulation.device(of: taskSet)
            var notes: [String] = []
            if let load = taskSet.load {
                notes.append("'load: \(Quantity.formatNumber(load * 100)) %' is ignored: rates are taken as written")
                taskSet.load = nil
            }
            if taskSet.tasks.contains(where: { $0.arrival != .periodic }) {
                notes.append("every task counts as periodic with a random phase")
            }
            for note in notes { Terminal.error("note: \(note)") }
            let problem = PlanningProblem(
                gpu: gpu, options: taskSet.scheduler,
                constraints: PlanningConstraints(
                    hpDMR: constraints.hp, lpDMR: constraints.lp, memoryMiB: memory ?? gpu.memoryMiB),
                seed: taskSet.run.seed, tasks: try PlanningProblem.tasks(of: taskSet, on: gpu))
            return (taskSet, problem)
        } catch let failure as Failure { throw failure } catch { throw Failure.usage(error) }
    }

    private func partitionKinds() throws -> [PartitionKind] {
        try kinds.split(separator: ",").map { word in
            guard let kind = PartitionKind(rawValue: String(word)), kind != .cores else {
                throw Failure.usage("--kinds: there is no kind '\(word)'; use streams, mps, green")
            }
            return kind
        }
    }

    static func search(_ planner: Planner) -> Planner.Outcome {
        defer { Terminal.endProgress() }
        return planner.search { progress in
            let best = progress.bestJPS > 0 ? ", best \(Figure.rate(progress.bestJPS)) JPS" : ""
            Terminal.progress("\(progress.simulated) partitions simulated\(best): \(progress.activity)")
        }
    }

    private func comparison(
        _ list: String, planner: Planner, best: CandidateFigures?
    ) throws -> [PlanningReport.Comparison] {
        let problem = planner.problem
        return try list.split(separator: ",").map { word in
            switch word {
            case "streams", "mps", "green":
                var planner = planner
                planner.kinds = [PartitionKind(rawValue: String(word)) ?? .mps]
                return .init(name: String(word), figures: Self.search(planner).finalists.first)
            case "fifo", "edf":
                var problem = problem
                problem.options.policy = SchedulingPolicy(rawValue: String(word)) ?? .fifo
                let candidate =
                    best?.candidate
                    ?? Candidate(kind: .mps, partition: Partition(contexts: 6, streams: 1, oversubscription: 6))
                return .init(
                    name: "\(word) on \(candidate.label)",
                    figures: problem.figures(candidate, duration: .seconds(Int64(5)), runs: 3))
            case "batching":
                return .init(
                    name: "batching, no deadlines", figures: nil,
                    jps: Batching.throughput(of: problem.tasks(1), on: problem.gpu))
            default: throw Self.unknownPolicy(word)
            }
        }
    }

    private static let policies = ["streams", "mps", "green", "fifo", "edf", "batching"]

    private static func unknownPolicy(_ word: Substring) -> Failure {
        .usage("--compare: there is no policy '\(word)'; use \(policies.joined(separator: ", "))")
    }

    private func write(_ report: PlanningReport, taskSet: TaskSet, into folder: String) throws {
        if let best = report.best {
            var plan = taskSet
            plan.partition = best.candidate.partition
            plan.asksForExpress = true
            plan.partitionKind = best.candidate.kind
            if best.candidate.stageScale != 1 {
                let tasks = try TaskSetSimulation.tasks(
                    of: taskSet, on: report.device, stageScale: best.candidate.stageScale)
                for index in plan.models.indices {
                    guard let user = taskSet.tasks.firstIndex(where: { $0.model == plan.models[index].name }) else {
                        continue
                    }
                    plan.models[index].stages = .fixed(tasks[user].stages.count)
                }
            }
            plan.source = "\(folder)/plan.yaml"
            let header =
                "# Found by 'daris plan' for \(report.device.title), simulated: \(Figure.rate(best.jps)) inferences a second.\n"
            try OutputFolder.write(Data((header + plan.rendered()).utf8), to: plan.source)
        }
        try OutputFolder.write(Data(try report.json().utf8), to: "\(folder)/plan.json")
        try OutputFolder.write(Data(report.paretoChart.utf8), to: "\(folder)/pareto.svg")
    }
}

extension PlanningProblem {
    /// The tasks of a task set for every scale of stages.
    ///
    /// - Throws: `SimulationError` if a network's cost is unknown.
    static func tasks(
        of taskSet: TaskSet, on gpu: GPUModel
    ) throws(SimulationError) -> @Sendable (Double, SchedulerOptions) -> [SimulatedTask] {
        // If a cost is unknown, it is for every number of stages.
        _ = try TaskSetSimulation.tasks(of: taskSet, on: gpu)
        return { scale, options in
            var taskSet = taskSet
            taskSet.scheduler = options
            return (try? TaskSetSimulation.tasks(of: taskSet, on: gpu, stageScale: scale)) ?? []
        }
    }
}
