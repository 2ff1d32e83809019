import DarisCore

/// The explanation of an admission test that no context passed: the numbers of uᵢ + U_k^LP,active < N_s − U_k^HP; with
/// batching the left side is multiplied by the context's safety factor.
struct AdmissionWords {
    /// The limit of contexts besides the task's home.
    private static let limit = 3

    private let task: TaskSpecification
    private let home: Int
    private let mayMigrate: Bool
    private let streams: Int
    private let contexts: [Admission.Context]
    private let utilisation: Utilisation
    /// Whether the numbers are those of the test; false if it came after other decisions of the same event.
    private let isExact: Bool

    init(_ task: Int, _ step: RunStep, _ scheduler: borrowing Scheduler) {
        let configuration = scheduler.configuration
        self.task = configuration.tasks[task]
        home = step.release?.home ?? scheduler.home(of: task)
        mayMigrate = configuration.options.migration
        streams = configuration.partition.streams
        var contexts: [Admission.Context] = []
        for index in 0..<configuration.partition.contexts { contexts.append(scheduler.context(index)) }
        // A rejection may lower the home's safety factor; this is the factor of the test.
        if let tested = step.release?.account { contexts[home] = tested }
        self.contexts = contexts
        utilisation = step.release?.utilisation ?? scheduler.utilisation(of: task)
        isExact = step.release?.utilisation != nil
    }

    var text: String {
        let needed = "It needs \(lanes(utilisation)) lanes (\(ms(of: utilisation)) every \(ms(task.period))). "
        let late = isExact ? "" : "It had waited for the task's previous job; right after that had ended: "
        let others = contexts.indices.filter { $0 != home && contexts[$0].isAlive }.sorted { excess($0) < excess($1) }
        let shown = mayMigrate ? others.prefix(Self.limit) : []
        let rest = mayMigrate ? others.count - shown.count : 0
        return needed + late + ([home] + shown).map(test).joined(separator: " ")
            + (rest > 0 ? " \(Figure.counted(rest, "other context")) had even less room." : "")
            + (mayMigrate ? "" : " Migration is switched off.") + locked
    }

    /// "Context 1: 0.31 + 0.52 of LP jobs in flight = 0.83, not below 1 − 0.35 for HP tasks = 0.65."; with a safety
    /// factor, "(0.31 + 0.52 of LP jobs in flight) × 1.25 (safety factor) = 1.04".
    private func test(_ index: Int) -> String {
        let context = contexts[index]
        let name = "Context \(index)" + (index == home ? ", its own" : "")
        guard context.isAlive else { return "\(name), was lost." }
        let room = Utilisation.lanes(streams) - context.highPriority
        let verdict = context.admits(utilisation, streams: streams) ? "which would fit now, below" : "not below"
        let weight = context.ownWeight == 1 ? "" : "\(context.ownWeight) × "
        let sum = "\(weight)\(lanes(utilisation)) + \(lanes(context.activeLowPriority)) of LP jobs in flight"
        let factor = Figure.fixed(context.safetyFactor.factor, decimals: 3)
        let asked = context.safetyFactor.value == SafetyFactor.unit ? sum : "(\(sum)) × \(factor) (safety factor)"
        return "\(name): \(asked) = \(lanes(context.counted(utilisation))), "
            + "\(verdict) \(streams) − \(lanes(context.highPriority)) for HP tasks = \(lanes(room))."
    }

    private var locked: String {
        let mayRun = mayMigrate ? Array(contexts.indices) : [home]
        let couldFit = mayRun.contains { index in
            var empty = contexts[index]
            empty.activeLowPriority = .zero
            return empty.admits(utilisation, streams: streams)
        }
        return couldFit ? "" : " No context could take it even with no other LP job in flight."
    }

    private func excess(_ index: Int) -> Utilisation {
        contexts[index].counted(utilisation) + contexts[index].highPriority
    }

    private func ms(of utilisation: Utilisation) -> String {
        Figure.milliseconds(utilisation.fraction * task.period.inMilliseconds) + " ms"
    }

    private func ms(_ time: Nanoseconds) -> String { Figure.milliseconds(time.inMilliseconds) + " ms" }

    private func lanes(_ utilisation: Utilisation) -> String { Figure.fixed(utilisation.fraction, decimals: 3) }
}
