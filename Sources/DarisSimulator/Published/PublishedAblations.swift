import DarisCore

/// The published ablations of the ResNet18 task set on 6×1 OS 6, and what the simulator makes of them.
///
/// The authors' folder of results has two accounts of each: `summary.csv`, a line a run, and the response time of every job of the
/// last run. They agree for all but one. Of "no staging" the four lines of the summary say 643 to 769 JPS and 2 to 10 % HP misses,
/// the 5,721 jobs beside them 1,144 JPS and none (docs/decisions/0021). So both are given.
package struct PublishedAblation: Sendable {
    /// The name of the change.
    package let name: String
    /// Whether networks stay uncut.
    package let isUnstaged: Bool
    /// The figures of `summary.csv`: medians over its lines.
    package let summary: Figures
    /// Those of the jobs of the last run.
    package let jobs: Figures
    private let change: @Sendable (inout SchedulerOptions) -> Void

    /// Published or simulated figures. Rates are in per cent.
    package struct Figures: Hashable, Sendable, Codable {
        /// Completed jobs a second.
        package var jps: Double
        /// HP deadline miss rate.
        package var hpMissPercent: Double
        /// LP deadline miss rate.
        package var lpMissPercent: Double
        /// Mean HP response time in ms; `nil` where it is not told.
        package var hpResponseMs: Double?
        /// Mean LP response time in ms; `nil` where it is not told.
        package var lpResponseMs: Double?

        init(
            _ jps: Double, _ hpMiss: Double, _ lpMiss: Double, _ hpResponse: Double? = nil,
            _ lpResponse: Double? = nil
        ) {
            self.jps = jps
            hpMissPercent = hpMiss
            lpMissPercent = lpMiss
            hpResponseMs = hpResponse
            lpResponseMs = lpResponse
        }
    }

    init(
        _ name: String, isUnstaged: Bool = false, summary: Figures, jobs: Figures,
        _ change: @escaping @Sendable (inout SchedulerOptions) -> Void = { _ in }
    ) {
        self.name = name
        self.isUnstaged = isUnstaged
        self.summary = summary
        self.jobs = jobs
        self.change = change
    }

    /// The partition of all.
    package static let partition = Partition(contexts: 6, streams: 1, oversubscription: 6)

    /// As published: github.com/AmirFB/DARIS, results/main, folders res, resSingle, resLast, resPrior, resFix, resWCET and resWS10.
    package static let all: [PublishedAblation] = [
        PublishedAblation(
            "DARIS", summary: Figures(1133.5, 0, 0.11), jobs: Figures(1127.2, 0, 0.03, 7.60, 15.69)),
        PublishedAblation(
            "no staging", isUnstaged: true, summary: Figures(674.5, 4.98, 22.2),
            jobs: Figures(1144.2, 0, 0.24, 8.47, 18.25)),
        PublishedAblation(
            "no last-stage level", summary: Figures(1130.5, 0, 0.08), jobs: Figures(1106.2, 0, 0.03, 8.50, 17.97)
        ) { $0.lastStageLevel = false },
        PublishedAblation(
            "no late level", summary: Figures(1130.0, 0, 0.06), jobs: Figures(1127.6, 0, 0.06, 8.24, 20.67)
        ) { $0.lateLevel = false },
        PublishedAblation(
            "no fixed priority", summary: Figures(1143.5, 1.81, 2.48), jobs: Figures(1140.2, 1.58, 1.27, 22.77, 23.00)
        ) { $0.fixedPriority = false },
        PublishedAblation(
            "WCET instead of MRET", summary: Figures(1142.5, 0, 16.3), jobs: Figures(1158.0, 0, 11.74, 8.79, 22.50)
        ) { $0.worstCaseExecutionTime = true },
        PublishedAblation(
            "window 10", summary: Figures(1131.0, 0, 0.22), jobs: Figures(1117.8, 0, 0.22, 8.50, 17.34)
        ) { $0.windowSize = 10 },
    ]

    /// The same in the simulator: medians over `seeds` runs of 5 s.
    ///
    /// - Parameter rules: those of the published implementation that hold; `nil` for the paper's text.
    package func simulated(on gpu: GPUModel, rules: PublishedRules?, seeds: Int) -> Figures {
        var options = Reproduction.options
        options.rules = rules
        change(&options)
        let taskSet = PaperTaskSet.allCases[0]
        let cut = PaperTaskSet(
            network: taskSet.network, highPriority: taskSet.highPriority, lowPriority: taskSet.lowPriority,
            rate: taskSet.rate, stages: isUnstaged ? 1 : taskSet.stages)
        let row = PublishedTable.Row(
            taskSet: taskSet.network, contexts: Self.partition.contexts, streams: Self.partition.streams,
            oversubscription: Self.partition.oversubscription, runs: seeds, jps: jobs.jps,
            hpMissPercent: jobs.hpMissPercent, lpMissPercent: jobs.lpMissPercent, lpAcceptPercent: 0)
        let result = Reproduction.median(row, of: cut, on: gpu, seeds: seeds, options: options)
        return Figures(
            result.jps, result.hpMissPercent, result.lpMissPercent ?? 0, result.hpResponseMs, result.lpResponseMs)
    }
}

/// Figures of an execution time's spread and of LP misses on few contexts, where the two gaps lie: for `daris reproduce --ablations`.
package struct NoiseRow: Hashable, Sendable, Codable {
    /// σ.
    package var noise: Double
    /// The same on 6×1 OS 6 and 2×1 OS 1.
    package var wide: PublishedAblation.Figures
    /// See `wide`.
    package var narrow: PublishedAblation.Figures

    /// The rows for some σ, by the published rules.
    package static func rows(_ noises: [Double], on gpu: GPUModel, seeds: Int) -> [NoiseRow] {
        concurrentMap(noises) { noise in
            var card = gpu
            card.sharing.noise = noise
            var options = Reproduction.options
            options.rules = .all
            func figures(_ contexts: Int, _ oversubscription: Double) -> PublishedAblation.Figures {
                let row = PublishedTable.rtx2080ti.rows.first {
                    $0.taskSet == "resnet18" && $0.contexts == contexts && $0.streams == 1
                        && $0.oversubscription == oversubscription
                }!
                let result = Reproduction.median(
                    row, of: PaperTaskSet.allCases[0], on: card, seeds: seeds, options: options)
                return PublishedAblation.Figures(
                    result.jps, result.hpMissPercent, result.lpMissPercent ?? 0, result.hpResponseMs,
                    result.lpResponseMs)
            }
            return NoiseRow(noise: noise, wide: figures(6, 6), narrow: figures(2, 1))
        }
    }
}
