import DarisCore

extension RunPlan {
    /// "NVIDIA RTX 2080 Ti, 68 SMs".
    var deviceWords: String { "\(device), \(units) \(unitName)" }

    /// "2 contexts × 1 stream, oversubscription 1".
    var partitionWords: String {
        Figure.counted(partition.contexts, "context") + " × " + Figure.counted(partition.streams, "stream")
            + ", oversubscription \(Figure.plain(partition.oversubscription))"
    }

    /// "daris, MRET over 5 runs, without migration": the policy and every switch that is not the paper's.
    var schedulerWords: String {
        let window =
            scheduler.worstCaseExecutionTime
            ? "WCET in place of MRET" : "MRET over \(Figure.counted(scheduler.windowSize, "run"))"
        guard scheduler.policy == .daris else { return "\(scheduler.policy.rawValue) (baseline), \(window)" }
        let switches = [
            (scheduler.lastStageLevel, "the last-stage level"), (scheduler.lateLevel, "the late level"),
            (scheduler.fixedPriority, "fixed priorities"), (scheduler.migration, "migration"),
            (scheduler.admission, "admission"),
        ]
        let without = switches.filter { !$0.0 }.map { "without \($0.1)" }
        let batching = scheduler.batching.map { ["batches of up to \($0) jobs"] } ?? []
        return ([scheduler.policy.rawValue, window] + without + batching).joined(separator: ", ")
    }
}
