import DarisCore

/// The published ablations of the ResNet18 task set on 6×1 OS 6, and what the simulator makes of them.
///
/// The authors' folder of results has `summary.csv`, a line a run, and the times of every job of the last run. The job files of "no
/// staging" are of a network with stages, and those of "window 10" of a window of 5 (docs/decisions/0021): these are left out.
package struct PublishedAblation: Sendable {
    /// The name of the change.
    package let name: String
    /// Whether networks stay uncut.
    package let isUnstaged: Bool
    /// The figures of `summary.csv`: medians over its lines.
    package let summary: Figures
    /// Those of the jobs of the last run; `nil` where they are of another variant.
    package let jobs: Figures?
    /// w_s of the simulation: that of the job files, or 5 where they do not tell.
    private let window: Int
    private let change: @Sendable (inout SchedulerOptions) -> Void

    /// Published or simulated figures. Rates are in per cent.
    package struct Figures: Hashable, Sendable, Codable {
        /// Completed jobs a second.
        package var jps: Double
        /// HP deadline miss rate.
        package var hpMissPercent: Double
        /// LP deadline miss rate.
        package var lpMissPercent: Double
        /// LP acceptance.
        package var lpAcceptPercent: Double
        /// Mean HP response time in ms; `nil` where it is not told.
        package var hpResponseMs: Double?
        /// Mean LP response time in ms; `nil` where it is not told.
        package var lpResponseMs: Double?

        init(
            _ jps: Double, _ hpMiss: Double, _ lpMiss: Double, _ lpAccept: Double, _ hpResponse: Double? = nil,
            _ lpResponse: Double? = nil
        ) {
            self.jps = jps
            hpMissPercent = hpMiss
            lpMissPercent = lpMiss
            lpAcceptPercent = lpAccept
            hpResponseMs = hpResponse
            lpResponseMs = lpResponse
        }

        init(_ row: Reproduction.Row) {
            self.init(
                row.jps, row.hpMissPercent, row.lpMissPercent ?? 0, row.lpAcceptPercent, row.hpResponseMs,
                row.lpResponseMs)
        }
    }

    init(
        _ name: String, isUnstaged: Bool = false, window: Int = 5, summary: Figures, jobs: Figures?,
        _ change: @escaping @Sendable (inout SchedulerOptions) -> Void = { _ in }
    ) {
        self.name = name
        self.isUnstaged = isUnstaged
        self.window = window
        self.summary = summary
        self.jobs = jobs
        self.change = change
    }

    /// The partition of all.
    package static let partition = Partition(contexts: 6, streams: 1, oversubscription: 6)

    /// As published: github.com/AmirFB/DARIS, results/main, folders res, resSingle, resLast, resPrior, resFix, resWCET and resWS10.
    package static let all: [PublishedAblation] = [
        PublishedAblation(
            "DARIS", summary: Figures(1133.5, 0, 0.11, 68.1), jobs: Figures(1127.2, 0, 0.03, 67.4, 7.60, 15.69)),
        noStaging,
        PublishedAblation(
            "no last-stage level", window: 3, summary: Figures(1130.5, 0, 0.08, 67.8),
            jobs: Figures(1106.2, 0, 0.03, 65.2, 8.50, 17.97)
        ) { $0.lastStageLevel = false },
        PublishedAblation(
            "no late level", window: 3, summary: Figures(1130.0, 0, 0.06, 67.8),
            jobs: Figures(1127.6, 0, 0.06, 67.5, 8.24, 20.67)
        ) { $0.lateLevel = false },
        PublishedAblation(
            "no fixed priority", window: 3, summary: Figures(1143.5, 1.81, 2.48, 69.2),
            jobs: Figures(1140.2, 1.58, 1.27, 68.8, 22.77, 23.00)
        ) { $0.fixedPriority = false },
        PublishedAblation(
            "WCET instead of MRET", summary: Figures(1142.5, 0, 16.3, 69.3),
            jobs: Figures(1158.0, 0, 11.74, 71.1, 8.79, 22.50)
        ) { $0.worstCaseExecutionTime = true },
        PublishedAblation("window 10", window: 10, summary: Figures(1131.0, 0, 0.22, 67.8), jobs: nil),
    ]

    /// Networks that stay uncut: medians over `noStagingRuns`.
    package static let noStaging = PublishedAblation(
        "no staging", isUnstaged: true, summary: Figures(674.5, 4.98, 22.2, 20.3), jobs: nil)

    /// The four published runs without staging, in their order.
    package static let noStagingRuns = [
        Figures(677, 4.79, 22.3, 20.6), Figures(672, 5.17, 22.2, 20.1), Figures(643, 10.4, 27.5, 17.3),
        Figures(769, 2.04, 18.8, 30.1),
    ]

    /// The same in the simulator: medians over `seeds` runs of 5 s.
    ///
    /// - Parameter rules: those of the published implementation that hold; `nil` for the paper's text.
    package func simulated(on gpu: GPUModel, rules: PublishedRules?, seeds: Int) -> Figures {
        var options = Reproduction.options
        options.rules = rules
        options.windowSize = window
        change(&options)
        let taskSet = PaperTaskSet.allCases[0]
        let cut = PaperTaskSet(
            network: taskSet.network, highPriority: taskSet.highPriority, lowPriority: taskSet.lowPriority,
            rate: taskSet.rate, stages: isUnstaged ? 1 : taskSet.stages)
        let row = PublishedTable.Row(
            taskSet: taskSet.network, contexts: Self.partition.contexts, streams: Self.partition.streams,
            oversubscription: Self.partition.oversubscription, runs: seeds, jps: summary.jps,
            hpMissPercent: summary.hpMissPercent, lpMissPercent: summary.lpMissPercent,
            lpAcceptPercent: summary.lpAcceptPercent)
        return Figures(Reproduction.median(row, of: cut, on: gpu, seeds: seeds, options: options))
    }
}

