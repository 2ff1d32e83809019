import DarisCore

/// The rules of the published implementation, from the words of docs/decisions/0021.
extension Auditor {
    /// (U_k^HP + U_k^{LP,active}) / N_s + uᵢ < 1, in whole numbers.
    func admitsByShares(_ own: Int64, beside lowPriority: Int64, on context: Int) -> Bool {
        let streams = Int128(partition.streams)
        let shared = Int128(contexts[context].highPriority) + Int128(lowPriority)
        return shared < (1_000_000_000 - Int128(own)) * streams
    }

    /// Whether a task moved where it must: to the context that is used least, which is used less than its home, and whose tasks
    /// weigh less than those of its home by more than the task does over all streams.
    func checkMove(_ index: Int, home: Int, to context: Int) throws(Violation) {
        try require(
            context == leastUsed(index, home: home), .admission,
            "task \(index) moved from context \(home) to \(context), though \(movesTo(index, home: home))")
    }

    /// Whether a job that was rejected fitted neither at home nor where its task could have moved.
    func checkNoMove(_ index: Int, home: Int, _ release: AuditedRelease) throws(Violation) {
        try require(
            !fits(index, home), .admission,
            "\(name(index, release)) was rejected, though \(comparison(index, home))")
        guard options.migration, let context = leastUsed(index, home: home) else { return }
        try require(
            !fits(index, context), .admission,
            "\(name(index, release)) was rejected, though its task could move and \(comparison(index, context))")
    }

    private func leastUsed(_ index: Int, home: Int) -> Int? {
        let (weights, own) = (loads(), tasks[index].utilisation * Int64(partition.streams))
        func use(_ context: Int) -> Int64 { contexts[context].highPriority + contexts[context].activeLowPriority }
        return contexts.indices
            .filter { contexts[$0].isAlive && use($0) < use(home) && weights[$0] + own < weights[home] }
            .min { (use($0), $0) < (use($1), $1) }
    }

    private func movesTo(_ index: Int, home: Int) -> String {
        leastUsed(index, home: home).map { "context \($0) is used least" } ?? "no move evens the load"
    }

    /// A rejected release takes a place in the window of each stage.
    mutating func age(_ index: Int) {
        for stage in 0..<tasks[index].stageCount { times.recordNothing(stage: tasks[index].firstStage + stage) }
    }

    /// The level of an LP stage: late and last 4, late 5, last 6, other 7.
    func lateFirstLevel(isLast: Bool, isLate: Bool) -> Int {
        isLate ? (isLast ? 4 : 5) : (isLast ? 6 : 7)
    }
}
