/// The maximum recent execution time (MRET) of every stage of every task: the maximum of its last w_s measured
/// execution times (paper equation 1). Until a stage has been measured, its AFET stands in.
///
/// With another statistic it is what a stage costs where jobs share lanes (docs/decisions/0010).
///
/// One contiguous block holds the windows of all stages, so that recording a sample allocates nothing. A sample costs
/// O(1), or O(w_s) when it pushes the maximum out of the window.
package struct ExecutionTimeWindows: Sendable {
    private var samples: ContiguousArray<Nanoseconds>
    private var heads: ContiguousArray<Window>
    private var afet: ContiguousArray<Nanoseconds>
    private let size: Int
    private let keepsAllTimeMaximum: Bool
    private let statistic: Statistic
    /// Whether a place of a window was ever left empty.
    private(set) var hasGaps = false
    /// What stands in an empty place.
    private static let gap = Nanoseconds(-1)

    /// What of the samples counts.
    package enum Statistic: Sendable {
        /// The maximum: MRET.
        case maximum
        /// The mean and a margin, in percent of the mean.
        case meanWithMargin(percent: Int64)
    }

    private struct Window {
        var count = 0
        var next = 0
        /// The statistic.
        var value: Nanoseconds
    }

    /// Windows of `size` samples for stages whose AFETs are given, in stage order.
    ///
    /// With `keepsAllTimeMaximum` nothing is ever forgotten: the WCET ablation.
    package init(
        afet: some Sequence<Nanoseconds>, size: Int, keepsAllTimeMaximum: Bool = false,
        statistic: Statistic = .maximum
    ) {
        precondition(size >= 1, "a window needs room for at least one sample")
        self.afet = ContiguousArray(afet)
        heads = ContiguousArray(self.afet.map { Window(value: $0) })
        samples = ContiguousArray(repeating: .zero, count: keepsAllTimeMaximum ? 0 : heads.count * size)
        self.size = size
        self.keepsAllTimeMaximum = keepsAllTimeMaximum
        self.statistic = statistic
    }

    /// Has a stage be another one, with an AFET and no samples yet.
    mutating func reset(stage: Int, afet: Nanoseconds) {
        self.afet[stage] = afet
        heads[stage] = Window(value: afet)
    }

    /// The MRET of the stage with this index, or what else the statistic makes of its samples.
    package subscript(stage: Int) -> Nanoseconds { heads[stage].value }

    /// Takes in a measured execution time of a stage and returns by how much its MRET changed.
    package mutating func record(_ sample: Nanoseconds, stage: Int) -> Nanoseconds {
        let before = heads[stage].value
        var window = heads[stage]
        defer { heads[stage] = window }
        if keepsAllTimeMaximum {
            window.value = window.count == 0 ? sample : max(window.value, sample)
            window.count = 1
            return window.value - before
        }
        let base = stage * size
        let evicted = window.count == size ? samples[base + window.next] : nil
        samples[base + window.next] = sample
        window.next = window.next + 1 == size ? 0 : window.next + 1
        if window.count < size { window.count += 1 }

        if case .meanWithMargin = statistic {
            window.value = recentValue(window, base: base)
        } else if hasGaps {
            window.value = recentValue(window, base: base)
        } else if window.count == 1 || sample >= window.value {
            window.value = sample
        } else if evicted == window.value {
            window.value = recentValue(window, base: base)
        }
        return window.value - before
    }

    /// Leaves a place of a stage's window empty, which pushes the oldest sample out of a full one. MRET stays as it is until the
    /// next sample. The all-time maximum forgets nothing.
    mutating func skip(stage: Int) {
        guard !keepsAllTimeMaximum else { return }
        hasGaps = true
        samples[stage * size + heads[stage].next] = Self.gap
        heads[stage].next = heads[stage].next + 1 == size ? 0 : heads[stage].next + 1
        if heads[stage].count < size { heads[stage].count += 1 }
    }

    /// Forgets the oldest sample of a stage and returns by how much its MRET changed; once none is left, AFET stands in
    /// again. The all-time maximum forgets nothing.
    package mutating func expireOldest(stage: Int) -> Nanoseconds {
        guard !keepsAllTimeMaximum, heads[stage].count > 0 else { return .zero }
        let before = heads[stage].value
        heads[stage].count -= 1
        let isEmpty = hasGaps ? recentSamples(stage: stage).isEmpty : heads[stage].count == 0
        heads[stage].value = isEmpty ? afet[stage] : recentValue(heads[stage], base: stage * size)
        return heads[stage].value - before
    }

    /// The samples a stage's MRET is the maximum of, in no particular order; empty before the first measurement.
    package func recentSamples(stage: Int) -> [Nanoseconds] {
        guard !keepsAllTimeMaximum else { return [] }
        return (0..<heads[stage].count).map { samples[stage * size + place(heads[stage], age: $0)] }
            .filter { $0 != Self.gap }
    }

    /// Where in its ring a window keeps the sample that `age` others came after.
    private func place(_ window: Window, age: Int) -> Int {
        let place = window.next - 1 - age
        return place < 0 ? place + size : place
    }

    private func recentValue(_ window: Window, base: Int) -> Nanoseconds {
        let recent = (0..<window.count).lazy.map { samples[base + place(window, age: $0)] }
        return switch statistic {
        case .maximum: recent.reduce(.zero, max)
        case .meanWithMargin(let percent):
            Nanoseconds(recent.reduce(.zero, +).rawValue * percent / (100 * Int64(window.count)))
        }
    }
}