/// Figures by the spread of execution times, with the windows of the published job files: for `daris reproduce --ablations`.
package struct NoiseRow: Hashable, Sendable, Codable {
    /// σ.
    package var noise: Double
    /// On 6×1 OS 6, w_s = 5.
    package var wide: PublishedAblation.Figures
    /// On 2×1 OS 1, w_s = 3.
    package var narrow: PublishedAblation.Figures

    /// The rows for some σ, by the published rules.
    package static func rows(_ noises: [Double], on gpu: GPUModel, seeds: Int) -> [NoiseRow] {
        concurrentMap(noises) { noise in
            var card = gpu
            card.sharing.noise = noise
            func figures(_ contexts: Int, _ oversubscription: Double, window: Int) -> PublishedAblation.Figures {
                let row = PublishedTable.rtx2080ti.rows.first {
                    $0.taskSet == "resnet18" && $0.contexts == contexts && $0.streams == 1
                        && $0.oversubscription == oversubscription
                }!
                var options = Reproduction.options
                options.rules = .all
                options.windowSize = window
                return PublishedAblation.Figures(
                    Reproduction.median(row, of: PaperTaskSet.allCases[0], on: card, seeds: seeds, options: options))
            }
            return NoiseRow(noise: noise, wide: figures(6, 6, window: 5), narrow: figures(2, 1, window: 3))
        }
    }
}

/// "No staging" where a share of the jobs takes many times as long: for `daris reproduce --ablations`.
package struct TailRow: Hashable, Sendable, Codable {
    /// The share of the jobs, in per cent.
    package var percent: Double
    /// How many times as long they take.
    package var factor: Double
    package var figures: PublishedAblation.Figures

    /// The rows for some shares and factors, by the published rules.
    package static func rows(
        percents: [Double], factors: [Double], on gpu: GPUModel, seeds: Int
    ) -> [TailRow] {
        let tails = factors.flatMap { factor in percents.map { (percent: $0, factor: factor) } }
        return concurrentMap(tails) { tail in
            var card = gpu
            (card.sharing.tailShare, card.sharing.tailFactor) = (tail.percent / 100, tail.factor)
            return TailRow(
                percent: tail.percent, factor: tail.factor,
                figures: PublishedAblation.noStaging.simulated(on: card, rules: .all, seeds: seeds))
        }
    }
}
