import DarisCore

/// Batching without a scheduler: an idle lane runs the jobs that wait of the model that has waited longest, first come, first
/// served, whole networks, up to a largest batch. No priorities, no admission, no deadlines.
///
/// Two definitions of it are compared with, and every output says which:
/// - *batching (paper)*: one batch at a time, of at most 10 jobs, on one lane. The authors measured batches of 1 to 10.
/// - *batching (strict)*: the best of any size and any number of lanes, which is what a user of batching would tune.
package struct WholeBatching: BaselinePolicy, Sendable {
    /// The name of one batch of at most 10 jobs at a time.
    package static let paperName = "batching (paper)"
    /// The name of the best size on the best number of lanes.
    package static let strictName = "batching (strict)"
    /// The largest batch of the paper.
    package static let paperLimit = 10
    /// The sizes and numbers of lanes of which the strict definition is the best.
    package static let strictLimits = [4, 8, 10, 16, 32, 64]
    /// See `strictLimits`.
    package static let strictLanes = [1, 2, 3, 4, 6]

    /// The largest batch.
    let limit: Int

    /// Batches of at most `limit` jobs.
    package init(limit: Int) { self.limit = limit }

    package func batch(for lane: Int, of waiting: WaitingJobs, at now: Nanoseconds) -> (model: Int, jobs: Int)? {
        waiting.longestWaiting.map { ($0, min(limit, waiting.count(of: $0))) }
    }

    package func batchEnded(model: Int, jobs: Int, time: Nanoseconds) {}
}

extension BaselineProblem {
    /// One batch of at most 10 jobs at a time, on one lane.
    package func paperBatching(duration: Nanoseconds, seed: UInt64) throws(SchedulerError) -> BaselineResult {
        try batching(limit: WholeBatching.paperLimit, lanes: 1, duration: duration, seed: seed)
    }

    /// The largest batch and number of lanes with the highest throughput, each tried for `duration`.
    package func bestBatching(duration: Nanoseconds, seed: UInt64) throws(SchedulerError) -> (limit: Int, lanes: Int) {
        var best = (limit: 1, lanes: 1, jps: 0.0)
        for lanes in WholeBatching.strictLanes {
            for limit in WholeBatching.strictLimits {
                let jps = try batching(limit: limit, lanes: lanes, duration: duration, seed: seed).jps
                // Fewer lanes and smaller batches go first among equals.
                if jps > best.jps * 1.001 { best = (limit, lanes, jps) }
            }
        }
        return (best.limit, best.lanes)
    }

    /// Batches of at most `limit` jobs on some lanes.
    package func batching(
        limit: Int, lanes: Int, duration: Nanoseconds, seed: UInt64
    ) throws(SchedulerError) -> BaselineResult {
        try run(WholeBatching(limit: limit), on: device(.lanes(lanes), seed), lanes: lanes, duration, seed)
    }
}
