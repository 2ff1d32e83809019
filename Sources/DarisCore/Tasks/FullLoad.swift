/// How AFET, the average full-load execution time of a stage, is measured (paper section III-A): while a task's stages are
/// repeated on one lane, every other lane runs stages of other tasks. Real devices and simulated ones follow this.
package enum FullLoad {
    /// How often a stage runs before it is timed.
    package static let warmUps = 5
    /// How often a stage is timed.
    package static let repeats = 10

    /// The lane on which a task is measured: tasks fall to the lanes round-robin.
    package static func lane(of task: Int, lanes: Int) -> Int { task % lanes }

    /// A random stage of a random task of those that fall to a lane, to keep it busy; `nil` if none does.
    ///
    /// - Parameter stageCounts: the number of stages of each task.
    package static func stage(
        on lane: Int, lanes: Int, stageCounts: [Int], using random: inout SplitMix64
    ) -> (task: Int, stage: Int)? {
        guard lane < stageCounts.count else { return nil }
        let count = (stageCounts.count - 1 - lane) / lanes + 1
        let task = lane + lanes * Int(random.next() % UInt64(count))
        return (task, Int(random.next() % UInt64(stageCounts[task])))
    }
}
