import DarisCore

/// The measured execution times of every stage, and what MRET, or cost, follows from them.
struct AuditedTimes: Sendable {
    private struct Stage: Sendable {
        var mret: Int64
        var count = 0
        /// Place of the oldest sample.
        var oldest = 0
    }

    private let size: Int
    private let forgetsNothing: Bool
    private let statistic: ExecutionTimeWindows.Statistic
    private var afet: ContiguousArray<Int64>
    private var stages: ContiguousArray<Stage>
    private var samples: ContiguousArray<Int64>

    /// The times of stages with these AFETs.
    init(
        _ afet: some Sequence<Nanoseconds>, _ options: SchedulerOptions,
        statistic: ExecutionTimeWindows.Statistic = .maximum
    ) {
        self.statistic = statistic
        size = options.windowSize
        forgetsNothing = options.worstCaseExecutionTime
        self.afet = ContiguousArray(afet.lazy.map(\.rawValue))
        stages = ContiguousArray(self.afet.map { Stage(mret: $0) })
        samples = ContiguousArray(repeating: 0, count: forgetsNothing ? 0 : stages.count * size)
    }

    subscript(stage: Int) -> Int64 { stages[stage].mret }

    /// A stage is another one from now on.
    mutating func replace(stage: Int, afet: Int64) {
        self.afet[stage] = afet
        stages[stage] = Stage(mret: afet)
    }

    /// Takes in a sample; returns by how much MRET changed.
    mutating func record(_ sample: Int64, stage: Int) -> Int64 {
        var entry = stages[stage]
        if forgetsNothing {
            entry.mret = entry.count == 0 ? sample : max(entry.mret, sample)
            entry.count = 1
        } else {
            if entry.count == size { dropOldest(&entry) }
            samples[stage * size + place(entry.oldest + entry.count)] = sample
            entry.count += 1
            entry.mret = value(entry, stage)
        }
        defer { stages[stage] = entry }
        return entry.mret - stages[stage].mret
    }

    /// Lets a release without a sample into the window; MRET stays until the next sample.
    mutating func recordNothing(stage: Int) {
        guard !forgetsNothing else { return }
        var entry = stages[stage]
        if entry.count == size { dropOldest(&entry) }
        samples[stage * size + place(entry.oldest + entry.count)] = Self.nothing
        entry.count += 1
        stages[stage] = entry
    }

    private static let nothing = Int64.min

    /// Forgets the oldest sample, if there is one; returns by how much MRET changed.
    mutating func forgetOldest(stage: Int) -> Int64 {
        var entry = stages[stage]
        guard !forgetsNothing, entry.count > 0 else { return 0 }
        dropOldest(&entry)
        let isEmpty = (0..<entry.count).allSatisfy {
            samples[stage * size + place(entry.oldest + $0)] == Self.nothing
        }
        entry.mret = isEmpty ? afet[stage] : value(entry, stage)
        defer { stages[stage] = entry }
        return entry.mret - stages[stage].mret
    }

    private func dropOldest(_ entry: inout Stage) {
        entry.oldest = place(entry.oldest + 1)
        entry.count -= 1
    }

    private func place(_ index: Int) -> Int { index < size ? index : index - size }

    private func value(_ entry: Stage, _ stage: Int) -> Int64 {
        let recent = (0..<entry.count).lazy.map { samples[stage * size + place(entry.oldest + $0)] }
        return switch statistic {
        case .maximum: recent.max() ?? 0
        case .meanWithMargin(let percent): recent.reduce(0, +) * percent / (100 * Int64(entry.count))
        }
    }
}
